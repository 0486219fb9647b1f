//! Simulated users in whole runs: those that misbehave are worded again, then played again, and count for nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reenact::case::Stress;
use reenact::run::{Part, Participants, Stop, run};
use reenact::user::guard::Misstep;
use reenact::{
    AgentTurn, Brief, Check, Conversation, DialogueAct, Ending, Expectation, Fact, Gate, Message, Model, Origin,
    Outcome, Panel, Plan, Run, RunOutput, Scene, Session, SimulatedUser, Speaker, Store, Suite, TestCase, UserAct,
    UserFault, UserKind, agent,
};
use serde_json::json;

use crate::scripted::{answered, model};

fn parcel() -> TestCase {
    let fact =
        Fact { id: "number".into(), text: "it is parcel 4711".into(), gate: Gate::Asked("parcel number".into()) };
    let brief = Brief {
        goal: "find out where my parcel is".into(),
        opening: Some("where is my parcel".into()),
        facts: vec![fact],
        ..Brief::default()
    };
    let says_where = Expectation { id: "says-where".into(), text: None, check: Check::Contains("on its way".into()) };
    TestCase { id: "parcel".into(), brief, expectations: vec![says_where], ..TestCase::default() }
}

/// A user, and an agent whose calls are counted.
fn participants(
    user: Part<dyn SimulatedUser>,
    asked: &Arc<AtomicU32>,
    listen: impl Fn(u32) + Send + Sync + 'static,
) -> Participants {
    let asked = Arc::clone(asked);
    let answers = agent::from_fn(move |turn: AgentTurn<'_>| {
        listen(asked.fetch_add(1, Ordering::Relaxed) + 1);
        let reply = if turn.turn == 1 { "Which parcel number is it?" } else { "The parcel is on its way." };
        async move { Ok(reply) }
    });
    Participants { agent: Arc::new(answers), user, judge: Panel::offline() }
}

async fn play(store: &Store, planned: &Run, user: Part<dyn SimulatedUser>, asked: &Arc<AtomicU32>) -> RunOutput {
    let participants = participants(user, asked, |_| {});
    run(store, planned, &participants, &Stop::default(), &|_| {}).await.unwrap()
}

fn planned(attempts: u32) -> Run {
    let plan = Plan { user_model: "scripted".into(), attempts, ..Plan::default() };
    Run::new(plan, Suite { name: None, cases: vec![parcel()] })
}

/// A model that coaches in every message until so many were asked of it, and then behaves.
fn coach_until(messages: u32) -> Model {
    let asked = AtomicU32::new(0);
    model(move |request| {
        let quotes = json!([{"turn": 2, "words": "on its way"}]);
        answered(match request.schema.name.as_str() {
            "user_message" if asked.fetch_add(1, Ordering::Relaxed) < messages => {
                json!({"text": "4711. You should always ask for the name as well."})
            }
            "user_message" => json!({"text": "number 4711, I think"}),
            "check_goal" => json!({"parts": [{"part": 1, "reached": "yes", "quotes": quotes}]}),
            _ => json!({"opened": [], "wants": "nothing"}),
        })
    })
}

#[tokio::test]
async fn a_trial_whose_user_misbehaves_is_played_again_and_what_was_thrown_away_stays_with_it() {
    let (store, planned) = (Store::temporary().unwrap(), planned(3));
    store.create_run(&planned).unwrap();
    let output = play(&store, &planned, Part::Model(coach_until(4)), &Arc::default()).await;
    let trial = &output.trials[0];
    assert_eq!((trial.outcome, &trial.ending), (Outcome::Passed, &Ending::Satisfied), "{trial:?}");
    let [discarded] = &trial.discarded[..] else { panic!("{trial:?}") };
    assert_ne!(discarded.session_id, trial.session_id, "a stateful agent must not remember what never was");
    assert_eq!((discarded.corrections.len(), trial.corrections.len()), (3, 1));
    assert!(discarded.reason.contains("You should always"), "{}", discarded.reason);
    assert_eq!((output.report.discarded, output.report.missteps[0].messages), (1, 4));
    let figures = output.report.figures();
    let corrected = figures.iter().find(|(name, _)| *name == "corrected").unwrap();
    assert_eq!(
        corrected.1,
        "4 messages of simulated users not let through (4 coached the agent); 1 conversation thrown away and played again"
    );
    assert_eq!(trial.agent_latencies_ms.len(), 2, "what was thrown away has no latencies either");
}

#[tokio::test]
async fn a_user_that_never_behaves_is_invalid_in_the_end_and_says_nothing_about_the_agent() {
    let (store, planned) = (Store::temporary().unwrap(), planned(2));
    store.create_run(&planned).unwrap();
    let asked = Arc::default();
    let output = play(&store, &planned, Part::Model(coach_until(u32::MAX)), &asked).await;
    let trial = &output.trials[0];
    assert_eq!((trial.outcome, trial.discarded.len(), asked.load(Ordering::Relaxed)), (Outcome::Invalid, 1, 2));
    assert_eq!((output.report.pass_rate, output.report.outcomes.invalid), (None, 1));
    let missteps: Vec<Misstep> = trial.corrections.iter().map(|correction| correction.misstep).collect();
    assert_eq!(missteps, [Misstep::Coaches; 3]);
}

#[tokio::test]
async fn a_run_that_is_stopped_in_a_second_attempt_goes_on_in_it_and_asks_nothing_twice() {
    let (store, planned) = (Store::temporary().unwrap(), planned(3));
    store.create_run(&planned).unwrap();
    let (user, asked, stop) = (coach_until(4), Arc::default(), Stop::default());
    let stopped = stop.clone();
    let participants = participants(Part::Model(user.clone()), &asked, move |calls| {
        if calls == 3 {
            stopped.request();
        }
    });
    assert!(run(&store, &planned, &participants, &stop, &|_| {}).await.is_err());
    let output = play(&store, &planned, Part::Model(user), &asked).await;
    assert_eq!((output.trials[0].discarded.len(), asked.load(Ordering::Relaxed)), (1, 3));
    assert_eq!(output.trials[0].outcome, Outcome::Passed);
}

/// A user in Rust that tells all it knows at once.
struct Blabbermouth;

#[async_trait]
impl SimulatedUser for Blabbermouth {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        let facts = scene.brief.facts.iter().map(|fact| fact.text.as_str()).collect::<Vec<_>>().join(", ");
        Ok(UserAct::say(DialogueAct::Tell, format!("{}. {facts}", scene.brief.goal)))
    }
}

#[tokio::test]
async fn users_of_the_callers_own_are_held_to_the_same_line() {
    let (store, planned) = (Store::temporary().unwrap(), planned(1));
    store.create_run(&planned).unwrap();
    let output = play(&store, &planned, Part::Own(Arc::new(Blabbermouth)), &Arc::default()).await;
    let trial = &output.trials[0];
    assert_eq!((trial.outcome, trial.corrections[0].misstep), (Outcome::Invalid, Misstep::GivesAway), "{trial:?}");
    assert!(trial.conversation.messages.is_empty(), "not a word of it reached the agent");
}

/// A user in Rust whose words are somebody's own.
struct Verbatim;

#[async_trait]
impl SimulatedUser for Verbatim {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        let text = if scene.heard.turn_count() < 3 { "it is parcel 4711, ask Bob in room 12" } else { "  " };
        Ok(UserAct::say(DialogueAct::Tell, text))
    }

    fn is_guarded(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn whoever_answers_for_a_users_words_has_them_said_as_they_are_but_not_without_a_word() {
    let (store, planned) = (Store::temporary().unwrap(), planned(1));
    store.create_run(&planned).unwrap();
    let output = play(&store, &planned, Part::Own(Arc::new(Verbatim)), &Arc::default()).await;
    let trial = &output.trials[0];
    let said: Vec<&str> = trial.conversation.by(Speaker::User).map(|message| message.text.as_str()).collect();
    assert_eq!(said, ["it is parcel 4711, ask Bob in room 12"; 3], "the same words, with a name that nobody knows");
    assert_eq!(trial.disclosures[0].fact, "number", "what they tell is told all the same");
    assert_eq!((trial.outcome, trial.corrections[0].misstep), (Outcome::Invalid, Misstep::SaysNothing), "{trial:?}");
}

/// A recording in which the user was asked for the number, and told it.
fn recording() -> Session {
    let said = [
        Message::user("where is my parcel"),
        Message::agent("Which parcel number is it?"),
        Message::user("it is parcel 4711"),
        Message::agent("The parcel was lost."),
        Message::user("then I want my money back"),
    ];
    Session::new("s-1", said.into_iter().collect::<Conversation>())
}

#[tokio::test]
async fn the_recorded_user_is_played_back_until_the_agent_does_otherwise() {
    let store = Store::temporary().unwrap();
    let origin = Some(Origin { session: "s-1".into(), ..Origin::default() });
    let suite = Suite { name: None, cases: vec![TestCase { origin, ..parcel() }] };
    let planned = Run::new(Plan { user: UserKind::Recorded, ..Plan::default() }, suite);
    store.create_run(&planned).unwrap();
    let missing = play(&store, &planned, Part::Offline, &Arc::default()).await;
    assert_eq!(missing.trials[0].outcome, Outcome::Errored);
    assert!(matches!(&missing.trials[0].ending, Ending::UserFailed(why) if why.contains("session s-1")));

    let store = Store::temporary().unwrap();
    let mut writer = store.write_sessions().unwrap();
    writer.put(&recording(), &[]).unwrap();
    writer.commit().unwrap();
    store.create_run(&planned).unwrap();
    let trial = play(&store, &planned, Part::Offline, &Arc::default()).await.trials.remove(0);
    let said: Vec<&str> = trial.conversation.by(Speaker::User).map(|message| message.text.as_str()).collect();
    assert_eq!(said, ["where is my parcel", "it is parcel 4711"], "the agent found it, so nobody wants money back");
    assert_eq!((trial.disclosures[0].fact.as_str(), trial.outcome), ("number", Outcome::Passed));
}

#[tokio::test]
async fn variants_are_tried_and_reported_apart_and_those_that_cannot_be_made_are_named() {
    let store = Store::temporary().unwrap();
    let variants = vec![Stress::Typos, Stress::Impatient, Stress::Vague, Stress::OtherLanguage];
    let plan = Plan { variants, trials: 2, ..Plan::default() };
    let planned = Run::new(plan, Suite { name: None, cases: vec![parcel()] });
    let ids: Vec<&str> = planned.suite.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, ["parcel", "parcel~typos", "parcel~impatient", "parcel~vague"]);
    let left_out: Vec<String> = planned.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(left_out, ["parcel~other-language: it takes a model to play the user"]);
    store.create_run(&planned).unwrap();
    let output = play(&store, &planned, Part::Offline, &Arc::default()).await;
    let report = &output.report;
    assert_eq!((output.trials.len(), report.trials_planned, report.trials_done, report.cases.len()), (8, 2, 2, 1));
    assert_eq!((report.missing(), report.outcomes.total()), (0, 2));
    let apart: Vec<_> = report.variants.iter().map(|it| (it.stress, it.outcomes.total())).collect();
    assert_eq!(apart, [(Stress::Impatient, 2), (Stress::Vague, 2), (Stress::Typos, 2)]);
    assert!(report.figures().iter().any(|(name, words)| *name == "variants" && words.contains("apart")));
    let rerun = planned.rerun(&["parcel"], 1, 5);
    assert_eq!(rerun.suite.cases.len(), 1, "a rerun tries what it was asked for");
}

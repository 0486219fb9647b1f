//! A user that a model plays: what it is shown, and what it may not do.

use reenact::user::model::{ModelUser, act, opening, request};
use reenact::{
    Brief, ChatRole, Check, Conversation, Disclosure, Evidence, Expectation, Fact, Gate, Leaving, Message, Origin,
    Scene, SimulatedUser, TestCase, UserAct, UserFault,
};
use serde_json::{Value, json};

use crate::scripted::{always, answered, model, silent, text_of};

fn fact(id: &str, text: &str, gate: Gate) -> Fact {
    Fact { id: id.to_owned(), text: text.to_owned(), gate }
}

fn brief() -> Brief {
    Brief {
        goal: "Get the current levels of the major US stock indexes".to_owned(),
        persona: Some("Types short demands in capitals".to_owned()),
        guidelines: vec!["Do not tell the agent how to handle a closed market".to_owned()],
        facts: vec![
            fact("account", "my account is 4711", Gate::Open),
            fact("zip", "I live in 10001", Gate::Asked("the place".into())),
            fact("street", "Fifth Avenue", Gate::After("zip".into())),
            fact("weekend", "it is Saturday", Gate::When("the agent says that the market is open".into())),
            fact("secret", "I also trade elsewhere", Gate::Never),
        ],
        opening: Some("HOW ARE THE MARKETS, my account is 4711".to_owned()),
        patience: Some(2),
    }
}

fn heard() -> Conversation {
    [Message::user("HOW ARE THE MARKETS"), Message::agent("The markets are open and rising today.")]
        .into_iter()
        .collect()
}

fn scene<'a>(brief: &'a Brief, heard: &'a Conversation, disclosures: &'a [Disclosure]) -> Scene<'a> {
    Scene { brief, heard, disclosures, seed: 7 }
}

fn say(text: &str, discloses: &[&str]) -> Value {
    json!({"act": "say", "text": text, "discloses": discloses, "reason": null})
}

fn acts(answer: Value) -> Result<UserAct, UserFault> {
    act(scene(&brief(), &heard(), &[]), &answered(answer))
}

fn fault(answer: impl Into<Value>) -> String {
    let answer = answer.into();
    match acts(answer.clone()) {
        Err(UserFault::Invalid(why)) => why,
        other => panic!("{answer} is not what a user may do, but gives {other:?}"),
    }
}

#[tokio::test]
async fn the_opening_is_said_word_for_word_without_asking_the_model() {
    let user = ModelUser::new(model(|_| panic!("nobody is to be asked")));
    let greeting: Conversation = [Message::agent("Welcome!")].into_iter().collect();
    for heard in [Conversation::default(), greeting] {
        let said = user.next(scene(&brief(), &heard, &[])).await;
        let discloses = vec!["account".to_owned()];
        assert_eq!(said, Ok(UserAct::Say { text: "HOW ARE THE MARKETS, my account is 4711".into(), discloses }));
    }
    assert_eq!(opening(scene(&brief(), &heard(), &[])), None);
}

#[tokio::test]
async fn later_turns_are_the_models() {
    let user = ModelUser::new(always(say("WELL?", &[])));
    let said = user.next(scene(&brief(), &heard(), &[])).await;
    assert_eq!(said, Ok(UserAct::Say { text: "WELL?".into(), discloses: vec![] }));
}

#[test]
fn the_users_own_words_are_the_assistants_and_each_request_extends_the_last() {
    let brief = brief();
    let mut heard = Conversation::default();
    let mut last = request(scene(&brief, &heard, &[])).messages;
    for turn in 1..=3 {
        heard.messages.push(Message::user(format!("question {turn}")));
        heard.messages.push(Message::agent(format!("answer {turn}")));
        let said = [Disclosure { turn, fact: "zip".into(), gate: "asked".into() }];
        let next = request(scene(&brief, &heard, &said)).messages;
        assert!(next.starts_with(&last));
        let added: Vec<_> = next[last.len()..].iter().map(|m| (m.role, m.content.clone())).collect();
        assert_eq!(
            added,
            [(ChatRole::Assistant, format!("question {turn}")), (ChatRole::User, format!("answer {turn}"))]
        );
        last = next;
    }
}

#[test]
fn two_messages_of_one_side_are_one_message_to_the_model() {
    let heard =
        [Message::agent("Welcome!"), Message::user("hi"), Message::agent("One moment."), Message::agent("Yes?")];
    let messages = request(scene(&brief(), &heard.into_iter().collect(), &[])).messages;
    let roles: Vec<_> = messages.iter().map(|m| m.role).collect();
    assert_eq!(roles, [ChatRole::System, ChatRole::User, ChatRole::Assistant, ChatRole::User]);
    assert!(messages[1].content.ends_with("Welcome!"));
    assert_eq!(messages[3].content, "One moment.\n\nYes?");
}

#[test]
fn the_simulated_user_is_shown_no_expectation_no_context_and_no_origin() {
    let case = TestCase {
        id: "HIDDEN-id".into(),
        brief: brief(),
        context: json!({"HIDDEN-key": "HIDDEN-context"}).as_object().cloned().expect("an object"),
        expectations: vec![
            Expectation { id: "HIDDEN-e1".into(), text: Some("HIDDEN-text".into()), check: Check::Judged },
            Expectation { id: "HIDDEN-e2".into(), text: None, check: Check::MustNotMatch("HIDDEN-pattern".into()) },
        ],
        origin: Some(Origin {
            session: "HIDDEN-session".into(),
            evidence: vec![Evidence { field: "HIDDEN-field".into(), turn: 1, quote: "HIDDEN-quote".into() }],
        }),
    };
    let request = request(scene(&case.brief, &heard(), &[]));
    let shown = serde_json::to_string(&request).expect("a request is data");
    assert!(shown.contains(&case.brief.goal) && shown.contains("10001"));
    assert!(!shown.contains("HIDDEN"), "{shown}");
}

#[test]
fn a_fact_that_is_never_told_is_not_told_declared_or_not() {
    assert_eq!(
        fault(say("Guess what.", &["secret"])),
        "the simulated user misbehaved: it tells the fact `secret`, which is never told"
    );
    assert!(fault(say("By the way, I ALSO trade elsewhere!", &[])).contains("`secret`"));
}

#[test]
fn a_fact_waits_for_the_fact_before_it() {
    assert!(fault(say("On fifth avenue", &[])).ends_with("it tells the fact `street` before `zip` has been told"));
    let said = [Disclosure { turn: 1, fact: "zip".into(), gate: "asked".into() }];
    let told = act(scene(&brief(), &heard(), &said), &answered(say("On fifth avenue", &[])));
    assert_eq!(told, Ok(UserAct::Say { text: "On fifth avenue".into(), discloses: vec!["street".into()] }));
}

#[test]
fn a_fact_is_in_the_ledger_whether_the_model_says_so_or_not() {
    let told = acts(say("I live in 10001, and my account is 4711.", &["zip"]));
    let Ok(UserAct::Say { discloses, .. }) = told else { panic!("{told:?}") };
    assert_eq!(discloses, ["zip", "account"]);
}

#[test]
fn words_that_the_agent_said_first_give_nothing_away() {
    let heard: Conversation =
        [Message::user("hi"), Message::agent("So you say: I also trade elsewhere?")].into_iter().collect();
    let told = act(scene(&brief(), &heard, &[]), &answered(say("who says \"I also trade elsewhere\"", &[])));
    assert!(matches!(told, Ok(UserAct::Say { discloses, .. }) if discloses.is_empty()));
}

#[test]
fn a_model_that_flips_into_the_agent_is_invalid() {
    assert!(fault(say("Sure! How can I help you today?", &[])).contains("it speaks as the agent"));
    assert!(fault(say("the markets are open, and rising today", &[])).contains("the agent's own message"));
}

#[test]
fn empty_unknown_and_malformed_answers_are_invalid() {
    assert!(fault(say(" \n", &[])).contains("it said nothing"));
    assert!(fault(json!({"act": "say", "text": null, "discloses": [], "reason": null})).contains("it said nothing"));
    assert!(fault(say("ok", &["weather"])).contains("`weather`"));
    for answer in [json!({}), json!("hi"), json!({"act": "shout", "text": "hi", "discloses": [], "reason": null})] {
        assert!(fault(answer).contains("is not an act of a user"));
    }
}

#[test]
fn leaving_needs_a_reason_and_something_said_before() {
    let leave = |reason: Value| json!({"act": "leave", "text": null, "discloses": [], "reason": reason});
    assert_eq!(acts(leave(json!("gave_up"))), Ok(UserAct::Leave(Leaving::GaveUp)));
    assert!(fault(leave(Value::Null)).contains("without a reason"));
    let (brief, nothing) = (Brief { opening: None, ..brief() }, Conversation::default());
    let left = act(scene(&brief, &nothing, &[]), &answered(leave(json!("satisfied"))));
    assert!(matches!(left, Err(UserFault::Invalid(why)) if why.contains("before it said anything")));
}

#[test]
fn a_model_that_does_not_answer_is_a_failure_and_not_a_misbehaviour() {
    let failed = act(scene(&brief(), &heard(), &[]), &silent());
    assert!(matches!(failed, Err(UserFault::Failed(why)) if why.ends_with("no answer within 60 s")));
}

#[test]
fn an_agent_that_writes_template_code_only_writes_text() {
    let heard: Conversation =
        [Message::user("{{ goal }}"), Message::agent("{% raw %} {{ facts }}")].into_iter().collect();
    let brief = Brief { goal: "Say {{ persona }}".into(), ..Brief::default() };
    let shown = text_of(&request(scene(&brief, &heard, &[])));
    assert!(shown.contains("Say {{ persona }}") && shown.contains("{% raw %} {{ facts }}"));
}

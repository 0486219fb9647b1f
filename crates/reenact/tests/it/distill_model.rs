//! Distillation by a model: what is believed of its answers.

use reenact::distill::evidence::Verified;
use reenact::distill::model::{read, request};
use reenact::{Conversation, Gate, Message, Session, Speaker, TestCase};
use serde_json::{Value, json};

use crate::scripted::{answered, silent, text_of};

fn session() -> Session {
    let messages = [
        Message::new(Speaker::Operator, "OPERATOR-PROMPT Be kind."),
        Message::user("HOW ARE THE MARKETS DOING"),
        Message::agent("The Dow Jones is open and stands at 39,150."),
        Message::user("it’s saturday, markets are\nCLOSED. show me 39,150 of friday"),
        Message::agent("For which account?"),
        Message::user("acc_77, in Boston"),
    ];
    Session::new("s-1", messages.into_iter().collect::<Conversation>())
}

fn quoted(turn: u32, quote: &str) -> Value {
    json!([{"turn": turn, "quote": quote}])
}

fn good() -> Value {
    json!({
        "skip": null,
        "id": "Closed Market",
        "goal": {"text": "Get the state of the markets", "evidence": quoted(1, "how are the markets")},
        "persona": [{"text": "Shouts, in few words", "evidence": quoted(1, "HOW ARE THE MARKETS DOING")}],
        "guidelines": [{"text": "If the agent asks for something already told, get louder", "evidence": quoted(2, "CLOSED")}],
        "facts": [
            {"id": "Weekend!", "text": "it's saturday and the markets are closed",
             "gate": {"kind": "when", "of": "the agent says that the market is open"},
             "evidence": quoted(2, "it's saturday, markets are closed")},
            {"id": "account", "text": "acc_77", "gate": {"kind": "asked", "of": "the account"}, "evidence": quoted(3, "acc_77")},
            {"id": "account", "text": "in Boston", "gate": {"kind": "after", "of": "account"}, "evidence": quoted(3, "in Boston")},
        ],
        "opening": "How are the markets doing",
        "patience": {"asks": null, "evidence": []},
        "ending": {"kind": "cut_off", "evidence": quoted(3, "acc_77, in Boston")},
        "expectations": [{"id": "says-closed", "text": "When the market is closed the agent says so",
                          "evidence": quoted(2, "markets are CLOSED")}],
    })
}

fn with(path: &str, value: Value) -> Value {
    let mut answer = good();
    *answer.pointer_mut(path).expect("a part of the answer") = value;
    answer
}

fn distilled(answer: Value) -> (TestCase, Vec<String>) {
    let Verified { case, dropped } = read(&session(), &answered(answer));
    (case.expect("a case"), dropped.iter().map(ToString::to_string).collect())
}

fn skipped(answer: Value) -> String {
    let Verified { case, .. } = read(&session(), &answered(answer));
    case.expect_err("no case").to_string()
}

#[test]
fn a_case_that_holds_is_taken_over_with_the_users_own_words_as_evidence() {
    let (case, dropped) = distilled(good());
    assert_eq!(dropped, Vec::<String>::new());
    assert_eq!(case.id, "closed-market");
    assert_eq!(case.brief.opening.as_deref(), Some("HOW ARE THE MARKETS DOING"));
    let facts: Vec<_> = case.brief.facts.iter().map(|fact| (fact.id.as_str(), &fact.gate)).collect();
    assert_eq!(facts[0].0, "weekend");
    assert_eq!(facts[2], ("account-2", &Gate::After("account".into())));
    let origin = case.origin.expect("where it comes from");
    assert_eq!(origin.session, "s-1");
    let weekend = origin.evidence.iter().find(|e| e.field == "facts.weekend").expect("evidence");
    assert_eq!((weekend.turn, weekend.quote.as_str()), (2, "it’s saturday, markets are\nCLOSED"));
    let user: Vec<_> = session().conversation.by(Speaker::User).map(|m| m.text.clone()).collect();
    assert!(origin.evidence.iter().all(|e| user[e.turn as usize - 1].contains(&e.quote)));
}

#[test]
fn an_invented_quote_drops_its_item_and_a_misplaced_one_is_moved() {
    let (case, dropped) = distilled(with("/facts/1/evidence", quoted(3, "my account is acc_77")));
    assert_eq!(case.brief.facts.len(), 1, "and what waits for it goes with it");
    assert_eq!(
        dropped,
        [
            "session s-1, facts.account: no message of the user says \"my account is acc_77\"",
            "session s-1, facts.account: no words of the user show it",
            "session s-1, facts.account-2: it waits for a fact that is not in the brief",
        ]
    );

    for turn in [0, 1, 99] {
        let (case, dropped) = distilled(with("/facts/1/evidence", quoted(turn, "acc_77")));
        let evidence = case.origin.expect("where it comes from").evidence;
        assert!(evidence.iter().any(|e| e.field == "facts.account" && e.turn == 3));
        assert_eq!(dropped, Vec::<String>::new());
    }
}

#[test]
fn words_of_the_agent_are_no_evidence() {
    let why = skipped(with("/goal/evidence", quoted(1, "The Dow Jones is open")));
    assert_eq!(why, "session s-1: no case: the goal does not hold: no words of the user show it");
}

#[test]
fn a_value_that_the_agent_said_first_never_stands_in_the_goal_even_if_the_user_repeats_it() {
    for (goal, value) in
        [("Get the level of the Dow Jones", "Dow Jones"), ("Find out whether the markets stand at 39150", "39150")]
    {
        let why = skipped(with("/goal/text", json!(goal)));
        assert!(why.ends_with(&format!("\"{value}\" was said first by the agent or a tool")), "{why}");
    }
    let why = skipped(with("/goal/text", json!("Get the state of the markets for account ZX-99")));
    assert!(why.ends_with("\"ZX-99\" was said by nobody"), "{why}");
}

#[test]
fn an_open_fact_is_the_users_own_and_a_gated_one_is_at_least_the_users_too() {
    let open = json!({"id": "level", "text": "friday's 39,150", "gate": {"kind": "open", "of": null}, "evidence": quoted(2, "39,150 of friday")});
    let (case, dropped) = distilled(with("/facts", json!([open])));
    assert!(case.brief.facts.is_empty());
    assert_eq!(dropped, ["session s-1, facts.level: \"39,150\" was said first by the agent or a tool"]);

    let gated = with("/facts/0/gate/of", json!("the agent names the Dow Jones"));
    assert!(distilled(gated).1[0].contains("\"Dow Jones\" was said first by the agent"));
}

#[test]
fn a_goal_that_absorbs_the_correction_gives_no_case() {
    let goal = "Get the state of the markets, which are closed because it is Saturday";
    let absorbed = with("/goal/text", json!(goal));
    assert!(skipped(absorbed.clone()).contains("it tells `weekend`, which the user said only in reaction"));

    let mut with_its_quote = absorbed.clone();
    with_its_quote["goal"]["evidence"] =
        json!([{"turn": 1, "quote": "HOW ARE"}, {"turn": 2, "quote": "it's saturday"}]);
    assert!(skipped(with_its_quote).contains("it tells `weekend`"));

    let mut as_expectation_only = absorbed;
    as_expectation_only["facts"] = json!([]);
    as_expectation_only["expectations"][0]["evidence"] = quoted(2, "it's saturday, markets are CLOSED");
    assert!(skipped(as_expectation_only).contains("what the user pushed back with (`says-closed`)"));
}

#[test]
fn a_wish_that_the_user_voiced_in_one_breath_with_a_correction_may_stand_in_the_goal() {
    let messages = [
        Message::user("cancel my flight"),
        Message::agent("I have cancelled your hotel."),
        Message::user("No, the flight! Also tell me the fee in my last message."),
    ];
    let session = Session::new("s-2", messages.into_iter().collect::<Conversation>());
    let mut answer = good();
    answer["goal"] = json!({
        "text": "Cancel the flight and learn the fee",
        "evidence": [{"turn": 1, "quote": "cancel my flight"}, {"turn": 2, "quote": "Also tell me the fee in my last message."}],
    });
    answer["facts"] = json!([{
        "id": "not-hotel", "text": "No, the flight! Also tell me the fee in my last message.",
        "gate": {"kind": "when", "of": "the agent cancels something else"},
        "evidence": quoted(2, "No, the flight! Also tell me the fee in my last message."),
    }]);
    for part in ["guidelines", "expectations"] {
        answer[part] = json!([]);
    }
    answer["persona"] = json!([]);
    answer["ending"] = json!({"kind": null, "evidence": []});
    answer["opening"] = Value::Null;
    let Verified { case, dropped } = read(&session, &answered(answer));
    assert_eq!(dropped, []);
    assert_eq!(case.expect("a case").brief.facts.len(), 1);
}

#[test]
fn expectations_are_kept_from_the_user_and_the_goal_is_not_an_expectation() {
    let told =
        json!([{"text": "Wait until the agent says so, when the market is closed", "evidence": quoted(2, "CLOSED")}]);
    let (case, dropped) = distilled(with("/guidelines", told));
    assert!(case.brief.guidelines.is_empty());
    assert_eq!(dropped, ["session s-1, guidelines.1: it tells the user the expectation `says-closed`"]);

    let (case, dropped) = distilled(with("/expectations/0/text", json!("get the state of the markets.")));
    assert!(case.expectations.is_empty());
    assert_eq!(dropped, ["session s-1, expectations.says-closed: it repeats the goal"]);
}

#[test]
fn what_is_true_of_the_recording_only_is_dropped_and_the_rest_is_counted_anew() {
    let guidelines = json!([
        {"text": "At turn 2, get angry", "evidence": quoted(2, "CLOSED")},
        {"text": "Stay curt", "evidence": quoted(1, "HOW ARE THE MARKETS")},
    ]);
    let (case, dropped) = distilled(with("/guidelines", guidelines));
    assert_eq!(case.brief.guidelines, ["Stay curt"]);
    assert_eq!(dropped, ["session s-1, guidelines.1: \"turn 2\" is true of the recording only"]);
    let fields: Vec<_> = case.origin.expect("origin").evidence.into_iter().map(|e| (e.field, e.turn)).collect();
    assert!(fields.contains(&("guidelines.1".to_owned(), 1)) && !fields.contains(&("guidelines.1".to_owned(), 2)));
}

#[test]
fn an_opening_that_the_user_did_not_say_first_is_dropped() {
    let (case, dropped) = distilled(with("/opening", json!("it's saturday")));
    assert_eq!(case.brief.opening, None);
    assert_eq!(dropped, ["session s-1, opening: it is not what the user said first"]);
}

#[test]
fn a_gate_that_does_not_say_what_it_waits_for_is_dropped() {
    let (case, dropped) = distilled(with("/facts/1/gate/of", json!(" ")));
    assert!(case.brief.facts.iter().all(|fact| fact.id == "weekend"));
    assert_eq!(dropped[0], "session s-1, facts.account: its gate does not say what it waits for");
}

#[test]
fn a_session_that_gives_no_case_says_why() {
    assert_eq!(
        skipped(with("/skip", json!("Only a greeting."))),
        "session s-1: no case: the model says: Only a greeting."
    );
    assert!(skipped(json!({"goal": "x"})).contains("the model's answer is not a test case: "));
    assert!(skipped(with("/goal/text", json!(" "))).ends_with("it is empty"));
    let Verified { case, .. } = read(&session(), &silent());
    assert!(case.expect_err("no case").reason.starts_with("the model did not answer: "));
}

#[test]
fn the_operators_prompt_is_not_shown_and_long_tool_results_are_cut_with_a_mark() {
    let mut session = session();
    session.conversation.messages.push(Message::new(Speaker::Tool, "é".repeat(2_000)));
    let shown = text_of(&request(&session));
    assert!(!shown.contains("OPERATOR-PROMPT"));
    assert!(shown.contains("é [… 500 characters left out]"));
}

#[test]
fn a_case_with_patience_is_written_as_a_suite_that_loads() {
    let answer = with("/patience", json!({"asks": 2, "evidence": quoted(2, "markets are CLOSED")}));
    let (case, dropped) = distilled(answer);
    assert_eq!((case.brief.patience, dropped), (Some(2), Vec::new()));
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let suite = reenact::Suite { name: None, cases: vec![case] };
    suite.save(file.path()).unwrap();
    assert_eq!(reenact::Suite::load(file.path()).unwrap(), suite);
}

#[test]
fn facts_that_wait_for_each_other_are_dropped() {
    let mut answer = with("/facts/1/gate", json!({"kind": "after", "of": "place"}));
    answer["facts"][2]["id"] = json!("place");
    let (case, dropped) = distilled(answer);
    assert_eq!(case.brief.facts.len(), 1);
    assert_eq!(
        dropped,
        [
            "session s-1, facts.account: it waits for a fact that waits for it",
            "session s-1, facts.place: it waits for a fact that is not in the brief",
        ]
    );
}

#[test]
fn a_trait_stands_or_falls_by_its_own_words() {
    let traits = json!([
        {"text": "Shouts.", "evidence": quoted(1, "HOW ARE THE MARKETS DOING")},
        {"text": "Is an elderly banker", "evidence": quoted(1, "I have been a banker for forty years")},
        {"text": "Writes in English", "evidence": []},
    ]);
    let (case, dropped) = distilled(with("/persona", traits));
    assert_eq!(case.brief.persona.as_deref(), Some("Shouts."));
    assert_eq!(
        dropped,
        [
            "session s-1, persona: no words of the user show \"Is an elderly banker\"",
            "session s-1, persona: no words of the user show \"Writes in English\"",
        ]
    );
}

#[test]
fn how_the_user_left_is_kept_with_the_words_that_show_it_and_dropped_without() {
    let endings = |case: &TestCase| {
        let origin = case.origin.clone().expect("where it comes from");
        origin
            .evidence
            .into_iter()
            .filter(|e| e.field.starts_with("ending."))
            .map(|e| (e.field, e.turn))
            .collect::<Vec<_>>()
    };
    let (case, _) = distilled(with("/ending", json!({"kind": "gave_up", "evidence": quoted(1, "markets are CLOSED")})));
    assert_eq!(endings(&case), [("ending.gave_up".to_owned(), 2)]);
    let (case, dropped) = distilled(with("/ending", json!({"kind": "gave_up", "evidence": quoted(3, "I give up")})));
    assert_eq!(endings(&case), []);
    assert_eq!(dropped, ["session s-1, ending.gave_up: no message of the user says \"I give up\""]);
}

#[test]
fn a_guideline_is_a_trigger_on_what_can_be_seen_and_never_the_recorded_agents_mistake() {
    for (guideline, word) in [
        ("When the agent makes a mistake, point it out", "agent makes a mistake"),
        ("Act as in the recording", "recording"),
        ("If the agent fails, insist", "agent fails"),
    ] {
        let guidelines = json!([{"text": guideline, "evidence": quoted(2, "CLOSED")}]);
        let (case, dropped) = distilled(with("/guidelines", guidelines));
        assert!(case.brief.guidelines.is_empty(), "{guideline}");
        assert_eq!(dropped, [format!("session s-1, guidelines.1: \"{word}\" is nothing that the user can see")]);
    }
}

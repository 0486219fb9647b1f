//! Suites as the files of other tools: they come back as they were, and what was edited there wins.

use proptest::prelude::*;
use reenact::import::{Input, Options, import};
use reenact::interchange::traces::{TraceStore, export};
use reenact::interchange::{Peer, read, write};
use reenact::{Check, Message, Session, Speaker, Store, Suite, ToolCall};
use serde_json::Value;

use crate::suite::round_trip;

fn lost(lost: &[reenact::interchange::Lost]) -> Vec<String> {
    lost.iter().map(|lost| format!("{} × {}", lost.count, lost.what)).collect()
}

#[test]
fn goldens_that_deepeval_wrote_become_cases() {
    let goldens = r#"[{"scenario": "Andy wants to buy a VIP ticket", "expected_outcome": "The purchase succeeds", "user_description": null,
        "persona": {"name": "Andy", "characteristics": "You are in a hurry"}, "context": ["a page"], "name": null, "comments": null,
        "expectations": {"must": ["name the price"], "must_not": ["ask for a card number"]},
        "turns": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}, {"role": "user", "content": "a ticket"}]}]"#;
    assert_eq!(Peer::of(goldens), Some(Peer::DeepEval));
    let told = read(goldens, Peer::DeepEval).unwrap();
    let case = &told.suite.cases[0];
    assert_eq!(case.brief.goal, "Andy wants to buy a VIP ticket");
    assert_eq!(case.brief.persona.as_deref(), Some("You are in a hurry"));
    assert_eq!(case.brief.opening.as_deref(), Some("a ticket"));
    assert_eq!(case.staging.prefix.by(Speaker::Agent).next().unwrap().text, "hello");
    let texts: Vec<_> = case.expectations.iter().map(|expectation| expectation.text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["The purchase succeeds", "name the price", "The agent does not do this: ask for a card number"]);
    assert_eq!(lost(&told.lost), ["1 × the context that a golden was made from is left out"]);
}

#[test]
fn tests_of_promptfoos_simulated_user_become_cases() {
    let config = "
description: Airline
prompts: [file://agent.txt]
providers: [openai:gpt-5]
defaultTest:
  provider: { id: 'promptfoo:simulated-user', config: { maxTurns: 5 } }
  assert:
    - { type: llm-rubric, value: The agent is polite }
tests:
  - vars: { instructions: You want to move your flight, user_id: mia_li_3668 }
  - description: cancel
    vars: { instructions: You want to cancel }
    assert:
      - { type: icontains, value: refund }
      - { type: not-contains, value: 'voucher (any)' }
      - { type: javascript, value: output.length > 5 }
  - vars: { question: what is the weather }
";
    assert_eq!(Peer::of(config), Some(Peer::Promptfoo));
    let told = read(config, Peer::Promptfoo).unwrap();
    let goals: Vec<_> = told.suite.cases.iter().map(|case| case.brief.goal.as_str()).collect();
    assert_eq!(goals, ["You want to move your flight", "You want to cancel"]);
    assert_eq!(told.suite.cases[1].id, "cancel");
    assert_eq!(told.suite.cases[0].expectations[0].text.as_deref(), Some("The agent is polite"));
    let checks: Vec<_> = told.suite.cases[1].expectations.iter().map(|expectation| &expectation.check).collect();
    assert_eq!(checks, [&Check::Contains("refund".into()), &Check::MustNotMatch(r"(?i)voucher \(any\)".into())]);
    assert_eq!(
        lost(&told.lost),
        [
            "1 × assertions of the kind `javascript` are left out",
            "1 × tests that say nothing of what a user wants are left out",
            "2 × variables of a prompt are left out",
        ]
    );
}

#[test]
fn the_agent_that_promptfoo_asks_is_not_told_what_the_user_wants() {
    let suite = Suite::load(std::path::Path::new("tests/it/suite/market-assistant.yaml")).unwrap();

    let file: Value = serde_saphyr::from_str(&write(&suite, Peer::Promptfoo).text).unwrap();

    // Each of these is a system message of the agent's, with its variables filled in.
    let prompts = file["prompts"].as_array().unwrap();
    assert!(prompts.iter().all(|prompt| !prompt.as_str().unwrap().contains("{{")), "{prompts:?}");
    let instructions = file["tests"][0]["vars"]["instructions"].as_str().unwrap();
    assert!(instructions.starts_with(&suite.cases[0].brief.goal), "{instructions}");
    assert!(prompts.iter().all(|prompt| !instructions.contains(prompt.as_str().unwrap())), "{prompts:?}");
}

#[test]
fn samples_of_inspect_become_cases() {
    let samples = r#"{"input": "how do I bind the book", "target": ["name a thread", "name a needle"], "id": 7, "metadata": {"topic": "books"}}
{"input": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}], "target": "hi", "choices": ["a", "b"]}"#;
    assert_eq!(Peer::of(samples), Some(Peer::Inspect));
    let told = read(samples, Peer::Inspect).unwrap();
    let openings: Vec<_> = told.suite.cases.iter().map(|case| case.brief.opening.as_deref().unwrap()).collect();
    assert_eq!(openings, ["how do I bind the book", "hello"]);
    assert_eq!(told.suite.cases[0].expectations.len(), 2);
    assert_eq!(
        lost(&told.lost),
        [
            "1 × answers to choose from are left out",
            "1 × messages that are neither the user's nor the agent's words are left out",
            "1 × metadata is left out",
        ]
    );
}

#[test]
fn what_was_edited_in_the_other_tool_wins_and_the_rest_stays() {
    let suite = reenact::Suite::load(std::path::Path::new("tests/it/suite/market-assistant.yaml")).unwrap();
    let written = write(&suite, Peer::DeepEval);
    let mut goldens: Value = serde_json::from_str(&written.text).unwrap();
    goldens[0]["expected_outcome"] = "The agent says sorry".into();
    let back = read(&goldens.to_string(), Peer::DeepEval).unwrap().suite;
    let (before, after) = (&suite.cases[0], &back.cases[0]);
    assert_eq!(after.brief, before.brief);
    assert_eq!(after.expectations.len(), 1);
    assert_eq!(after.expectations[0].text.as_deref(), Some("The agent says sorry"));
    assert_eq!(back.cases[1..], suite.cases[1..]);
}

#[test]
fn a_file_of_another_kind_is_refused_with_what_was_expected() {
    for peer in Peer::all() {
        for text in ["", "cases: []", "[1, 2]", "{\"tests\": 7}", "\u{0}"] {
            assert_eq!(Peer::of(text), None, "{text:?}");
            let error = read(text, peer).unwrap_err();
            assert!(error.hint_text().is_some_and(|hint| hint.starts_with("expected ")));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_suite_comes_back_from_every_tool_as_it_was(suite in round_trip::suite()) {
        let suite = Suite { name: None, ..suite };
        for peer in Peer::all() {
            let written = write(&suite, peer);
            let back = read(&written.text, peer);
            prop_assert!(back.is_ok(), "{peer}: {back:?}\n{}", written.text);
            prop_assert_eq!(&back.unwrap().suite, &suite, "{}", peer);
        }
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in any::<String>(), damage in any::<prop::sample::Index>(), peer in 0..3usize) {
        let suite = reenact::Suite::load(std::path::Path::new("tests/it/suite/market-assistant.yaml")).unwrap();
        let peer = Peer::all().nth(peer).unwrap();
        let mut written: Vec<char> = write(&suite, peer).text.chars().collect();
        let at = damage.index(written.len());
        written.splice(at..at + 1, text.chars());
        let _ = read(&written.into_iter().collect::<String>(), peer);
        let _ = read(&text, peer);
    }
}

/// Who speaks, the words, the calls by name and arguments, and the call that is answered.
type Line = (Speaker, String, Vec<(String, String)>, Option<String>);

/// A session without its source, in which what a message leaves open is open.
fn conversation(session: &Session) -> Vec<Line> {
    let calls = |message: &Message| message.tool_calls.iter().map(|c| (c.name.clone(), c.arguments.clone())).collect();
    let line =
        |message: &Message| (message.speaker, message.text.clone(), calls(message), message.tool_call_id.clone());
    session.conversation.messages.iter().map(line).collect()
}

fn imported(text: String) -> Store {
    let store = Store::temporary().unwrap();
    let input = Input::Stream("export".into(), Box::new(std::io::Cursor::new(text.into_bytes())));
    let told = import(vec![input], &Options::default(), &store, &mut |_| {}).unwrap();
    assert!(!told.has_problems(), "{told:?}");
    store
}

fn turn() -> impl Strategy<Value = Vec<Message>> {
    let words = || "[a-zA-Zäß市 .,?!\"{}\\[\\]]{0,20}[a-z]";
    let tool = (words(), "[a-z]{1,8}", "[0-9]{1,4}").prop_map(|(result, name, id)| {
        let call =
            ToolCall { id: Some(format!("call-{id}")), name: name.clone(), arguments: format!("{{\"n\":{id}}}") };
        let mut called = Message::agent("");
        called.tool_calls = vec![call];
        let mut result = Message::new(Speaker::Tool, result);
        (result.tool_call_id, result.name) = (Some(format!("call-{id}")), Some(name));
        vec![called, result]
    });
    (words(), proptest::option::of(tool), proptest::option::of(words())).prop_map(|(asked, tool, answer)| {
        let mut said = vec![Message::user(asked)];
        said.extend(tool.unwrap_or_default());
        said.extend(answer.map(Message::agent));
        said
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_session_comes_back_from_the_export_of_every_store(
        system in proptest::option::of("[a-z ]{1,20}[a-z]"),
        turns in proptest::collection::vec(turn(), 1..5),
        seconds in 1_700_000_000i64..1_800_000_000,
    ) {
        let mut said: Vec<Message> = system.map(|text| Message::new(Speaker::Operator, text)).into_iter().collect();
        said.extend(turns.concat());
        let mut session = Session::new("s-1", said.into_iter().collect());
        session.started_at = jiff::Timestamp::from_second(seconds).ok();
        session.metadata.insert("user".into(), "ada".into());
        for to in TraceStore::ALL {
            let back = imported(export(&session, to)).session("s-1").unwrap();
            prop_assert_eq!(conversation(&back), conversation(&session), "{}", to);
            prop_assert_eq!(back.metadata.get("user"), session.metadata.get("user"));
            prop_assert_eq!(back.started_at, session.started_at);
        }
    }
}

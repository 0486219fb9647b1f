//! Tools from the recording: what the same call gave then, and what becomes of a call that was not made then.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use reenact::agent::{self, OnMiss, RecordedTools, Stopgap, ToolScene, with_recorded_tools};
use reenact::case::{Origin, Staging};
use reenact::run::{Part, Participants, Stop, run};
use reenact::{
    Agent, AgentFault, AgentReply, AgentTurn, Completion, Conversation, Ending, Held, Message, Model, ModelRequest,
    Outcome, Panel, Plan, Run, RunOutput, Session, Speaker, Store, Suite, TestCase, ToolCall, ToolMocks,
};
use serde_json::json;

use crate::scripted;
use crate::server::{answers, says, serve};

fn call(id: &str, arguments: &str) -> ToolCall {
    ToolCall { id: Some(id.into()), name: "find_order".into(), arguments: arguments.into() }
}

fn recorded_call(id: &str, arguments: &str, result: &str) -> [Message; 2] {
    let asks = Message { tool_calls: vec![call(id, arguments)], ..Message::agent("") };
    [asks, Message { tool_call_id: Some(id.into()), ..Message::new(Speaker::Tool, result) }]
}

/// The order was open when it was looked up first, and sent when it was looked up again.
fn recording() -> Conversation {
    let mut messages = vec![Message::user("where is order 47")];
    messages.extend(recorded_call("a", r#"{"order": 47, "at": "10:00"}"#, "open"));
    messages.extend([Message::agent("Open."), Message::user("and now?")]);
    messages.extend(recorded_call("b", r#"{"order": 47, "at": "10:05"}"#, "sent"));
    messages.push(Message::agent("Sent."));
    Conversation { messages }
}

/// Looks up what the user names, with the tools that it is handed, and says what they say.
struct Clerk;

#[async_trait]
impl Agent for Clerk {
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let tools = turn.tools.expect("a clerk has tools");
        assert_eq!(tools.tools(turn, &mut None).await?[0].name, "find_order");
        let mut messages = Vec::new();
        let call = call(&format!("t{}", turn.turn), turn.said());
        messages.push(Message { tool_calls: vec![call.clone()], ..Message::agent("") });
        let result = tools.call(&call, ToolScene { turn, since: &messages }, &mut None).await?;
        messages.push(Message { tool_call_id: call.id, ..Message::new(Speaker::Tool, &*result.text) });
        messages.push(Message::agent(format!("It says: {}", result.text)));
        Ok(AgentReply { messages, ..AgentReply::default() })
    }
}

/// A case whose user says these lines, each the arguments of a look-up.
fn case(lines: &[&str]) -> TestCase {
    TestCase {
        id: "orders".into(),
        brief: reenact::Brief { goal: "find order 47".into(), ..Default::default() },
        staging: Staging { script: lines.iter().map(|line| (*line).to_owned()).collect(), ..Staging::default() },
        origin: Some(Origin { session: "s-1".into(), ..Origin::default() }),
        ..TestCase::default()
    }
}

struct Played {
    store: Store,
    run: Run,
    participants: Participants,
}

impl Played {
    fn new(lines: &[&str], mocks: ToolMocks, model: Option<Model>) -> Played {
        let store = Store::temporary().unwrap();
        let mut sessions = store.write_sessions().unwrap();
        sessions.put(&Session::new("s-1", recording()), &[]).unwrap();
        sessions.commit().unwrap();
        let plan = Plan { tools: Some(mocks.clone()), ..Plan::default() };
        let run = Run::new(plan, Suite { name: None, cases: vec![case(lines)] });
        store.create_run(&run).unwrap();
        let lookup = store.clone();
        let tools = RecordedTools::new(Arc::new(move |id| lookup.session(id).map(Some)), mocks, model);
        let agent = with_recorded_tools(Arc::new(Clerk), tools);
        Played { store, run, participants: Participants { agent, user: Part::Offline, judge: Panel::offline() } }
    }

    async fn play(&self) -> RunOutput {
        run(&self.store, &self.run, &self.participants, &Stop::default(), &|_| {}).await.unwrap()
    }
}

fn ignoring_time(on_miss: OnMiss) -> ToolMocks {
    ToolMocks { on_miss, ignore: vec!["at".into()] }
}

fn said(output: &RunOutput) -> Vec<&str> {
    output.trials[0]
        .conversation
        .by(Speaker::Agent)
        .map(|message| &*message.text)
        .filter(|text| !text.is_empty())
        .collect()
}

#[tokio::test]
async fn the_same_calls_get_the_recorded_results_in_their_order() {
    let lines = [r#"{"at": "today", "order": 47}"#, r#"{"order": 47.0}"#, r#"{"order": 47}"#];
    let output = Played::new(&lines, ignoring_time(OnMiss::Fail), None).play().await;
    assert_eq!(said(&output), ["It says: open", "It says: sent", "It says: sent"]);
    assert_eq!((output.trials[0].tool_misses.len(), output.report.tool_misses.len()), (0, 0));
}

#[tokio::test]
async fn a_call_that_was_not_recorded_fails_and_the_agent_reads_so() {
    let output = Played::new(&[r#"{"order": 48}"#], ignoring_time(OnMiss::Fail), None).play().await;
    assert_eq!(said(&output), ["It says: error: find_order has no result for these arguments"]);
    let miss = &output.trials[0].tool_misses[0];
    assert_eq!(
        (miss.turn, &*miss.tool, &*miss.arguments, miss.answered_by),
        (1, "find_order", r#"{"order": 48}"#, Stopgap::Failure)
    );
    assert_eq!(miss.nearest.as_deref(), Some(r#"{"order": 47, "at": "10:00"}"#));
    let figures = output.report.figures();
    assert!(figures.contains(&("tools", "1 call was not recorded: 1 failed".to_owned())), "{figures:?}");
}

#[tokio::test]
async fn where_misses_do_not_count_the_trial_is_invalid_and_says_for_which_call() {
    let output = Played::new(&[r#"{"order": 48}"#], ignoring_time(OnMiss::Invalid), None).play().await;
    let trial = &output.trials[0];
    let reason = r#"the recording has no result for find_order({"order": 48})"#;
    assert_eq!((trial.outcome, &trial.ending), (Outcome::Invalid, &Ending::ToolMissed(reason.into())));
}

#[tokio::test]
async fn the_nearest_recorded_call_answers_and_how_near_it_was_is_told() {
    let output = Played::new(&[r#"{"order": 47, "page": 2}"#], ignoring_time(OnMiss::Nearest), None).play().await;
    assert_eq!(said(&output), ["It says: open"]);
    let miss = &output.trials[0].tool_misses[0];
    assert_eq!((miss.answered_by, miss.likeness), (Stopgap::Nearest, Some(0.5)));
}

/// A model that stands in for tools, and counts how often it is asked.
fn stand_in(asked: &Arc<AtomicU32>) -> Model {
    let asked = Arc::clone(asked);
    scripted::model(move |request: &ModelRequest| {
        let text = scripted::text_of(request);
        assert!(text.contains(r#"{"arguments":{"order":47,"at":"10:00"},"result":"open"}"#), "{text}");
        // Nothing of the conversation, the case or the brief.
        assert!(!text.contains("where is order") && !text.contains("find order 47"), "{text}");
        asked.fetch_add(1, Ordering::Relaxed);
        let usage = Some(reenact::Usage { input_tokens: 9, output_tokens: 2, ..Default::default() });
        Ok(Completion { answer: json!({"result": "lost"}), usage })
    })
}

#[tokio::test]
async fn a_model_answers_what_the_recording_does_not_and_is_asked_the_same_only_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let mocks = ignoring_time(OnMiss::Ask("openai:/gpt-5-mini".into()));
    let lines = [r#"{"order": 48}"#, r#"{"order": 47}"#, r#"{"order": 48}"#];
    let played = Played::new(&lines, mocks, Some(stand_in(&asked)));
    let output = played.play().await;
    assert_eq!(said(&output), ["It says: lost", "It says: open", "It says: lost"]);
    assert_eq!(
        output.trials[0].tool_misses.iter().map(|miss| miss.answered_by).collect::<Vec<_>>(),
        [Stopgap::Model; 2]
    );
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    let cost = output.report.cost.as_ref().unwrap();
    assert_eq!(
        cost.parts.iter().map(|part| (part.role.words(), part.amount.calls)).collect::<Vec<_>>(),
        [("tools", 1)]
    );

    let again = played.play().await;
    assert_eq!((again.trials, asked.load(Ordering::Relaxed)), (output.trials, 1), "a finished run asks nobody");
}

#[tokio::test]
async fn a_stop_while_a_model_stands_in_for_a_tool_leaves_no_answer_of_the_agent_behind() {
    let stop = Stop::default();
    let asked = Arc::new(AtomicU32::new(0));
    let mocks = ignoring_time(OnMiss::Ask("openai:/gpt-5-mini".into()));
    let played = Played::new(&[r#"{"order": 48}"#], mocks, Some(stand_in(&asked)));
    /// Asks for a stop, then goes on with its turn.
    struct Stopping(Stop, Arc<dyn Agent>);
    #[async_trait]
    impl Agent for Stopping {
        async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
            self.0.request();
            self.1.reply(turn, held).await
        }
    }
    let lookup = played.store.clone();
    let tools = RecordedTools::new(
        Arc::new(move |id| lookup.session(id).map(Some)),
        ignoring_time(OnMiss::Ask("openai:/gpt-5-mini".into())),
        Some(stand_in(&asked)),
    );
    let agent = with_recorded_tools(Arc::new(Stopping(stop.clone(), Arc::new(Clerk))), tools);
    let stopped = Participants { agent, ..played.participants.clone() };
    let error = run(&played.store, &played.run, &stopped, &stop, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), reenact::ErrorKind::Interrupted);
    let resumed = played.play().await;
    assert_eq!(said(&resumed), ["It says: lost"]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_model_that_plays_the_agent_is_handed_the_tools_of_the_recording() {
    let server = serve(|n| match n {
        0 => {
            let call = json!({"id": "c9", "type": "function", "function": {"name": "find_order", "arguments": "{\"order\":47}"}});
            let message = json!({"role": "assistant", "content": null, "tool_calls": [call]});
            answers(json!({"choices": [{"message": message, "finish_reason": "tool_calls"}]}))
        }
        _ => says("It is open."),
    })
    .await;
    let name = format!("{}#m", server.address);
    let model = agent::of_model(&name, None, None, &agent::AgentSettings::default()).unwrap();
    let played = Played::new(&["where is order 47?"], ignoring_time(OnMiss::Fail), None);
    let lookup = played.store.clone();
    let lookup: agent::SessionLookup = Arc::new(move |id| lookup.session(id).map(Some));
    let agent = with_recorded_tools(model, RecordedTools::new(lookup, ignoring_time(OnMiss::Fail), None));
    let participants = Participants { agent, ..played.participants.clone() };
    let output = run(&played.store, &played.run, &participants, &Stop::default(), &|_| {}).await.unwrap();
    assert_eq!(said(&output), ["It is open."]);
    let results: Vec<_> = output.trials[0].conversation.by(Speaker::Tool).map(|message| &*message.text).collect();
    assert_eq!(results, ["open"]);
    assert_eq!(server.asked()[0].body["tools"][0]["function"]["name"], "find_order");
}

//! What is said to an A2A agent and what it answers, in the forms of versions 1.0 and 0.3.
//!
//! The two differ in names and in how kinds are told apart, not in what they say. Writing goes by the dialect, reading takes both.

use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use crate::http::{HttpFault, HttpFaultKind, error_message};
use crate::shorten::shorten;

/// A version of the protocol, as far as it matters on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// 1.x.
    V1,
    /// 0.3 and before.
    V03,
}

/// What the user says.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    /// A part for each message.
    pub(crate) texts: &'a [&'a str],
    pub(crate) message_id: String,
    pub(crate) context_id: &'a str,
    /// The task that it goes on with.
    pub(crate) task_id: Option<&'a str>,
    /// The case's context.
    pub(crate) metadata: &'a Map<String, Value>,
}

impl Dialect {
    /// Headers that every request has.
    pub(crate) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Dialect::V1 => &[("a2a-version", "1.0"), ("accept", "application/json, text/event-stream")],
            Dialect::V03 => &[("accept", "application/json, text/event-stream")],
        }
    }

    /// The request that says something, and waits until the agent is done with it.
    pub(crate) fn send(self, said: &Said<'_>, streamed: bool, tenant: Option<&str>) -> Value {
        let (role, kind) = match self {
            Dialect::V1 => ("ROLE_USER", None),
            Dialect::V03 => ("user", Some("text")),
        };
        let part = |text: &&str| match kind {
            Some(kind) => json!({"kind": kind, "text": text}),
            None => json!({"text": text}),
        };
        let parts: Vec<Value> = said.texts.iter().map(part).collect();
        let mut message =
            json!({"messageId": said.message_id, "role": role, "parts": parts, "contextId": said.context_id});
        if let Some(task) = said.task_id {
            message["taskId"] = json!(task);
        }
        let mut configuration = json!({"acceptedOutputModes": ["text/plain", "application/json"]});
        if self == Dialect::V03 {
            message["kind"] = json!("message");
            configuration["blocking"] = json!(true);
        }
        let mut params = json!({"message": message, "configuration": configuration});
        if !said.metadata.is_empty() {
            params["metadata"] = Value::Object(said.metadata.clone());
        }
        let method = match (self, streamed) {
            (Dialect::V1, false) => "SendMessage",
            (Dialect::V1, true) => "SendStreamingMessage",
            (Dialect::V03, false) => "message/send",
            (Dialect::V03, true) => "message/stream",
        };
        request(&said.message_id, method, params, tenant)
    }

    /// The request that asks how a task is going.
    pub(crate) fn get_task(self, task: &str, tenant: Option<&str>) -> Value {
        let method = if self == Dialect::V1 { "GetTask" } else { "tasks/get" };
        request(task, method, json!({"id": task}), tenant)
    }
}

fn request(id: &str, method: &str, mut params: Value, tenant: Option<&str>) -> Value {
    if let Some(tenant) = tenant {
        params["tenant"] = json!(tenant);
    }
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// How a task is going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Submitted, or worked on.
    Working,
    InputRequired,
    AuthRequired,
    Completed,
    Failed,
    Canceled,
    Rejected,
}

impl State {
    fn of(word: &str) -> Option<State> {
        let word = word.to_ascii_lowercase().replace('_', "-");
        Some(match word.strip_prefix("task-state-").unwrap_or(&word) {
            "submitted" | "working" | "unspecified" | "unknown" => State::Working,
            "input-required" => State::InputRequired,
            "auth-required" => State::AuthRequired,
            "completed" => State::Completed,
            "failed" => State::Failed,
            "canceled" | "cancelled" => State::Canceled,
            "rejected" => State::Rejected,
            _ => return None,
        })
    }
}

/// What an agent let us know of what it does with what was said.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) task: Option<String>,
    pub(crate) context: Option<String>,
    pub(crate) state: Option<State>,
    /// Answers without a task.
    direct: Vec<String>,
    /// The artifacts, by id and in their order.
    artifacts: Vec<(String, String)>,
    /// What it says to its newest state.
    status: String,
    /// What it said last in the task's history.
    history: String,
}

impl Account {
    /// Whether the agent is not done.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.state, Some(State::Working)) || self.state.is_none() && self.direct.is_empty()
    }

    /// What the agent said, each thing apart: what it made, then what it says of it; what it said last where it is nothing else.
    pub(crate) fn words(&self) -> Vec<String> {
        let made = self.artifacts.iter().map(|(_, text)| text);
        let mut words: Vec<String> =
            self.direct.iter().chain(made).filter(|text| !text.trim().is_empty()).cloned().collect();
        if !self.status.trim().is_empty() && !words.contains(&self.status) {
            words.push(self.status.clone());
        }
        if words.is_empty() && !self.history.trim().is_empty() {
            words.push(self.history.clone());
        }
        words
    }

    /// Takes in an answer or an event of a stream; breaks where nothing can come after it. What is no answer goes to the fault.
    pub(crate) fn hear(&mut self, data: &str, fault: &mut Option<HttpFault>) -> ControlFlow<()> {
        if let Err(wrong) = self.take_in(data) {
            *fault = Some(wrong);
            return ControlFlow::Break(());
        }
        if self.goes_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn take_in(&mut self, data: &str) -> Result<(), HttpFault> {
        let malformed = |expected: &str| {
            HttpFault::new(HttpFaultKind::Malformed, format!("expected {expected}, got: {}", shorten(data)))
        };
        let answer: Value = serde_json::from_str(data).map_err(|error| malformed(&format!("JSON ({error})")))?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            let words = error_message(error).unwrap_or_default();
            let code = error["code"].as_i64().map(|code| format!(" (code {code})")).unwrap_or_default();
            let reason = format!("answered with an error: {}{code}", shorten(&words));
            return Err(HttpFault::new(HttpFaultKind::Refused, reason));
        }
        let result = answer.get("result").filter(|result| result.is_object());
        let result = result.ok_or_else(|| malformed("a `result` or an `error`"))?;
        self.take(result).ok_or_else(|| malformed("a task, a message or an update"))
    }

    fn take(&mut self, result: &Value) -> Option<()> {
        let wrapped = ["task", "message", "statusUpdate", "artifactUpdate"];
        let wrapped = wrapped.iter().find_map(|name| Some((*name, result.get(name).filter(|it| it.is_object())?)));
        let (kind, told) = match (wrapped, result["kind"].as_str()) {
            (_, Some("task")) => ("task", result),
            (_, Some("message")) => ("message", result),
            (_, Some("status-update")) => ("statusUpdate", result),
            (_, Some("artifact-update")) => ("artifactUpdate", result),
            // The message within a status is no answer of its own.
            (Some(wrapped), _) if result.get("status").is_none() => wrapped,
            _ if result["status"].is_object() => ("task", result),
            _ if result["parts"].is_array() => ("message", result),
            _ => return None,
        };
        self.context = text(&told["contextId"]).or(self.context.take());
        let task = text(&told["taskId"]).or_else(|| text(&told["id"]).filter(|_| kind == "task"));
        match kind {
            "message" => self.direct.push(parts(&told["parts"])),
            "task" => self.task(told)?,
            "statusUpdate" => self.status(&told["status"])?,
            _ => self.artifact(&told["artifact"], told["append"] == true)?,
        }
        self.task = task.filter(|_| kind != "message").or(self.task.take());
        Some(())
    }

    fn task(&mut self, task: &Value) -> Option<()> {
        self.status(&task["status"])?;
        for artifact in task["artifacts"].as_array().into_iter().flatten() {
            self.artifact(artifact, false)?;
        }
        let history = task["history"].as_array().into_iter().flatten();
        let is_agents =
            |message: &Value| message["role"].as_str().is_some_and(|role| role.to_lowercase().ends_with("agent"));
        // What it said before the user spoke last was heard then.
        let said = |message: &Value| if is_agents(message) { parts(&message["parts"]) } else { String::new() };
        self.history = history.map(said).next_back().unwrap_or_default();
        Some(())
    }

    fn status(&mut self, status: &Value) -> Option<()> {
        self.state = Some(State::of(status["state"].as_str()?)?);
        self.status = parts(&status["message"]["parts"]);
        Some(())
    }

    fn artifact(&mut self, artifact: &Value, append: bool) -> Option<()> {
        let id = text(&artifact["artifactId"]).unwrap_or_default();
        let words = parts(&artifact["parts"]);
        match self.artifacts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, text)) if append => text.push_str(&words),
            Some((_, text)) => *text = words,
            None => self.artifacts.push((id, words)),
        }
        artifact.is_object().then_some(())
    }
}

/// The text of parts; data is written as JSON, and a file leaves a mark.
fn parts(parts: &Value) -> String {
    let part = |part: &Value| {
        let text = part["text"].as_str().map(str::to_owned);
        let data = || part.get("data").filter(|data| !data.is_null()).map(Value::to_string);
        text.or_else(data).unwrap_or_else(|| "[file]".to_owned())
    };
    parts.as_array().into_iter().flatten().map(part).collect::<Vec<_>>().join("\n")
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn heard(answers: &[Value]) -> (Account, Option<HttpFault>) {
        let (mut account, mut fault) = (Account::default(), None);
        let _ = answers.iter().try_for_each(|answer| account.hear(&json!({"result": answer}).to_string(), &mut fault));
        (account, fault)
    }

    #[test]
    fn both_dialects_say_the_same() {
        let metadata = [("vip".to_owned(), json!(true))].into_iter().collect();
        let said = Said {
            texts: &["hi", "are you there?"],
            message_id: "m".into(),
            context_id: "sim-00",
            task_id: Some("t"),
            metadata: &metadata,
        };
        let lines = [
            Dialect::V1.send(&said, false, Some("acme")),
            Dialect::V03.send(&said, true, None),
            Dialect::V1.get_task("t", None),
            Dialect::V03.get_task("t", None),
        ];
        insta::assert_snapshot!(lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    }

    #[test]
    fn answers_of_both_dialects_are_read_the_same() {
        let newer = [
            json!({"task": {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}}),
            json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": [{"text": "se"}]}}}),
            json!({"artifactUpdate": {"taskId": "t", "contextId": "c", "append": true, "artifact": {"artifactId": "a", "parts": [{"text": "ven"}]}}}),
            json!({"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_INPUT_REQUIRED",
                "message": {"role": "ROLE_AGENT", "parts": [{"text": "Is that all?"}]}}}}),
        ];
        let older = [
            json!({"kind": "task", "id": "t", "contextId": "c", "status": {"state": "working"}}),
            json!({"kind": "artifact-update", "taskId": "t", "contextId": "c", "artifact": {"artifactId": "a", "parts": [{"kind": "text", "text": "seven"}]}}),
            json!({"kind": "status-update", "taskId": "t", "contextId": "c", "final": true, "status": {"state": "input-required",
                "message": {"kind": "message", "role": "agent", "parts": [{"kind": "text", "text": "Is that all?"}]}}}),
        ];
        for answers in [&newer[..], &older[..]] {
            let (account, fault) = heard(answers);
            assert_eq!((account.words(), fault), (vec!["seven".to_owned(), "Is that all?".to_owned()], None));
            assert_eq!((account.task.as_deref(), account.context.as_deref()), (Some("t"), Some("c")));
            assert_eq!(account.state, Some(State::InputRequired));
        }
        let (account, _) = heard(&[
            json!({"message": {"messageId": "m", "contextId": "c", "parts": [{"data": {"n": 7}}, {"url": "x"}]}}),
        ]);
        assert_eq!((account.words(), account.task.clone()), (vec!["{\"n\":7}\n[file]".to_owned()], None));
    }

    #[test]
    fn a_task_that_says_nothing_new_is_read_from_its_history() {
        let role = |role: &str, text: &str| json!({"role": role, "parts": [{"text": text}]});
        let task = |history: Value| json!({"id": "t", "status": {"state": "TASK_STATE_COMPLETED"}, "history": history});
        let (account, _) = heard(&[task(json!([role("ROLE_USER", "hi"), role("ROLE_AGENT", "hello")]))]);
        assert_eq!(account.words(), ["hello"]);
        let (account, _) = heard(&[task(json!([role("ROLE_AGENT", "hello"), role("ROLE_USER", "hi")]))]);
        assert_eq!(account.words(), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let reason = |data: &str| {
            let mut fault = None;
            let _ = Account::default().hear(data, &mut fault);
            fault.unwrap().reason
        };
        assert_eq!(
            reason(r#"{"error":{"code":-32001,"message":"Task not found"}}"#),
            "answered with an error: Task not found (code -32001)"
        );
        assert_eq!(
            reason(r#"{"result":{"hello":1}}"#),
            r#"expected a task, a message or an update, got: {"result":{"hello":1}}"#
        );
        assert_eq!(reason(r#"{"id":1}"#), r#"expected a `result` or an `error`, got: {"id":1}"#);
        assert!(reason("hello").starts_with("expected JSON ("));
        assert!(reason(r#"{"result":{"kind":"task","status":{"state":"asleep"}}}"#).starts_with("expected a task"));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let name = "result|kind|task|status|state|message|parts|text|artifact|artifacts|history|role|statusUpdate|artifactUpdate|error";
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "task|message|status-update|completed|working|[a-z]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 40, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..5).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_answer_makes_the_reader_panic(events in prop::collection::vec(any_json(), 0..5), data in ".{0,20}") {
            let (account, _) = heard(&events);
            let _ = account.words();
            let _ = Account::default().hear(&data, &mut None);
        }
    }
}

//! The answer of an agent that is somebody's own code, in whichever form that code has it.

use serde_json::Value;

use super::{AgentFault, AgentReply, AgentUsage, FaultKind, command, responses};
use crate::Message;
use crate::chat_completions;
use crate::http::{HttpFault, HttpFaultKind};
use crate::shorten::shorten;

impl AgentReply {
    /// Reads what somebody's own code answered: a text; a chat completion or a response of OpenAI's forms; a message or a list of
    /// them; or an object with `reply` or `messages`, as programs answer ([docs/agents.md]).
    ///
    /// ```
    /// use reenact::AgentReply;
    /// use serde_json::json;
    ///
    /// let completion = json!({"choices": [{"message": {"role": "assistant", "content": "closed"}}]});
    /// assert_eq!(AgentReply::read(&completion), AgentReply::read(&json!("closed")));
    /// ```
    ///
    /// # Errors
    /// [`FaultKind::Malformed`] where it is none of these, [`FaultKind::Refused`] where it is an error, [`FaultKind::Empty`] where
    /// it has nothing that a user could read.
    pub fn read(answer: &Value) -> Result<AgentReply, AgentFault> {
        let body = || answer.to_string().into_bytes();
        let reply = match answer {
            Value::String(text) => AgentReply::text(text),
            Value::Array(messages) => of_messages(messages)?,
            Value::Object(fields) if fields.contains_key("choices") => of_completion(&body())?,
            Value::Object(fields) if fields.get("output").is_some_and(Value::is_array) => of_response(&body())?,
            Value::Object(fields) if fields.contains_key("content") => of_messages(std::slice::from_ref(answer))?,
            Value::Object(_) => command::read_answer(&body())?,
            other => return Err(malformed(&format!("expected a text, a message or an object, got {other}"))),
        };
        reply.checked()
    }
}

fn of_completion(body: &[u8]) -> Result<AgentReply, AgentFault> {
    let choice = chat_completions::read_choice(body).map_err(|fault| faulty(&fault))?;
    let usage = choice.usage.map(|usage| AgentUsage { model: choice.model.clone(), usage });
    Ok(AgentReply { usage, version: choice.model, ..of_messages(&choice.messages)? })
}

fn of_response(body: &[u8]) -> Result<AgentReply, AgentFault> {
    let response = responses::wire::read(body).map_err(|fault| faulty(&fault))?;
    let usage = response.usage.map(|usage| AgentUsage { model: response.model.clone(), usage });
    Ok(AgentReply { messages: response.messages, usage, version: response.model, ..AgentReply::default() })
}

fn of_messages(messages: &[Value]) -> Result<AgentReply, AgentFault> {
    let read: Result<Vec<Message>, String> = messages.iter().map(chat_completions::read_message).collect();
    let messages = read.map_err(|why| malformed(&format!("the answer has a bad message: {why}")))?;
    Ok(AgentReply { messages, ..AgentReply::default() })
}

fn faulty(fault: &HttpFault) -> AgentFault {
    let kind = if fault.kind == HttpFaultKind::Refused { FaultKind::Refused } else { FaultKind::Malformed };
    AgentFault::new(kind, format!("the agent's answer: {}", fault.reason))
}

fn malformed(reason: &str) -> AgentFault {
    AgentFault::new(FaultKind::Malformed, shorten(reason))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_that_python_code_answers_with_is_read() {
        let text = |answer: Value| AgentReply::read(&answer).unwrap().messages.last().unwrap().text.clone();
        assert_eq!(text(json!("closed")), "closed");
        assert_eq!(text(json!({"role": "assistant", "content": "closed"})), "closed");
        assert_eq!(
            text(json!([{"role": "tool", "content": "7"}, {"role": "assistant", "content": "closed"}])),
            "closed"
        );
        assert_eq!(text(json!({"reply": "closed"})), "closed");
        let item =
            json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "closed"}]});
        assert_eq!(text(json!({"output": [item], "model": "m"})), "closed");
        let usage = json!({"prompt_tokens": 3, "completion_tokens": 1});
        let completion = json!({"choices": [{"message": {"content": "closed"}}], "model": "m", "usage": usage});
        let reply = AgentReply::read(&completion).unwrap();
        assert_eq!((reply.version.as_deref(), reply.usage.unwrap().usage.input_tokens), (Some("m"), 3));
    }

    #[test]
    fn what_is_no_answer_says_so() {
        let fault = |answer: Value| AgentReply::read(&answer).unwrap_err().fault;
        assert_eq!(fault(json!(7)), FaultKind::Malformed);
        assert_eq!(fault(json!("")), FaultKind::Empty);
        assert_eq!(fault(json!({"answer": "closed"})), FaultKind::Malformed);
        assert_eq!(fault(json!({"choices": [], "error": {"message": "no credit"}})), FaultKind::Refused);
    }
}

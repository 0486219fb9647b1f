//! The OpenTelemetry semantic conventions for generative AI: `gen_ai.*` attributes, their older form as
//! events of the span, and the numbered `gen_ai.prompt.N.*` of OpenLLMetry.

use std::borrow::Cow;

use super::json::Text;
use super::span::{Event, Said, Seen, Span, Work};

pub(super) fn read<'a>(span: &Span<'a>, seen: &mut Seen<'a>) {
    let (mut prompt, mut completion) = (Vec::new(), Vec::new());
    for (key, value) in &span.attributes {
        let key = key.as_str();
        if let Some(rest) = key.strip_prefix("gen_ai.") {
            match rest {
                "operation.name" => seen.work = work_of(&value.label()),
                "conversation.id" => seen.set_session(*value),
                "input.messages" => seen.set_input(Said::Whole(*value)),
                "output.messages" => seen.set_output(Said::Whole(*value)),
                "system_instructions" => seen.system = Some(*value),
                "request.model" => seen.note("model", *value),
                "agent.name" => seen.note("agent", *value),
                "tool.name" => seen.tool_name = Some(*value),
                "tool.call.id" => seen.call_id = Some(*value),
                "tool.call.arguments" => seen.set_input(Said::Whole(*value)),
                "tool.call.result" => seen.set_output(Said::Whole(*value)),
                _ => take_numbered(rest, *value, &mut prompt, &mut completion),
            }
        } else if matches!(key, "session.id" | "traceloop.association.properties.session_id") {
            seen.set_session(*value);
        } else if matches!(key, "user.id" | "enduser.id") {
            seen.note("user", *value);
        }
    }
    span.events.iter().for_each(|event| read_event(event, seen, &mut prompt, &mut completion));
    seen.set_input(Said::Indexed(prompt));
    seen.set_output(Said::Indexed(completion));
    let is_told = span.attributes.iter().any(|(key, _)| key.as_str() == "gen_ai.operation.name");
    if !is_told && seen.work == Work::Other && !seen.input.is_nothing() {
        seen.work = Work::Call;
    }
}

fn work_of(operation: &str) -> Work {
    match operation {
        "chat" | "text_completion" | "generate_content" | "completion" => Work::Call,
        "execute_tool" => Work::Tool,
        _ => Work::Other,
    }
}

type Entries<'a> = Vec<(Text<'a>, super::value::Value<'a>)>;

fn take_numbered<'a>(
    rest: &str,
    value: super::value::Value<'a>,
    prompt: &mut Entries<'a>,
    completion: &mut Entries<'a>,
) {
    let owned = |path: &str| Text(Cow::Owned(path.to_owned()));
    if let Some(path) = rest.strip_prefix("prompt.") {
        prompt.push((owned(path), value));
    } else if let Some(path) = rest.strip_prefix("completion.") {
        completion.push((owned(path), value));
    }
}

/// Content that is an event: one for each message of the older convention, one for the whole call of the
/// newer.
fn read_event<'a>(event: &Event<'a>, seen: &mut Seen<'a>, prompt: &mut Entries<'a>, completion: &mut Entries<'a>) {
    let side = match event.name.as_str() {
        "gen_ai.choice" => completion,
        name if name.starts_with("gen_ai.") && name.ends_with(".message") => prompt,
        _ => {
            for (key, value) in &event.attributes {
                match key.as_str() {
                    "gen_ai.input.messages" => seen.set_input(Said::Whole(*value)),
                    "gen_ai.output.messages" => seen.set_output(Said::Whole(*value)),
                    "gen_ai.system_instructions" => seen.system = seen.system.or(Some(*value)),
                    _ => {}
                }
            }
            return;
        }
    };
    let number = side.last().and_then(|(key, _)| key.as_str().split('.').next()?.parse::<usize>().ok());
    let number = number.map_or(0, |number| number + 1);
    for (key, value) in &event.attributes {
        side.push((Text(Cow::Owned(format!("{number}.{}", key.as_str()))), *value));
    }
}

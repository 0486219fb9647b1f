//! The OpenInference conventions: `llm.input_messages.N.message.*`, `input.value`, `session.id`.

use std::borrow::Cow;

use super::json::Text;
use super::span::{Said, Seen, Span, Work};

pub(super) fn read<'a>(span: &Span<'a>, seen: &mut Seen<'a>) {
    let (mut told, mut answered) = (Vec::new(), Vec::new());
    for (key, value) in &span.attributes {
        if let Some(path) = after(key, "llm.input_messages.") {
            told.push((path, *value));
            continue;
        }
        if let Some(path) = after(key, "llm.output_messages.") {
            answered.push((path, *value));
            continue;
        }
        match key.as_str() {
            "openinference.span.kind" => seen.work = work_of(&value.label()),
            "llm.model_name" => seen.note("model", *value),
            "tool.name" => seen.tool_name = Some(*value),
            "tool.id" | "tool_call.id" => seen.call_id = Some(*value),
            _ => {}
        }
    }
    seen.set_input(Said::Indexed(told));
    seen.set_output(Said::Indexed(answered));
    for (key, value) in &span.attributes {
        match key.as_str() {
            "input.value" => seen.set_input(Said::Whole(*value)),
            "output.value" => seen.set_output(Said::Whole(*value)),
            _ => {}
        }
    }
}

fn after<'a>(key: &Text<'a>, prefix: &str) -> Option<Text<'a>> {
    match &key.0 {
        Cow::Borrowed(key) => key.strip_prefix(prefix).map(|path| Text(Cow::Borrowed(path))),
        Cow::Owned(key) => key.strip_prefix(prefix).map(|path| Text(Cow::Owned(path.to_owned()))),
    }
}

fn work_of(kind: &str) -> Work {
    match kind {
        "LLM" => Work::Call,
        "TOOL" => Work::Tool,
        _ => Work::Other,
    }
}

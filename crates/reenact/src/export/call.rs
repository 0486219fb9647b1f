//! What was asked of a model that plays the user or judges, as a span of its own trace: it never joins a session of the agent.

use jiff::Timestamp;

use super::conversation::nanos;
use super::messages;
use super::otlp::{KIND_CLIENT, KeyValue, Span, Status, number, text};
use crate::journal::StepKey;
use crate::trace_context::{span_id, trace_id};
use crate::{Completion, ModelFault, ModelRequest, Usage};

/// One question to a model, and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) key: StepKey,
    pub(crate) model: String,
    pub(crate) request: ModelRequest,
    pub(crate) answer: Result<Completion, ModelFault>,
    pub(crate) asked_at: Timestamp,
    pub(crate) latency_ms: u64,
}

/// The span of a question asked in a run.
pub(super) fn span(run: &str, asked: &Asked) -> Span {
    let Asked { key, model, request, answer, asked_at, latency_ms } = asked;
    // One trace for all that was asked in a trial, apart from the trace that the agent sees.
    let place = format!("{run}\n{}\n{}\nsimulator", key.case, key.trial);
    let (usage, fault) = match answer {
        Ok(completion) => (completion.usage, None),
        Err(fault) => (fault.usage, Some(fault)),
    };
    let mut attributes = vec![
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.provider.name", provider(model)),
        text("gen_ai.request.model", bare_name(model)),
        text("gen_ai.output.type", "json"),
        text("reenact.role", key.role.to_string()),
        text("reenact.run", run),
        text("reenact.case", &key.case),
        number("reenact.trial", key.trial),
        text("gen_ai.input.messages", messages::asked(&request.messages)),
    ];
    attributes.extend(answer.as_ref().ok().map(|it| text("gen_ai.output.messages", messages::answered(&it.answer))));
    attributes.extend(usage.iter().flat_map(tokens));
    attributes.extend(fault.map(|fault| text("error.type", error_type(fault))));
    let start = nanos(*asked_at);
    Span {
        trace_id: trace_id(&place).to_vec(),
        span_id: span_id(&place, &format!("{} {}", key.role, key.position)).to_vec(),
        flags: 1,
        name: format!("chat {}", bare_name(model)),
        kind: KIND_CLIENT,
        start_time_unix_nano: start,
        end_time_unix_nano: start.saturating_add(latency_ms.saturating_mul(1_000_000)),
        attributes,
        status: fault.map(|fault| Status::error(&fault.reason)),
        ..Span::default()
    }
}

fn error_type(fault: &ModelFault) -> String {
    let word = serde_json::to_value(fault.fault);
    word.ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The tokens of a call, in the words of the conventions.
pub(super) fn tokens(usage: &Usage) -> Vec<KeyValue> {
    let mut tokens = vec![
        number("gen_ai.usage.input_tokens", usage.input_tokens),
        number("gen_ai.usage.output_tokens", usage.output_tokens),
    ];
    for (key, count) in [
        ("gen_ai.usage.cache_read.input_tokens", usage.cached_tokens),
        ("gen_ai.usage.cache_creation.input_tokens", usage.cache_write_tokens),
    ] {
        tokens.extend((count > 0).then(|| number(key, count)));
    }
    tokens
}

/// A model's name without what says who serves it.
pub(super) fn bare_name(model: &str) -> &str {
    model.split_once(":/").map_or(model, |(_, bare)| bare.trim_start_matches('/'))
}

/// Who serves a model, in the words of the conventions where they have one.
fn provider(model: &str) -> &str {
    let scheme = model.split_once(':').map_or(model, |(scheme, _)| scheme);
    match scheme {
        "azure" => "azure.ai.openai",
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "bedrock" => "aws.bedrock",
        "xai" => "x_ai",
        other => other,
    }
}

//! The readers of what agents and servers of tools answer, for the fuzz targets; nothing else is built with it.

use std::ops::ControlFlow;

use super::a2a::{card, wire as a2a};
use super::mcp::wire as mcp;
use super::responses::wire as responses;
use crate::ToolCall;
use crate::chat_completions::{self, ChoiceStream};
use crate::http::events::Events;

/// Reads the bytes as the answer of every kind of agent: whole, and as a stream in pieces of this size.
pub fn read_answers(bytes: &[u8], piece: usize) {
    let _ = (chat_completions::read_choice(bytes), responses::read(bytes), card::read(bytes));
    let text = String::from_utf8_lossy(bytes);
    let (mut account, mut fault) = (a2a::Account::default(), None);
    let _ = account.hear(&text, &mut fault);
    let _ = mcp::read(&text, 1);
    let _ = mcp::arguments(&ToolCall { id: None, name: String::new(), arguments: text.clone().into_owned() });
    if let Ok(value) = serde_json::from_str(&text) {
        let _ = (mcp::tools(&value), mcp::result(&value));
    }
    read_stream(bytes, piece.max(1));
}

fn read_stream(bytes: &[u8], piece: usize) {
    let (mut choice, mut response) = (ChoiceStream::default(), responses::ResponseStream::default());
    let (mut account, mut fault) = (a2a::Account::default(), None);
    let mut events = Events::default();
    let mut heard: Vec<String> = bytes.chunks(piece).flat_map(|piece| events.push(piece)).collect();
    heard.extend(events.end());
    let _: ControlFlow<()> = heard.iter().try_for_each(|event| choice.hear(event));
    let _: ControlFlow<()> = heard.iter().try_for_each(|event| response.hear(event));
    let _: ControlFlow<()> = heard.iter().try_for_each(|event| account.hear(event, &mut fault));
    let _ = (choice.read(), response.read(), account.words());
}

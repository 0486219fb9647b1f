//! ShareGPT: `{"conversations": [{"from", "value"}, ...]}`, one conversation a record.

use super::Format;
use super::chat::{Talk, fragment};
use super::format::Parsed;
use super::json::Reason;

pub(super) fn parse(record: &str) -> Result<Parsed, Reason> {
    let talk = Talk::read(record, "conversations")?;
    Ok(vec![fragment(Format::ShareGpt, talk)])
}

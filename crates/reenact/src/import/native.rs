//! The sessions of this project: `{"id", "source", "started_at", "metadata", "messages"}`.

use super::Format;
use super::format::Parsed;
use super::fragment::Fragment;
use super::json::Reason;
use crate::Session;

pub(super) fn parse(record: &str) -> Result<Parsed, Reason> {
    let session: Session = serde_json::from_str(record)?;
    let fragment = Fragment {
        session: Some(session.id).filter(|id| !id.trim().is_empty()),
        time: session.started_at,
        metadata: session.metadata,
        source: Some(session.source).filter(|source| !source.is_empty()),
        ..Fragment::new(Format::Reenact, session.conversation.messages)
    };
    Ok(vec![Ok(fragment)])
}

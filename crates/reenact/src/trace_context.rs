//! What joins an agent's own traces to the simulated session: W3C `traceparent` and `baggage`.
//!
//! The trace's id is made from the session's id, so that the same conversation, live, resumed or replayed, has
//! the same trace, and so that a trace can be found from a session's id alone.

use std::fmt::Write;

/// How the traces of a session are cut.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Traces {
    /// One trace for the session.
    #[default]
    OfSession,
    /// One for each turn, as MLflow has them.
    OfTurns,
}

/// The `traceparent` of a turn: the trace that it belongs to, one parent span for each turn, sampled.
pub(crate) fn traceparent(session_id: &str, turn: u32, traces: Traces) -> String {
    let trace = match traces {
        Traces::OfSession => trace_id(session_id),
        Traces::OfTurns => turn_trace_id(session_id, turn),
    };
    format!("00-{}-{}-01", hex(&trace), hex(&turn_span_id(session_id, turn)))
}

/// The id of the trace of one turn.
pub(crate) fn turn_trace_id(session_id: &str, turn: u32) -> [u8; 16] {
    first(&blake3::derive_key("reenact 2026 trace id of a turn", format!("{session_id} {turn}").as_bytes()))
}

/// The id of a session's trace.
pub(crate) fn trace_id(session_id: &str) -> [u8; 16] {
    first(&blake3::derive_key("reenact 2026 trace id of a session", session_id.as_bytes()))
}

/// The id of the span that an agent's own spans of a turn are children of.
pub(crate) fn turn_span_id(session_id: &str, turn: u32) -> [u8; 8] {
    first(&blake3::derive_key("reenact 2026 span id of a turn", format!("{session_id} {turn}").as_bytes()))
}

/// The id of another span of a session; `place` says which.
pub(crate) fn span_id(session_id: &str, place: &str) -> [u8; 8] {
    first(&blake3::derive_key("reenact 2026 span id", format!("{session_id} {place}").as_bytes()))
}

fn first<const N: usize>(key: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|index| key[index])
}

/// The `baggage` of a session.
pub(crate) fn baggage(session_id: &str) -> String {
    format!("session.id={}", percent_encode(session_id))
}

/// The environment of a program that serves a session, from the turn in which it is started.
pub(crate) fn variables(session_id: &str, turn: u32, traces: Traces) -> [(String, String); 3] {
    let own = [
        ("REENACT_SESSION_ID", session_id.to_owned()),
        ("TRACEPARENT", traceparent(session_id, turn, traces)),
        ("BAGGAGE", baggage(session_id)),
    ];
    own.map(|(name, value)| (name.to_owned(), value))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}"); // writing to a String cannot fail
        hex
    })
}

fn percent_encode(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_session(session_id: &str, turn: u32) -> String {
        traceparent(session_id, turn, Traces::OfSession)
    }

    #[test]
    fn turns_with_traces_of_their_own_share_none_and_keep_their_spans() {
        let (first, second) = (traceparent("sim-00", 1, Traces::OfTurns), traceparent("sim-00", 2, Traces::OfTurns));
        assert_ne!(first[..36], second[..36]);
        assert_eq!(first[36..], of_session("sim-00", 1)[36..]);
    }

    #[test]
    fn turns_of_one_session_share_a_trace_and_have_their_own_spans() {
        let (first, second) = (of_session("sim-00", 1), of_session("sim-00", 2));
        assert_eq!(first.len(), 55);
        assert_eq!(first[..36], second[..36]);
        assert_ne!(first[36..], second[36..]);
        assert_eq!(first, of_session("sim-00", 1));
        assert_ne!(first[..36], of_session("sim-01", 1)[..36]);
    }

    #[test]
    fn baggage_is_safe_for_a_header() {
        assert_eq!(baggage("a b,c"), "session.id=a%20b%2Cc");
    }
}

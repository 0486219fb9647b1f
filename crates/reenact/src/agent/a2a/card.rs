//! The card on which an A2A agent says where and how it is reached, in the forms of versions 1.0 and 0.3.

use serde_json::Value;

use super::wire::Dialect;
use crate::shorten::shorten;

/// Where an agent takes JSON-RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) url: String,
    pub(crate) dialect: Dialect,
    /// Whether it can answer with a stream.
    pub(crate) streams: bool,
    /// Whom requests are for, where one address serves several.
    pub(crate) tenant: Option<String>,
    /// The agent's own version.
    pub(crate) version: Option<String>,
}

/// Reads a card.
///
/// # Errors
/// What is wrong with it, as a fragment.
pub(crate) fn read(body: &[u8]) -> Result<Interface, String> {
    let quote = || shorten(&String::from_utf8_lossy(body));
    let card: Value =
        serde_json::from_slice(body).map_err(|error| format!("expected a card ({error}), got: {}", quote()))?;
    let offered = interfaces(&card);
    if offered.is_empty() {
        return Err(format!("expected a card with the address of an agent, got: {}", quote()));
    }
    let (url, dialect, tenant) = offered
        .into_iter()
        .filter_map(|(interface, binding, version)| Some((interface, dialect(binding, version)?)))
        .max_by_key(|(_, dialect)| *dialect == Dialect::V1)
        .map(|(interface, dialect)| (text(&interface["url"]), dialect, text(&interface["tenant"])))
        .ok_or("the card offers no JSON-RPC of version 1.x or 0.3")?;
    let url = url.ok_or("the card's JSON-RPC has no address")?;
    let streams = card.pointer("/capabilities/streaming").and_then(Value::as_bool).unwrap_or(false);
    Ok(Interface { url, dialect, streams, tenant, version: text(&card["version"]) })
}

/// What a card offers: each with its binding and the version of the protocol.
fn interfaces(card: &Value) -> Vec<(&Value, &str, &str)> {
    let told = |value: &'_ Value| -> &'static str {
        match value.as_str() {
            Some(binding) if binding.eq_ignore_ascii_case("JSONRPC") => "JSONRPC",
            None => "JSONRPC",
            Some(_) => "",
        }
    };
    let version = card["protocolVersion"].as_str().unwrap_or("0.3");
    let newer = card["supportedInterfaces"].as_array().into_iter().flatten();
    let newer = newer.map(|it| (it, told(&it["protocolBinding"]), it["protocolVersion"].as_str().unwrap_or("1.0")));
    let own = card["url"].is_string().then(|| (card, told(&card["preferredTransport"]), version));
    let others = card["additionalInterfaces"].as_array().into_iter().flatten();
    newer.chain(own).chain(others.map(|it| (it, told(&it["transport"]), version))).collect()
}

fn dialect(binding: &str, version: &str) -> Option<Dialect> {
    match (binding, version.split('.').next()) {
        ("JSONRPC", Some("1")) => Some(Dialect::V1),
        ("JSONRPC", Some("0")) => Some(Dialect::V03),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_of_both_forms_are_read_and_the_newer_dialect_is_chosen() {
        let both = r#"{"name":"a","version":"7","capabilities":{"streaming":true},"supportedInterfaces":[
            {"url":"http://h/grpc","protocolBinding":"GRPC","protocolVersion":"1.0"},
            {"url":"http://h/old","protocolBinding":"JSONRPC","protocolVersion":"0.3"},
            {"url":"http://h/rpc","protocolBinding":"JSONRPC","protocolVersion":"1.0","tenant":"t"}]}"#;
        let card = read(both.as_bytes()).unwrap();
        assert_eq!((card.url.as_str(), card.dialect, card.streams), ("http://h/rpc", Dialect::V1, true));
        assert_eq!((card.tenant.as_deref(), card.version.as_deref()), (Some("t"), Some("7")));
        let older = r#"{"url":"http://h/","preferredTransport":"GRPC","protocolVersion":"0.3.0",
            "additionalInterfaces":[{"url":"http://h/rpc","transport":"JSONRPC"}]}"#;
        let card = read(older.as_bytes()).unwrap();
        assert_eq!((card.url.as_str(), card.dialect, card.streams), ("http://h/rpc", Dialect::V03, false));
        assert_eq!(read(br#"{"url":"http://h/"}"#).unwrap().dialect, Dialect::V03);
    }

    #[test]
    fn a_card_that_leads_nowhere_says_why() {
        assert!(read(b"<html>").unwrap_err().starts_with("expected a card ("));
        assert_eq!(
            read(br#"{"name":"a"}"#).unwrap_err(),
            r#"expected a card with the address of an agent, got: {"name":"a"}"#
        );
        let grpc = r#"{"supportedInterfaces":[{"url":"h:1","protocolBinding":"GRPC","protocolVersion":"1.0"}]}"#;
        assert_eq!(read(grpc.as_bytes()).unwrap_err(), "the card offers no JSON-RPC of version 1.x or 0.3");
    }
}

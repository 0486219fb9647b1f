//! What is said to an MCP server and what it answers: JSON-RPC messages of both eras of the protocol.

use serde_json::{Map, Value, json};

use crate::shorten::shorten;
use crate::trace_context::{self, Traces};
use crate::{Tool, ToolCall, ToolResult};

/// The newest version that begins with a handshake.
pub(crate) const WITH_HANDSHAKE: &str = "2025-11-25";

/// The version in which every request stands alone.
pub(crate) const STANDALONE: &str = "2026-07-28";

/// How a server is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Era {
    /// After a handshake that agreed on this version.
    Handshake(String),
    /// Every request says by itself who asks, in which version.
    Standalone,
}

impl Era {
    pub(crate) fn version(&self) -> &str {
        match self {
            Era::Handshake(version) => version,
            Era::Standalone => STANDALONE,
        }
    }
}

fn client() -> Value {
    json!({"name": "reenact", "version": env!("CARGO_PKG_VERSION")})
}

/// The first request of a handshake.
pub(crate) fn initialize(id: u64) -> Value {
    request(id, "initialize", json!({"protocolVersion": WITH_HANDSHAKE, "capabilities": {}, "clientInfo": client()}))
}

/// What ends a handshake.
pub(crate) fn initialized() -> Value {
    json!({"jsonrpc": "2.0", "method": "notifications/initialized"})
}

/// A request for tools, from where the last page ended.
pub(crate) fn list(id: u64, cursor: Option<&str>, era: &Era) -> Value {
    let params = cursor.map_or_else(|| json!({}), |cursor| json!({"cursor": cursor}));
    request(id, "tools/list", with_meta(params, Map::new(), era))
}

/// The session and the turn in which a call is made, and whose trace it is in.
pub(crate) type InTrace<'a> = (&'a str, u32, Traces);

/// A call, with the session's trace so that the server's own spans join it.
pub(crate) fn call(id: u64, name: &str, arguments: Value, (session_id, turn, traces): InTrace<'_>, era: &Era) -> Value {
    let trace = [
        ("traceparent", trace_context::traceparent(session_id, turn, traces)),
        ("baggage", trace_context::baggage(session_id)),
    ];
    let trace = trace.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
    let mut params = json!({"name": name});
    params["arguments"] = arguments;
    request(id, "tools/call", with_meta(params, trace, era))
}

fn with_meta(mut params: Value, mut meta: Map<String, Value>, era: &Era) -> Value {
    if *era == Era::Standalone {
        let own = [("protocolVersion", json!(STANDALONE)), ("clientInfo", client()), ("clientCapabilities", json!({}))];
        meta.extend(own.map(|(name, value)| (format!("io.modelcontextprotocol/{name}"), value)));
    }
    if !meta.is_empty() {
        params["_meta"] = Value::Object(meta);
    }
    params
}

fn request(id: u64, method: &str, params: Value) -> Value {
    let mut request = json!({"jsonrpc": "2.0", "id": id, "method": method});
    request["params"] = params;
    request
}

/// A message of a server.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Incoming {
    /// What was asked for.
    Result(Value),
    /// Why it is not there.
    Error { code: i64, message: String },
    /// A request of the server's own, with the answer that it gets: only `ping` is anything to us.
    Asks(Value),
    /// Nothing that we wait for.
    Other,
}

/// Reads a message; `id` is that of the request which waits.
pub(crate) fn read(message: &str, id: u64) -> Incoming {
    let Ok(Value::Object(message)) = serde_json::from_str::<Value>(message) else { return Incoming::Other };
    let theirs = message.get("id").cloned().unwrap_or(Value::Null);
    match (message.get("method").and_then(Value::as_str), message.get("result"), message.get("error")) {
        (Some(_), ..) if theirs.is_null() => Incoming::Other,
        (Some("ping"), ..) => Incoming::Asks(json!({"jsonrpc": "2.0", "id": theirs, "result": {}})),
        (Some(_), ..) => {
            let error = json!({"code": -32601, "message": "a test has nothing of that kind"});
            Incoming::Asks(json!({"jsonrpc": "2.0", "id": theirs, "error": error}))
        }
        (None, Some(result), _) if theirs == json!(id) => Incoming::Result(result.clone()),
        // A server that could not read the request does not know its id.
        (None, _, Some(error)) if theirs == json!(id) || theirs.is_null() => Incoming::Error {
            code: error["code"].as_i64().unwrap_or_default(),
            message: shorten(error["message"].as_str().unwrap_or("no reason given")),
        },
        _ => Incoming::Other,
    }
}

/// A page of tools, and where the next one begins.
pub(crate) fn tools(result: &Value) -> Result<(Vec<Tool>, Option<String>), String> {
    let listed = result["tools"].as_array();
    let listed = listed.ok_or_else(|| format!("expected `tools`, got: {}", shorten(&result.to_string())))?;
    let tool = |tool: &Value| {
        let name = tool["name"].as_str().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| format!("expected a tool with a `name`, got: {}", shorten(&tool.to_string())))?;
        let description = tool["description"].as_str().map(str::to_owned);
        let parameters = Some(tool["inputSchema"].clone()).filter(Value::is_object);
        let parameters = parameters.unwrap_or_else(|| json!({"type": "object", "properties": {}}));
        Ok(Tool { name: name.to_owned(), description, parameters })
    };
    let next = result["nextCursor"].as_str().filter(|next| !next.is_empty()).map(str::to_owned);
    Ok((listed.iter().map(tool).collect::<Result<_, String>>()?, next))
}

/// The arguments of a call as servers take them.
pub(crate) fn arguments(call: &ToolCall) -> Result<Value, String> {
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    match serde_json::from_str(text) {
        Ok(arguments @ Value::Object(_)) => Ok(arguments),
        Ok(_) => Err("error: the arguments are not a JSON object".to_owned()),
        Err(error) => Err(format!("error: the arguments are not JSON ({error})")),
    }
}

/// What came of a call, as a model reads it.
pub(crate) fn result(result: &Value) -> ToolResult {
    if result["resultType"] == "input_required" {
        return ToolResult::failed("error: the tool asks for input, which nobody can give here");
    }
    let parts = result["content"].as_array().into_iter().flatten().map(part).collect::<Vec<_>>();
    let structured = || result.get("structuredContent").filter(|it| !it.is_null()).map(Value::to_string);
    let text = if parts.is_empty() { structured().unwrap_or_default() } else { parts.join("\n") };
    ToolResult { text, failed: result["isError"] == true }
}

fn part(part: &Value) -> String {
    let resource = &part["resource"];
    let text = part["text"].as_str().or_else(|| resource["text"].as_str());
    let address = || part["uri"].as_str().or_else(|| resource["uri"].as_str()).map(|uri| format!("[{uri}]"));
    let kind = || format!("[{}]", part["type"].as_str().unwrap_or("part"));
    text.map(str::to_owned).or_else(address).unwrap_or_else(kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_era_says_who_asks_in_its_own_way() {
        let handshake = Era::Handshake(WITH_HANDSHAKE.to_owned());
        let lines = [
            initialize(0),
            initialized(),
            list(1, None, &handshake),
            list(2, Some("page 2"), &Era::Standalone),
            call(3, "look", json!({"at": 1}), ("sim-00", 1, Traces::OfSession), &handshake),
            call(4, "look", json!({}), ("sim-00", 1, Traces::OfSession), &Era::Standalone),
        ];
        let version = format!("\"version\":\"{}\"", env!("CARGO_PKG_VERSION"));
        let told = lines.map(|line| format!("{line}\n").replace(&version, "\"version\":\"0\""));
        insta::assert_snapshot!(told.concat());
    }

    #[test]
    fn only_what_was_asked_for_is_an_answer() {
        assert_eq!(read(r#"{"id":3,"result":{"ok":1}}"#, 3), Incoming::Result(json!({"ok": 1})));
        assert_eq!(read(r#"{"id":2,"result":{}}"#, 3), Incoming::Other);
        assert_eq!(read(r#"{"method":"notifications/message","params":{}}"#, 3), Incoming::Other);
        assert_eq!(read("Listening on stdio", 3), Incoming::Other);
        let error = Incoming::Error { code: -32602, message: "bad city".to_owned() };
        assert_eq!(read(r#"{"id":3,"error":{"code":-32602,"message":"bad city"}}"#, 3), error);
        assert_eq!(read(r#"{"id":null,"error":{"code":-32602,"message":"bad city"}}"#, 3), error);
        let Incoming::Asks(answer) = read(r#"{"id":"x","method":"ping"}"#, 3) else { panic!("a ping asks") };
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": "x", "result": {}}));
        let Incoming::Asks(answer) = read(r#"{"id":7,"method":"sampling/createMessage"}"#, 3) else {
            panic!("it asks")
        };
        assert_eq!(answer["error"]["code"], -32601);
    }

    #[test]
    fn results_are_what_a_model_can_read() {
        let told = |value: Value| result(&value);
        let parts = json!({"content": [{"type": "text", "text": "seven"}, {"type": "image", "data": "AAAA"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "a"}}, {"type": "resource_link", "uri": "file:///b"}]});
        assert_eq!(told(parts), ToolResult::done("seven\n[image]\na\n[file:///b]"));
        assert_eq!(told(json!({"structuredContent": {"n": 7}, "content": []})), ToolResult::done(r#"{"n":7}"#));
        assert_eq!(
            told(json!({"content": [{"type": "text", "text": "no"}], "isError": true})),
            ToolResult::failed("no")
        );
        assert!(told(json!({"resultType": "input_required"})).failed);
    }

    #[test]
    fn arguments_that_are_no_object_are_the_models_to_mend() {
        let of = |text: &str| arguments(&ToolCall { id: None, name: "f".into(), arguments: text.into() });
        assert_eq!((of(""), of(r#"{"a":1}"#)), (Ok(json!({})), Ok(json!({"a": 1}))));
        assert_eq!(of("[1]").unwrap_err(), "error: the arguments are not a JSON object");
        assert!(of("{").unwrap_err().starts_with("error: the arguments are not JSON ("));
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_says_makes_a_reader_panic(message in r#"\{"(id|method|result|error|tools|content)":(1|null|"x"|\[\{"(name|type|text|resource)":(1|"x"|\{\})\}\]|\{\})\}|.{0,8}"#) {
            let _ = read(&message, 1);
            if let Ok(value) = serde_json::from_str::<Value>(&message) {
                let _ = (tools(&value), result(&value));
            }
        }
    }
}

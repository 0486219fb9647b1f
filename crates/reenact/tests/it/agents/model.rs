//! Models that play the agent: with a prompt, and with tools from a toolbox or from MCP servers.

use async_trait::async_trait;
use axum::response::IntoResponse;
use reenact::agent::{Tool, ToolResult, ToolScene, Toolbox};
use reenact::{Speaker, ToolCall};
use serde_json::json;

use super::*;
use crate::server::{Server, answers, refuses, says, serve};

/// A toolbox of one tool, which counts how often it was asked in this conversation.
struct Shop;

#[async_trait]
impl Toolbox for Shop {
    async fn tools(&self, _turn: AgentTurn<'_>, _held: &mut Held) -> Result<Vec<Tool>, AgentFault> {
        let parameters = json!({"type": "object", "properties": {"id": {"type": "string"}}});
        Ok(vec![Tool { name: "order".into(), description: Some("Looks an order up.".into()), parameters }])
    }

    async fn call(&self, call: &ToolCall, scene: ToolScene<'_>, held: &mut Held) -> Result<ToolResult, AgentFault> {
        let asked = held.get_or_insert_with(|| Box::new(0u32)).downcast_mut::<u32>().unwrap();
        *asked += 1;
        assert!(scene.since.last().is_some_and(|last| last.speaker == Speaker::Agent || last.speaker == Speaker::Tool));
        match call.arguments.contains("4711") {
            true => Ok(ToolResult::done(format!("on its way, asked {asked} times"))),
            false => Ok(ToolResult::failed("no such order")),
        }
    }
}

fn calls(name: &str, arguments: &str) -> axum::response::Response {
    let call = json!({"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}});
    answers(json!({"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": [call]}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5}}))
}

fn shop(server: &Server) -> Arc<dyn Agent> {
    let name = format!("{}#m", server.address);
    agent::of_model(&name, Some("You sell.".into()), Some(Arc::new(Shop)), &AgentSettings::default()).unwrap()
}

#[tokio::test]
async fn calls_and_results_stand_in_the_conversation_and_in_what_is_asked_next() {
    let server = serve(|n| match n {
        0 => calls("order", r#"{"id":"1"}"#),
        1 => calls("order", r#"{"id":"4711"}"#),
        2 => says("It is on its way."),
        3 => calls("order", r#"{"id":"4711"}"#),
        _ => says("Still."),
    })
    .await;
    let agent = shop(&server);
    let mut talk = Talk::new();
    let reply = talk.say(&*agent, "where is 4711?").await.unwrap();
    assert_eq!(reply.usage.unwrap().usage.input_tokens, 27);
    assert_eq!(talk.hear(&*agent, "and now?").await, "Still.");
    insta::assert_json_snapshot!(talk.conversation);
    let last = &server.asked()[4].body;
    insta::assert_json_snapshot!("asked_last", last);
}

#[tokio::test]
async fn a_call_of_a_tool_that_is_not_there_is_the_models_to_mend_and_calling_for_ever_is_a_fault() {
    let server = serve(|n| if n == 0 { calls("refund", "{}") } else { says("I cannot do that.") }).await;
    let reply = Talk::new().say(&*shop(&server), "refund me").await.unwrap();
    assert_eq!(reply.messages[1].text, "error: there is no tool `refund`");
    let server = serve(|_| calls("order", "{}")).await;
    let fault = fault(&*shop(&server)).await;
    assert!(fault.starts_with("Empty: ") && fault.contains("called tools 32 times in a row"), "{fault}");
}

#[tokio::test]
async fn a_model_that_refuses_is_a_fault_of_the_agent() {
    let server = serve(|_| refuses(401, r#"{"error":{"message":"bad key"}}"#)).await;
    let fault = fault(&*open(&format!("model:{}#m", server.address))).await;
    assert!(fault.starts_with("Refused: m: ") && fault.contains("401 Unauthorized: bad key"), "{fault}");
}

/// An MCP server in shell, which knows one tool; the handshake is as `initialize` says.
#[cfg(unix)]
fn mcp_program(initialize: &str) -> String {
    let script = format!(
        r#"while read -r line; do
             id=$(printf '%s' "$line" | sed 's/.*"id":\([0-9]*\).*/\1/')
             case "$line" in
               *'"initialize"'*) {initialize} ;;
               *'"tools/list"'*) echo 'listening, for the log' ; echo '{{"jsonrpc":"2.0","method":"notifications/message","params":{{}}}}'
                 printf '{{"jsonrpc":"2.0","id":%s,"result":{{"tools":[{{"name":"weather","inputSchema":{{"type":"object"}}}}]}}}}\n' "$id" ;;
               *'"city":"Bern"'*) echo '{{"jsonrpc":"2.0","id":"p","method":"ping"}}'; read -r pong
                 printf '{{"jsonrpc":"2.0","id":%s,"result":{{"content":[{{"type":"text","text":"sunny"}}]}}}}\n' "$id" ;;
               *'"city":"Atlantis"'*) printf '{{"jsonrpc":"2.0","id":%s,"error":{{"code":-32602,"message":"no such city"}}}}\n' "$id" ;;
               *'"city":"Pompeii"'*) echo 'the mountain!' >&2; exit 7 ;;
             esac
           done"#
    );
    format!("sh -c {}", shell_words::quote(&script))
}

#[cfg(unix)]
const WITH_HANDSHAKE: &str = r#"printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{}}}\n' "$id""#;

#[cfg(unix)]
const WITHOUT: &str =
    r#"printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"Method not found"}}\n' "$id""#;

#[cfg(unix)]
async fn asks_the_weather(program: &str, city: &'static str) -> Result<AgentReply, AgentFault> {
    let server =
        serve(move |n| if n == 0 { calls("weather", &format!(r#"{{"city":"{city}"}}"#)) } else { says("So it is.") })
            .await;
    let command = serde_json::to_string(program).unwrap();
    let file = agent_file(&format!(
        "agent: model:{}#m\nprompt: You forecast.\ntools: [{{command: {command}}}]",
        server.address
    ));
    Talk::new().say(&*open(file.path().to_str().unwrap()), "how is the weather?").await
}

#[cfg(unix)]
#[tokio::test]
async fn a_program_of_either_era_serves_tools() {
    for era in [WITH_HANDSHAKE, WITHOUT] {
        let program = mcp_program(era);
        let told = asks_the_weather(&program, "Bern").await.unwrap();
        assert_eq!((told.messages[1].text.as_str(), told.messages[1].name.as_deref()), ("sunny", Some("weather")));
        let told = asks_the_weather(&program, "Atlantis").await.unwrap();
        assert_eq!(told.messages[1].text, "error: no such city");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_server_of_tools_that_cannot_go_on_is_named_with_its_last_words() {
    let mut told = String::new();
    for (what, program, city) in [
        ("dies in a call", mcp_program(WITH_HANDSHAKE), "Pompeii"),
        ("is not there", "no-such-program-anywhere".to_owned(), "Bern"),
        ("ends at once", "sh -c 'echo no config >&2; exit 3'".to_owned(), "Bern"),
    ] {
        let fault = asks_the_weather(&program, city).await.unwrap_err();
        told.push_str(&format!("{what}\n    {:?}: {fault}\n", fault.fault));
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_address_serves_tools_as_json_or_as_events_within_a_session() {
    let tools = serve(|n| match n {
        0 => ([("mcp-session-id", "s-1")], answers(json!({"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": "2025-11-25"}}))).into_response(),
        1 => axum::http::StatusCode::ACCEPTED.into_response(),
        2 => {
            let first = json!({"jsonrpc": "2.0", "id": 2, "result": {"tools": [{"name": "weather", "inputSchema": {"type": "object"}}], "nextCursor": "2"}});
            ([("content-type", "text/event-stream")], format!(": hello\n\nevent: message\ndata: {first}\n\n")).into_response()
        }
        3 => answers(json!({"jsonrpc": "2.0", "id": 3, "result": {"tools": [{"name": "time", "inputSchema": {"type": "object"}}]}})),
        4 => answers(json!({"jsonrpc": "2.0", "id": 4, "result": {"content": [{"type": "text", "text": "sunny"}]}})),
        _ => axum::http::StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    let model = serve(|n| if n == 0 { calls("weather", "{}") } else { says("Sunny.") }).await;
    let file = agent_file(&format!(
        "agent: model:{}#m\ntools: [{{url: {}/mcp, headers: {{x-tenant: acme}}}}]",
        model.address, tools.address
    ));
    let environment = [("REENACT_AGENT_API_KEY", "sk-very-secret")].into_iter().collect();
    let settings = AgentSettings { environment, ..AgentSettings::default() };
    let agent = agent::open(file.path().to_str().unwrap(), &settings).unwrap();
    let reply = Talk::new().say(&*agent, "how is the weather?").await.unwrap();
    assert_eq!(reply.messages[1].text, "sunny");
    let asked = tools.asked();
    assert!(!asked[0].headers.contains_key("authorization"), "the agent's key is not for its tools");
    let told: String = asked[..5]
        .iter()
        .map(|asked| {
            let header = |name: &str| asked.headers.get(name).map_or("-", |value| value.to_str().unwrap());
            format!(
                "{} {} {} {}\n",
                asked.body["method"],
                header("mcp-session-id"),
                header("mcp-protocol-version"),
                header("x-tenant")
            )
        })
        .collect();
    insta::assert_snapshot!(told, @r#"
    "initialize" - - acme
    "notifications/initialized" s-1 2025-11-25 acme
    "tools/list" s-1 2025-11-25 acme
    "tools/list" s-1 2025-11-25 acme
    "tools/call" s-1 2025-11-25 acme
    "#);
    assert_eq!(model.asked()[0].body["tools"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_address_without_a_handshake_is_asked_by_requests_that_stand_alone() {
    let tools = serve(|n| match n {
        0 => refuses(400, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2026-07-28"]}}}"#),
        1 => answers(json!({"jsonrpc": "2.0", "id": 2, "result": {"resultType": "complete", "tools": [{"name": "weather", "inputSchema": {"type": "object"}}]}})),
        _ => answers(json!({"jsonrpc": "2.0", "id": 3, "result": {"resultType": "complete", "content": [{"type": "text", "text": "no such city"}], "isError": true}})),
    })
    .await;
    let model = serve(|n| if n == 0 { calls("weather", "{}") } else { says("I do not know.") }).await;
    let file = agent_file(&format!("agent: model:{}#m\ntools: [{{url: {}/mcp}}]", model.address, tools.address));
    let reply = Talk::new().say(&*open(file.path().to_str().unwrap()), "how is the weather?").await.unwrap();
    assert_eq!(reply.messages[1].text, "no such city");
    let asked = tools.asked();
    assert_eq!(asked[2].headers["mcp-method"], "tools/call");
    assert_eq!(asked[2].headers["mcp-name"], "weather");
    assert_eq!(asked[2].body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
}

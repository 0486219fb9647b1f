//! A real HTTP server on this machine that answers as a test wants, well or badly.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Long enough that a test that meets it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// What a server was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// The path with its query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

/// A running server.
pub(crate) struct Server {
    /// Its base address, `http://127.0.0.1:PORT/v1`.
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers the nth request, from 0, with what the function makes of it.
pub(crate) async fn serve(answer: impl Fn(usize) -> Response + Send + Sync + 'static) -> Server {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (seen, answer) = (Arc::clone(&asked), Arc::new(answer));
    let handler = move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let mut seen = seen.lock().unwrap();
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("requests are JSON") };
        seen.push(Asked { path: uri.to_string(), headers, body });
        let response = answer(seen.len() - 1);
        async move { response }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await.unwrap() });
    Server { address, asked }
}

/// Answers every request with these bytes and closes the connection.
pub(crate) async fn serve_raw(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

/// Takes connections and never answers; the listener must be kept.
pub(crate) async fn serve_silence() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (format!("http://{}/v1", listener.local_addr().unwrap()), listener)
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/v1", listener.local_addr().unwrap())
}

/// A successful answer with a message of this content.
pub(crate) fn says(content: &str) -> Response {
    answers(json!({
        "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }))
}

/// A successful answer with this body.
pub(crate) fn answers(body: Value) -> Response {
    (StatusCode::OK, axum::Json(body)).into_response()
}

/// A refusal.
pub(crate) fn refuses(status: u16, body: &'static str) -> Response {
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

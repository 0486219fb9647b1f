//! Exchanges that are no question to a model: uploads, lists, and downloads too large for memory.
//!
//! What is told apart is whether a server may have seen a request whose answer was lost: whoever pays for what a request
//! begins has to look before trying again.

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, Url};

use super::{Answer, BODY_BYTES_MAX, HttpFault, HttpFaultKind, broken, client, place};

/// One exchange. There is no `Debug`: nothing shows a key.
#[derive(Clone)]
pub(crate) struct Transfer<'a> {
    pub(crate) method: Method,
    pub(crate) url: &'a Url,
    /// Who asks, and in which version; never part of a fault.
    pub(crate) headers: Vec<(&'a str, String)>,
    pub(crate) content: Content,
    /// For the whole exchange.
    pub(crate) timeout: Duration,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Nothing,
    Json(Bytes),
    Bytes {
        content_type: &'static str,
        bytes: Bytes,
    },
    /// A file with what it is for, as a form.
    File {
        purpose: &'static str,
        name: String,
        bytes: Bytes,
    },
}

/// Makes an exchange whose answer is small.
pub(crate) async fn transfer(transfer: &Transfer<'_>) -> Result<Answer, HttpFault> {
    within(transfer, async {
        let mut received = begin(transfer).await?;
        let mut body = Vec::new();
        while let Some(chunk) = received.chunk().await.map_err(|error| broken(transfer.url, &error))? {
            if body.len() + chunk.len() > BODY_BYTES_MAX {
                return Err(HttpFault::new(
                    HttpFaultKind::Malformed,
                    format!("{} answered with too much", place(transfer.url)),
                ));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status: received.status(), headers: received.headers().clone(), body })
    })
    .await
}

/// Makes an exchange whose answer goes to a file where it is a success; a refusal is in the body.
pub(crate) async fn download(transfer: &Transfer<'_>, into: &mut File) -> Result<Answer, HttpFault> {
    within(transfer, async {
        let mut received = begin(transfer).await?;
        let (status, headers) = (received.status(), received.headers().clone());
        let mut refusal = Vec::new();
        while let Some(chunk) = received.chunk().await.map_err(|error| broken(transfer.url, &error))? {
            if status.is_success() {
                into.write_all(&chunk).map_err(|error| unkept(&error))?;
            } else if refusal.len() < BODY_BYTES_MAX {
                refusal.extend_from_slice(&chunk);
            }
        }
        Ok(Answer { status, headers, body: refusal })
    })
    .await
}

async fn within<T>(transfer: &Transfer<'_>, work: impl Future<Output = Result<T, HttpFault>>) -> Result<T, HttpFault> {
    let late = |_| {
        let reason = format!("{} did not answer within {:?}", place(transfer.url), transfer.timeout);
        HttpFault::new(HttpFaultKind::TimedOut, reason)
    };
    tokio::time::timeout(transfer.timeout, work).await.map_err(late)?
}

async fn begin(transfer: &Transfer<'_>) -> Result<Response, HttpFault> {
    let client = client(transfer.url).map_err(|reason| HttpFault::new(HttpFaultKind::Unreachable, reason))?;
    let mut builder = client.request(transfer.method.clone(), transfer.url.clone());
    for (name, value) in &transfer.headers {
        builder = builder.header(*name, value);
    }
    with_content(builder, &transfer.content).send().await.map_err(|error| broken(transfer.url, &error))
}

fn with_content(builder: RequestBuilder, content: &Content) -> RequestBuilder {
    match content {
        Content::Nothing => builder,
        Content::Json(json) => builder.header(CONTENT_TYPE, "application/json").body(json.clone()),
        Content::Bytes { content_type, bytes } => builder.header(CONTENT_TYPE, *content_type).body(bytes.clone()),
        Content::File { purpose, name, bytes } => {
            let size = bytes.len() as u64;
            let file = Part::stream_with_length(bytes.clone(), size).file_name(name.clone());
            builder.multipart(Form::new().text("purpose", *purpose).part("file", file))
        }
    }
}

fn unkept(error: &std::io::Error) -> HttpFault {
    HttpFault::new(HttpFaultKind::BrokenOff, format!("cannot keep a download: {error}"))
}

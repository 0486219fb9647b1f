//! The one gRPC method that exporters call, by hand: a message in a frame of five bytes, and the status in trailers.
//!
//! See <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Full};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reenact::import::receiver::{Encoding, Receipt};

use super::body::{self, Compression};
use super::{App, Code, Content, Entry, Fault, Routes};

const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const MEDIA: &str = "application/grpc";

/// Whether the message is compressed, and its length in four bytes.
const HEAD_BYTES: usize = 5;

/// A `google.rpc.Status` of code 8 with a `RetryInfo` of one second, without which exporters do not come back.
const RETRY: &str = "CAgaMAoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbxIECgIIAQ";

pub(super) fn routes() -> Routes {
    let about = "The same over gRPC, which HTTP/2 carries";
    Routes::new()
        .raw(Entry::new(Method::POST, METHOD, about).takes(Content::of(MEDIA)).gives(Content::of(MEDIA)), export)
}

async fn export(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match taken(&app, &parts.headers, body).await {
        Ok(receipt) => answer(&receipt.to_bytes(Encoding::Protobuf)),
        Err(fault) => refusal(&fault),
    }
}

async fn taken(app: &App, headers: &HeaderMap, body: Body) -> Result<Receipt, Fault> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.starts_with(MEDIA) {
        return Err(Fault::Unknown(format!("expected the content type {MEDIA}")));
    }
    let receiver = app.receiver();
    let mut read = body::read(body, Compression::None, receiver).await?;
    let Some((head, message)) = read.bytes.split_first_chunk::<HEAD_BYTES>() else {
        return Err(Fault::Malformed("the call has no message".to_owned()));
    };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if message.len() != length as usize {
        return Err(Fault::Malformed("the call is not one whole message".to_owned()));
    }
    if head[0] != 0 {
        let name = headers.get("grpc-encoding").map_or(&b"identity"[..], HeaderValue::as_bytes);
        read = body::inflated(&Bytes::copy_from_slice(message), Compression::named(name)?, receiver)?;
    } else {
        read.bytes.drain(..HEAD_BYTES);
    }
    Ok(receiver.take(read.bytes.into(), Encoding::Protobuf, read.room).await?)
}

fn answer(message: &[u8]) -> Response {
    let mut frame = vec![0];
    frame.extend((message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
    let body = Full::new(Bytes::from(frame)).with_trailers(async move { Some(Ok(trailers)) });
    ([(CONTENT_TYPE, MEDIA)], Body::new(body)).into_response()
}

/// Where there is no message, the trailers are the head.
fn refusal(fault: &Fault) -> Response {
    let (code, message) = fault.told();
    let message = utf8_percent_encode(&message, NON_ALPHANUMERIC).to_string();
    let status = (code as i32).to_string();
    let mut response =
        ([("content-type", MEDIA.to_owned()), ("grpc-status", status), ("grpc-message", message)], ()).into_response();
    if fault.may_be_sent_again() && code == Code::ResourceExhausted {
        response.headers_mut().insert("grpc-status-details-bin", HeaderValue::from_static(RETRY));
    }
    response
}

//! The receiving end of OpenTelemetry's protocol: an instrumented agent that sends its spans here fills the store with sessions.
//!
//! Over HTTP as protobuf or JSON, and over gRPC at the same port. Who sends too much is told when to come back; what was
//! answered for is in the store.

use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reenact::import::receiver::{Encoding, Receipt, Refusal, Standing, refusal_bytes};

use super::App;
use super::routes::{Answer, Content, Entry, Routes};
use body::{Compression, Unread};

mod body;
mod grpc;

/// What exporters that are told to come back wait.
const AGAIN_AFTER_SECONDS: u32 = 1;

/// The codes of `google.rpc.Status` that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    InvalidArgument = 3,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Unavailable = 14,
}

/// Why spans are not taken.
#[derive(Debug)]
enum Fault {
    Malformed(String),
    TooLarge,
    /// What is held is all that may be.
    Busy,
    /// Something here does not work.
    Unavailable(String),
    /// It is in a form that is not read.
    Unknown(String),
}

pub(super) fn routes() -> Routes {
    let traces = Entry::new(Method::POST, "/v1/traces", "Spans of an instrumented agent, by OpenTelemetry's protocol")
        .takes(Content::of("application/x-protobuf"))
        .takes(Content::of("application/json"))
        .gives(Content::of("application/x-protobuf"))
        .gives(Content::of("application/json"));
    Routes::new().raw(traces, over_http).and(grpc::routes()).get(
        "/api/receiver",
        "What became of the spans that were sent",
        standing,
    )
}

async fn standing(app: App, (): (), (): ()) -> Answer<Standing> {
    let receiver = app.receiver().clone();
    app.read(move |_| receiver.standing()).await
}

async fn over_http(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let told = match encoding(&parts.headers) {
        Ok(encoding) => {
            let taken = async {
                let compression = compression(&parts.headers)?;
                let read = body::read(body, compression, app.receiver()).await?;
                Ok(app.receiver().take(read.bytes.into(), encoding, read.room).await?)
            };
            (encoding, taken.await)
        }
        Err(fault) => (Encoding::Json, Err(fault)),
    };
    answer(told.0, told.1)
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Fault> {
    let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Ok(Encoding::Protobuf),
        "application/json" => Ok(Encoding::Json),
        other => {
            let expected = "expected application/x-protobuf or application/json";
            Err(Fault::Unknown(format!("the content type `{other}` is not read; {expected}")))
        }
    }
}

fn compression(headers: &HeaderMap) -> Result<Compression, Fault> {
    headers.get(CONTENT_ENCODING).map_or(Ok(Compression::None), |value| Compression::named(value.as_bytes()))
}

fn answer(encoding: Encoding, told: Result<Receipt, Fault>) -> Response {
    let media = match encoding {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    };
    let fault = match told {
        Ok(receipt) => return ([(CONTENT_TYPE, media)], receipt.to_bytes(encoding)).into_response(),
        Err(fault) => fault,
    };
    let (code, message) = fault.told();
    let body = refusal_bytes(code as i32, &message, encoding);
    let mut response = (fault.status(), [(CONTENT_TYPE, media)], body).into_response();
    if fault.may_be_sent_again() {
        response.headers_mut().insert(RETRY_AFTER, AGAIN_AFTER_SECONDS.into());
    }
    response
}

impl Fault {
    fn status(&self) -> StatusCode {
        match self {
            Fault::Malformed(_) => StatusCode::BAD_REQUEST,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Busy => StatusCode::TOO_MANY_REQUESTS,
            Fault::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Fault::Unknown(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        }
    }

    fn told(&self) -> (Code, String) {
        match self {
            Fault::Malformed(reason) => (Code::InvalidArgument, reason.clone()),
            Fault::TooLarge => (Code::ResourceExhausted, body::too_large()),
            Fault::Busy => (Code::ResourceExhausted, "more is being received than can be held; come back".to_owned()),
            Fault::Unavailable(reason) => (Code::Unavailable, reason.clone()),
            Fault::Unknown(reason) => (Code::Unimplemented, reason.clone()),
        }
    }

    fn may_be_sent_again(&self) -> bool {
        matches!(self, Fault::Busy | Fault::Unavailable(_))
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Fault {
        match refusal {
            Refusal::Malformed(reason) => Fault::Malformed(reason),
            Refusal::NotNow(error) => Fault::Unavailable(error.message().to_owned()),
        }
    }
}

impl From<Unread> for Fault {
    fn from(unread: Unread) -> Fault {
        match unread {
            Unread::TooLarge => Fault::TooLarge,
            Unread::NoRoom => Fault::Busy,
            Unread::Broken(reason) => Fault::Malformed(reason),
        }
    }
}

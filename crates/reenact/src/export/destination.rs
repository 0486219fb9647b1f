//! A collector: its address, what lets us in, and how it is spoken to.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use prost::Message as _;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};

use super::Exporting;
use super::otlp::Request;
use crate::environment::MASK;
use crate::http::transfer::{Content, Transfer, transfer};
use crate::http::{self, Answer, HttpFault, retry_after};
use crate::otlp_answer::{PartialSuccess, Response, RpcStatus};
use crate::{Environment, Error, ErrorKind, Result};

/// What the protocol appends to an address that is a collector's as a whole.
const PATH: &str = "v1/traces";

/// The default of OpenTelemetry's own exporters.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A shorter value of a header is a word and no secret.
const SECRET_BYTES_MIN: usize = 4;

/// How spans are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Protobuf,
    Json,
}

/// A collector that takes OTLP over HTTP. `Debug` shows its address only.
#[derive(Clone)]
pub struct Destination {
    url: Url,
    protocol: Protocol,
    headers: Vec<(String, String)>,
    environment: Environment,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Destination").field(&self.place()).finish()
    }
}

/// What a collector made of spans.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// It has them, all but as many as it threw away, for this reason.
    Taken { rejected_spans: u64, reason: Option<String> },
    /// It may take them later, after this long where it says so.
    Later { after: Option<Duration>, reason: String },
    /// It will not take these.
    Refused(String),
    /// It will not take any from us.
    Closed(String),
}

impl Destination {
    /// The collector at an address: its own, to which `/v1/traces` is added, or that of its traces.
    ///
    /// `environment` may have headers in `OTEL_EXPORTER_OTLP_TRACES_HEADERS` or `OTEL_EXPORTER_OTLP_HEADERS` (`name=value,…`, percent-encoded) and
    /// the encoding in `OTEL_EXPORTER_OTLP_PROTOCOL` (`http/protobuf`, the default, or `http/json`). The collector of the simulator's calls is another
    /// one, which must not get those headers: its own are in `REENACT_OTLP_SIMULATOR_HEADERS`.
    ///
    /// ```
    /// use reenact::Environment;
    /// use reenact::export::{Destination, Exporting};
    ///
    /// let collector = Destination::open("http://localhost:4318", Exporting::Conversations, &Environment::default())?;
    /// assert_eq!(collector.place(), "http://localhost:4318/v1/traces");
    /// # Ok::<(), reenact::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where it is no address of HTTP, or what the environment has is not of these forms.
    pub fn open(address: &str, what: Exporting, environment: &Environment) -> Result<Destination> {
        let mut url = http::parse_url(address)?;
        if !matches!(url.scheme(), "http" | "https") {
            let error = Error::new(ErrorKind::Usage, format!("`{}` is not an address of HTTP", http::place(&url)));
            return Err(error.hint("collectors take OTLP over HTTP at `http://HOST:4318`"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        if !path.ends_with(PATH) {
            url.set_path(&format!("{path}/{PATH}"));
        }
        let variables: &[&str] = match what {
            Exporting::Conversations | Exporting::Mlflow => {
                &["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"]
            }
            Exporting::Simulator => &["REENACT_OTLP_SIMULATOR_HEADERS"],
        };
        let told = variables.iter().find_map(|name| Some((*name, environment.get(name)?)));
        let headers = told.map_or(Ok(Vec::new()), |(name, value)| headers(name, value))?;
        Ok(Destination { url, protocol: protocol(environment)?, headers, environment: environment.clone() })
    }

    /// The address, without a query, which may have a key in it.
    #[must_use]
    pub fn place(&self) -> String {
        http::place(&self.url)
    }

    /// Sends spans once.
    pub(super) async fn send(&self, traces: &[u8]) -> Delivered {
        let (content_type, body) = match self.protocol {
            Protocol::Protobuf => ("application/x-protobuf", Bytes::copy_from_slice(traces)),
            Protocol::Json => match as_json(traces) {
                Ok(json) => ("application/json", json.into()),
                Err(reason) => return Delivered::Refused(reason),
            },
        };
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let content = Content::Bytes { content_type, bytes: body };
        let request = Transfer { method: Method::POST, url: &self.url, headers, content, timeout: TIMEOUT };
        match transfer(&request).await {
            Ok(answer) => self.understood(&answer),
            Err(HttpFault { reason, .. }) => Delivered::Later { after: None, reason: self.redact(&reason) },
        }
    }

    /// What the protocol says that an answer means.
    fn understood(&self, answer: &Answer) -> Delivered {
        let reason = || self.redact(&refusal(answer, &self.url));
        match answer.status {
            status if status.is_success() => taken(answer, |reason| self.redact(reason)),
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Delivered::Later { after: retry_after(&answer.headers), reason: reason() },
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Delivered::Refused(reason())
            }
            _ => Delivered::Closed(reason()),
        }
    }

    fn redact(&self, text: &str) -> String {
        let secrets = self.headers.iter().flat_map(|(_, value)| value.split(' '));
        let secrets = secrets.filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets.fold(self.environment.redact(text), |text, secret| text.replace(secret, MASK))
    }
}

fn as_json(traces: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let request = Request::decode(traces).map_err(|error| format!("the kept traces cannot be read: {error}"))?;
    serde_json::to_vec(&request).map_err(|error| format!("the kept traces cannot be written as JSON: {error}"))
}

fn is_protobuf(answer: &Answer) -> bool {
    answer.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-protobuf"))
}

/// A success may be one in part: what was thrown away must not be sent again.
fn taken(answer: &Answer, redact: impl Fn(&str) -> String) -> Delivered {
    let partial = match is_protobuf(answer) {
        true => Response::decode(&answer.body[..]).ok().and_then(|response| response.partial_success),
        false => serde_json::from_slice(&answer.body).ok().and_then(|body: serde_json::Value| {
            let partial = body.get("partialSuccess")?;
            let rejected = partial.get("rejectedSpans")?;
            let rejected_spans = rejected.as_i64().or_else(|| rejected.as_str()?.parse().ok())?;
            let error_message = partial["errorMessage"].as_str().unwrap_or_default().to_owned();
            Some(PartialSuccess { rejected_spans, error_message })
        }),
    };
    let partial = partial.filter(|partial| partial.rejected_spans > 0);
    let reason = partial.as_ref().map(|partial| redact(&partial.error_message)).filter(|reason| !reason.is_empty());
    Delivered::Taken { rejected_spans: partial.map_or(0, |partial| partial.rejected_spans.unsigned_abs()), reason }
}

fn refusal(answer: &Answer, url: &Url) -> String {
    let told = is_protobuf(answer).then(|| RpcStatus::decode(&answer.body[..]).ok()).flatten();
    match told.map(|status| status.message).filter(|message| !message.is_empty()) {
        Some(message) => {
            format!("{} answered {}: {}", http::place(url), answer.status, crate::shorten::shorten(&message))
        }
        None => answer.refusal(url).reason,
    }
}

fn protocol(environment: &Environment) -> Result<Protocol> {
    let names = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
    match names.iter().find_map(|name| environment.get(name)) {
        None | Some("http/protobuf") => Ok(Protocol::Protobuf),
        Some("http/json") => Ok(Protocol::Json),
        Some(other) => Err(Error::new(ErrorKind::Usage, format!("traces cannot be exported over `{other}`")).hint(
            "set OTEL_EXPORTER_OTLP_PROTOCOL to `http/protobuf` or `http/json`; collectors take these at port 4318",
        )),
    }
}

/// `name=value,…` with percent-encoded values, as OpenTelemetry has them. An error shows no value.
fn headers(variable: &str, text: &str) -> Result<Vec<(String, String)>> {
    let malformed = |what: String| {
        Error::new(ErrorKind::Usage, format!("{variable}: {what}"))
            .hint("write `name=value,name=value`, values percent-encoded")
    };
    let header = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or_else(|| malformed("a header has no `=`".to_owned()))?;
        let name = name.trim().to_ascii_lowercase();
        let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
        let is_sendable = name.parse::<HeaderName>().is_ok() && value.parse::<HeaderValue>().is_ok();
        is_sendable
            .then_some((name.clone(), value))
            .ok_or_else(|| malformed(format!("`{name}` cannot be sent as a header")))
    };
    text.split(',').filter(|pair| !pair.trim().is_empty()).map(header).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(address: &str, variables: &[(&str, &str)]) -> Result<Destination> {
        Destination::open(address, Exporting::Conversations, &variables.iter().copied().collect())
    }

    #[test]
    fn an_address_is_a_collectors_or_that_of_its_traces() {
        for (address, place) in [
            ("http://localhost:4318", "http://localhost:4318/v1/traces"),
            ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
            ("https://cloud.example/api/public/otel", "https://cloud.example/api/public/otel/v1/traces"),
            ("https://cloud.example/v1/traces", "https://cloud.example/v1/traces"),
        ] {
            assert_eq!(open(address, &[]).unwrap().place(), place);
        }
        for address in ["localhost:4318", "ftp://host", "http://me:secret@host"] {
            let error = open(address, &[]).unwrap_err();
            assert!(error.hint_text().is_some() && !error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn headers_come_from_the_environment_and_are_never_shown() {
        let told = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Basic%20c2VjcmV0, x-project = demo")];
        let destination = open("http://localhost", &told).unwrap();
        let expected = [("authorization", "Basic c2VjcmV0"), ("x-project", "demo")];
        assert_eq!(destination.headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(format!("{destination:?}"), r#"Destination("http://localhost/v1/traces")"#);
        assert_eq!(destination.redact("no key c2VjcmV0"), "no key [secret]");
        let error = open("http://localhost", &[("OTEL_EXPORTER_OTLP_HEADERS", "hunter22")]).unwrap_err();
        assert!(!error.to_string().contains("hunter22"), "{error}");
    }

    #[test]
    fn the_simulators_collector_gets_no_header_of_the_agents() {
        let environment = [("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")].into_iter().collect();
        let destination = Destination::open("http://localhost", Exporting::Simulator, &environment).unwrap();
        assert_eq!(destination.headers, []);
    }

    #[test]
    fn a_protocol_that_is_not_spoken_here_is_named() {
        let error = open("http://localhost", &[("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).unwrap_err();
        assert_eq!(error.to_string(), "traces cannot be exported over `grpc`");
    }
}

//! The server: its address, what lets us in, and one question to it.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::environment::MASK;
use crate::http::transfer::{Content, Transfer, transfer};
use crate::http::{self, Answer, HttpFault, HttpFaultKind, retry_after};
use crate::{Environment, Error, ErrorKind, Result};

/// A server that holds a page of traces together is done long before; one that is stuck is not waited for any longer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The wait after a first failure; each further one is twice as long.
const WAIT_FIRST: Duration = Duration::from_millis(500);

/// What a server asks us to wait is believed up to here; whoever imports would rather be told.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Half a minute in all: as long as a server takes to be started again.
pub(crate) const PATIENT: u32 = 6;

/// A secret shorter than this is a word that may stand in an error.
const SECRET_BYTES_MIN: usize = 4;

/// A tracking server of MLflow 3. `Debug` shows its address only.
#[derive(Clone)]
pub struct Server {
    base: Url,
    headers: Vec<(&'static str, String)>,
    environment: Environment,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").field(&self.place()).finish()
    }
}

/// A question to a server.
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    /// Below the server's address, with its query.
    pub(crate) path: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) content: Content,
    /// How often it is asked at the most where the server cannot answer just now. What must not be done twice is asked once.
    pub(crate) attempts: u32,
}

impl<'a> Ask<'a> {
    pub(crate) fn get(path: &'a str) -> Self {
        Ask { method: Method::GET, path, headers: Vec::new(), content: Content::Nothing, attempts: PATIENT }
    }

    pub(crate) fn post(path: &'a str, body: &Value) -> Self {
        let content = Content::Json(Bytes::from(body.to_string()));
        Ask { method: Method::POST, content, ..Ask::get(path) }
    }

    pub(crate) fn delete(path: &'a str, body: &Value) -> Self {
        Ask { method: Method::DELETE, ..Ask::post(path, body) }
    }

    pub(crate) fn once(self) -> Self {
        Ask { attempts: 1, ..self }
    }
}

/// Why a server gave nothing usable. What it says never contains what lets us in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerFault {
    pub(crate) reason: String,
    /// With which status it said no, where it did.
    pub(crate) status: Option<StatusCode>,
    /// MLflow's own word for it, such as `RESOURCE_DOES_NOT_EXIST`.
    pub(crate) code: Option<String>,
    /// Whether it may be otherwise later, and after how long where the server says so.
    pub(crate) later: Option<Option<Duration>>,
    /// Whether the answer was more than is taken at once.
    pub(crate) is_too_large: bool,
}

impl ServerFault {
    /// The fault as what stops a command.
    pub(crate) fn error(&self, server: &Server) -> Error {
        let error = Error::new(ErrorKind::Io, self.reason.clone());
        match self.status {
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => error.hint(
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to somebody's who may do this",
            ),
            Some(StatusCode::NOT_FOUND) if self.code.is_none() => {
                error.hint(format!("see that {} is the address of an MLflow server, version 3.5 or later", server.place()))
            }
            Some(StatusCode::BAD_REQUEST) => error.hint("MLflow says what it cannot take; ask for something else"),
            _ if self.later.is_some() => error.hint("see that the server is up, and do it again: what was done is not done twice"),
            _ => error.hint("see what the server's log says of it"),
        }
    }

    /// What a server answered to a question is not what it should be.
    pub(crate) fn of_answer(server: &Server, asked: &str, error: &serde_json::Error) -> Self {
        ServerFault::malformed(format!("{}: what it answers to {asked} is of no known form: {error}", server.place()))
    }

    fn malformed(reason: String) -> Self {
        ServerFault { reason, status: None, code: None, later: None, is_too_large: false }
    }
}

impl Server {
    /// The server at an address, or at that in `MLFLOW_TRACKING_URI`. `environment` may have what lets us in:
    /// `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`, or `MLFLOW_TRACKING_TOKEN`; and `MLFLOW_WORKSPACE`, on servers that have workspaces.
    ///
    /// ```
    /// use reenact::Environment;
    /// use reenact::mlflow::Server;
    ///
    /// let environment: Environment = [("MLFLOW_TRACKING_URI", "http://localhost:5000")].into_iter().collect();
    /// assert_eq!(Server::open(None, &environment)?.place(), "http://localhost:5000/");
    /// # Ok::<(), reenact::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where there is no address, or none of HTTP.
    pub fn open(address: Option<&str>, environment: &Environment) -> Result<Server> {
        let address = address.or_else(|| environment.get("MLFLOW_TRACKING_URI")).ok_or_else(|| {
            let error = Error::new(ErrorKind::Usage, "no MLflow server is named, and MLFLOW_TRACKING_URI is not set");
            error.hint("name the server's address, such as `http://localhost:5000`")
        })?;
        let base = http::parse_url(address).map_err(|error| {
            error.hint("an MLflow server's address looks like `http://localhost:5000`; a user and a password stand in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        })?;
        if !matches!(base.scheme(), "http" | "https") {
            let error = Error::new(
                ErrorKind::Usage,
                format!("`{}` is not the address of an MLflow server", http::place(&base)),
            );
            return Err(error.hint(
                "start `mlflow server` on what holds the traces, and name its address, such as `http://localhost:5000`",
            ));
        }
        Ok(Server { headers: headers(&base, environment), base, environment: environment.clone() })
    }

    /// The address, without a query, which may have a key in it.
    #[must_use]
    pub fn place(&self) -> String {
        http::place(&self.base)
    }

    /// Whether an address is on this server.
    #[must_use]
    pub(crate) fn is_at(&self, place: &str) -> bool {
        Url::parse(place).is_ok_and(|url| url.origin() == self.base.origin())
    }

    /// What the server answers, as JSON of a form that is expected.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, ask: Ask<'_>) -> Result<T, ServerFault> {
        let path = ask.path.split('?').next().unwrap_or_default().to_owned();
        let answer = self.answer(ask).await?;
        serde_json::from_slice(&answer).map_err(|error| ServerFault::of_answer(self, &path, &error))
    }

    /// The body of what the server answers.
    pub(crate) async fn answer(&self, ask: Ask<'_>) -> Result<Vec<u8>, ServerFault> {
        let mut wait = WAIT_FIRST;
        let mut attempt = 1;
        loop {
            let fault = match self.once(&ask).await {
                Ok(body) => return Ok(body),
                Err(fault) => fault,
            };
            let Some(after) = fault.later.filter(|_| attempt < ask.attempts) else { return Err(fault) };
            tokio::time::sleep(after.unwrap_or_default().clamp(wait, WAIT_MAX)).await;
            (attempt, wait) = (attempt + 1, wait * 2);
        }
    }

    async fn once(&self, ask: &Ask<'_>) -> Result<Vec<u8>, ServerFault> {
        let url = self.url(ask.path);
        let headers = self.headers.iter().chain(&ask.headers).cloned().collect();
        let request =
            Transfer { method: ask.method.clone(), url: &url, headers, content: ask.content.clone(), timeout: TIMEOUT };
        match transfer(&request).await {
            Ok(answer) if answer.status.is_success() => Ok(answer.body),
            Ok(answer) => Err(self.refused(&answer, &url)),
            Err(HttpFault { kind, reason, .. }) => Err(ServerFault {
                later: (kind != HttpFaultKind::Malformed).then_some(None),
                is_too_large: kind == HttpFaultKind::Malformed,
                ..ServerFault::malformed(self.redact(&reason))
            }),
        }
    }

    fn refused(&self, answer: &Answer, url: &Url) -> ServerFault {
        let code = serde_json::from_slice::<Value>(&answer.body).ok();
        let code = code.and_then(|body| body.get("error_code")?.as_str().map(str::to_owned));
        let is_passing = matches!(answer.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504);
        ServerFault {
            status: Some(answer.status),
            code,
            later: is_passing.then(|| retry_after(&answer.headers)),
            ..ServerFault::malformed(self.redact(&answer.refusal(url).reason))
        }
    }

    fn url(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url.set_fragment(None);
        url
    }

    /// A text without what lets us in.
    pub(crate) fn redact(&self, text: &str) -> String {
        let sent = self.headers.iter().filter(|(name, _)| *name == "authorization");
        let secrets =
            sent.flat_map(|(_, value)| value.split(' ').skip(1)).filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets.fold(self.environment.redact(text), |text, secret| text.replace(secret, MASK))
    }
}

fn headers(base: &Url, environment: &Environment) -> Vec<(&'static str, String)> {
    let user = environment.get("MLFLOW_TRACKING_USERNAME");
    let password = environment.get("MLFLOW_TRACKING_PASSWORD");
    let access = match (user.zip(password), environment.get("MLFLOW_TRACKING_TOKEN")) {
        (Some((user, password)), _) => Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))),
        (None, Some(token)) => Some(format!("Bearer {token}")),
        (None, None) => None,
    };
    let workspace = environment.get("MLFLOW_WORKSPACE").map(str::to_owned);
    // With several workers MLflow's server leaves Nagle's algorithm on: on a connection that is kept, each small answer waits
    // 40 ms for us to acknowledge the one before. A new connection does not wait, and is cheap where nothing is encrypted.
    let fresh = (base.scheme() == "http").then(|| "close".to_owned());
    let named = [("authorization", access), ("x-mlflow-workspace", workspace), ("connection", fresh)];
    named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(address: &str, variables: &[(&str, &str)]) -> Result<Server> {
        Server::open(Some(address), &variables.iter().copied().collect())
    }

    #[test]
    fn a_server_may_stand_below_a_path() {
        let url = |address: &str| open(address, &[]).unwrap().url("/api/x?a=1&b=2").to_string();
        assert_eq!(url("http://host:5000"), "http://host:5000/api/x?a=1&b=2");
        assert_eq!(url("https://host/mlflow/"), "https://host/mlflow/api/x?a=1&b=2");
    }

    #[test]
    fn what_lets_us_in_is_sent_and_never_shown() {
        let told = [("MLFLOW_TRACKING_USERNAME", "ann"), ("MLFLOW_TRACKING_PASSWORD", "hunter22")];
        let server = open("https://host", &told).unwrap();
        assert_eq!(server.headers, [("authorization", "Basic YW5uOmh1bnRlcjIy".to_owned())]);
        assert_eq!(server.redact("no hunter22, no YW5uOmh1bnRlcjIy"), "no [secret], no [secret]");
        assert_eq!(format!("{server:?}"), r#"Server("https://host/")"#);
        let token = open("https://host", &[("MLFLOW_TRACKING_TOKEN", "sesame-open")]).unwrap();
        assert_eq!(token.headers, [("authorization", "Bearer sesame-open".to_owned())]);
    }

    #[test]
    fn what_is_no_address_of_a_server_says_what_would_be() {
        for address in ["sqlite:///mlflow.db", "mlruns", "databricks", "http://ann:hunter22@host"] {
            let error = open(address, &[]).unwrap_err();
            assert!(error.hint_text().is_some() && !error.to_string().contains("hunter22"), "{error}");
        }
        assert!(Server::open(None, &Environment::default()).is_err());
    }
}

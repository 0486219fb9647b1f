//! A provider's batches: begun, found again, looked at, read and cancelled. Two forms, one list of what can be asked.

use std::fs::File;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;

use super::form::Form;
use super::no_batches;
use crate::http::transfer::{Content, Transfer, download, transfer};
use crate::http::{Answer, HttpFault, HttpFaultKind, error_text, place, retry_after};
use crate::model::endpoint::Endpoint;
use crate::shorten::shorten;
use crate::{Environment, Result};

mod anthropic;
mod openai;

/// What is small comes soon.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A full batch over a slow line takes minutes.
const FILE_TIMEOUT: Duration = Duration::from_secs(1200);

/// So often a provider may be busy before it is left alone until later.
const ATTEMPTS_MAX: usize = 5;

/// The first wait after an attempt in vain; each is twice as long as the one before.
const RETRY_DELAY_FIRST: Duration = Duration::from_millis(500);

/// A wait longer than this is better spent until the next look.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(30);

/// Where a model's batches are.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) form: Form,
    /// What the addresses of batches begin with.
    pub(super) base: Url,
    endpoint: Endpoint,
    environment: Environment,
}

/// Why a provider did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may have: the answer was lost.
    Unsure(String),
    /// It did not, and may when it is asked later.
    Busy(String),
    /// It did not, and will not.
    Refused { status: u16, reason: String },
}

/// How a batch stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: State,
    /// Requests that are over, as far as the provider says before the end.
    pub(super) done: u64,
}

/// Whether a batch is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Running,
    /// It is over, and its answers are at these addresses; some of its requests may have none.
    Ended(Vec<Url>),
    /// As [`State::Ended`], because somebody wanted it so.
    Cancelled(Vec<Url>),
    /// It never began.
    Failed(Vec<Failure>),
}

/// What was wrong with a batch that never began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: String,
    pub(super) reason: String,
    /// The request that is to blame, from 1, where it is one.
    pub(super) line: Option<u64>,
}

/// A batch to be found again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sought<'a> {
    pub(super) mark: &'a str,
    pub(super) requests: u64,
    /// It is no older than this.
    pub(super) since: Timestamp,
}

impl Service {
    /// Where the batches of a model are.
    ///
    /// # Errors
    /// Where nobody here knows how its provider takes batches.
    pub(super) fn of(endpoint: &Endpoint, form: Form, name: &str, environment: &Environment) -> Result<Service> {
        // An address of one's own is believed to have what OpenAI has beside its chat completions; it says so if it has not.
        if !["openai", "anthropic", "http"].contains(&endpoint.provider) {
            return Err(no_batches(name, "nobody here knows the batches of its provider"));
        }
        let path = endpoint.url.path().trim_end_matches('/');
        let path = match form {
            Form::OpenAi => path.trim_end_matches("/chat/completions"),
            Form::Anthropic => path,
        };
        let mut base = endpoint.url.clone();
        base.set_path(path);
        Ok(Service { form, base, endpoint: endpoint.clone(), environment: environment.clone() })
    }

    /// Begins a batch of these lines, and gives its id.
    pub(super) async fn begin(&self, mark: &str, lines: Vec<u8>) -> Result<String, Trouble> {
        match self.form {
            Form::OpenAi => openai::begin(self, mark, lines).await,
            Form::Anthropic => anthropic::begin(self, lines).await,
        }
    }

    /// The ids of the batches that may be the one sought, the likeliest first.
    pub(super) async fn find(&self, sought: Sought<'_>) -> Result<Vec<String>, Trouble> {
        match self.form {
            Form::OpenAi => openai::find(self, sought).await,
            Form::Anthropic => anthropic::find(self, sought).await,
        }
    }

    /// Looks how a batch stands.
    pub(super) async fn look(&self, id: &str) -> Result<Standing, Trouble> {
        let batch = self.get(&self.at(&self.batch_path(id))).await?;
        Ok(match self.form {
            Form::OpenAi => openai::standing(self, &batch),
            Form::Anthropic => anthropic::standing(self, id, &batch),
        })
    }

    /// Asks the provider to stop a batch.
    pub(super) async fn cancel(&self, id: &str) -> Result<(), Trouble> {
        let url = self.at(&format!("{}/cancel", self.batch_path(id)));
        self.again(Method::POST, &url, &Content::Nothing, TIMEOUT).await.map(drop)
    }

    /// Brings the lines at an address into a file.
    pub(super) async fn fetch(&self, url: &Url) -> Result<File, Trouble> {
        let mut last = None;
        for wait in waits() {
            let mut file = tempfile::tempfile()
                .map_err(|error| Trouble::Busy(format!("cannot make a temporary file: {error}")))?;
            match self
                .judged(download(&self.request(Method::GET, url, Content::Nothing, FILE_TIMEOUT), &mut file).await)
            {
                Ok(_) => return Ok(file),
                Err(refused @ Trouble::Refused { .. }) => return Err(refused),
                Err(trouble) => last = Some(trouble),
            }
            tokio::time::sleep(wait).await;
        }
        Err(last.unwrap_or_else(|| Trouble::Busy("nobody was asked".to_owned())))
    }

    fn batch_path(&self, id: &str) -> String {
        // An id is somebody else's word, and must not reach another address.
        let id: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).collect();
        format!("batches/{id}")
    }

    fn at(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    async fn get(&self, url: &Url) -> Result<Value, Trouble> {
        self.again(Method::GET, url, &Content::Nothing, TIMEOUT).await
    }

    /// Asks for what can be asked for again without harm, until there is an answer.
    async fn again(&self, method: Method, url: &Url, content: &Content, timeout: Duration) -> Result<Value, Trouble> {
        let mut last = None;
        for wait in waits() {
            match self.once(method.clone(), url, content.clone(), timeout).await {
                Ok(answer) => return Ok(answer),
                Err((refused @ Trouble::Refused { .. }, _)) => return Err(refused),
                Err((trouble, asked)) => {
                    last = Some(trouble);
                    tokio::time::sleep(asked.unwrap_or_default().max(wait).min(RETRY_DELAY_MAX)).await;
                }
            }
        }
        Err(last.unwrap_or_else(|| Trouble::Busy("nobody was asked".to_owned())))
    }

    /// Asks for what must not be done twice: again only where the provider surely has not done it.
    async fn carefully(&self, url: &Url, content: &Content, timeout: Duration) -> Result<Value, Trouble> {
        let mut last = None;
        for wait in waits() {
            match self.once(Method::POST, url, content.clone(), timeout).await {
                Ok(answer) => return Ok(answer),
                Err((Trouble::Busy(reason), asked)) => {
                    last = Some(Trouble::Busy(reason));
                    tokio::time::sleep(asked.unwrap_or_default().max(wait).min(RETRY_DELAY_MAX)).await;
                }
                Err((trouble, _)) => return Err(trouble),
            }
        }
        Err(last.unwrap_or_else(|| Trouble::Busy("nobody was asked".to_owned())))
    }

    /// One exchange; with a trouble comes how long the provider wants to be left alone.
    async fn once(
        &self,
        method: Method,
        url: &Url,
        content: Content,
        timeout: Duration,
    ) -> Result<Value, (Trouble, Option<Duration>)> {
        let received = transfer(&self.request(method, url, content, timeout)).await;
        let asked = received.as_ref().ok().and_then(|received| retry_after(&received.headers));
        let received = self.judged(received).map_err(|trouble| (trouble, asked))?;
        serde_json::from_slice(&received.body).map_err(|error| {
            let got = shorten(&String::from_utf8_lossy(&received.body));
            // It was done, and what it was cannot be told.
            (Trouble::Unsure(self.said(url, &format!("expected JSON ({error}), got: {got}"))), None)
        })
    }

    fn request<'a>(&self, method: Method, url: &'a Url, content: Content, timeout: Duration) -> Transfer<'a> {
        // Whoever is let in by a signature over the body has no batches here.
        Transfer { method, url, headers: self.endpoint.headers(url, b""), content, timeout }
    }

    /// What an answer's status means for whether it was done.
    fn judged(&self, received: Result<Answer, HttpFault>) -> Result<Answer, Trouble> {
        let received = received.map_err(|fault| match fault.kind {
            HttpFaultKind::Unreachable => Trouble::Busy(self.redacted(&fault.reason)),
            _ => Trouble::Unsure(self.redacted(&fault.reason)),
        })?;
        let status = received.status;
        if status.is_success() {
            return Ok(received);
        }
        let reason = self.said(&self.base, &format!("answered {status}: {}", error_text(&received.body)));
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS => Trouble::Busy(reason),
            StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT => Trouble::Unsure(reason),
            _ if status.is_server_error() => Trouble::Unsure(reason),
            _ => Trouble::Refused { status: status.as_u16(), reason },
        })
    }

    /// A text of the provider's without what lets us in.
    pub(super) fn redacted(&self, text: &str) -> String {
        self.environment.redact(&self.endpoint.redact(text))
    }

    fn said(&self, url: &Url, what: &str) -> String {
        self.redacted(&format!("{}: {what}", place(url)))
    }
}

fn waits() -> impl Iterator<Item = Duration> {
    let delays = ExponentialBuilder::default().with_min_delay(RETRY_DELAY_FIRST).with_max_delay(RETRY_DELAY_MAX);
    delays.with_jitter().with_max_times(ATTEMPTS_MAX).build()
}

fn json(body: &Value) -> Content {
    Content::Json(Bytes::from(body.to_string()))
}

/// An id that the provider gave to something new.
fn id_of(service: &Service, created: &Value) -> Result<String, Trouble> {
    let id = created["id"].as_str().filter(|id| !id.is_empty());
    let none = || {
        Trouble::Unsure(
            service.said(&service.base, &format!("expected an `id`, got: {}", shorten(&created.to_string()))),
        )
    };
    id.map(str::to_owned).ok_or_else(none)
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

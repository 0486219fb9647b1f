//! An error as a page or as JSON.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use reenact::case::PartProblem;
use reenact::{Error, ErrorKind, Place};
use schemars::JsonSchema;
use serde::Serialize;

use super::App;
use super::page::{Shape, rendered};

/// An error on its way to whoever asked; [`shaped`] makes it what they can read.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    status: StatusCode,
    told: Box<Told>,
}

/// What went wrong, and what to do about it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Told {
    /// What happened.
    error: String,
    /// The file and the line, where it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The part of what was sent that is meant, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// All that is wrong with a case that was sent, each at its part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<PartProblem>,
}

impl Told {
    fn new(error: String) -> Told {
        Told { error, place: None, hint: None, field: None, problems: Vec::new() }
    }
}

impl Fault {
    /// An answer of this status, in words.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Fault {
        Fault { status, told: Told::new(error.into()).into() }
    }

    /// The same with what to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.told.hint = Some(hint.into());
        self
    }

    /// The same about one part of what was sent.
    pub(super) fn about(mut self, field: impl Into<String>) -> Fault {
        self.told.field = Some(field.into());
        self
    }

    /// The same under another status.
    pub(super) fn with(mut self, status: StatusCode) -> Fault {
        self.status = status;
        self
    }

    /// An error about something that was named and is not there.
    pub(super) fn missing(fault: impl Into<Fault>) -> Fault {
        let fault = fault.into();
        if fault.status == StatusCode::BAD_REQUEST { fault.with(StatusCode::NOT_FOUND) } else { fault }
    }

    /// What is wrong with a case that was sent.
    pub(super) fn of_parts(problems: Vec<PartProblem>) -> Fault {
        let mut fault = Fault::new(StatusCode::UNPROCESSABLE_ENTITY, "the case is not right yet; nothing was written");
        fault.told.problems = problems;
        fault
    }

    /// What was sent is not what can be taken.
    pub(super) fn bad(error: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, error)
    }

    /// What was asked for does not fit how things are.
    pub(super) fn conflict(error: impl Into<String>) -> Fault {
        Fault::new(StatusCode::CONFLICT, error)
    }

    /// What is told of it.
    pub(super) fn told(self) -> Told {
        *self.told
    }

    pub(super) fn closing() -> Fault {
        Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the program is about to end").hint("start `reenact serve` again")
    }

    /// Something of the program itself went wrong.
    pub(super) fn broken() -> Fault {
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, "the program failed while it answered")
            .hint("please report it, with the address of the page")
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        let status = match error.kind() {
            ErrorKind::Usage | ErrorKind::Input => StatusCode::BAD_REQUEST,
            ErrorKind::Model => StatusCode::BAD_GATEWAY,
            ErrorKind::Interrupted | ErrorKind::CapReached | ErrorKind::Divergence => StatusCode::CONFLICT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let hint = error.hint_text().map(str::to_owned);
        Fault {
            status,
            told: Told { place: error.place().cloned(), hint, ..Told::new(error.message().to_owned()) }.into(),
        }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.status, Extension(self.clone()), Json(self.told)).into_response()
    }
}

/// Makes of a fault what whoever asked can read: a page for a page.
pub(super) async fn shaped(State(app): State<App>, request: Request, next: axum::middleware::Next) -> Response {
    let shape = Shape::of(&request);
    let mut response = next.run(request).await;
    match (shape, response.extensions_mut().remove::<Fault>()) {
        (Shape::Page(at), Some(fault)) => {
            let status = fault.status;
            (status, rendered(&app, &at, "fault.html", &Page { status: status.as_u16(), told: *fault.told }))
                .into_response()
        }
        _ => response,
    }
}

#[derive(Serialize)]
struct Page {
    status: u16,
    #[serde(flatten)]
    told: Told,
}

pub(super) async fn nothing_here() -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        .hint("begin at the sessions, the suites or the runs")
}

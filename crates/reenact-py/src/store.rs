//! The store: sessions in and out, runs out, and what is made of them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use reenact::import::{self, Format, Input, OnProblem, Options};
use reenact::report::{self, Comparison};
use reenact::{RunOutput, Session, SessionQuery};
use serde_json::json;

use crate::data::{from_python, to_python};
use crate::fault::{Raise as _, Result};

/// The one file that keeps sessions, runs and journals.
#[pyclass(frozen, module = "reenact._native")]
pub(crate) struct Store(pub(crate) reenact::Store);

#[pymethods]
impl Store {
    /// Opens a store, and makes the file where there is none; without a path, one of which nothing stays.
    #[new]
    #[pyo3(signature = (path=None))]
    fn new(py: Python<'_>, path: Option<PathBuf>) -> Result<Self> {
        let open = || path.map_or_else(reenact::Store::temporary, reenact::Store::open);
        py.detach(open).map(Store).raise()
    }

    /// The file.
    fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    /// Reads files, folders and texts; an input is `(name, text)` where it is a text.
    fn import_<'py>(
        &self,
        py: Python<'py>,
        inputs: Vec<(PathBuf, Option<Vec<u8>>)>,
        format: Option<&str>,
        strict: bool,
    ) -> Result<Bound<'py, PyAny>> {
        let format = format.map(str::parse::<Format>).transpose().raise()?;
        let on_problem = if strict { OnProblem::Refuse } else { OnProblem::Skip };
        let imported = py.detach(|| {
            let inputs = inputs.into_iter().map(|(name, text)| match text {
                Some(text) => Input::Stream(name.to_string_lossy().into_owned(), Box::new(std::io::Cursor::new(text))),
                None => Input::Path(name),
            });
            import::import(inputs.collect(), &Options { format, on_problem }, &self.0, &mut |_| {})
        });
        to_python(py, &imported.raise()?)
    }

    /// Puts sessions, by their ids.
    fn put<'py>(&self, py: Python<'py>, sessions: &Bound<'py, PyAny>) -> Result<()> {
        let sessions: Vec<Session> = from_python(sessions, "a list of sessions")?;
        let put = || {
            let mut writer = self.0.write_sessions()?;
            sessions.iter().try_for_each(|session| writer.put(session, &[]))?;
            writer.commit()
        };
        py.detach(put).raise()
    }

    /// One session.
    fn session<'py>(&self, py: Python<'py>, id: &str) -> Result<Bound<'py, PyAny>> {
        to_python(py, &py.detach(|| self.0.session(id)).raise()?)
    }

    /// What a query finds, in a line each, the newest first.
    fn summaries<'py>(&self, py: Python<'py>, query: &str, limit: Option<usize>) -> Result<Bound<'py, PyAny>> {
        to_python(py, &py.detach(|| self.0.sessions(&parsed(query, limit)?)).raise()?)
    }

    /// What a query finds, whole.
    fn sessions<'py>(&self, py: Python<'py>, query: &str, limit: Option<usize>) -> Result<Bound<'py, PyAny>> {
        let read = || self.0.read_sessions(&parsed(query, limit)?)?.collect::<reenact::Result<Vec<Session>>>();
        to_python(py, &py.detach(read).raise()?)
    }

    /// The runs, the newest first.
    fn runs<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        let runs = py.detach(|| self.0.runs()).raise()?;
        let told = runs.iter().map(|run| {
            json!({
                "id": run.id,
                "created_at": run.created_at,
                "suite": run.suite,
                "agent": run.agent,
                "planned": run.planned,
                "outcomes": run.outcomes,
                "finished": run.finished,
            })
        });
        to_python(py, &told.collect::<Vec<_>>())
    }

    /// A run by its id, the start of it, or `latest`.
    fn run<'py>(&self, py: Python<'py>, id: &str) -> Result<Bound<'py, PyAny>> {
        to_python(py, &py.detach(|| self.0.run(id)).raise()?)
    }

    /// A run with its trials and their report.
    fn output<'py>(&self, py: Python<'py>, id: &str) -> Result<Bound<'py, PyAny>> {
        to_python(py, &py.detach(|| RunOutput::read(&self.0, &self.0.run(id)?.id)).raise()?)
    }

    /// The recorded sessions that the cases of a run come from, as far as the store has them.
    fn origins<'py>(&self, py: Python<'py>, ids: Vec<String>) -> Result<Bound<'py, PyAny>> {
        let found = py.detach(|| ids.iter().filter_map(|id| self.0.session(id).ok()).collect::<Vec<_>>());
        to_python(py, &found)
    }
}

fn parsed(query: &str, limit: Option<usize>) -> reenact::Result<SessionQuery> {
    let query: SessionQuery = query.parse()?;
    Ok(limit.map_or(query.clone(), |sessions| query.limit(sessions)))
}

/// A run as JUnit XML, Markdown or an HTML page.
#[pyfunction]
pub(crate) fn render<'py>(
    py: Python<'py>,
    output: &Bound<'py, PyAny>,
    form: &str,
    sessions: &Bound<'py, PyAny>,
) -> Result<String> {
    let output: RunOutput = from_python(output, "a report")?;
    let sessions: Vec<Session> = from_python(sessions, "a list of sessions")?;
    let sessions: BTreeMap<String, Session> = sessions.into_iter().map(|it| (it.id.clone(), it)).collect();
    py.detach(|| match form {
        "junit" => report::junit(&output),
        "markdown" => Ok(report::markdown(&output)),
        "headline" => Ok(output.report.headline()),
        _ => Ok(report::html(&output, &sessions)),
    })
    .raise()
}

/// Two runs of the same cases, compared.
#[pyfunction]
pub(crate) fn diff<'py>(
    py: Python<'py>,
    baseline: &Bound<'py, PyAny>,
    candidate: &Bound<'py, PyAny>,
    margin: Option<f64>,
) -> Result<Bound<'py, PyAny>> {
    let baseline: RunOutput = from_python(baseline, "a report")?;
    let candidate: RunOutput = from_python(candidate, "a report")?;
    to_python(py, &py.detach(|| Comparison::of(&baseline, &candidate, margin)))
}

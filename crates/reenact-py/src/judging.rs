//! Judging without a run.

use pyo3::prelude::*;
use reenact::judge::{self, JudgeSpec};
use reenact::{Conversation, Hearing, Judging, TestCase};

use crate::data::{from_python, to_python};
use crate::fault::{Raise as _, Result};
use crate::participants::{self, Own};
use crate::running::Stopper;
use crate::waiting::wait;

/// The judges that a name or a file stands for.
#[pyfunction]
pub(crate) fn judges<'py>(py: Python<'py>, name_or_path: &str) -> Result<Bound<'py, PyAny>> {
    let judges: Vec<JudgeSpec> = py.detach(|| judge::load(name_or_path)).raise()?;
    to_python(py, &judges)
}

/// Judges one conversation: exactly one assessment for each expectation of its case, and for each judge.
#[pyfunction]
pub(crate) fn assess<'py>(
    py: Python<'py>,
    case: &Bound<'py, PyAny>,
    conversation: &Bound<'py, PyAny>,
    judging: &Bound<'py, PyAny>,
    own: Own,
    stopper: &Stopper,
) -> Result<Bound<'py, PyAny>> {
    let case: TestCase = from_python(case, "a case")?;
    let conversation: Conversation = from_python(conversation, "a conversation")?;
    let judging: Judging = from_python(judging, "what says who judges")?;
    let work = move |_: std::sync::mpsc::Sender<()>| async move {
        let panel = participants::panel(&judging, &own)?;
        Ok(judge::assess(Hearing::new(&case, &conversation), &judging.judges, &panel).await)
    };
    let assessments = wait(py, stopper.stop(), work, |_, ()| Ok(()))?;
    to_python(py, &assessments)
}

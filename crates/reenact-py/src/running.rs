//! Runs: begun, driven to their end, and judged again.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use reenact::cost::Amount;
use reenact::run::{Event, Stop};
use reenact::{Cassette, Error, ErrorKind, Judging, Plan, Run, RunOutput, Suite, Trial, Usd};
use serde_json::json;

use crate::data::{from_python, to_python};
use crate::fault::{Raise as _, Result};
use crate::participants::{self, Own};
use crate::store::Store;
use crate::waiting::wait;

/// The names of participants whose answers stand in a cassette.
const REPLAY: &str = "replay:";

/// A wish to stop, which any thread may have.
#[pyclass(frozen, module = "reenact._native")]
pub(crate) struct Stopper(Stop);

#[pymethods]
impl Stopper {
    #[new]
    #[pyo3(signature = (max_cost=None))]
    fn new(max_cost: Option<&str>) -> Result<Self> {
        let bad = |cost: &str| {
            let what = format!("`{cost}` is no amount of US dollars");
            Error::new(ErrorKind::Usage, what).hint("write it like `2.50`")
        };
        let stop = match max_cost {
            None => Stop::default(),
            Some(cost) => Stop::before_cost(cost.parse::<Usd>().map_err(|_| bad(cost)).raise()?),
        };
        Ok(Stopper(stop))
    }

    /// Asks the work to stop: no new call is made, the calls on their way are waited for and kept.
    fn request(&self) {
        self.0.request();
    }

    /// Whether it was asked.
    fn is_requested(&self) -> bool {
        self.0.is_requested()
    }
}

impl Stopper {
    pub(crate) fn stop(&self) -> &Stop {
        &self.0
    }
}

/// What a plan is where nobody says otherwise.
#[pyfunction]
pub(crate) fn plan_default(py: Python<'_>) -> Result<Bound<'_, PyAny>> {
    to_python(py, &Plan::default())
}

/// What a run says, owned.
enum Said {
    Began(usize, usize),
    Ended(Box<Trial>),
    Spent(Amount),
}

impl Said {
    fn of(event: Event<'_>) -> Option<Said> {
        match event {
            Event::Began { planned, done } => Some(Said::Began(planned, done)),
            Event::Ended(trial) => Some(Said::Ended(Box::new(trial.clone()))),
            Event::Spent(amount) => Some(Said::Spent(amount)),
            Event::Exported(_) => None,
        }
    }

    fn tell(self, py: Python<'_>, listener: &Py<PyAny>) -> Result<()> {
        let (kind, data) = match self {
            Said::Began(planned, done) => ("began", to_python(py, &json!({"planned": planned, "done": done}))?),
            Said::Ended(trial) => ("ended", to_python(py, &trial)?),
            Said::Spent(amount) => ("spent", to_python(py, &amount)?),
        };
        listener.call1(py, (kind, data)).map(drop)
    }
}

/// Hands what a run says to whoever waits; a run is listened to from many threads.
fn listener(says: Sender<Said>) -> impl Fn(Event<'_>) + Sync {
    let says = Mutex::new(says);
    move |event| {
        if let Some(said) = Said::of(event) {
            // Whoever waited may have left.
            let _ = says.lock().unwrap_or_else(PoisonError::into_inner).send(said);
        }
    }
}

/// Plans a run and keeps it in the store; gives its id and the variants that cannot be made.
#[pyfunction]
pub(crate) fn begin<'py>(
    py: Python<'py>,
    store: &Store,
    suite: &Bound<'py, PyAny>,
    plan: &Bound<'py, PyAny>,
    own: Own,
) -> Result<Bound<'py, PyAny>> {
    let suite: Suite = from_python(suite, "a suite")?;
    let plan: Plan = from_python(plan, "a plan")?;
    let run = py
        .detach(|| {
            let plan = resolved(plan)?;
            plan.judging.check(&suite)?;
            let run = Run::new(plan, suite);
            participants::open(&run.plan, &store.0, &own)?;
            store.0.create_run(&run).map(|()| run)
        })
        .raise()?;
    to_python(py, &json!({"id": run.id, "left_out": run.left_out}))
}

/// The plan with whoever was recorded, where it names `replay:FILE`.
fn resolved(mut plan: Plan) -> reenact::Result<Plan> {
    if let Some(file) = plan.agent.strip_prefix(REPLAY).map(str::to_owned) {
        plan = plan.with_agent_of(&Cassette::load(file)?)?;
    }
    if let Some(file) = plan.user_model.strip_prefix(REPLAY).map(str::to_owned) {
        plan = plan.with_user_of(&Cassette::load(file)?)?;
    }
    Ok(plan)
}

/// Tries what is still to be tried of a stored run, and gives all that came of it.
#[pyfunction]
pub(crate) fn drive<'py>(
    py: Python<'py>,
    store: &Store,
    run: String,
    own: Own,
    stopper: &Stopper,
    listen: Py<PyAny>,
) -> Result<Bound<'py, PyAny>> {
    let (store, stop) = (store.0.clone(), stopper.0.clone());
    let work = move |says: Sender<Said>| async move {
        let run = store.run(&run)?;
        let participants = participants::open(&run.plan, &store, &own)?;
        reenact::run::run(&store, &run, &participants, &stop, &listener(says)).await
    };
    let output: RunOutput = wait(py, &stopper.0, work, |py, said: Said| said.tell(py, &listen))?;
    to_python(py, &output)
}

/// Judges the conversations of a stored run again.
#[pyfunction]
pub(crate) fn rejudge<'py>(
    py: Python<'py>,
    store: &Store,
    run: String,
    judging: &Bound<'py, PyAny>,
    own: Own,
    stopper: &Stopper,
    listen: Py<PyAny>,
) -> Result<Bound<'py, PyAny>> {
    let judging: Judging = from_python(judging, "what says who judges")?;
    let (store, stop) = (store.0.clone(), stopper.0.clone());
    let work = move |says: Sender<Said>| async move {
        let panel = participants::panel(&judging, &own)?;
        reenact::run::rejudge(&store, &run, &judging, &panel, &stop, &listener(says)).await
    };
    let output: RunOutput = wait(py, &stopper.0, work, |py, said: Said| said.tell(py, &listen))?;
    to_python(py, &output)
}

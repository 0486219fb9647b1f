//! Sessions into cases, masked before a model elsewhere reads them.

use std::sync::mpsc::Sender;

use pyo3::prelude::*;
use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller};
use reenact::mask::{Leak, MaskKey, Masker};
use reenact::model::{Engine, is_remote};
use reenact::{Environment, Error, ErrorKind, Journal, PriceList, Session};

use crate::data::{from_python, to_python};
use crate::fault::Result;
use crate::participants;
use crate::running::Stopper;
use crate::store::Store;
use crate::waiting::wait;

/// Questions to a model at once, as for the command.
const CALLS_AT_ONCE: usize = 16;

/// The variable with a passphrase that surrogates follow from, as for the command.
const KEY_VARIABLE: &str = "REENACT_MASK_KEY";

/// How sessions are distilled.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct How {
    model: String,
    split: bool,
    mask: String,
}

/// Distils sessions into cases.
#[pyfunction]
pub(crate) fn distill<'py>(
    py: Python<'py>,
    store: &Store,
    sessions: &Bound<'py, PyAny>,
    how: How,
    stopper: &Stopper,
) -> Result<Bound<'py, PyAny>> {
    let sessions: Vec<Session> = from_python(sessions, "a list of sessions")?;
    let (store, stop) = (store.0.clone(), stopper.stop().clone());
    let work = move |_: Sender<()>| async move {
        let masker = masker(&how, &store)?;
        let engine = Engine::open(&how.model, &participants::settings())?;
        let journal = Journal::of_distillation(&store)?;
        let prices = PriceList::default().price(&how.model).map(|price| (how.model.clone(), price));
        let ledger = Ledger::new(prices.into_iter().collect(), &[], None);
        let distiller = match &engine {
            Engine::Offline => Distiller::Offline,
            Engine::Model(model) => {
                Distiller::Model { model, journal: &journal, calls_at_once: CALLS_AT_ONCE, ledger: &ledger }
            }
        };
        // Without another session, the calls on their way come to their end.
        let going_on = sessions.iter().take_while(|_| !stop.is_requested());
        let distilled =
            reenact::distill::distill(going_on.map(|session| readable(masker.as_ref(), session)), distiller).await?;
        if stop.is_requested() {
            return Err(Error::new(ErrorKind::Interrupted, "the distillation was stopped"));
        }
        let distilled = if how.split { distilled.apart() } else { distilled };
        masker.map_or(Ok(()), |masker| check(&distilled, &sessions, &masker))?;
        Ok(distilled)
    };
    let distilled = wait(py, stopper.stop(), work, |_, ()| Ok(()))?;
    to_python(py, &distilled)
}

/// What masks: by default where the model is not on this machine.
fn masker(how: &How, store: &reenact::Store) -> reenact::Result<Option<Masker>> {
    let environment = Environment::of_process();
    let is_on = match how.mask.as_str() {
        "on" => true,
        "off" => false,
        "auto" => is_remote(&how.model, &environment),
        other => {
            let error = Error::new(ErrorKind::Usage, format!("`{other}` does not say when to mask"));
            return Err(error.hint("use `auto`, `on` or `off`"));
        }
    };
    is_on.then(|| store.masker(environment.get(KEY_VARIABLE).map(MaskKey::of_passphrase))).transpose()
}

/// A session as whatever distils may read it.
fn readable(masker: Option<&Masker>, session: &Session) -> reenact::Result<Session> {
    let Some(masker) = masker else { return Ok(session.clone()) };
    let masked = masker.mask(session);
    refuse(&format!("the masked session {}", session.id), &masked.originals.leaks_in(&masked.session.conversation))?;
    Ok(masked.session)
}

/// Makes sure that no value that was masked stands in what was made.
fn check(distilled: &Distilled, sessions: &[Session], masker: &Masker) -> reenact::Result<()> {
    for session in sessions {
        let (id, originals) = (masker.masked_id(&session.id), masker.mask(session).originals);
        let is_of_it = |origin: &reenact::Origin| origin.session == id;
        for case in distilled.cases.iter().filter(|case| case.origin.as_ref().is_some_and(is_of_it)) {
            refuse(&format!("case {}", case.id), &originals.leaks_in(case))?;
        }
        for left in distilled.skipped.iter().chain(&distilled.dropped).filter(|left| left.what.contains(&id)) {
            refuse("what is said of parts that were left out", &originals.leaks_in(left))?;
        }
    }
    Ok(())
}

fn refuse(what: &str, leaks: &[Leak]) -> reenact::Result<()> {
    let Some(Leak { field, kind }) = leaks.first() else { return Ok(()) };
    let at = if field.is_empty() { String::new() } else { format!(", {field}") };
    let what = format!("{what}{at}: a value of the recording is still there ({kind})");
    Err(Error::new(ErrorKind::Usage, what)
        .hint("leave the session out, or use a model on this machine and `mask=\"off\"`"))
}

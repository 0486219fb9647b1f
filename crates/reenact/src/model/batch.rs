//! Questions put in batches: at half the price and within a day, through a provider's own batches or by hand through a folder.
//!
//! Whoever asks does not know of it. A [`Batch`] gives a [`Model`] that answers what it knows and collects the rest; the
//! work is done over and over, and what was collected in between is answered, until nothing is left to ask:
//!
//! ```text
//! loop { begin; do the work with the batch's models; settle: nothing collected → done }
//! ```
//!
//! [`in_batches`] is that loop. What a provider was asked stands in the store before it is asked, so that neither a crash
//! nor a lost answer submits a request twice; see [`mod@crate::store`]. A folder remembers everything itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::name::{endpoint, on_paper};
use super::wire::Wire;
use crate::{Environment, Error, ErrorKind, Model, Result, Skipped, Store};
use asking::{Asking, Time};
use folder::Folder;
use form::{Came, Form};
use register::Register;
use service::Service;

pub use drive::{BatchEvent, Watch};

mod asking;
mod drive;
mod folder;
mod form;
mod register;
mod service;

/// A request that so many batches did not answer is not asked again.
const ATTEMPTS_MAX: u32 = 3;

/// Rounds of one piece of work. A question is asked, asked again where its answer cannot be used, and asked in another manner where
/// the first is refused; more rounds than that come of work that never asks the same twice.
const ROUNDS_MAX: usize = 12;

/// Digits of a request's id: enough that no two of them ever meet.
const ID_DIGITS: usize = 32;

/// Questions that are put in batches. A clone is another handle on the same.
#[derive(Clone)]
pub struct Batch(Arc<Inner>);

struct Inner {
    pool: Mutex<Pool>,
    /// The models that are asked, by name.
    services: Mutex<BTreeMap<String, Service>>,
    /// The requests whose tokens were counted since the work began anew: one answer may serve several questions.
    used: Mutex<HashSet<String>>,
    /// Why an answer could not be looked up.
    broken: Mutex<Option<Error>>,
    scope: Option<String>,
}

/// Where what is asked is kept.
#[derive(Debug)]
enum Pool {
    Register(Register),
    Folder(Folder),
}

/// How it stands once everything that can be done was done.
#[derive(Debug)]
pub enum Settled {
    /// Nothing was asked that was not answered.
    Done,
    /// There are answers that there were not before.
    Answered,
    /// Somebody else has to answer; the files that were just written for that.
    Waits(Vec<PathBuf>),
}

/// What came of all requests. Each is counted once in `asked`, and in one of `answered`, `failed` and `waiting`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tally {
    /// Requests in all.
    pub asked: u64,
    /// Those with an answer that can be used.
    pub answered: u64,
    /// Those without one, for good, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Those whose answer is still to come.
    pub waiting: u64,
    /// How often a request was in a batch that ran out of time.
    pub expired: u64,
    /// How often a request was made once more: after a batch that left it undone, or because the answer could not be used.
    pub asked_again: u64,
    /// Lines of answer files that could not be read, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Skipped>,
}

impl Tally {
    fn fail(&mut self, why: &str) {
        *self.failed.entry(why.to_owned()).or_default() += 1;
    }
}

impl Batch {
    /// Batches at the models' providers. The scope names the work: what was asked under it is found again, by this process or by a
    /// later one, and never asked twice.
    ///
    /// # Errors
    /// Where another process does the same work.
    pub fn at_providers(store: &Store, scope: &str) -> Result<Batch> {
        Ok(Batch::of(Pool::Register(Register::open(store, scope)?), Some(scope.to_owned())))
    }

    /// Batches that somebody else sends: requests are written to a folder, and answers are read from it.
    ///
    /// # Errors
    /// Where the folder cannot be read or made.
    pub fn in_folder(folder: &Path) -> Result<Batch> {
        Ok(Batch::of(Pool::Folder(Folder::open(folder)?), None))
    }

    fn of(pool: Pool, scope: Option<String>) -> Batch {
        let (services, used, broken) = Default::default();
        Batch(Arc::new(Inner { pool: Mutex::new(pool), services, used, broken, scope }))
    }

    /// The model of a name, whose questions go into batches. Without a provider to ask no key is needed.
    ///
    /// # Errors
    /// Where batches of this model are not known here, or where it cannot be opened.
    pub fn model(&self, name: &str, environment: &Environment) -> Result<Model> {
        if name == "offline" || name.starts_with("script:") || name.starts_with("replay:") {
            return Err(no_batches(name, "it is not asked over a network"));
        }
        let paper = on_paper(name)?;
        let form = match paper.wire {
            Wire::ChatCompletions => Form::OpenAi,
            Wire::AnthropicMessages => Form::Anthropic,
            _ => return Err(no_batches(name, "its provider takes them in a form of its own")),
        };
        if self.0.scope.is_some() {
            let service = Service::of(&endpoint(name, environment)?, form, name, environment)?;
            self.0.services().insert(name.to_owned(), service);
        }
        let (inner, environment) = (Arc::clone(&self.0), environment.clone());
        Ok(Model::new(name, Asking { inner, name: name.to_owned(), paper, form, environment }))
    }

    /// Begins the work, or begins it anew.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn begin(&self) -> Result<()> {
        self.0.used().clear();
        match &mut *self.0.pool() {
            Pool::Register(register) => register.begin(),
            Pool::Folder(folder) => {
                folder.begin();
                Ok(())
            }
        }
    }

    /// Sees to what the work asked in vain: it is submitted and waited for, or written to the folder.
    ///
    /// # Errors
    /// Where a provider, the store or the folder does not do what it must. [`ErrorKind::Interrupted`] where `watch` says to stop, or
    /// where somebody cancelled a batch: all batches go on, and the same work does.
    pub async fn settle(&self, watch: &Watch<'_>) -> Result<Settled> {
        if let Some(error) = self.0.broken.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        let (store, scope) = match &mut *self.0.pool() {
            Pool::Folder(folder) => {
                return if folder.unsettled() == 0 { Ok(Settled::Done) } else { folder.publish().map(Settled::Waits) };
            }
            Pool::Register(register) => {
                register.write()?;
                (register.store().clone(), register.scope().to_owned())
            }
        };
        let services = self.0.services().clone();
        let drive = drive::Drive::new(&store, &scope, &services, watch);
        Ok(if drive.finish().await? { Settled::Answered } else { Settled::Done })
    }

    /// What came of everything so far.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn tally(&self) -> Result<Tally> {
        match &*self.0.pool() {
            Pool::Register(register) => register.tally(),
            Pool::Folder(folder) => Ok(folder.tally()),
        }
    }

    /// Forgets what was asked, because its answers are kept elsewhere. A folder stays as it is.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn forget(&self) -> Result<()> {
        match &*self.0.pool() {
            Pool::Register(register) => register.store().forget_asked(register.scope()),
            Pool::Folder(_) => Ok(()),
        }
    }
}

/// How far work in batches came.
#[derive(Debug)]
pub enum Finished<T> {
    /// All that it asked is answered: what came of it.
    Whole(T),
    /// Somebody else has to answer first; the files that were just written for that.
    Waits(Vec<PathBuf>),
}

/// Does work over and over until everything that it asks is answered, or until somebody else has to answer.
///
/// The work must ask the same questions each time, but for those that depend on answers.
///
/// # Errors
/// Those of the work, and as [`Batch::settle`].
pub async fn in_batches<T>(
    batch: &Batch,
    watch: &Watch<'_>,
    mut work: impl AsyncFnMut() -> Result<T>,
) -> Result<Finished<T>> {
    for _ in 0..ROUNDS_MAX {
        batch.begin()?;
        let done = work().await?;
        match batch.settle(watch).await? {
            Settled::Done => return Ok(Finished::Whole(done)),
            Settled::Answered => {}
            Settled::Waits(files) => return Ok(Finished::Waits(files)),
        }
    }
    let what = format!("after {ROUNDS_MAX} rounds of batches there are still new questions");
    Err(Error::new(ErrorKind::Model, what).hint("the questions change from round to round; do it without batches"))
}

impl Pool {
    fn came(&mut self, id: &str, time: Time) -> Result<Option<Came>> {
        match self {
            Pool::Register(register) => register.came(id),
            Pool::Folder(folder) => {
                if time == Time::Again {
                    folder.note_again(id);
                }
                folder.came(id)
            }
        }
    }

    fn want(&mut self, id: &str, (model, form): (&str, Form), body: &Value, time: Time) -> Result<()> {
        let body = body.to_string();
        let line = form.line(id, &body);
        match self {
            Pool::Register(register) => register.want(id, model, (body, line.len() + 1), time == Time::Again),
            Pool::Folder(folder) => folder.want(id, (model, form), &line),
        }
    }

    fn note_unusable(&mut self, id: &str, why: &str) -> Result<()> {
        match self {
            Pool::Register(register) => register.store().note_unusable(id, why),
            Pool::Folder(folder) => {
                folder.note_unusable(id, why);
                Ok(())
            }
        }
    }
}

impl Inner {
    fn scope(&self) -> &str {
        self.scope.as_deref().unwrap_or_default()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<String, Service>> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn used(&self) -> MutexGuard<'_, HashSet<String>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_first_use(&self, id: &str) -> bool {
        self.used().insert(id.to_owned())
    }

    /// Keeps the first reason, for [`Batch::settle`]: a model can only say that it did not answer.
    fn broke(&self, error: Error) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let models: BTreeSet<String> = self.0.services().keys().cloned().collect();
        f.debug_struct("Batch").field("scope", &self.0.scope).field("models", &models).finish_non_exhaustive()
    }
}

/// The id of a request: the same for the same question to the same model in the same work, on every machine.
fn id_of(scope: &str, model: &str, body: &Value) -> String {
    let hash = blake3::hash(format!("{scope}\n{model}\n{body}").as_bytes()).to_hex();
    format!("reenact-{}", &hash[..ID_DIGITS])
}

fn no_batches(name: &str, why: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("`{name}` cannot be asked in batches: {why}")).hint(
        "`--batch` takes `openai:/MODEL`, `anthropic:/MODEL` and `http(s)://HOST/v1#MODEL` of a server with OpenAI's batches; \
         `--batch-dir` writes files for Anthropic and for every provider that speaks chat completions",
    )
}

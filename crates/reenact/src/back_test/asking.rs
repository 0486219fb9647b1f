//! Whoever plays the users of one recording. The answers of a model are journaled before they are used, so that each is paid for
//! once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::Player;
use crate::cassette::Recording;
use crate::cost::{CostRole, Ledger, Spent};
use crate::distill::{Come, Desk};
use crate::journal::{Journal, StepKey, StepRole};
use crate::run::Stop;
use crate::user::AgendaUser;
use crate::user::model::ModelUser;
use crate::{
    Completion, Error, ErrorKind, Model, ModelFault, ModelFaultKind, ModelRequest, Result, ServeModel, Session,
    SimulatedUser,
};

/// What a model answers that is not asked any more; nobody reads what comes of it.
const HALTED: &str = "the back-test was stopped";

/// Whoever plays the users of one recording, and what came of asking.
pub(super) struct Users {
    pub(super) user: Arc<dyn SimulatedUser>,
    asked: Option<Arc<Asked>>,
}

impl Users {
    pub(super) fn of(player: &Player, session: &Session, recording: Option<&Arc<Recording>>) -> Self {
        let (model, journal, ledger, stop) = match player.clone() {
            Player::Offline => return Users { user: Arc::new(AgendaUser), asked: None },
            Player::Own(user) => return Users { user, asked: None },
            Player::Model { model, journal, ledger, stop } => (model, journal, ledger, stop),
        };
        let (recording, session, name) = (recording.cloned(), session.id.clone(), model.name().to_owned());
        let (position, told) = Default::default();
        let asked = Arc::new(Asked { model, journal, ledger, stop, recording, session, position, told });
        let model = Model::new(name, Asking(Arc::clone(&asked)));
        Users { user: Arc::new(ModelUser::new(model)), asked: Some(asked) }
    }

    /// Whether every answer came, and what they cost.
    ///
    /// # Errors
    /// Why one could not be asked for or kept.
    pub(super) fn told(&self) -> Result<(Come, Vec<Spent>)> {
        let Some(asked) = &self.asked else { return Ok((Come::Yes, Vec::new())) };
        let Told { broken, waits, spent } = std::mem::take(&mut *asked.told());
        match broken {
            Some(error) => Err(error),
            None => Ok((if waits { Come::NotYet } else { Come::Yes }, spent)),
        }
    }
}

/// A model, and what came of asking it about one session.
struct Asked {
    model: Model,
    journal: Arc<Journal>,
    ledger: Arc<Ledger>,
    stop: Stop,
    recording: Option<Arc<Recording>>,
    session: String,
    /// How many questions were put, in the order in which a cassette has them.
    position: AtomicU32,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    broken: Option<Error>,
    waits: bool,
    spent: Vec<Spent>,
}

impl Asked {
    async fn ask(&self, request: &ModelRequest) -> Result<Result<Completion, ModelFault>> {
        if self.stop.is_requested() {
            return Err(Error::new(ErrorKind::Interrupted, HALTED));
        }
        let position = self.position.fetch_add(1, Ordering::Relaxed);
        let at = StepKey { case: self.session.clone(), trial: 0, position, role: StepRole::User };
        let Asked { model, journal, ledger, recording, .. } = self;
        let desk = Desk { model, journal, ledger, recording: recording.as_deref() };
        let answer = desk.ask(&at, request).await?;
        let mut told = self.told();
        told.waits |= Come::of(&answer) == Come::NotYet;
        told.spent.push(desk.spent(CostRole::User, &answer));
        Ok(answer)
    }

    /// A panic elsewhere leaves it as it was.
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Asking(Arc<Asked>);

#[async_trait]
impl ServeModel for Asking {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        let halted = || Err(ModelFault::new(ModelFaultKind::Unreachable, HALTED));
        if self.0.told().broken.is_some() {
            return halted();
        }
        match self.0.ask(request).await {
            Ok(answer) => answer,
            Err(error) => {
                self.0.told().broken.get_or_insert(error);
                halted()
            }
        }
    }
}

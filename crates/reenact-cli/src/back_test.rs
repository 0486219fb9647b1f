//! The options of a back-test, and who takes part in it.

use std::sync::Arc;

use reenact::back_test::{Player, Tester};
use reenact::cassette::Recorded;
use reenact::cost::Ledger;
use reenact::distill::{Distilled, Distiller};
use reenact::model::batch::Batch;
use reenact::model::{Engine, ModelSettings};
use reenact::run::Stop;
use reenact::{Cassette, Environment, Journal, Result, Session, Store};

use crate::{batching, cassette, output};

/// Recordings that are played at once; each asks one question at a time.
const RECORDINGS_AT_ONCE: usize = 16;

/// The name of the embedded engine.
const OFFLINE: &str = "offline";

#[derive(Debug, clap::Args)]
#[group(id = "back_testing", multiple = true)]
pub(crate) struct Args {
    /// Play each case's user on its own recording, repair once what plays it poorly, and mark what stays poor
    #[arg(long)]
    back_test: bool,
    /// What plays the users of the back-test: a model's name, or offline
    #[arg(long, value_name = "M", default_value = "offline", requires = "back_test")]
    user_model: String,
}

impl Args {
    /// What plays the users, where there is a back-test.
    pub(crate) fn user_model(&self) -> Option<&str> {
        self.back_test.then_some(self.user_model.as_str())
    }

    /// Whoever plays them.
    pub(crate) fn user(&self, settings: &ModelSettings) -> Result<Option<Engine>> {
        let open = |name: &str| match cassette::file(name) {
            Some(file) => reenact::back_test::replayed(&Arc::new(Cassette::load(file)?)),
            None => Engine::open(name, settings),
        };
        self.user_model().map(open).transpose()
    }

    /// Whoever plays them, asked in batches.
    pub(crate) fn user_in(&self, batch: &Batch) -> Result<Option<Engine>> {
        let open = |name: &str| match name {
            OFFLINE => Ok(Engine::Offline),
            name => batching::model(batch, name).map(Engine::Model),
        };
        self.user_model().map(open).transpose()
    }

    /// The options as somebody would type them again, each with a space before it.
    pub(crate) fn in_words(&self) -> String {
        let model = |model| format!(" --back-test --user-model {}", output::shell_word(model));
        self.user_model().map(model).unwrap_or_default()
    }
}

/// Where the answers of models are kept, what they are held to, and when to stop.
type Desk<'a> = (&'a Arc<Journal>, &'a Arc<Ledger>, &'a Stop);

fn tester<'a>((distiller, user): (Distiller<'a>, &Engine), (journal, ledger, stop): Desk<'_>) -> Tester<'a> {
    let player = match user {
        Engine::Offline => Player::Offline,
        Engine::Model(model) => Player::Model {
            model: model.clone(),
            journal: Arc::clone(journal),
            ledger: Arc::clone(ledger),
            stop: stop.clone(),
        },
    };
    Tester { player, distiller, recordings_at_once: RECORDINGS_AT_ONCE }
}

pub(crate) async fn run(
    distilled: Distilled,
    store: &Store,
    who: (Distiller<'_>, &Engine),
    desk: Desk<'_>,
) -> Result<Distilled> {
    reenact::back_test::back_test(distilled, &|id| store.session(id), &tester(who, desk)).await
}

/// Adds what a back-test asked to the cassette of its distillation, which is done once more from the journal.
pub(crate) async fn record(
    recorded: &mut Recorded,
    sessions: impl IntoIterator<Item = Result<Session>>,
    store: &Store,
    (distiller, user): (Distiller<'_>, &Engine),
    (desk, environment): (Desk<'_>, &Environment),
) -> Result<()> {
    let distilled = reenact::distill::distill(sessions, distiller).await?;
    let tester = tester((distiller, user), desk);
    reenact::back_test::record(recorded, distilled, &|id| store.session(id), &tester, environment).await
}

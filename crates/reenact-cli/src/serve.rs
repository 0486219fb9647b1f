//! The pages, the API and what else listens at the same address.
//!
//! Each noun is a file with its routes. What a page shows is the value that the API answers with, so that the two cannot differ:
//! [`routes`] makes both of one entry, and the published description of the API with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use reenact::import::receiver::Receiver;
use reenact::{Error, ErrorKind, Result, Store};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

pub(crate) use listening::{address_of, listen, serve};
pub(crate) use safety::{Safety, token};

use fault::Fault;
use folder::Folder;
use routes::{Answer, Routes};
use tasks::Tasks;

mod assets;
mod cases;
mod comparison;
mod distilling;
mod fault;
mod folder;
mod listening;
mod live;
mod openapi;
mod page;
mod receiver;
mod routes;
mod runs;
mod safety;
mod sessions;
mod suites;
mod tasks;
mod trials;
mod words;
mod work;

/// So many read the store at the same time; SQLite gives each a connection of its own, and a disk gains nothing from more.
const READERS_MAX: usize = 8;

/// What the pages are made of.
pub(crate) struct Settings {
    pub(crate) store: Store,
    /// An absolute path, without links.
    pub(crate) suites: PathBuf,
    pub(crate) safety: Safety,
    pub(crate) receiver: Receiver,
}

/// What every answer is made from. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    settings: Settings,
    folder: Folder,
    tasks: Tasks,
    readers: Semaphore,
    closing: watch::Sender<bool>,
    runs: runs::Known,
    work: Arc<work::Work>,
}

impl App {
    pub(crate) fn new(settings: Settings) -> App {
        let folder = Folder::new(settings.suites.clone());
        let (readers, closing) = (Semaphore::new(READERS_MAX), watch::Sender::new(false));
        let (tasks, runs, work) = (Tasks::default(), runs::Known::default(), Arc::default());
        App(Arc::new(Shared { settings, folder, tasks, readers, closing, runs, work }))
    }

    fn safety(&self) -> &Safety {
        &self.0.settings.safety
    }

    /// The store itself, for work that lasts; whoever only reads goes through [`App::read`].
    fn store(&self) -> &Store {
        &self.0.settings.store
    }

    fn receiver(&self) -> &Receiver {
        &self.0.settings.receiver
    }

    /// The suite files that may be read and written.
    fn folder(&self) -> &Folder {
        &self.0.folder
    }

    fn tasks(&self) -> &Tasks {
        &self.0.tasks
    }

    /// Does something with the store, or with files, that blocks: on a thread of its own, and a few at a time.
    ///
    /// # Errors
    /// Whatever the work gives.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = self.0.clone();
        let _turn = self.0.readers.acquire().await.map_err(|_| Fault::closing())?;
        let done = tokio::task::spawn_blocking(move || work(&shared.settings.store)).await;
        Ok(done.map_err(|_| Fault::broken())??)
    }

    /// As [`App::read`], with what is known of runs already.
    ///
    /// # Errors
    /// Whatever the work gives.
    async fn read_runs<T: Send + 'static>(
        &self,
        work: impl FnOnce(&runs::Known, &Store) -> Result<T> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = self.0.clone();
        self.read(move |store| work(&shared.runs, store)).await
    }

    /// What was begun from a page and goes on.
    fn work(&self) -> &Arc<work::Work> {
        &self.0.work
    }

    /// Tells whatever streams or works that the program is about to end.
    fn close(&self) {
        self.tasks().stop_all();
        self.0.closing.send_replace(true);
        self.0.work.stop_all();
    }

    /// How many runs go on here.
    pub(crate) fn runs_going_on(&self) -> usize {
        self.0.work.count()
    }

    /// Comes back when no run goes on here any more.
    pub(crate) async fn runs_ended(&self) {
        self.0.work.ended().await;
    }

    /// Comes back when the program is about to end; what streams an answer ends it then.
    async fn closing(&self) {
        let mut closing = self.0.closing.subscribe();
        // The sender lives as long as the app.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// Every route there is, in the order of the published description.
fn routes() -> Routes {
    let cases =
        sessions::routes().and(suites::routes()).and(cases::routes()).and(distilling::routes()).and(tasks::routes());
    let runs = runs::routes().and(trials::routes()).and(comparison::routes()).and(live::routes());
    Routes::new().and(cases).and(runs).and(receiver::routes()).get(
        "/api/csrf",
        "What a program sends along with a change",
        csrf,
    )
}

/// What a program has to send with a change, as our pages do.
#[derive(Serialize, JsonSchema)]
struct Csrf {
    /// The value of the header `x-reenact-csrf`, until the program ends.
    csrf: String,
}

async fn csrf(app: App, (): (), (): ()) -> Answer<Csrf> {
    Ok(Csrf { csrf: app.safety().csrf().to_owned() })
}

async fn home() -> Redirect {
    Redirect::to("/sessions")
}

/// All that is answered, with what keeps it safe around it.
fn router(app: App) -> Router {
    let routes = routes();
    let document = openapi::document(routes.entries());
    let router = routes.into_router().merge(openapi::router(document)).merge(assets::router()).route("/", get(home));
    safety::around(router.fallback(fault::nothing_here), &app).with_state(app)
}

/// The folder of the suites, as a path that no link leads out of.
pub(crate) fn folder(path: &Path) -> Result<PathBuf> {
    let is_folder = |path: &PathBuf| path.is_dir();
    std::fs::canonicalize(path).ok().filter(is_folder).ok_or_else(|| {
        Error::new(ErrorKind::Usage, "there is no such folder").at(path, None).hint("name another one with `--suites`")
    })
}

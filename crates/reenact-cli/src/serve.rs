//! The pages, the API and what else listens at the same address.
//!
//! Each noun is a file with its routes. What a page shows is the value that the API answers with, so that the two cannot differ:
//! [`routes`] makes both of one entry, and the published description of the API with them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use reenact::{Error, ErrorKind, Result, Store};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::{Semaphore, watch};

pub(crate) use listening::{address_of, listen, serve};
pub(crate) use safety::{Safety, token};

use fault::Fault;
use routes::{Answer, Routes};

mod assets;
mod fault;
mod listening;
mod openapi;
mod page;
mod routes;
mod safety;
mod sessions;
mod suites;

/// So many read the store at the same time; SQLite gives each a connection of its own, and a disk gains nothing from more.
const READERS_MAX: usize = 8;

/// What the pages are made of.
pub(crate) struct Settings {
    pub(crate) store: Store,
    /// An absolute path, without links.
    pub(crate) suites: PathBuf,
    pub(crate) safety: Safety,
}

/// What every answer is made from. A clone is another handle on the same.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    settings: Settings,
    readers: Semaphore,
    closing: watch::Sender<bool>,
}

impl App {
    pub(crate) fn new(settings: Settings) -> App {
        App(Arc::new(Shared { settings, readers: Semaphore::new(READERS_MAX), closing: watch::Sender::new(false) }))
    }

    fn safety(&self) -> &Safety {
        &self.0.settings.safety
    }

    /// The store itself, for work that lasts; whoever only reads goes through [`App::read`].
    #[allow(dead_code, reason = "for runs")]
    fn store(&self) -> &Store {
        &self.0.settings.store
    }

    /// The folder whose suite files may be read and written.
    fn suites(&self) -> &Path {
        &self.0.settings.suites
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

    /// Tells whatever streams that the program is about to end.
    fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Comes back when the program is about to end; what streams an answer ends it then.
    #[allow(dead_code, reason = "for streams")]
    async fn closing(&self) {
        let mut closing = self.0.closing.subscribe();
        // The sender lives as long as the app.
        let _ = closing.wait_for(|closing| *closing).await;
    }
}

/// Every route there is, in the order of the published description.
fn routes() -> Routes {
    Routes::new().and(sessions::routes()).and(suites::routes()).get(
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

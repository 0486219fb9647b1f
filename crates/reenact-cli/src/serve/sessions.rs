//! Sessions: what real users did.

use reenact::{SessionQuery, SessionSummary};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::routes::{Answer, Routes};

/// What a page shows.
const PAGE: usize = 50;

pub(super) fn routes() -> Routes {
    Routes::new().shown("/sessions", "sessions.html", "Recorded sessions that a query finds, the newest first", list)
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// As `reenact sessions` takes it: words, "phrases", `turns>=3`, `after:DATE` and the like.
    #[serde(default)]
    q: String,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The query.
    q: String,
    /// How many it finds.
    matched: usize,
    /// Those of this page.
    sessions: Vec<SessionSummary>,
}

async fn list(app: App, (): (), asked: Asked) -> Answer<Listed> {
    let query: SessionQuery = asked.q.parse()?;
    app.read(move |store| {
        let matched = store.count_sessions(&query)?;
        Ok(Listed { q: asked.q, matched, sessions: store.sessions(&query.limit(PAGE))? })
    })
    .await
}

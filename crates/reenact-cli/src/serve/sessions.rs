//! Sessions: what real users did.

use reenact::signals::{Signal, signals, trouble};
use reenact::{Result, Session, SessionCursor, SessionQuery, SessionSummary, Store};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::Fault;
use super::folder::Derived;
use super::routes::{Answer, Routes};

mod importing;

/// A screen or two.
const PAGE_SESSIONS: usize = 50;
/// Signs of trouble are looked for in so many messages of a page at the most; a page of very long sessions would keep its reader waiting.
const LOOKED_THROUGH_MAX: u32 = 4_000;

pub(super) fn routes() -> Routes {
    importing::routes()
        .shown("/sessions", "sessions.html", "Recorded sessions that a query finds, the newest first", list)
        .shown(
            "/sessions/{id}",
            "session.html",
            "A recorded session, what shows trouble in it, and the cases of it",
            one,
        )
}

#[derive(Deserialize, JsonSchema)]
struct Asked {
    /// As `reenact sessions` takes it: words, "phrases", `turns>=3`, `after:DATE` and the like.
    #[serde(default)]
    q: String,
    /// The place to go on behind: `next` of the page before.
    #[serde(default)]
    after: Option<String>,
}

/// A page of sessions.
#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The query.
    q: String,
    /// How many it finds.
    matched: usize,
    /// How many there are.
    total: usize,
    /// Those of this page.
    sessions: Vec<Row>,
    /// The place to go on behind, where there are more.
    next: Option<String>,
    /// Whether this is not the first page.
    is_continued: bool,
}

/// A session in a list.
#[derive(Serialize, JsonSchema)]
struct Row {
    #[serde(flatten)]
    session: SessionSummary,
    /// The kinds of signs of trouble in it, the gravest first; none where they were not looked for.
    signs: Option<Vec<String>>,
    /// How much trouble they tell of: a number to sort by.
    trouble: u32,
}

async fn list(app: App, (): (), asked: Asked) -> Answer<Listed> {
    let query: SessionQuery = asked.q.parse()?;
    let cursor: Option<SessionCursor> = asked.after.as_deref().map(str::parse).transpose()?;
    app.read(move |store| {
        let (matched, total) = (store.count_sessions(&query)?, store.count_sessions(&SessionQuery::default())?);
        let is_continued = cursor.is_some();
        let page = query.limit(PAGE_SESSIONS + 1);
        let mut found = store.sessions(&cursor.into_iter().fold(page, SessionQuery::behind))?;
        let has_more = found.len() > PAGE_SESSIONS;
        found.truncate(PAGE_SESSIONS);
        let next = found.last().filter(|_| has_more).map(|last| SessionCursor::at(last).to_string());
        Ok(Listed { q: asked.q, matched, total, sessions: rows(store, found)?, next, is_continued })
    })
    .await
}

fn rows(store: &Store, found: Vec<SessionSummary>) -> Result<Vec<Row>> {
    let mut looked_through = 0;
    let row = |session: SessionSummary| {
        looked_through += session.messages;
        if looked_through > LOOKED_THROUGH_MAX {
            return Ok(Row { session, signs: None, trouble: 0 });
        }
        let signals = signals(&store.session(&session.id)?);
        let mut kinds: Vec<_> = signals.iter().map(|signal| signal.kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Ok(Row { session, signs: Some(kinds.iter().map(ToString::to_string).collect()), trouble: trouble(&signals) })
    };
    found.into_iter().map(row).collect()
}

#[derive(Deserialize, JsonSchema)]
struct One {
    /// The session's id, or the start of it.
    id: String,
}

/// A session and what is known of it.
#[derive(Serialize, JsonSchema)]
struct Shown {
    session: Session,
    /// How many messages are the user's.
    turns: usize,
    /// The signs of trouble in it, in the order of its turns.
    signals: Vec<Sign>,
    /// The cases of the suites of the folder that come from it.
    cases: Vec<Derived>,
}

/// A sign of trouble with its kind in words.
#[derive(Serialize, JsonSchema)]
struct Sign {
    #[serde(flatten)]
    signal: Signal,
    /// The kind, in words.
    words: String,
}

async fn one(app: App, One { id }: One, (): ()) -> Answer<Shown> {
    let folder = app.folder().clone();
    let shown = app.read(move |store| {
        let session = store.session(&id)?;
        let sign = |signal: Signal| Sign { words: signal.kind.to_string(), signal };
        let signals = signals(&session).into_iter().map(sign).collect();
        let (turns, cases) = (session.conversation.turn_count(), folder.cases_of(&session.id));
        Ok(Shown { session, turns, signals, cases })
    });
    shown.await.map_err(Fault::missing)
}

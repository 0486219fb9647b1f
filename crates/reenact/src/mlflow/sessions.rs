//! The sessions of an experiment into a store: each message once and in order, nothing twice, in bounded memory.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use percent_encoding::percent_decode_str;

use super::experiment;
use super::pages::{Info, Pages};
use super::server::{Server, ServerFault};
use super::spans::{self, AT_ONCE, Fetched};
use crate::import::{Fed, Format, Imported, OnProblem, Progress};
use crate::{Result, Store};

/// Requests on their way at once: enough to keep a server's workers busy, few enough to leave it to others too.
const REQUESTS_AT_ONCE: usize = 4;

/// Which sessions.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    /// The experiment's name.
    pub experiment: String,
    /// What MLflow's search of traces takes, such as `tags.team = 'support'`; a session is imported whole where one of its traces is found. All
    /// sessions, where it is empty.
    pub filter: String,
    /// What a trace that cannot be used does to the rest.
    pub on_problem: OnProblem,
}

/// Reads the sessions of an experiment into a store, oldest first.
///
/// What the store has is not asked for again, so that another import adds only what is new, and one that broke off goes on. A
/// trace that is still going on, has no spans, or whose spans the server does not find, is skipped with its reason; so is a server that fails half way: what came
/// until then is kept.
///
/// # Errors
/// Where the server has no such experiment or does not let us in, or the store cannot be read or written.
pub async fn import(
    server: &Server,
    wanted: &Sessions,
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Imported> {
    let experiment = experiment::within(server, &wanted.experiment).await?;
    let place = place(server, &experiment);
    let mut fed = Fed::new(store, wanted.on_problem, &place, Format::Mlflow)?;
    let mut pages = Pages::new(server, &experiment, &wanted.filter);
    let mut whole =
        Whole { server, experiment: &experiment, seen: (!wanted.filter.trim().is_empty()).then(BTreeSet::new) };
    let mut coming = whole.page(&mut pages).await;
    loop {
        let page = match coming {
            Ok(Some(page)) => page,
            Ok(None) => return fed.finish(None),
            Err(fault) => return fed.finish(Some(&fault.error(server).at(&place, None))),
        };
        let wanted = unknown(page, &mut fed)?;
        // The next page is on its way while the spans of this one come in.
        let (taken, next) = futures::join!(take(server, wanted, &mut fed), whole.page(&mut pages));
        if let Err(fault) = taken? {
            return fed.finish(Some(&fault.error(server).at(&place, None)));
        }
        fed.rest()?;
        let Imported { bytes, records, skipped_count: skipped, .. } = *fed.imported();
        progress(Progress { file: place.as_ref(), bytes_read: bytes, bytes_total: None, records, skipped });
        coming = next;
    }
}

/// Where MLflow's own pages show the experiment.
fn place(server: &Server, experiment: &str) -> String {
    let experiment = percent_decode_str(experiment).decode_utf8_lossy();
    format!("{}/#/experiments/{experiment}", server.place().trim_end_matches('/'))
}

/// The traces of a page that are over and that the store does not have.
fn unknown(page: Vec<Info>, fed: &mut Fed<'_>) -> Result<Vec<Info>> {
    let mut unknown = Vec::with_capacity(page.len());
    for info in page {
        if !info.is_over {
            fed.skip(&format!("trace {}: it still goes on; import again when it is over", info.trace_id));
        } else if !fed.knows(info.session.as_ref().unwrap_or(&info.trace_id), &info.trace_id)? {
            unknown.push(info);
        }
    }
    Ok(unknown)
}

/// Takes traces in with their spans, in order.
async fn take(server: &Server, infos: Vec<Info>, fed: &mut Fed<'_>) -> Result<Result<(), ServerFault>> {
    let mut batches = Vec::new();
    let mut infos = infos.into_iter().peekable();
    while infos.peek().is_some() {
        batches.push(infos.by_ref().take(AT_ONCE).collect::<Vec<_>>());
    }
    let fetched = batches.into_iter().map(|batch| spans::fetch(server, batch));
    let mut fetched = futures::stream::iter(fetched).buffered(REQUESTS_AT_ONCE);
    while let Some(batch) = fetched.next().await {
        match batch {
            Ok(batch) => batch.into_iter().try_for_each(|trace| one(trace, fed))?,
            Err(fault) => return Ok(Err(fault)),
        }
    }
    Ok(Ok(()))
}

fn one(trace: Fetched, fed: &mut Fed<'_>) -> Result<()> {
    match trace {
        Ok(record) => fed.record(&record),
        Err(reason) => {
            fed.skip(&reason);
            Ok(())
        }
    }
}

/// Pages of traces. Where a filter finds traces, the other traces of their sessions come with them: half a conversation is none.
struct Whole<'s> {
    server: &'s Server,
    experiment: &'s str,
    /// The sessions that were found by a filter, by their hashes; nothing where there is no filter.
    seen: Option<BTreeSet<u64>>,
}

impl Whole<'_> {
    async fn page(&mut self, pages: &mut Pages<'_>) -> Result<Option<Vec<Info>>, ServerFault> {
        let Some(found) = pages.next().await? else { return Ok(None) };
        let Some(seen) = &mut self.seen else { return Ok(Some(found)) };
        let mut alone = Vec::new();
        let mut sessions = Vec::new();
        for info in found {
            match &info.session {
                None => alone.push(info),
                Some(session) if seen.insert(hash(session)) => sessions.push(session.clone()),
                Some(_) => {}
            }
        }
        let (server, experiment) = (self.server, self.experiment);
        let whole = sessions.into_iter().map(|session| of_session(server, experiment, session));
        let mut whole = futures::stream::iter(whole).buffered(REQUESTS_AT_ONCE);
        while let Some(infos) = whole.next().await {
            alone.extend(infos?);
        }
        Ok(Some(alone))
    }
}

async fn of_session(server: &Server, experiment: &str, session: String) -> Result<Vec<Info>, ServerFault> {
    let mut pages = Pages::new(server, experiment, &named(&session));
    let mut infos = Vec::new();
    while let Some(page) = pages.next().await? {
        infos.extend(page);
    }
    infos.retain(|info| info.session.as_ref() == Some(&session));
    Ok(infos)
}

/// The filter that finds a session. MLflow's filters know no escape: a text stands between the quotes that it does not hold, and one that
/// holds both is found by its likes.
fn named(session: &str) -> String {
    let key = "metadata.`mlflow.trace.session`";
    match (session.contains('\''), session.contains('"')) {
        (false, _) => format!("{key} = '{session}'"),
        (true, false) => format!("{key} = \"{session}\""),
        (true, true) => format!("{key} LIKE '{}'", session.replace('\'', "_")),
    }
}

/// Enough to tell the sessions of any store apart, in a bounded size.
fn hash(session: &str) -> u64 {
    let hash = blake3::hash(session.as_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().expect("eight bytes of thirty-two"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_found_whatever_quotes_its_id_holds() {
        let key = "metadata.`mlflow.trace.session`";
        assert_eq!(named("s-1"), format!("{key} = 's-1'"));
        assert_eq!(named("ann's"), format!("{key} = \"ann's\""));
        assert_eq!(named(r#"ann's "own""#), format!(r#"{key} LIKE 'ann_s "own"'"#));
    }
}

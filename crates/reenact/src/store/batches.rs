//! What is asked in batches, kept so that no request is submitted twice: a batch stands here with its requests before the
//! provider hears of it, and a request leaves it only with an answer or once the batch is over.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::Store;
use super::fault::Doing;
use crate::Result;

/// A request that somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedRequest {
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) body: String,
    /// Its size in a batch.
    pub(crate) bytes: usize,
    /// Whether it asks again what was answered unusably.
    pub(crate) again: bool,
}

/// What is kept of a request that is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The body of the answer.
    Answer(String),
    /// Why there is none.
    Failure(String),
}

/// A batch that is not over, as far as is known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenBatch {
    pub(crate) key: i64,
    pub(crate) mark: String,
    pub(crate) model: String,
    pub(crate) intended_at: Timestamp,
    /// The provider's id; none where the answer to its submission is not known.
    pub(crate) id: Option<String>,
    pub(crate) requests: u64,
}

/// What happened to one request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is over.
    Kept(Kept),
    /// It is to be asked again, unless that was tried often enough: then this is why there is no answer.
    Undone { reason: String, expired: bool },
    /// It was taken back, and the attempt does not count.
    TakenBack,
}

/// How the requests of a scope stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Standings {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) waiting: u64,
    pub(crate) expired: u64,
    pub(crate) asked_again: u64,
    /// How often each reason of a failure is there, the most frequent first.
    pub(crate) failed: Vec<(String, u64)>,
}

impl Store {
    /// Begins to ask: what was wanted before, and was never submitted, is not wanted any more unless it is asked again.
    pub(crate) fn begin_asking(&self, scope: &str) -> Result<()> {
        self.with(Doing::Write, |connection| {
            connection.execute("UPDATE batch_requests SET wanted = 0 WHERE scope = ?1 AND wanted", [scope])
        })?;
        Ok(())
    }

    /// Keeps requests as wanted; one that is there already stays as it is.
    pub(crate) fn want(&self, scope: &str, requests: &[WantedRequest]) -> Result<()> {
        let sql = "INSERT INTO batch_requests (id, scope, model, body, bytes, again, wanted)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1) ON CONFLICT (id) DO UPDATE SET wanted = 1";
        self.transaction(|connection| {
            let mut insert = connection.prepare_cached(sql)?;
            for WantedRequest { id, model, body, bytes, again } in requests {
                insert.execute(params![id, scope, model, body, *bytes as i64, again])?;
            }
            Ok(())
        })
    }

    /// What is kept of a request, where it is settled.
    pub(crate) fn kept(&self, id: &str) -> Result<Option<Kept>> {
        let sql = "SELECT answer, failure FROM batch_requests WHERE id = ?1";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let kept: Option<(Option<String>, Option<String>)> =
            self.with(Doing::Read, |connection| connection.prepare_cached(sql)?.query_row([id], row).optional())?;
        Ok(match kept {
            Some((Some(answer), _)) => Some(Kept::Answer(answer)),
            Some((None, Some(failure))) => Some(Kept::Failure(failure)),
            _ => None,
        })
    }

    /// Notes that an answer cannot be used, for the table at the end; the answer stays.
    pub(crate) fn note_unusable(&self, id: &str, why: &str) -> Result<()> {
        self.with(Doing::Write, |connection| {
            connection.execute("UPDATE batch_requests SET failure = ?2 WHERE id = ?1", [id, why])
        })?;
        Ok(())
    }

    /// The models of which something is wanted that no batch has.
    pub(crate) fn models_to_ask(&self, scope: &str) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT model FROM batch_requests
            WHERE scope = ?1 AND wanted AND batch IS NULL AND answer IS NULL AND failure IS NULL ORDER BY model";
        self.with(Doing::Read, |connection| {
            connection.prepare_cached(sql)?.query_map([scope], |row| row.get(0))?.collect()
        })
    }

    /// Puts wanted requests of a model that no batch has into a new one, as many as it may hold, before the provider hears of it.
    pub(crate) fn intend_batch(
        &self,
        (scope, model): (&str, &str),
        mark: &str,
        now: Timestamp,
        (requests_max, bytes_max): (usize, usize),
    ) -> Result<()> {
        self.transaction(|connection| {
            let keys = free_requests(connection, scope, model, requests_max, bytes_max)?;
            let sql = "INSERT INTO batches (mark, scope, model, intended_at) VALUES (?1, ?2, ?3, ?4)";
            connection.execute(sql, params![mark, scope, model, now.as_second()])?;
            let batch = connection.last_insert_rowid();
            let mut put =
                connection.prepare("UPDATE batch_requests SET batch = ?2, attempts = attempts + 1 WHERE key = ?1")?;
            keys.into_iter().try_for_each(|key| put.execute([key, batch]).map(drop))
        })
    }

    /// The batches of a scope that are not over and hold something that is wanted, the oldest first.
    pub(crate) fn open_batches(&self, scope: &str) -> Result<Vec<OpenBatch>> {
        let sql = "SELECT key, mark, model, intended_at, id,
                (SELECT count(*) FROM batch_requests WHERE batch = batches.key) FROM batches
            WHERE scope = ?1 AND NOT ended AND EXISTS (SELECT 1 FROM batch_requests
                WHERE batch = batches.key AND wanted AND answer IS NULL AND failure IS NULL)
            ORDER BY key";
        let row = |row: &rusqlite::Row<'_>| {
            let intended_at = Timestamp::from_second(row.get(3)?).unwrap_or(Timestamp::UNIX_EPOCH);
            let requests: i64 = row.get(5)?;
            let (key, mark, model, id) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(4)?);
            Ok(OpenBatch { key, mark, model, intended_at, id, requests: requests as u64 })
        };
        self.with(Doing::Read, |connection| connection.prepare_cached(sql)?.query_map([scope], row)?.collect())
    }

    /// The ids and bodies of a batch's requests, in their order.
    pub(crate) fn each_request(&self, batch: i64, mut each: impl FnMut(&str, &str)) -> Result<()> {
        self.with(Doing::Read, |connection| {
            let sql = "SELECT id, body FROM batch_requests WHERE batch = ?1 ORDER BY key";
            let mut requests = connection.prepare_cached(sql)?;
            let mut rows = requests.query([batch])?;
            while let Some(row) = rows.next()? {
                each(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            }
            Ok(())
        })
    }

    /// Keeps the provider's id of a batch.
    pub(crate) fn name_batch(&self, batch: i64, id: &str) -> Result<()> {
        self.with(Doing::Write, |connection| {
            connection.execute("UPDATE batches SET id = ?2 WHERE key = ?1", params![batch, id])
        })?;
        Ok(())
    }

    /// Keeps that a batch of the provider's is not the one that it was taken for.
    pub(crate) fn disown_batch(&self, batch: i64, id: &str) -> Result<()> {
        self.transaction(|connection| {
            connection.execute("UPDATE batches SET id = NULL WHERE key = ?1", [batch])?;
            let sql = "INSERT INTO batches (mark, scope, model, intended_at, id, ended) VALUES (?1, '', '', 0, ?1, 1)";
            connection.execute(sql, [id]).map(drop)
        })
    }

    /// Whether a batch of the provider's is known here.
    pub(crate) fn knows_batch(&self, id: &str) -> Result<bool> {
        self.with(Doing::Read, |connection| {
            connection.query_row("SELECT EXISTS (SELECT 1 FROM batches WHERE id = ?1)", [id], |row| row.get(0))
        })
    }

    /// Settles requests of a batch as far as they are not settled, and gives how many of them are known at all.
    pub(crate) fn settle(&self, batch: i64, settled: &[(String, Settled)], attempts_max: u32) -> Result<usize> {
        self.transaction(|connection| {
            let mut is_known =
                connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM batch_requests WHERE id = ?1)")?;
            let mut known = 0;
            for (id, settled) in settled {
                known += usize::from(is_known.query_row([id], |row| row.get::<_, bool>(0))?);
                settle_one(connection, batch, id, settled, attempts_max)?;
            }
            Ok(known)
        })
    }

    /// Ends a batch. What is in it without an answer is settled alike. Gives how many requests the batch answered.
    pub(crate) fn end_batch(&self, batch: i64, rest: &Settled, attempts_max: u32) -> Result<u64> {
        let open = "SELECT id FROM batch_requests WHERE batch = ?1 AND answer IS NULL AND failure IS NULL";
        self.transaction(|connection| {
            let ids: Vec<String> =
                connection.prepare(open)?.query_map([batch], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            for id in &ids {
                settle_one(connection, batch, id, rest, attempts_max)?;
            }
            connection.execute("UPDATE batches SET ended = 1 WHERE key = ?1", [batch])?;
            let answered = "SELECT count(*) FROM batch_requests WHERE batch = ?1 AND answer IS NOT NULL";
            connection.query_row(answered, [batch], |row| row.get::<_, i64>(0)).map(|count| count as u64)
        })
    }

    /// How the requests of a scope stand.
    pub(crate) fn standings(&self, scope: &str) -> Result<Standings> {
        let counts = "SELECT count(*), count(*) FILTER (WHERE answer IS NOT NULL AND failure IS NULL),
                count(*) FILTER (WHERE answer IS NULL AND failure IS NULL), coalesce(sum(expired), 0),
                coalesce(sum(max(attempts - 1, 0) + again), 0)
            FROM batch_requests WHERE scope = ?1 AND (wanted OR batch IS NOT NULL)";
        let reasons = "SELECT failure, count(*) FROM batch_requests
            WHERE scope = ?1 AND failure IS NOT NULL GROUP BY failure ORDER BY count(*) DESC, failure";
        self.with(Doing::Read, |connection| {
            let of = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(|count| count as u64);
            let failed = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, of(row, 1)?));
            let failed = connection.prepare(reasons)?.query_map([scope], failed)?.collect::<rusqlite::Result<_>>()?;
            connection.query_row(counts, [scope], |row| {
                let (asked, answered, waiting) = (of(row, 0)?, of(row, 1)?, of(row, 2)?);
                Ok(Standings { asked, answered, waiting, expired: of(row, 3)?, asked_again: of(row, 4)?, failed })
            })
        })
    }

    /// Forgets the requests of a scope, because its work is done and its answers are kept elsewhere.
    pub(crate) fn forget_asked(&self, scope: &str) -> Result<()> {
        self.with(Doing::Write, |connection| {
            connection.execute("DELETE FROM batch_requests WHERE scope = ?1", [scope])
        })?;
        Ok(())
    }

    fn transaction<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.with(Doing::Write, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(done)
        })
    }
}

/// The keys of requests that no batch has, in order, up to what one batch may hold; at least one.
fn free_requests(
    connection: &Connection,
    scope: &str,
    model: &str,
    requests_max: usize,
    bytes_max: usize,
) -> rusqlite::Result<Vec<i64>> {
    let sql = "SELECT key, bytes FROM batch_requests
        WHERE scope = ?1 AND model = ?2 AND wanted AND batch IS NULL AND answer IS NULL AND failure IS NULL ORDER BY key";
    let mut requests = connection.prepare_cached(sql)?;
    let mut rows = requests.query([scope, model])?;
    let (mut keys, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        bytes += row.get::<_, i64>(1)? as usize;
        if keys.len() == requests_max || (bytes > bytes_max && !keys.is_empty()) {
            break;
        }
        keys.push(row.get(0)?);
    }
    Ok(keys)
}

fn settle_one(
    connection: &Connection,
    batch: i64,
    id: &str,
    settled: &Settled,
    attempts_max: u32,
) -> rusqlite::Result<()> {
    let of_batch = "WHERE id = ?1 AND batch = ?2 AND answer IS NULL AND failure IS NULL";
    let set = |what: &str| format!("UPDATE batch_requests SET {what} {of_batch}");
    let run = |what: &str, more: &[&dyn rusqlite::ToSql]| {
        let mut values: Vec<&dyn rusqlite::ToSql> = vec![&id, &batch];
        values.extend_from_slice(more);
        connection.prepare_cached(&set(what))?.execute(&values[..]).map(drop)
    };
    match settled {
        Settled::Kept(Kept::Answer(body)) => run("answer = ?3", &[body]),
        Settled::Kept(Kept::Failure(why)) => run("failure = ?3", &[why]),
        Settled::Undone { reason, expired } => run(
            "expired = expired + ?3, failure = CASE WHEN attempts >= ?4 THEN ?5 END,
                batch = CASE WHEN attempts >= ?4 THEN batch END",
            &[expired, &attempts_max, &format!("{reason} ({attempts_max} attempts)")],
        ),
        Settled::TakenBack => run("batch = NULL, attempts = attempts - 1", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "a test";

    fn request(id: &str, bytes: usize) -> WantedRequest {
        let (id, model, body) = (id.to_owned(), "m".to_owned(), "{}".to_owned());
        WantedRequest { id, model, body, bytes, again: false }
    }

    /// How many requests each batch has once all are in one.
    fn sizes(requests: &[WantedRequest], limits: (usize, usize)) -> Vec<u64> {
        let store = Store::temporary().unwrap();
        store.want(SCOPE, requests).unwrap();
        while let [model] = &store.models_to_ask(SCOPE).unwrap()[..] {
            let mark = store.open_batches(SCOPE).unwrap().len().to_string();
            store.intend_batch((SCOPE, model), &mark, Timestamp::UNIX_EPOCH, limits).unwrap();
        }
        store.open_batches(SCOPE).unwrap().iter().map(|batch| batch.requests).collect()
    }

    #[test]
    fn a_batch_holds_no_more_than_its_provider_takes() {
        let requests: Vec<WantedRequest> = (0..7).map(|n| request(&n.to_string(), 10)).collect();
        assert_eq!(sizes(&requests, (3, 1000)), [3, 3, 1]);
        assert_eq!(sizes(&requests, (100, 40)), [4, 3]);
        assert_eq!(sizes(&requests, (100, 39)), [3, 3, 1]);
        let too_large = [request("a", 10), request("b", 99), request("c", 10)];
        assert_eq!(sizes(&too_large, (100, 50)), [1, 1, 1], "what is too large goes alone, and the provider says so");
    }

    #[test]
    fn what_is_read_a_second_time_after_a_crash_changes_nothing() {
        let store = Store::temporary().unwrap();
        store.want(SCOPE, &[request("a", 1), request("b", 1)]).unwrap();
        store.intend_batch((SCOPE, "m"), "mark", Timestamp::UNIX_EPOCH, (9, 9)).unwrap();
        let batch = store.open_batches(SCOPE).unwrap()[0].key;
        let undone = Settled::Undone { reason: "late".to_owned(), expired: true };
        let answer = Settled::Kept(Kept::Answer("{}".to_owned()));
        let settled = [("a".to_owned(), answer), ("b".to_owned(), undone.clone())];
        for _ in 0..2 {
            assert_eq!(store.settle(batch, &settled, 3).unwrap(), 2, "both are known");
        }
        assert_eq!(store.end_batch(batch, &undone, 3).unwrap(), 1);
        let standings = store.standings(SCOPE).unwrap();
        assert_eq!((standings.asked, standings.answered, standings.waiting, standings.expired), (2, 1, 1, 1));
        assert_eq!(store.models_to_ask(SCOPE).unwrap(), ["m"], "only what is undone is free again");
    }
}

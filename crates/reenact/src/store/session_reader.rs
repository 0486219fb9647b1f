//! Finding sessions and reading them back.

use std::collections::BTreeMap;
use std::vec;

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Store;
use super::fault::{self, Doing};
use super::near;
use super::word_index;
use crate::session::words::{IndexTerm, Sought};
use crate::session::{Comparison, Condition};
use crate::{Error, ErrorKind, Result, Session, SessionCursor, SessionQuery};

/// A session as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionSummary {
    /// The session's id.
    pub id: String,
    /// The format and file that it came from.
    pub source: String,
    /// When it began, to the microsecond, where the recording knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The number of user messages.
    pub turns: u32,
    /// The number of all messages.
    pub messages: u32,
    /// The first words of the user, in one line; cut ones end with `…`.
    pub opening: String,
    /// What the recording says about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
}

/// The sessions that a query finds, one after the other, read as they are asked for.
#[derive(Debug)]
pub struct SessionReader<'a> {
    store: &'a Store,
    keys: vec::IntoIter<i64>,
}

impl Iterator for SessionReader<'_> {
    type Item = Result<Session>;

    fn next(&mut self) -> Option<Result<Session>> {
        self.keys.next().map(|key| self.store.session_by_key(key))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.keys.size_hint()
    }
}

impl ExactSizeIterator for SessionReader<'_> {}

impl Store {
    /// The session with an id, or with the only id that starts with this. By the id of a masked session ([`mod@crate::mask`]) it is
    /// the masked one, made again by its key.
    ///
    /// # Errors
    /// Where no id or more than one starts with it; the hint names near ones. Where the store has not the key of a masked one.
    pub fn session(&self, id: &str) -> Result<Session> {
        match self.masked_session(id)? {
            Some(masked) => Ok(masked),
            None => self.recorded_session(id),
        }
    }

    /// The session as it was recorded.
    pub(super) fn recorded_session(&self, id: &str) -> Result<Session> {
        let key = self.resolve("sessions", "session", id)?;
        self.session_by_key(key)
    }

    /// What a list shows of the sessions that a query finds, newest first; those of unknown time come last.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn sessions(&self, query: &SessionQuery) -> Result<Vec<SessionSummary>> {
        let keys = self.session_keys(query, query.most())?;
        self.with(Doing::Read, |connection| keys.into_iter().map(|key| summary(connection, key)).collect())
    }

    /// The sessions that a query finds, in the same order, one at a time: memory does not grow with their number.
    ///
    /// ```
    /// # use reenact::{SessionQuery, Store};
    /// # let store = Store::temporary()?;
    /// let query: SessionQuery = "refund turns>=3".parse()?;
    /// for session in store.read_sessions(&query)? {
    ///     println!("{}", session?.id);
    /// }
    /// # Ok::<(), reenact::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn read_sessions(&self, query: &SessionQuery) -> Result<SessionReader<'_>> {
        Ok(SessionReader { store: self, keys: self.session_keys(query, query.most())?.into_iter() })
    }

    /// How many sessions a query finds, whatever its limit and its place.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn count_sessions(&self, query: &SessionQuery) -> Result<usize> {
        let filter = Filter::of(query.conditions());
        if filter.terms.is_empty() && filter.phrases.is_empty() {
            return self.with(Doing::Read, |connection| filter.count(connection));
        }
        Ok(self.keys_of(&filter, None, usize::MAX)?.len())
    }

    /// The start of a session's id that no other session's id has, at least `characters` long: enough for
    /// [`Store::session`] to find it, and short enough for a table.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn short_session_id(&self, id: &str, characters: usize) -> Result<String> {
        let neighbours: [Option<String>; 2] = self.with(Doing::Read, |connection| {
            let neighbour = |sql| connection.prepare_cached(sql)?.query_row([id], |row| row.get(0));
            Ok([
                neighbour("SELECT max(id) FROM sessions WHERE id < ?1")?,
                neighbour("SELECT min(id) FROM sessions WHERE id > ?1")?,
            ])
        })?;
        let shared = |other: &String| id.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
        let needed = neighbours.iter().flatten().map(|other| shared(other) + 1).max().unwrap_or(0);
        Ok(id.chars().take(needed.max(characters)).collect())
    }

    /// The keys of what a query finds, newest first.
    fn session_keys(&self, query: &SessionQuery, most: usize) -> Result<Vec<i64>> {
        self.keys_of(&Filter::of(query.conditions()), query.cursor(), most)
    }

    fn keys_of(&self, filter: &Filter, cursor: Option<&SessionCursor>, most: usize) -> Result<Vec<i64>> {
        let mut found = Vec::new();
        for key in self.candidate_keys(filter, cursor, if filter.phrases.is_empty() { most } else { usize::MAX })? {
            if found.len() == most {
                break;
            }
            if self.confirms(key, &filter.phrases)? {
                found.push(key);
            }
        }
        Ok(found)
    }

    /// What the columns and the index of words find, newest first.
    fn candidate_keys(&self, filter: &Filter, cursor: Option<&SessionCursor>, most: usize) -> Result<Vec<i64>> {
        self.with(Doing::Read, |connection| {
            let holding = match &filter.terms[..] {
                [] => None,
                terms => Some(word_index::holding_all(connection, terms)?),
            };
            let mut keys = Vec::new();
            for stretch in Stretch::behind(cursor) {
                keys.extend(filter.keys(connection, holding.as_deref(), &stretch, most - keys.len())?);
            }
            Ok(keys)
        })
    }

    /// Whether each phrase really stands in a session's text; the index knows no order.
    fn confirms(&self, key: i64, phrases: &[Sought]) -> Result<bool> {
        if phrases.is_empty() {
            return Ok(true);
        }
        let conversation = self.session_by_key(key)?.conversation;
        Ok(phrases.iter().all(|phrase| phrase.is_in(&conversation)))
    }

    fn session_by_key(&self, key: i64) -> Result<Session> {
        let body: String = self.with(Doing::Read, |connection| {
            let sql = "SELECT body FROM conversations WHERE session = ?1";
            connection.prepare_cached(sql)?.query_row([key], |row| row.get(0))
        })?;
        serde_json::from_str(&body).map_err(|error| fault::unreadable(self.path(), "a session", error))
    }

    /// The key of the row whose id is this, or the only one whose id starts with it.
    pub(super) fn resolve(&self, table: &str, what: &str, id: &str) -> Result<i64> {
        let exact = format!("SELECT key FROM {table} WHERE id = ?1");
        let starting = format!("SELECT key, id FROM {table} WHERE {STARTS_WITH} ORDER BY id LIMIT 4");
        let (exact, starting) = self.with(Doing::Read, |connection| {
            let exact = connection.prepare_cached(&exact)?.query_row([id], |row| row.get::<_, i64>(0)).optional()?;
            let mut found = connection.prepare_cached(&starting)?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?));
            let starting = found.query_map([id], row)?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((exact, starting))
        })?;
        match (exact, &starting[..]) {
            (Some(key), _) => Ok(key),
            (None, [(key, _)]) if !id.is_empty() => Ok(*key),
            (None, _) if starting.len() > 1 && !id.is_empty() => {
                Err(ambiguous(what, id, starting.iter().map(|(_, id)| id.as_str())).at(self.path(), None))
            }
            _ => Err(self.unknown(table, what, id)?),
        }
    }

    fn unknown(&self, table: &str, what: &str, id: &str) -> Result<Error> {
        let ids: Vec<String> = self.with(Doing::Read, |connection| {
            connection
                .prepare(&format!("SELECT id FROM {table} ORDER BY id"))?
                .query_map([], |row| row.get(0))?
                .collect()
        })?;
        let near = near::nearest(id, ids.iter().map(String::as_str), 3);
        let hint = match &near[..] {
            [] if ids.is_empty() => format!("the store holds no {what} yet"),
            [] => format!("none of the {} ids in the store is like it", ids.len()),
            near => format!("did you mean {}?", near::either(near)),
        };
        Ok(Error::new(ErrorKind::Usage, format!("there is no {what} `{id}`")).at(self.path(), None).hint(hint))
    }
}

/// A range and not a pattern, so that the index on `id` serves it.
const STARTS_WITH: &str = "id >= ?1 AND id < ?1 || char(1114111)";

fn ambiguous<'a>(what: &str, id: &str, ids: impl Iterator<Item = &'a str>) -> Error {
    let some: Vec<&str> = ids.take(3).collect();
    Error::new(ErrorKind::Usage, format!("more than one {what} id starts with `{id}`"))
        .hint(format!("give more of the id: {}", near::either(&some)))
}

fn summary(connection: &Connection, key: i64) -> rusqlite::Result<SessionSummary> {
    let sql = "SELECT id, source, started_at, turns, messages, opening, metadata FROM sessions WHERE key = ?1";
    connection.prepare_cached(sql)?.query_row([key], |row| {
        let json = |error: serde_json::Error| {
            rusqlite::Error::FromSqlConversionFailure(6, rusqlite::types::Type::Text, error.into())
        };
        Ok(SessionSummary {
            id: row.get(0)?,
            source: row.get(1)?,
            started_at: row.get::<_, Option<i64>>(2)?.and_then(|at| Timestamp::from_microsecond(at).ok()),
            turns: row.get(3)?,
            messages: row.get(4)?,
            opening: row.get(5)?,
            metadata: serde_json::from_str(row.get_ref(6)?.as_str()?).map_err(json)?,
        })
    })
}

/// So few sessions are looked up by their keys; for more, it is faster to go through all in the order of time.
const LOOK_UP_MAX: usize = 10_000;

/// A part of the list of sessions that the index of times finds without reading what is before it.
struct Stretch {
    sql: &'static str,
    values: Vec<Value>,
}

impl Stretch {
    /// What stands behind a place, or all of the list. Sessions of unknown time come last.
    fn behind(cursor: Option<&SessionCursor>) -> Vec<Stretch> {
        let stretch = |sql, values| Stretch { sql, values };
        let Some(SessionCursor { started_at, id }) = cursor else { return vec![stretch("1", Vec::new())] };
        match *started_at {
            None => vec![stretch("started_at IS NULL AND id > ?", vec![id.clone().into()])],
            Some(at) => vec![
                stretch(
                    "started_at <= ? AND (started_at < ? OR id > ?)",
                    vec![at.into(), at.into(), id.clone().into()],
                ),
                stretch("started_at IS NULL", Vec::new()),
            ],
        }
    }
}

/// A query as SQL over the columns, terms for the index, and phrases that only the text can confirm.
struct Filter {
    sql: String,
    values: Vec<Value>,
    terms: Vec<IndexTerm>,
    phrases: Vec<Sought>,
}

impl Filter {
    /// The keys of the sessions that pass, of those that hold the terms where there are terms.
    fn keys(
        &self,
        connection: &Connection,
        holding: Option<&[i64]>,
        stretch: &Stretch,
        most: usize,
    ) -> rusqlite::Result<Vec<i64>> {
        let mut sql = format!("SELECT key FROM sessions WHERE {} AND {}", self.sql, stretch.sql);
        let mut values = [self.values.clone(), stretch.values.clone()].concat();
        if let Some(few) = holding.filter(|holding| holding.len() <= LOOK_UP_MAX) {
            sql.push_str(" AND key IN (SELECT value FROM json_each(?))");
            values.push(serde_json::json!(few).to_string().into());
        }
        sql.push_str(" ORDER BY started_at DESC, id");
        let mut statement = connection.prepare_cached(&sql)?;
        let keys = statement.query_map(params_from_iter(values), |row| row.get::<_, i64>(0))?;
        let holds = |key: &i64| holding.is_none_or(|holding| holding.binary_search(key).is_ok());
        keys.filter(|key| key.as_ref().map_or(true, holds)).take(most).collect()
    }

    /// How many sessions pass, where the columns alone decide it.
    fn count(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let sql = format!("SELECT count(*) FROM sessions WHERE {}", self.sql);
        connection
            .prepare_cached(&sql)?
            .query_row(params_from_iter(&self.values), |row| row.get::<_, u32>(0))
            .map(|count| count as usize)
    }

    fn of(conditions: &[Condition]) -> Filter {
        let mut filter = Filter { sql: "1".to_owned(), values: Vec::new(), terms: Vec::new(), phrases: Vec::new() };
        for condition in conditions {
            match condition {
                Condition::Text(text) => filter.look_for(text),
                Condition::Turns(sign, count) => filter.compare_turns(*sign, *count),
                Condition::After(time) => filter.and("started_at >= ?", [time.as_microsecond().into()]),
                Condition::Before(time) => filter.and("started_at < ?", [time.as_microsecond().into()]),
                Condition::Source(part) => filter.and("instr(lower(source), lower(?))", [part.clone().into()]),
                Condition::Id(start) => {
                    filter.and("id >= ? AND id < ? || char(1114111)", [start.clone().into(), start.clone().into()]);
                }
                Condition::Metadata { key, value } => filter.and(
                    "EXISTS (SELECT 1 FROM json_each(metadata) AS pair WHERE pair.key = ? AND pair.value = ?)",
                    [key.clone().into(), value.clone().into()],
                ),
            }
        }
        filter
    }

    fn and<const N: usize>(&mut self, sql: &str, values: [Value; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    fn look_for(&mut self, text: &str) {
        let Some(sought) = Sought::new(text) else { return };
        self.terms.extend(sought.index_terms());
        if !sought.is_decided_by_index() {
            self.phrases.push(sought);
        }
    }

    fn compare_turns(&mut self, sign: Comparison, count: u32) {
        self.and(&format!("turns {sign} ?"), [count.into()]);
    }
}

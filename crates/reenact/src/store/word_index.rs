//! Which words occur in which sessions.
//!
//! An inverted index of our own in two plain tables, because the full-text engine of SQLite spends most of
//! an import on what is not needed here (positions, ranking, one write for each word of each session). A
//! batch of sessions is collected in memory and written at once, in the order of its terms: for each term,
//! the keys of the sessions that hold it. What is written never changes: a session that is replaced gets a
//! new key, and keys of sessions that are gone find nothing.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};
use rusqlite::{Connection, params};

use crate::Conversation;
use crate::session::words::{IndexTerm, each_term, searched_texts};

/// How many entries are collected before they are written although nobody asks: some 30 MB.
const ENTRIES_MAX: usize = 4_000_000;
/// A batch of fewer sessions is small: it costs a search as much as a large one.
const SMALL_SESSIONS: i64 = 1_000;
/// So many small batches are worth becoming one.
const SMALL_BATCHES_MAX: usize = 64;

/// Entries that are not written yet.
#[derive(Debug, Default)]
pub(super) struct WordIndex {
    terms: HashTable<(String, Keys)>,
    /// The first key, from which all others are counted.
    base: Option<i64>,
    session_count: i64,
    entry_count: usize,
    said: Said,
    hasher: DefaultHashBuilder,
}

/// The terms of one session. A conversation repeats itself, and asking this small table first keeps most
/// of its words away from the large one, which no processor cache holds.
#[derive(Debug, Default)]
struct Said {
    joined: String,
    terms: HashTable<Range<usize>>,
    /// Kept between sessions for its memory.
    run: String,
}

impl Said {
    fn is_new(&mut self, term: &str, hash: u64, hasher: &DefaultHashBuilder) -> bool {
        let joined = &mut self.joined;
        if self.terms.find(hash, |at| joined[at.clone()] == *term).is_some() {
            return false;
        }
        let start = joined.len();
        joined.push_str(term);
        self.terms.insert_unique(hash, start..joined.len(), |at| hasher.hash_one(&joined[at.clone()]));
        true
    }
}

/// Ascending keys, each as its distance from the one before it in seven-bit groups, the lowest first.
#[derive(Debug)]
struct Keys {
    last: i64,
    distances: Vec<u8>,
}

impl WordIndex {
    /// Adds a session. Keys must ascend.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        key: i64,
        conversation: &Conversation,
    ) -> rusqlite::Result<()> {
        let mut said = std::mem::take(&mut self.said);
        let mut run = std::mem::take(&mut said.run);
        said.joined.clear();
        said.terms.clear();
        for text in searched_texts(conversation) {
            each_term(text, &mut run, |term| {
                let hash = self.hasher.hash_one(term);
                if said.is_new(term, hash, &self.hasher) {
                    self.add_term(key, term, hash);
                }
            });
        }
        self.said = Said { run, ..said };
        self.base.get_or_insert(key);
        self.session_count += 1;
        if self.entry_count >= ENTRIES_MAX { self.write(connection) } else { Ok(()) }
    }

    fn add_term(&mut self, key: i64, term: &str, hash: u64) {
        let base = *self.base.get_or_insert(key);
        let entry =
            self.terms.entry(hash, |(known, _)| known == term, |(known, _)| self.hasher.hash_one(known.as_str()));
        let new = || (term.to_owned(), Keys { last: base - 1, distances: Vec::new() });
        entry.or_insert_with(new).into_mut().1.push(key);
        self.entry_count += 1;
    }

    /// Writes what was collected as one batch.
    pub(super) fn write(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(base) = self.base.take() else { return Ok(()) };
        let mut terms: Vec<(String, Keys)> = self.terms.drain().collect();
        terms.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let sql = "INSERT INTO word_batches (batch, sessions) VALUES (?1, ?2)";
        connection.prepare_cached(sql)?.execute([base, self.session_count])?;
        let mut insert = connection.prepare_cached("INSERT INTO words (batch, term, sessions) VALUES (?1, ?2, ?3)")?;
        for (term, keys) in terms {
            insert.execute(params![base, term, keys.distances])?;
        }
        (self.session_count, self.entry_count) = (0, 0);
        Ok(())
    }

    /// Makes one batch of many small ones, which single imports leave behind. Call it with nothing collected.
    pub(super) fn merge_small_batches(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "SELECT batch, sessions FROM word_batches WHERE sessions < ?1 ORDER BY batch";
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let small: Vec<(i64, i64)> =
            connection.prepare_cached(sql)?.query_map([SMALL_SESSIONS], row)?.collect::<rusqlite::Result<_>>()?;
        if small.len() < SMALL_BATCHES_MAX {
            return Ok(());
        }
        // A session that grows turn by turn is replaced at each, and would be found by all its keys for good.
        let sql = "SELECT key FROM sessions WHERE key >= ?1 ORDER BY key";
        let there: Vec<i64> = connection
            .prepare_cached(sql)?
            .query_map([small[0].0], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let mut taken = BTreeSet::new();
        for (batch, _) in small {
            self.take_batch(connection, batch, &there, &mut taken)?;
        }
        self.session_count = taken.len() as i64;
        self.write(connection)
    }

    /// Takes what a batch says of the sessions that are there, and takes the batch out of the index.
    fn take_batch(
        &mut self,
        connection: &Connection,
        batch: i64,
        there: &[i64],
        taken: &mut BTreeSet<i64>,
    ) -> rusqlite::Result<()> {
        self.base.get_or_insert(batch);
        let mut terms = connection.prepare_cached("SELECT term, sessions FROM words WHERE batch = ?1")?;
        let mut rows = terms.query([batch])?;
        while let Some(row) = rows.next()? {
            let term = row.get_ref(0)?.as_str()?;
            let hash = self.hasher.hash_one(term);
            for key in keys(batch, row.get_ref(1)?.as_blob()?).filter(|key| there.binary_search(key).is_ok()) {
                self.add_term(key, term, hash);
                taken.insert(key);
            }
        }
        connection.prepare_cached("DELETE FROM words WHERE batch = ?1")?.execute([batch])?;
        connection.prepare_cached("DELETE FROM word_batches WHERE batch = ?1")?.execute([batch])?;
        Ok(())
    }
}

impl Keys {
    fn push(&mut self, key: i64) {
        let mut distance = (key - self.last) as u64;
        while distance >= 0x80 {
            self.distances.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        self.distances.push(distance as u8);
        self.last = key;
    }
}

/// The keys behind the distances of a batch.
fn keys(base: i64, distances: &[u8]) -> impl Iterator<Item = i64> {
    let (mut key, mut distance, mut shift) = (base - 1, 0_i64, 0_u32);
    distances.iter().filter_map(move |byte| {
        distance |= i64::from(byte & 0x7f).wrapping_shl(shift);
        shift += 7;
        if byte & 0x80 != 0 {
            return None;
        }
        key = key.wrapping_add(distance);
        (distance, shift) = (0, 0);
        Some(key)
    })
}

/// The keys of the sessions that hold all the terms, ascending.
pub(super) fn holding_all(connection: &Connection, terms: &[IndexTerm]) -> rusqlite::Result<Vec<i64>> {
    let mut found: Option<Vec<i64>> = None;
    for term in terms {
        let holding = holding(connection, term)?;
        found = Some(match found {
            Some(found) => found.into_iter().filter(|key| holding.binary_search(key).is_ok()).collect(),
            None => holding,
        });
    }
    Ok(found.unwrap_or_default())
}

fn holding(connection: &Connection, term: &IndexTerm) -> rusqlite::Result<Vec<i64>> {
    let (condition, term) = match term {
        IndexTerm::Exactly(term) => ("term = ?1", term.clone()),
        IndexTerm::StartingWith(character) => ("term >= ?1 AND term < ?1 || char(1114111)", character.to_string()),
    };
    // CROSS keeps the order: for each batch a look at the term, not for each batch all its terms.
    let sql =
        format!("SELECT batch, words.sessions FROM word_batches CROSS JOIN words USING (batch) WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([term])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(keys(row.get(0)?, row.get_ref(1)?.as_blob()?));
    }
    // Batches that were merged, and terms of one start, do not come in the order of their keys.
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

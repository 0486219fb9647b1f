//! Runs and their trials.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Store;
use super::fault::{self, Doing};
use crate::PriceList;
use crate::{Error, ErrorKind, Judging, Outcome, Result, Run, Trial};

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunSummary {
    /// The run's id.
    pub id: String,
    /// When it began.
    pub created_at: Timestamp,
    /// The suite's name, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
    /// The agent under test.
    pub agent: String,
    /// How many trials the plan asks for at the most: cases times trials.
    pub planned: u64,
    /// How many trials are there, by outcome; what is not there was not tried yet.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Whether it came to its end.
    pub finished: bool,
}

/// Of a run, what changes while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standings {
    /// The round of judging, from 1.
    pub(crate) round: u32,
    /// The row of the last trial when that round began.
    pub(crate) judged_after: i64,
    pub(crate) finished: bool,
}

/// A round of judging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    pub(crate) number: i64,
    /// Whether it was interrupted, so that some of its answers are recorded.
    pub(crate) has_begun: bool,
}

impl Store {
    /// Keeps a new run, so that it can be resumed from its id alone.
    ///
    /// # Errors
    /// Where there is a run with this id, where two cases have one id, or where the store cannot be written.
    pub fn create_run(&self, run: &Run) -> Result<()> {
        let header = to_json(run, "the run")?;
        let created = self.with(Doing::Write, |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let is_new = insert_run(&transaction, run, &header)?;
            if is_new {
                transaction.commit()?;
            }
            Ok(is_new)
        })?;
        if created {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Usage,
            format!("there is a run `{}` already, or two of its cases have one id", run.id),
        )
        .at(self.path(), None)
        .hint("give each run an id of its own, and check the suite with `reenact check`"))
    }

    /// The run with an id, with the only id that starts with this, or `latest`, which never is a rerun.
    ///
    /// # Errors
    /// Where there is no such run, or more than one.
    pub fn run(&self, id: &str) -> Result<Run> {
        let key = self.run_key(id)?;
        let header: String = self.with(Doing::Read, |connection| {
            let sql = "SELECT header FROM runs WHERE key = ?1";
            connection.prepare_cached(sql)?.query_row([key], |row| row.get(0))
        })?;
        self.parsed(&header, "a run")
    }

    /// All runs, the latest first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn runs(&self) -> Result<Vec<RunSummary>> {
        let rows = self.with(Doing::Read, |connection| {
            let mut runs =
                connection.prepare("SELECT key, header, finished FROM runs ORDER BY created_at DESC, id DESC")?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            runs.query_map([], row)?.collect::<rusqlite::Result<Vec<(i64, String, bool)>>>()
        })?;
        rows.into_iter().map(|(key, header, finished)| self.run_summary(key, &header, finished)).collect()
    }

    /// The ids of all runs, the latest first, and whether each came to its end.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn run_ids(&self) -> Result<Vec<(String, bool)>> {
        self.with(Doing::Read, |connection| {
            let mut runs =
                connection.prepare_cached("SELECT id, finished FROM runs ORDER BY created_at DESC, id DESC")?;
            runs.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// One run as a list shows it.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn summary_of_run(&self, run: &str) -> Result<RunSummary> {
        let key = self.run_key(run)?;
        let (header, finished): (String, bool) = self.with(Doing::Read, |connection| {
            let sql = "SELECT header, finished FROM runs WHERE key = ?1";
            connection.prepare_cached(sql)?.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        self.run_summary(key, &header, finished)
    }

    fn run_summary(&self, key: i64, header: &str, finished: bool) -> Result<RunSummary> {
        let run: Run = self.parsed(header, "a run")?;
        let counts = self.with(Doing::Read, |connection| {
            let sql = "SELECT outcome, count(*) FROM trials WHERE run = ?1 GROUP BY outcome";
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
            connection.prepare_cached(sql)?.query_map([key], row)?.collect::<rusqlite::Result<Vec<(String, i64)>>>()
        })?;
        let count = |(outcome, count): (String, i64)| Ok((self.parsed(&outcome, "an outcome")?, count as u64));
        Ok(RunSummary {
            id: run.id,
            created_at: run.created_at,
            suite: run.suite.name,
            agent: run.plan.agent,
            planned: run.suite.cases.len() as u64 * u64::from(run.plan.trials),
            outcomes: counts.into_iter().map(count).collect::<Result<_>>()?,
            finished,
        })
    }

    /// The reruns of a run ([`Run::rerun`]), the latest first.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn reruns(&self, run: &str) -> Result<Vec<Run>> {
        let run = self.run(run)?.id;
        let headers: Vec<String> = self.with(Doing::Read, |connection| {
            let sql =
                "SELECT header FROM runs WHERE header ->> '$.plan.rerun_of' = ?1 ORDER BY created_at DESC, id DESC";
            connection.prepare_cached(sql)?.query_map([run], |row| row.get(0))?.collect()
        })?;
        headers.iter().map(|header| self.parsed(header, "a run")).collect()
    }

    /// Whether a run came to its end.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn is_finished(&self, run: &str) -> Result<bool> {
        let key = self.run_key(run)?;
        self.with(Doing::Read, |connection| {
            connection.query_row("SELECT finished FROM runs WHERE key = ?1", [key], |row| row.get(0))
        })
    }

    /// What changes of a run while it goes on.
    pub(crate) fn standing_of(&self, run: &str) -> Result<Standings> {
        let key = self.run_key(run)?;
        self.with(Doing::Read, |connection| {
            let sql = "SELECT judging, judged_after, finished FROM runs WHERE key = ?1";
            let row = |row: &rusqlite::Row<'_>| {
                Ok(Standings { round: row.get(0)?, judged_after: row.get(1)?, finished: row.get(2)? })
            };
            connection.prepare_cached(sql)?.query_row([key], row)
        })
    }

    /// Notes that a run came to its end: every trial is there.
    ///
    /// # Errors
    /// As [`Store::run`], and where the store cannot be written.
    pub fn finish_run(&self, run: &str) -> Result<()> {
        let key = self.run_key(run)?;
        self.with(Doing::Write, |connection| connection.execute("UPDATE runs SET finished = 1 WHERE key = ?1", [key]))?;
        Ok(())
    }

    /// Gets a run ready to be judged, once more or for the rest, and gives it with the judge in its plan.
    ///
    /// Judging goes in rounds, and what a judge answers is recorded under the round. A finished run, or one
    /// that was judged in another way, begins a new round: its judge is asked again, nobody else is. A round that
    /// was interrupted goes on, so that no answer of a judge is paid for twice. Earlier rounds stay recorded.
    ///
    /// # Errors
    /// As [`Store::run`], and where the store cannot be written.
    pub fn judge_again(&self, run: &str, judging: &Judging) -> Result<Run> {
        let key = self.run_key(run)?;
        let run = self.run(run)?;
        let same_judge = run.plan.judging == *judging;
        let run = run.judged_by(judging);
        let header = to_json(&run, "the run")?;
        self.with(Doing::Write, |connection| {
            let sql = "UPDATE runs SET judging = judging + (finished OR NOT ?2), finished = 0, header = ?3,
                judged_after = CASE WHEN finished OR NOT ?2
                    THEN (SELECT coalesce(max(rowid), 0) FROM trials) ELSE judged_after END
                WHERE key = ?1";
            connection.execute(sql, params![key, same_judge, header])
        })?;
        Ok(run)
    }

    /// Which round of judging it would be, were a run judged again.
    pub(crate) fn round_to_judge(&self, run: &str, judging: &Judging) -> Result<Round> {
        let key = self.run_key(run)?;
        let same_judge = self.run(run)?.plan.judging == *judging;
        self.with(Doing::Read, |connection| {
            let sql = "SELECT judging + (finished OR NOT ?2), NOT finished AND ?2 FROM runs WHERE key = ?1";
            let round = |row: &rusqlite::Row<'_>| Ok(Round { number: row.get(0)?, has_begun: row.get(1)? });
            connection.query_row(sql, params![key, same_judge], round)
        })
    }

    /// Keeps the prices that a list states with a run, and gives it with them.
    ///
    /// # Errors
    /// As [`Store::run`], and where the store cannot be written.
    pub fn price_run(&self, run: &str, prices: &PriceList) -> Result<Run> {
        let key = self.run_key(run)?;
        let run = self.run(run)?.priced(prices);
        let header = to_json(&run, "the run")?;
        self.with(Doing::Write, |connection| {
            connection.execute("UPDATE runs SET header = ?2 WHERE key = ?1", params![key, header])
        })?;
        Ok(run)
    }

    /// Whether a run was being judged again when it was interrupted, so that some verdicts are of an earlier round.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub(crate) fn is_half_judged(&self, run: &str) -> Result<bool> {
        let key = self.run_key(run)?;
        self.with(Doing::Read, |connection| {
            let sql = "SELECT judging > 1 AND NOT finished FROM runs WHERE key = ?1";
            connection.query_row(sql, [key], |row| row.get(0))
        })
    }

    /// Keeps a trial, in the place of the same case's trial of the same number if there is one.
    ///
    /// # Errors
    /// Where the run has no such case, or the store cannot be written.
    pub fn put_trial(&self, run: &str, trial: &Trial) -> Result<()> {
        let key = self.run_key(run)?;
        let row = TrialRow::of(trial)?;
        let put = self.with(Doing::Write, |connection| row.put(connection, key))?;
        if put { Ok(()) } else { Err(self.no_case(run, &trial.case)) }
    }

    /// The trials of a run that are there, in the order of the suite, then by number.
    ///
    /// # Errors
    /// As [`Store::run`].
    pub fn trials(&self, run: &str) -> Result<Vec<Trial>> {
        let key = self.run_key(run)?;
        let bodies: Vec<String> = self.with(Doing::Read, |connection| {
            let sql =
                "SELECT body FROM trials JOIN run_cases USING (run, case_id) WHERE run = ?1 ORDER BY ordinal, trial";
            connection.prepare_cached(sql)?.query_map([key], |row| row.get(0))?.collect()
        })?;
        bodies.iter().map(|body| self.parsed(body, "a trial")).collect()
    }

    /// One trial of a run.
    ///
    /// # Errors
    /// Where the run has no such case, or the trial is not there.
    pub fn trial(&self, run: &str, case: &str, trial: u32) -> Result<Trial> {
        let key = self.run_key(run)?;
        let body: Option<String> = self.with(Doing::Read, |connection| {
            let sql = "SELECT body FROM trials WHERE run = ?1 AND case_id = ?2 AND trial = ?3";
            connection.prepare_cached(sql)?.query_row(params![key, case, trial], |row| row.get(0)).optional()
        })?;
        match body {
            Some(body) => self.parsed(&body, "a trial"),
            None if !self.has_case(key, case)? => Err(self.no_case(run, case)),
            None => Err(Error::new(ErrorKind::Usage, format!("run `{run}` has no trial {trial} of case `{case}`"))
                .at(self.path(), None)
                .hint("trials count from 1; a run that was interrupted goes on with `reenact run --resume RUN`")),
        }
    }

    fn has_case(&self, key: i64, case: &str) -> Result<bool> {
        self.with(Doing::Read, |connection| {
            let sql = "SELECT EXISTS (SELECT 1 FROM run_cases WHERE run = ?1 AND case_id = ?2)";
            connection.query_row(sql, params![key, case], |row| row.get(0))
        })
    }

    fn no_case(&self, run: &str, case: &str) -> Error {
        let ids: Vec<String> =
            self.run(run).map_or_else(|_| Vec::new(), |run| run.suite.cases.into_iter().map(|case| case.id).collect());
        let near = super::near::nearest(case, ids.iter().map(String::as_str), 3);
        let hint = match &near[..] {
            [] => format!("the run's suite has {} cases, and none is like it", ids.len()),
            near => format!("did you mean {}?", super::near::either(near)),
        };
        Error::new(ErrorKind::Usage, format!("run `{run}` has no case `{case}`")).at(self.path(), None).hint(hint)
    }

    /// The key of a run by its id, a start of it, or `latest`.
    pub(crate) fn run_key(&self, id: &str) -> Result<i64> {
        if id != "latest" {
            return self.resolve("runs", "run", id);
        }
        let latest: Option<i64> = self.with(Doing::Read, |connection| {
            // A rerun of a comparison's suspects is part of that comparison, and nobody means it by this word.
            let sql = "SELECT key FROM runs WHERE header ->> '$.plan.rerun_of' IS NULL
                ORDER BY created_at DESC, id DESC LIMIT 1";
            connection.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()
        })?;
        latest.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "there is no run in this store yet")
                .at(self.path(), None)
                .hint("start one with `reenact run SUITE --agent AGENT`")
        })
    }

    fn parsed<T: serde::de::DeserializeOwned>(&self, json: &str, what: &str) -> Result<T> {
        serde_json::from_str(json).map_err(|error| fault::unreadable(self.path(), what, error))
    }
}

/// A trial, as the table of trials has it.
#[derive(Debug)]
pub(crate) struct TrialRow {
    case: String,
    trial: u32,
    outcome: String,
    body: String,
}

impl TrialRow {
    pub(crate) fn of(trial: &Trial) -> Result<TrialRow> {
        let (outcome, body) = (to_json(&trial.outcome, "the outcome")?, to_json(trial, "the trial")?);
        Ok(TrialRow { case: trial.case.clone(), trial: trial.trial, outcome, body })
    }

    /// Puts it in its place in a run; false where the run has no such case.
    pub(crate) fn put(&self, connection: &Connection, run: i64) -> rusqlite::Result<bool> {
        let sql = "INSERT OR REPLACE INTO trials (run, case_id, trial, outcome, body)
            SELECT run, case_id, ?3, ?4, ?5 FROM run_cases WHERE run = ?1 AND case_id = ?2";
        let row = params![run, self.case, self.trial, self.outcome, self.body];
        Ok(connection.prepare_cached(sql)?.execute(row)? > 0)
    }
}

/// Whether the run is new; nothing is kept where it is not.
fn insert_run(connection: &Connection, run: &Run, header: &str) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO runs (id, created_at, header) VALUES (?1, ?2, ?3)";
    if connection.execute(sql, params![run.id, run.created_at.as_microsecond(), header])? == 0 {
        return Ok(false);
    }
    let key = connection.last_insert_rowid();
    let mut insert =
        connection.prepare("INSERT OR IGNORE INTO run_cases (run, case_id, ordinal) VALUES (?1, ?2, ?3)")?;
    let mut are_new = true;
    for (ordinal, case) in run.suite.cases.iter().enumerate() {
        are_new &= insert.execute(params![key, case.id, ordinal as i64])? == 1;
    }
    Ok(are_new)
}

fn to_json<T: Serialize>(value: &T, what: &str) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Store, format!("{what} cannot be written as JSON")).caused_by(error))
}

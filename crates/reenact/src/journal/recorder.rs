//! Writing answers and trials down: one thread, and as many of them in one transaction as are waiting.
//!
//! A disk needs about as long to make a hundred answers durable as to make one, so thousands of
//! conversations that end a step at the same time wait for one write, not for thousands.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{Charge, StepKey, StepRole, charges};
use crate::store::{Doing, Outgoing, TrialRow};
use crate::{Error, ErrorKind, Result, Store};

/// Records in one transaction at the most, so that a burst does not keep other writers of the store out.
const GROUP_MAX: usize = 1024;

/// An answer to be written.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) key: StepKey,
    pub(super) request: blake3::Hash,
    /// As JSON.
    pub(super) answer: String,
    pub(super) latency_ms: u64,
    /// What it used, where a model was asked.
    pub(super) charge: Option<Charge>,
}

/// What is to be written.
#[derive(Debug)]
enum Record {
    Step(Step),
    Trial(TrialRow, Vec<Outgoing>),
    /// Nothing, but after all that was ordered before.
    Nothing,
}

/// What the writer is asked to do, and where it says that it is done.
#[derive(Debug)]
struct Order {
    record: Record,
    done: oneshot::Sender<Result<(), String>>,
}

/// That an order is carried out; need not be waited for.
#[derive(Debug)]
pub(super) struct Written(oneshot::Receiver<Result<(), String>>);

impl Written {
    pub(super) async fn wait(self) -> Result<()> {
        let failed = |reason: String| {
            Error::new(ErrorKind::Store, format!("an answer could not be recorded: {reason}"))
                .hint("the answer was not used; see to the store and its disk, then resume the run")
        };
        self.0.await.map_err(|_| stopped())?.map_err(failed)
    }
}

/// Writes and reads the steps of one run.
#[derive(Debug)]
pub(super) struct Recorder {
    store: Store,
    run: RunRound,
    /// Without a bound, because each conversation waits for its answer: there are never more orders in it
    /// than conversations. A bounded one could be full, and an answer that waits for room could be dropped.
    orders: Option<Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

/// A run and its round of judging, as the table of steps has them.
#[derive(Debug, Clone, Copy)]
struct RunRound {
    run: i64,
    judging: i64,
}

impl RunRound {
    /// Only a judge's steps belong to a round.
    fn round(self, role: StepRole) -> i64 {
        if role == StepRole::Judge { self.judging } else { 0 }
    }
}

impl Recorder {
    /// A recorder for a run, and the keys and request hashes of what is recorded.
    pub(super) fn of_run(store: &Store, run: &str) -> Result<(Recorder, Vec<(StepKey, blake3::Hash)>)> {
        Self::open(store, round(store, run)?)
    }

    /// A recorder for a run of which one trial is of interest, and what is recorded of that.
    pub(super) fn of_trial(
        store: &Store,
        run: &str,
        (case, trial): (&str, u32),
    ) -> Result<(Recorder, Vec<(StepKey, blake3::Hash)>)> {
        let run = round(store, run)?;
        let recorded = store.with(Doing::Read, |connection| recorded_of_trial(connection, run, case, trial))?;
        Self::start(store, run, recorded)
    }

    /// A recorder for what belongs to no run.
    pub(super) fn of_no_run(store: &Store) -> Result<(Recorder, Vec<(StepKey, blake3::Hash)>)> {
        Self::open(store, RunRound { run: 0, judging: 0 })
    }

    fn open(store: &Store, run: RunRound) -> Result<(Recorder, Vec<(StepKey, blake3::Hash)>)> {
        let recorded = store.with(Doing::Read, |connection| recorded(connection, run))?;
        Self::start(store, run, recorded)
    }

    fn start(
        store: &Store,
        run: RunRound,
        recorded: Vec<(StepKey, blake3::Hash)>,
    ) -> Result<(Recorder, Vec<(StepKey, blake3::Hash)>)> {
        let (orders, inbox) = mpsc::channel();
        let connection = store.own_connection()?;
        let writing = thread::Builder::new().name("reenact-journal".to_owned());
        let thread =
            writing.spawn(move || write(connection, run, &inbox)).map_err(|error| stopped().caused_by(error))?;
        Ok((Recorder { store: store.clone(), run, orders: Some(orders), thread: Some(thread) }, recorded))
    }

    /// Whether several processes may write it at the same time: what belongs to no run has no lease. Its keys say the
    /// whole question, so that what two of them record under one key are answers to the same.
    pub(super) fn is_shared(&self) -> bool {
        self.run.run == 0
    }

    /// Hands an answer to the writer; from here on it is kept, whoever waits for it or not.
    pub(super) fn record(&self, step: Step) -> Result<Written> {
        self.order(Record::Step(step))
    }

    /// Hands a trial to the writer, as [`Recorder::record`] does an answer, with the traces that tell of it.
    pub(super) fn keep(&self, trial: TrialRow, traces: Vec<Outgoing>) -> Result<Written> {
        self.order(Record::Trial(trial, traces))
    }

    /// Comes after all that was handed over before.
    pub(super) fn flush(&self) -> Result<Written> {
        self.order(Record::Nothing)
    }

    fn order(&self, record: Record) -> Result<Written> {
        let (done, written) = oneshot::channel();
        let orders = self.orders.as_ref().ok_or_else(stopped)?;
        orders.send(Order { record, done }).map_err(|_| stopped())?;
        Ok(Written(written))
    }

    /// What the store has for what a step used.
    pub(super) fn charge(&self, key: &StepKey) -> Result<Option<Charge>> {
        let sql = "SELECT model, input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched FROM steps
            WHERE run = ?1 AND judging = ?2 AND case_id = ?3 AND trial = ?4 AND position = ?5 AND role = ?6
            AND model IS NOT NULL";
        let judging = self.run.round(key.role);
        self.store.with(Doing::Read, |connection| {
            let step = params![self.run.run, judging, key.case, key.trial, key.position, key.role.to_string()];
            connection.prepare_cached(sql)?.query_row(step, |row| charges::charge(row, 0)).optional()
        })
    }

    /// The answer that the store has for a step, as JSON, and how long it took in milliseconds.
    pub(super) fn answer(&self, key: &StepKey) -> Result<Option<(String, i64)>> {
        let sql = "SELECT answer, latency_ms FROM steps
            WHERE run = ?1 AND judging = ?2 AND case_id = ?3 AND trial = ?4 AND position = ?5 AND role = ?6";
        let judging = self.run.round(key.role);
        self.store.with(Doing::Read, |connection| {
            let step = params![self.run.run, judging, key.case, key.trial, key.position, key.role.to_string()];
            connection.prepare_cached(sql)?.query_row(step, |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }
}

impl Drop for Recorder {
    /// Without a sender the writer ends, once it has written what it has.
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The round that a run is in.
fn round(store: &Store, run: &str) -> Result<RunRound> {
    let key = store.run_key(run)?;
    store.with(Doing::Read, |connection| {
        let sql = "SELECT judging FROM runs WHERE key = ?1";
        Ok(RunRound { run: key, judging: connection.query_row(sql, [key], |row| row.get(0))? })
    })
}

const RECORDED: &str =
    "SELECT case_id, trial, position, role, request FROM steps WHERE run = ?1 AND judging IN (0, ?2)";

fn recorded(connection: &Connection, run: RunRound) -> rusqlite::Result<Vec<(StepKey, blake3::Hash)>> {
    connection.prepare(RECORDED)?.query_map(params![run.run, run.judging], recorded_step)?.collect()
}

fn recorded_of_trial(
    connection: &Connection,
    run: RunRound,
    case: &str,
    trial: u32,
) -> rusqlite::Result<Vec<(StepKey, blake3::Hash)>> {
    let mut steps = connection.prepare(&format!("{RECORDED} AND case_id = ?3 AND trial = ?4"))?;
    steps.query_map(params![run.run, run.judging, case, trial], recorded_step)?.collect()
}

fn recorded_step(row: &rusqlite::Row<'_>) -> rusqlite::Result<(StepKey, blake3::Hash)> {
    let role = role(&row.get::<_, String>(3)?)?;
    let key = StepKey { case: row.get(0)?, trial: row.get(1)?, position: row.get(2)?, role };
    Ok((key, blake3::Hash::from_bytes(row.get(4)?)))
}

pub(super) fn role(name: &str) -> rusqlite::Result<StepRole> {
    let roles = [StepRole::User, StepRole::Agent, StepRole::Judge, StepRole::Distiller, StepRole::Tool];
    let role = roles.into_iter().find(|role| role.to_string() == name);
    role.ok_or_else(|| rusqlite::Error::InvalidColumnName(format!("step role `{name}`")))
}

/// The writer: as many orders as are waiting, in one transaction; then all of them are told.
fn write(mut connection: Connection, run: RunRound, inbox: &Receiver<Order>) {
    while let Ok(first) = inbox.recv() {
        let orders: Vec<Order> = std::iter::once(first).chain(inbox.try_iter()).take(GROUP_MAX).collect();
        let written = write_group(&mut connection, run, &orders).map_err(|error| error.to_string());
        for order in orders {
            // Whoever asked may be gone; the answer is written all the same.
            let _ = order.done.send(written.clone());
        }
    }
}

fn write_group(connection: &mut Connection, run: RunRound, orders: &[Order]) -> rusqlite::Result<()> {
    if orders.iter().all(|order| matches!(order.record, Record::Nothing)) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for order in orders {
        match &order.record {
            Record::Step(step) => insert_step(&transaction, run, step)?,
            Record::Trial(trial, _) if !trial.put(&transaction, run.run)? => {
                return Err(rusqlite::Error::QueryReturnedNoRows);
            }
            Record::Trial(_, traces) => traces.iter().try_for_each(|traces| traces.put(&transaction, run.run))?,
            Record::Nothing => {}
        }
    }
    transaction.commit()
}

fn insert_step(connection: &Connection, run: RunRound, step: &Step) -> rusqlite::Result<()> {
    // Without a run, another process may have recorded it first; in a run, that would be a fault.
    let sql = "INSERT INTO steps (run, judging, case_id, trial, position, role, request, latency_ms,
            model, input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched, answer)
        SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15
        WHERE ?1 <> 0 OR NOT EXISTS (SELECT 1 FROM steps WHERE run = 0 AND judging = ?2 AND case_id = ?3 AND trial = ?4
            AND position = ?5 AND role = ?6)";
    let Step { key, request, answer, latency_ms, charge } = step;
    let usage = charge.as_ref().and_then(|charge| charge.usage);
    connection.prepare_cached(sql)?.execute(params![
        run.run,
        run.round(key.role),
        key.case,
        key.trial,
        key.position,
        key.role.to_string(),
        request.as_bytes(),
        integer(*latency_ms),
        charge.as_ref().map(|charge| &charge.model),
        usage.map(|usage| integer(usage.input_tokens)),
        usage.map(|usage| integer(usage.cached_tokens)),
        usage.map(|usage| integer(usage.cache_write_tokens)),
        usage.map(|usage| integer(usage.output_tokens)),
        usage.map(|usage| usage.batched),
        answer,
    ])?;
    Ok(())
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn stopped() -> Error {
    Error::new(ErrorKind::Store, "the journal's writer has stopped").hint("resume the run; what was recorded is kept")
}

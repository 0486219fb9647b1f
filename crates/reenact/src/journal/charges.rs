//! What the calls of models used, read back from the journal: the one source of what a run cost.

use rusqlite::{Connection, params};

use super::{StepKey, StepRole, recorder};
use crate::store::Doing;
use crate::{Completion, ModelFault, Result, Store, Usage};

/// What one question to a model used: its call, and the second one where it had to be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The model's name.
    pub model: String,
    /// The tokens; nothing where the model answered and nobody said what that took.
    pub usage: Option<Usage>,
}

impl Charge {
    /// What an answer used. A fault that says nothing of tokens was no answer, and used none.
    pub fn of(model: &str, answer: &Result<Completion, ModelFault>) -> Charge {
        let usage = match answer {
            Ok(completion) => completion.usage,
            Err(fault) => Some(fault.usage.unwrap_or_default()),
        };
        Charge { model: model.to_owned(), usage }
    }
}

/// A charge with the step that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charged {
    /// The step.
    pub key: StepKey,
    /// Whether it is of a round of judging whose verdicts a later round has replaced.
    pub replaced: bool,
    /// What it used.
    pub charge: Charge,
}

/// What every question of a run to a model used, in the order of cases, trials and questions; answers that were taken
/// from the journal stand there once.
///
/// # Errors
/// Where there is no such run, or the store cannot be read.
pub fn of_run(store: &Store, run: &str) -> Result<Vec<Charged>> {
    let key = store.run_key(run)?;
    store.with(Doing::Read, |connection| read(connection, key))
}

fn read(connection: &Connection, run: i64) -> rusqlite::Result<Vec<Charged>> {
    let sql = "SELECT case_id, trial, position, role, role = 'judge' AND steps.judging < runs.judging,
            model, input_tokens, cached_tokens, cache_write_tokens, output_tokens, batched
        FROM steps JOIN runs ON runs.key = steps.run
        WHERE run = ?1 AND model IS NOT NULL ORDER BY case_id, trial, role, steps.judging, position";
    let charged = |row: &rusqlite::Row<'_>| {
        let role: StepRole = recorder::role(&row.get::<_, String>(3)?)?;
        let key = StepKey { case: row.get(0)?, trial: row.get(1)?, position: row.get(2)?, role };
        Ok(Charged { key, replaced: row.get(4)?, charge: charge(row, 5)? })
    };
    connection.prepare_cached(sql)?.query_map(params![run], charged)?.collect()
}

/// A charge from the columns of a row: the model, and from the next one on the tokens in the order of [`Usage`].
pub(super) fn charge(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Charge> {
    let tokens = |kind: usize| {
        let tokens: Option<i64> = row.get(first + 1 + kind)?;
        Ok::<_, rusqlite::Error>(tokens.map(i64::unsigned_abs))
    };
    let usage = match tokens(0)? {
        None => None,
        Some(input_tokens) => Some(Usage {
            input_tokens,
            cached_tokens: tokens(1)?.unwrap_or(0),
            cache_write_tokens: tokens(2)?.unwrap_or(0),
            output_tokens: tokens(3)?.unwrap_or(0),
            batched: tokens(4)? == Some(1),
        }),
    };
    Ok(Charge { model: row.get(first)?, usage })
}

//! An import whose records come one by one from elsewhere than a file, perhaps for a long time.

use std::path::Path;
use std::sync::Arc;

use super::gather::{Gather, Keep};
use super::{Format, Imported, OnProblem};
use crate::{Error, Result, Store};

/// Sessions that are gathered of records as these come in.
pub(crate) struct Fed<'s> {
    gather: Gather<'s>,
    imported: Imported,
    /// Where the records are from, as messages call it.
    place: Arc<Path>,
    format: Format,
}

impl<'s> Fed<'s> {
    pub(crate) fn new(store: &'s Store, on_problem: OnProblem, place: &str, format: Format) -> Result<Self> {
        let writer = store.write_sessions()?;
        let mut gather = match on_problem {
            OnProblem::Skip => Gather::new(writer, Keep::AsWritten),
            OnProblem::Refuse => Gather::new(writer, Keep::AllOrNothing),
        };
        gather.rest()?;
        let imported = Imported { files: 1, ..Imported::default() };
        Ok(Fed { gather, imported, place: Path::new(place).into(), format })
    }

    /// Whether a trace is in its session already. Such a session counts as found.
    pub(crate) fn knows(&mut self, session: &str, trace: &str) -> Result<bool> {
        self.gather.knows(session, trace, &self.place)
    }

    /// Takes a record, as its format has it.
    pub(crate) fn record(&mut self, text: &str) -> Result<()> {
        self.imported.records += 1;
        self.imported.bytes += text.len() as u64;
        match (self.format.row().parse)(text) {
            Ok(parsed) => {
                for parsed in parsed {
                    match parsed {
                        Ok(fragment) => self.gather.take(fragment, &self.place, &mut self.imported)?,
                        Err(reason) => self.skip(&reason.text),
                    }
                }
            }
            Err(reason) => self.skip(&reason.text),
        }
        Ok(())
    }

    /// Notes what gave nothing, and why.
    pub(crate) fn skip(&mut self, reason: &str) {
        self.imported.skip(&self.place, 0, reason);
    }

    /// What came in so far.
    pub(crate) fn imported(&self) -> &Imported {
        &self.imported
    }

    /// Lets others write into the store while the next records are waited for.
    pub(crate) fn rest(&mut self) -> Result<()> {
        self.gather.rest()
    }

    /// Writes what is held, and says what came of it; `broken` is why the records did not come to their end.
    pub(crate) fn finish(mut self, broken: Option<&Error>) -> Result<Imported> {
        if let Some(error) = broken {
            self.imported.cannot_read(error);
        }
        self.gather.finish(&mut self.imported)?;
        Ok(self.imported)
    }
}

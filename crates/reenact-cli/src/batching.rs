//! The options that put questions to models in batches, the same for `distill` and `judge`, and the rounds that come of them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reenact::model::batch::{Batch, BatchEvent, Finished, Watch, in_batches};
use reenact::run::Stop;
use reenact::{Environment, Error, ErrorKind, Model, Result, Store};

use crate::runtime::runtime;
use crate::{interrupt, output};

#[derive(Debug, clap::Args)]
#[group(id = "batching", multiple = false)]
pub(crate) struct Args {
    /// Ask models in batches at their provider: at half the price, with answers within a day
    #[arg(long, conflicts_with_all = ["max_cost", "estimate", "record"])]
    batch: bool,
    /// Write what is to be asked into a folder, as the batch files of the models' providers, and read the answer files that lie in
    /// it, for whoever sends them by other means
    #[arg(long, value_name = "DIR", conflicts_with_all = ["max_cost", "estimate", "record"])]
    batch_dir: Option<PathBuf>,
}

impl Args {
    /// The batches that are asked for; the scope names the work at the providers.
    pub(crate) fn open(&self, store: &Store, scope: impl FnOnce() -> Result<String>) -> Result<Option<Batch>> {
        match &self.batch_dir {
            Some(folder) => Batch::in_folder(folder).map(Some),
            None if self.batch => Batch::at_providers(store, &scope()?).map(Some),
            None => Ok(None),
        }
    }

    /// The options as somebody would type them again, each with a space before it.
    pub(crate) fn in_words(&self) -> String {
        let batch = if self.batch { " --batch" } else { "" };
        let folder = self.batch_dir.as_ref().map(|folder| format!(" --batch-dir {}", word(folder)));
        format!("{batch}{}", folder.unwrap_or_default())
    }
}

/// The model of a name, asked in batches.
pub(crate) fn model(batch: &Batch, name: &str) -> Result<Model> {
    batch.model(name, &Environment::of_process())
}

/// Does work in rounds until all that it asks is answered. What came of the requests is told at the end of each visit; where
/// something is left to wait for, the error says by which command to go on.
pub(crate) fn rounds<T>(batch: &Batch, go_on: &str, work: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let (stop, told) = (Stop::default(), Mutex::new(None));
    let listen = |event: BatchEvent<'_>| tell(event, &told);
    let watch = Watch { stop: &|| stop.is_requested(), listen: &listen };
    let finished = runtime()?.block_on(interrupt::stopping(&stop, in_batches(batch, &watch, work)));
    output::batch::note(&batch.tally()?, output::width());
    match finished {
        Ok(Finished::Whole(done)) => Ok(done),
        Ok(Finished::Waits(files)) => Err(waits(&files, go_on)),
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            Err(error.hint(format!("nothing is lost or asked twice; go on with `{go_on}`")))
        }
        Err(error) => Err(error),
    }
}

/// Tells what happens; how it stands only where that is news, because a batch may take a day.
fn tell(event: BatchEvent<'_>, told: &Mutex<Option<String>>) {
    let line = output::batch::line(event);
    if matches!(event, BatchEvent::Waiting { .. }) {
        let before = told.lock().unwrap_or_else(PoisonError::into_inner).replace(line.clone());
        if before.as_ref() == Some(&line) {
            return;
        }
    }
    output::note(line);
}

fn waits(files: &[PathBuf], go_on: &str) -> Error {
    let mut what = "some questions are not answered yet".to_owned();
    if !files.is_empty() {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        what += &format!("; to be sent: {}", names.join(", "));
    }
    let hint = format!("put the answer files into the folder, under any name with `.jsonl`, and go on with `{go_on}`");
    Error::new(ErrorKind::Interrupted, what).hint(hint)
}

/// A path as somebody would type it.
pub(crate) fn word(path: &Path) -> String {
    output::shell_word(&path.to_string_lossy())
}

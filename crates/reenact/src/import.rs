//! Recorded conversations, as traces and chat logs have them, become [`Session`](crate::Session)s.
//!
//! The content tells the format ([`Format`]) and the compression. A stream is cut into records, a record
//! is parsed to [`Fragment`]s, and fragments are gathered to sessions: by session or conversation id,
//! in the order of time, each message once, whatever the order of the files. Nothing is held that grows
//! with the input. What cannot be used is counted and named; what can be is imported.
//!
//! ```
//! use reenact::import::{Input, Options, import};
//! use reenact::Store;
//!
//! let log = r#"{"session_id": "s1", "messages": [{"role": "user", "content": "are you open"}]}"#;
//! let store = Store::temporary()?;
//! let input = Input::Stream("log.jsonl".into(), Box::new(log.as_bytes()));
//! let imported = import(vec![input], &Options::default(), &store, &mut |_| {})?;
//! assert_eq!(imported.sessions_new, 1);
//! # Ok::<(), reenact::Error>(())
//! ```

use std::path::Path;
use std::sync::Arc;

pub(crate) use fed::Fed;
pub use format::Format;
pub use fragment::Fragment;
pub use imported::{Imported, Progress, Unreadable};
pub use input::Input;

use gather::{Gather, Keep};
use reading::Reading;

use crate::{Result, Store};

mod chat;
mod fed;
mod format;
mod fragment;
mod gather;
mod genai;
mod imported;
mod indexed;
mod input;
mod json;
mod langfuse;
mod langsmith;
mod merge;
mod mlflow;
mod native;
mod openinference;
mod otlp;
mod packed;
mod parts;
mod payload;
mod phoenix;
mod protobuf;
mod reading;
pub mod receiver;
mod records;
mod sharegpt;
mod span;
mod trace;
mod value;
mod wire;

/// How to import.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The format, where the content shall not tell.
    pub format: Option<Format>,
    /// What a problem does to the rest.
    pub on_problem: OnProblem,
}

/// What a record that cannot be used, or a file that cannot be read, does to the rest of an import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnProblem {
    /// The rest is imported.
    #[default]
    Skip,
    /// Nothing is written.
    Refuse,
}

/// Reads inputs into a store.
///
/// Problems of the input are in the result; an error is a problem of the store. Importing the same
/// input again changes nothing; a longer recording of a known session makes it grow.
///
/// # Errors
/// Where the store cannot be read or written.
pub fn import(
    inputs: Vec<Input>,
    options: &Options,
    store: &Store,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Imported> {
    let keep = match options.on_problem {
        OnProblem::Skip => Keep::AsWritten,
        OnProblem::Refuse => Keep::AllOrNothing,
    };
    let mut gather = Gather::new(store.write_sessions()?, keep);
    let mut each = |fragment, file: &Arc<Path>, imported: &mut Imported| gather.take(fragment, file, imported);
    let mut imported = Reading::new(options.format, progress, &mut each).inputs(inputs)?;
    gather.finish(&mut imported)?;
    Ok(imported)
}

/// Reads inputs without a store: hands over each fragment as it is parsed, not gathered to sessions.
///
/// The counts of sessions in the result stay 0.
///
/// # Errors
/// The first error of `each`, which ends the reading.
pub fn read(
    inputs: Vec<Input>,
    format: Option<Format>,
    each: &mut dyn FnMut(Fragment) -> Result<()>,
) -> Result<Imported> {
    let mut each = |fragment, _: &Arc<Path>, _: &mut Imported| each(fragment);
    Reading::new(format, &mut |_| {}, &mut each).inputs(inputs)
}

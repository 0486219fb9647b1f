//! A file of recordings that somebody sends, taken into the store.

use std::fs::File;
use std::io::{Seek, Write};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Method, StatusCode};
use futures::StreamExt;
use reenact::import::{Imported, Input, Options, import};
use reenact::{Error, ErrorKind, Result};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::serve::App;
use crate::serve::fault::Fault;
use crate::serve::routes::{Answer, Content, Entry, Routes};
use crate::serve::tasks::{self, Doing, Kind, Task};

/// A day of a busy agent as traces; who has more has it in several files, or at the command line.
const UPLOAD_BYTES_MAX: usize = 2 << 30;
/// A browser that sends nothing for so long is gone.
const CHUNK_WAIT: Duration = Duration::from_secs(30);
/// A name is shown and nothing else.
const NAME_CHARS_MAX: usize = 200;

pub(super) fn routes() -> Routes {
    let about = "Import a file of recordings: chat logs or traces, plain, gzip or zstd; the answer is a task";
    let entry = Entry::new(Method::POST, "/api/imports", about).in_query::<Sent>();
    let entry = entry.takes(Content::of("application/octet-stream")).gives(Content::json::<Task>());
    Routes::new().streamed(entry, take)
}

#[derive(Deserialize, JsonSchema)]
struct Sent {
    /// What the file is called, for what is said of it.
    name: String,
}

async fn take(State(app): State<App>, Query(sent): Query<Sent>, body: Body) -> Answer<Json<Task>> {
    let folder = app.store().path().parent().map(ToOwned::to_owned).unwrap_or_default();
    let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder };
    // Without a name of its own: whatever ends the program, nothing of it stays.
    let file = tempfile::tempfile_in(folder).map_err(|error| Fault::from(unwritable(error)))?;
    let (file, bytes) = received(file, body).await?;
    let name: String = sent.name.chars().take(NAME_CHARS_MAX).collect();
    let work = move |doing: &Doing| imported(file, bytes, doing, &name);
    Ok(Json(tasks::start(&app, Kind::Import, sent.name, work)))
}

async fn received(mut file: File, body: Body) -> Answer<(File, u64)> {
    let mut chunks = body.into_data_stream();
    let mut bytes = 0;
    let gone = || Fault::new(StatusCode::REQUEST_TIMEOUT, "the file was not all sent");
    while let Some(chunk) = tokio::time::timeout(CHUNK_WAIT, chunks.next()).await.map_err(|_| gone())? {
        let chunk = chunk.map_err(|_| gone())?;
        bytes += chunk.len();
        if bytes > UPLOAD_BYTES_MAX {
            let fault = Fault::new(StatusCode::PAYLOAD_TOO_LARGE, "the file is larger than 2 GiB");
            return Err(fault.hint("cut it into several files, or use `reenact import`"));
        }
        file.write_all(&chunk).map_err(|error| Fault::from(unwritable(error)))?;
    }
    file.rewind().map_err(|error| Fault::from(unwritable(error)))?;
    Ok((file, bytes as u64))
}

fn unwritable(source: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "the file cannot be kept beside the store")
        .hint("look at its free space")
        .caused_by(source)
}

fn imported(file: File, bytes: u64, doing: &Doing, name: &str) -> Result<Imported> {
    let input = Input::Stream(name.to_owned(), Box::new(file));
    import(vec![input], &Options::default(), doing.store(), &mut |progress| {
        doing.is_at(progress.bytes_read, Some(bytes));
    })
}

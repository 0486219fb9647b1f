//! What is sent, read into bounded memory: what a few kilobytes inflate to is not known before.

use std::io::{self, Write};

use axum::body::{Body, Bytes};
use flate2::write::{GzDecoder, ZlibDecoder};
use futures::StreamExt;
use reenact::import::receiver::{Receiver, Room};

use super::Fault;

/// Of one request, when it is inflated. Exporters send 512 spans at a time; their own limits are lower.
const REQUEST_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Memory is asked for in steps of so many bytes.
const STEP_BYTES: usize = 64 * 1024;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Deflate,
}

/// Why a body could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unread {
    TooLarge,
    NoRoom,
    Broken(String),
}

/// A body, with the memory that it was granted.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) bytes: Vec<u8>,
    pub(super) room: Room,
    granted: usize,
    unread: Option<Unread>,
}

impl Compression {
    pub(super) fn named(name: &[u8]) -> Result<Compression, Fault> {
        match name {
            b"gzip" => Ok(Compression::Gzip),
            b"deflate" => Ok(Compression::Deflate),
            b"" | b"identity" => Ok(Compression::None),
            other => {
                let name = String::from_utf8_lossy(other).chars().take(40).collect::<String>();
                Err(Fault::Unknown(format!("the compression `{name}` is not read; expected gzip, deflate or none")))
            }
        }
    }
}

/// All of a body, inflated.
pub(super) async fn read(body: Body, compression: Compression, receiver: &Receiver) -> Result<Read, Unread> {
    let mut inflating = Inflating::new(compression, Read::new(receiver)?);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        inflating.take(&chunk.map_err(|error| Unread::Broken(format!("the request broke off: {error}")))?)?;
    }
    inflating.finish()
}

/// The same of bytes that are there.
pub(super) fn inflated(bytes: &Bytes, compression: Compression, receiver: &Receiver) -> Result<Read, Unread> {
    let mut inflating = Inflating::new(compression, Read::new(receiver)?);
    inflating.take(bytes)?;
    inflating.finish()
}

/// A body on its way.
enum Inflating {
    None(Read),
    Gzip(GzDecoder<Read>),
    Deflate(ZlibDecoder<Read>),
}

impl Inflating {
    fn new(compression: Compression, read: Read) -> Inflating {
        match compression {
            Compression::None => Inflating::None(read),
            Compression::Gzip => Inflating::Gzip(GzDecoder::new(read)),
            Compression::Deflate => Inflating::Deflate(ZlibDecoder::new(read)),
        }
    }

    fn take(&mut self, chunk: &[u8]) -> Result<(), Unread> {
        let written = match self {
            Inflating::None(read) => read.write_all(chunk),
            Inflating::Gzip(decoder) => decoder.write_all(chunk),
            Inflating::Deflate(decoder) => decoder.write_all(chunk),
        };
        let read = match self {
            Inflating::None(read) => read,
            Inflating::Gzip(decoder) => decoder.get_mut(),
            Inflating::Deflate(decoder) => decoder.get_mut(),
        };
        written.map_err(|error| read.unread.take().unwrap_or_else(|| damaged(&error)))
    }

    fn finish(self) -> Result<Read, Unread> {
        let read = match self {
            Inflating::None(read) => Ok(read),
            Inflating::Gzip(decoder) => decoder.finish(),
            Inflating::Deflate(decoder) => decoder.finish(),
        };
        let mut read = read.map_err(|error| damaged(&error))?;
        read.unread.take().map_or(Ok(read), Err)
    }
}

fn damaged(error: &io::Error) -> Unread {
    Unread::Broken(format!("the compressed data is damaged: {error}"))
}

pub(super) fn too_large() -> String {
    format!("the request is larger than {} MiB; send fewer spans at a time", REQUEST_BYTES_MAX / 1024 / 1024)
}

impl Read {
    fn new(receiver: &Receiver) -> Result<Read, Unread> {
        let room = receiver.room(STEP_BYTES).ok_or(Unread::NoRoom)?;
        Ok(Read { bytes: Vec::new(), room, granted: STEP_BYTES, unread: None })
    }
}

/// Keeps what is written as long as there is memory for it.
impl Write for Read {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let length = self.bytes.len() + chunk.len();
        let more = length.saturating_sub(self.granted).next_multiple_of(STEP_BYTES);
        let unread = match length > REQUEST_BYTES_MAX {
            true => Some(Unread::TooLarge),
            false => (more > 0 && !self.room.grow(more)).then_some(Unread::NoRoom),
        };
        if let Some(unread) = unread {
            self.unread = Some(unread);
            return Err(io::Error::other("no more is kept"));
        }
        self.granted += more;
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

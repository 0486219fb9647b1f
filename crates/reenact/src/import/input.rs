//! What can be imported: files, folders and streams, plain or compressed.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

use crate::{Error, ErrorKind, Result};

/// Where recorded conversations are read from.
pub enum Input {
    /// A file, or a folder whose files are read in the order of their paths. Hidden files are left out.
    Path(PathBuf),
    /// A stream under the name that messages call it by, such as `<stdin>`.
    Stream(String, Box<dyn Read>),
}

impl From<&Path> for Input {
    fn from(path: &Path) -> Self {
        Input::Path(path.to_owned())
    }
}

impl From<PathBuf> for Input {
    fn from(path: PathBuf) -> Self {
        Input::Path(path)
    }
}

/// Whether somebody named a file or it was met in a folder, where other things may lie beside the traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Named,
    InFolder,
}

/// One thing to read from beginning to end.
pub(super) struct Source {
    pub(super) name: PathBuf,
    pub(super) found: Found,
    stream: Option<Box<dyn Read>>,
}

/// A source that was opened, with its size on disk and how much of it has been read.
pub(super) struct Opened {
    pub(super) reader: Box<dyn Read>,
    pub(super) bytes_total: Option<u64>,
    pub(super) bytes_read: Rc<Cell<u64>>,
}

/// The sources of an input: one, or every file of a folder.
pub(super) fn sources(input: Input) -> Result<Vec<Source>> {
    let path = match input {
        Input::Stream(name, reader) => {
            return Ok(vec![Source { name: name.into(), found: Found::Named, stream: Some(reader) }]);
        }
        Input::Path(path) => path,
    };
    if !path.is_dir() {
        return Ok(vec![Source { name: path, found: Found::Named, stream: None }]);
    }
    let mut files = Vec::new();
    walk(&path, &mut files).map_err(|error| unreadable(&path, error))?;
    if files.is_empty() {
        let error = Error::new(ErrorKind::Input, "the folder holds no file").at(&path, None);
        return Err(error.hint("name the folder that holds the traces"));
    }
    Ok(files.into_iter().map(|name| Source { name, found: Found::InFolder, stream: None }).collect())
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        // A link to a folder is not followed: it may lead back up, and the walk would never end.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

impl Source {
    /// Opens the source and undoes its compression, which its first bytes tell.
    pub(super) fn open(&mut self) -> Result<Opened> {
        let name = self.name.clone();
        let (raw, bytes_total): (Box<dyn Read>, _) = match self.stream.take() {
            Some(stream) => (stream, None),
            None => {
                let file = File::open(&name).map_err(|error| unreadable(&name, error))?;
                let bytes_total = file.metadata().ok().map(|metadata| metadata.len());
                (Box::new(file), bytes_total)
            }
        };
        let bytes_read = Rc::new(Cell::new(0));
        let counted = Counted { inner: raw, bytes_read: Rc::clone(&bytes_read) };
        let reader = decompress(counted).map_err(|error| unreadable(&name, error))?;
        Ok(Opened { reader, bytes_total, bytes_read })
    }
}

/// The error of a file that could not be read, with what to do about it.
pub(super) fn unreadable(name: &Path, error: io::Error) -> Error {
    let (message, hint) = match error.kind() {
        io::ErrorKind::NotFound => ("there is no such file".to_owned(), "check the path"),
        io::ErrorKind::PermissionDenied => ("the file may not be read".to_owned(), "check its permissions"),
        io::ErrorKind::UnexpectedEof => (
            "the compressed data ends in the middle".to_owned(),
            "copy or download the file again; what was complete before the break has been read",
        ),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => (
            format!("the compressed data is damaged: {error}"),
            "copy or download the file again; what was whole before the damage has been read",
        ),
        _ => (format!("the file cannot be read: {error}"), "check that it is a file and that its disk can be read"),
    };
    Error::new(ErrorKind::Io, message).at(name, None).hint(hint).caused_by(error)
}

fn decompress(mut raw: Counted) -> io::Result<Box<dyn Read>> {
    const GZIP: [u8; 2] = [0x1f, 0x8b];
    const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
    let mut head = Vec::with_capacity(ZSTD.len());
    raw.by_ref().take(ZSTD.len() as u64).read_to_end(&mut head)?;
    let is_gzip = head.starts_with(&GZIP);
    let is_zstd = head.starts_with(&ZSTD);
    let whole = io::Cursor::new(head).chain(raw);
    Ok(if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole)))
    } else if is_zstd {
        Box::new(zstd::Decoder::with_buffer(BufReader::with_capacity(BUFFER_BYTES, whole))?)
    } else {
        Box::new(whole)
    })
}

const BUFFER_BYTES: usize = 64 * 1024;

/// Counts what is read from the disk, so that progress is right for compressed files too.
struct Counted {
    inner: Box<dyn Read>,
    bytes_read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes_read.set(self.bytes_read.get() + count as u64);
        Ok(count)
    }
}

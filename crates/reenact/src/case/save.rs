//! Writing a file whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::{Error, ErrorKind, Result};

/// Writes the text to a file beside the target, and then puts it in its place: whoever reads, and whatever
/// breaks off, there is the old file or the new one. `what` is what an error says cannot be written.
pub(crate) fn whole(path: &Path, text: &str, what: &str) -> Result<()> {
    // The place of a link is kept, and the file that it names is replaced.
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    written(&target, text).map_err(|error| {
        let hint = "nothing was changed; look at the folder: whether it is there, its permissions and free space";
        Error::new(ErrorKind::Io, format!("{what} cannot be written")).at(path, None).hint(hint).caused_by(error)
    })
}

fn written(target: &Path, text: &str) -> std::io::Result<()> {
    let folder = folder_of(target);
    let mut file = beside(target, &folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|error| error.error)?;
    sync_folder(&folder)
}

fn folder_of(target: &Path) -> PathBuf {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A temporary file is its owner's alone by default; the new file has the permissions that it had, or those of
/// any new file.
fn beside(target: &Path, folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".reenact-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let file = builder.tempfile_in(folder)?;
    if let Ok(metadata) = std::fs::metadata(target) {
        file.as_file().set_permissions(metadata.permissions())?;
    }
    Ok(file)
}

/// The new name survives a power cut only once its folder is on the disk as well.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

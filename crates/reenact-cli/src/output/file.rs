//! Files that are written whole or not at all.

use std::fs;
use std::io::Write;
use std::path::Path;

use reenact::{Error, ErrorKind, Result};

/// Writes a file. A reader sees the old file or the new one, never a part; what stands at the path and is
/// no file, such as `/dev/stdout`, is written to and not replaced.
pub(crate) fn write(path: &Path, content: &str) -> Result<()> {
    let written = if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        fs::write(path, content)
    } else {
        replace(path, content)
    };
    written.map_err(|source| {
        Error::new(ErrorKind::Io, "cannot write the file")
            .at(path, None)
            .hint("name a file in a folder that exists and can be written to")
            .caused_by(source)
    })
}

/// Finds out whether a file can be made, before the work whose result it is to hold.
pub(crate) fn can_be_made(path: &Path) -> Result<()> {
    let made = tempfile::tempfile_in(folder_of(path));
    made.map(drop).map_err(|source| {
        Error::new(ErrorKind::Io, "cannot be written, because no file can be made in its folder")
            .at(path, None)
            .hint("name a file in a folder that exists and can be written to")
            .caused_by(source)
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn replace(path: &Path, content: &str) -> std::io::Result<()> {
    // A file that is reached by a symbolic link is replaced where it is, and the link stays.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut builder = tempfile::Builder::new();
    // A report is to be read by others; the default of a temporary file is that nobody else may.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder_of(path))?;
    file.write_all(content.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.xml");
        write(&path, "first, and longer").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("none/report.xml"), "x").unwrap_err();
        assert!(error.to_string().contains("none/report.xml") && error.hint_text().is_some());
    }
}

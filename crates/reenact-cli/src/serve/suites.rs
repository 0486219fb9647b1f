//! Suites: the files of cases in the folder that may be read.

use std::path::Path;

use reenact::Suite;
use schemars::JsonSchema;
use serde::Serialize;

use super::App;
use super::routes::{Answer, Routes};

pub(super) fn routes() -> Routes {
    Routes::new().shown("/suites", "suites.html", "The suite files of the folder", list)
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The files, by name.
    files: Vec<File>,
}

#[derive(Serialize, JsonSchema)]
struct File {
    /// The file's name.
    file: String,
    /// How many cases it has; none where it cannot be read as a suite.
    cases: Option<usize>,
}

async fn list(app: App, (): (), (): ()) -> Answer<Listed> {
    let folder = app.suites().to_owned();
    app.read(move |_| Ok(Listed { files: files(&folder) })).await
}

fn files(folder: &Path) -> Vec<File> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    let file = |path: std::path::PathBuf| {
        let file = path.file_name()?.to_str()?.to_owned();
        Some(File { file, cases: Suite::load(&path).ok().map(|suite| suite.cases.len()) })
    };
    paths.filter_map(file).collect()
}

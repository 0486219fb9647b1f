//! Suites: the files of cases in the folder.

use reenact::case::Problem;
use reenact::{Suite, TestCase};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::Fault;
use super::folder::File;
use super::routes::{Answer, Routes};

pub(super) fn routes() -> Routes {
    Routes::new().shown("/suites", "suites.html", "The suite files of the folder", list).shown(
        "/suites/{file}",
        "suite.html",
        "A suite file: its cases, or what is wrong with it",
        one,
    )
}

/// The suite files of the folder.
#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The folder.
    folder: String,
    /// The files, by name.
    files: Vec<Counted>,
}

/// A suite file in a list.
#[derive(Serialize, JsonSchema)]
struct Counted {
    /// The file's name.
    file: String,
    /// The suite's name.
    name: Option<String>,
    /// How many cases it has; none where there are problems.
    cases: usize,
    /// How many of them have no expectations, and can pass only by a judge that a run names.
    without_expectations: usize,
    /// How many come from a recorded session.
    recorded: usize,
    /// How many things are wrong with it.
    problems: usize,
}

async fn list(app: App, (): (), (): ()) -> Answer<Listed> {
    let folder = app.folder().clone();
    let counted = |file: &File| {
        let count = |is: fn(&TestCase) -> bool| file.suite.cases.iter().filter(|case| is(case)).count();
        Counted {
            file: file.name.clone(),
            name: file.suite.name.clone(),
            cases: file.suite.cases.len(),
            without_expectations: count(|case| case.expectations.is_empty()),
            recorded: count(|case| case.origin.is_some()),
            problems: file.problems.len(),
        }
    };
    app.read(move |_| {
        let files = folder.files()?.iter().map(|file| counted(file)).collect();
        Ok(Listed { folder: folder.path().display().to_string(), files })
    })
    .await
}

#[derive(Deserialize, JsonSchema)]
struct One {
    /// The file's name.
    file: String,
}

/// A suite file.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// The file's name.
    file: String,
    /// The suite's name.
    name: Option<String>,
    /// What is wrong with it; there are no cases then.
    problems: Vec<Problem>,
    /// The cases, in the order of the file.
    cases: Vec<Row>,
}

/// A case in a list.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// The case's id.
    id: String,
    /// What the user wants.
    goal: String,
    /// How many facts the user knows.
    facts: usize,
    /// How many expectations there are.
    expectations: usize,
    /// The session that it comes from.
    session: Option<String>,
    /// What needs a person's look.
    look: Vec<String>,
}

async fn one(app: App, One { file }: One, (): ()) -> Answer<Shown> {
    let folder = app.folder().clone();
    let file = app.read(move |_| folder.file(&file)).await.map_err(Fault::missing)?;
    let Suite { name, cases } = &file.suite;
    let cases = cases.iter().map(row).collect();
    Ok(Shown { file: file.name.clone(), name: name.clone(), problems: file.problems.clone(), cases })
}

fn row(case: &TestCase) -> Row {
    let mut look: Vec<String> = case.origin.iter().flat_map(|origin| origin.back_test.clone()).collect();
    if case.expectations.is_empty() {
        look.push("no expectations".to_owned());
    }
    Row {
        id: case.id.clone(),
        goal: case.brief.goal.clone(),
        facts: case.brief.facts.len(),
        expectations: case.expectations.len(),
        session: case.origin.as_ref().map(|origin| origin.session.clone()),
        look,
    }
}

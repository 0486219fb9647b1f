//! A case beside its recording, and what somebody makes of it.

use axum::http::{Method, StatusCode};
use reenact::case::{Saved, check_case};
use reenact::quote::quoted;
use reenact::{Conversation, Error, ErrorKind, Evidence, Message, Result, Speaker, Store, Suite, TestCase, ToolCall};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::App;
use super::fault::Fault;
use super::folder::Folder;
use super::routes::{Answer, Routes};

use edit::Edit;

mod edit;

pub(super) fn routes() -> Routes {
    let change = "Write a case over the one in its file: only lines of what differs change, and comments stay";
    Routes::new()
        .shown(
            "/suites/{file}/cases/{id}",
            "case.html",
            "A case, and its recording with the words that it comes from",
            one,
        )
        .change(Method::PUT, "/api/suites/{file}/cases/{id}", change, save)
}

#[derive(Deserialize, JsonSchema)]
struct One {
    /// The name of the suite file.
    file: String,
    /// The case's id.
    id: String,
}

/// A case beside its recording.
#[derive(Serialize, JsonSchema)]
struct Shown {
    /// The name of the suite file.
    file: String,
    /// The case.
    case: TestCase,
    /// What tells this state of the case from every other; a change is sent with it.
    revision: String,
    /// Why it cannot be changed here, where it cannot.
    read_only: Option<String>,
    /// The cases before and behind it in the file.
    neighbours: Neighbours,
    /// The id of the session that it comes from.
    session: Option<String>,
    /// Why the recording is not shown, where it is not.
    missing: Option<String>,
    /// The recording.
    recording: Vec<Said>,
    /// For each part of the case, the words that it comes from.
    evidence: Vec<Cited>,
}

/// The ids of the cases beside a case.
#[derive(Serialize, JsonSchema)]
struct Neighbours {
    previous: Option<String>,
    next: Option<String>,
}

/// A message of the recording, its text cut where quotes begin and end.
#[derive(Serialize, JsonSchema)]
struct Said {
    speaker: Speaker,
    /// The number of the turn that it opens.
    turn: Option<u32>,
    /// The tool that answers.
    name: Option<String>,
    /// What the agent calls with it.
    tool_calls: Vec<ToolCall>,
    pieces: Vec<Piece>,
}

/// A stretch of a text.
#[derive(Serialize, JsonSchema)]
struct Piece {
    text: String,
    /// Which pieces of evidence quote it, counted from 0.
    evidence: Vec<usize>,
}

/// A piece of evidence, and whether the recording has it.
#[derive(Serialize, JsonSchema)]
struct Cited {
    #[serde(flatten)]
    evidence: Evidence,
    is_found: bool,
}

async fn one(app: App, One { file, id }: One, (): ()) -> Answer<Shown> {
    let folder = app.folder().clone();
    app.read(move |store| shown(store, &folder, &file, &id)).await.map_err(Fault::missing)
}

fn shown(store: &Store, folder: &Folder, name: &str, id: &str) -> Result<Shown> {
    let file = folder.file(name)?;
    let place = place_of(&file.suite, id)?;
    let cases = &file.suite.cases;
    let id_of = |place: Option<usize>| place.and_then(|place| cases.get(place)).map(|case| case.id.clone());
    let case = cases[place].clone();
    let origin = case.origin.clone().unwrap_or_default();
    let (recording, missing) = recording(store, &origin.session);
    let places: Vec<_> = origin.evidence.iter().map(|evidence| quoted(evidence, &recording)).collect();
    let evidence = origin.evidence.into_iter().zip(&places);
    Ok(Shown {
        file: name.to_owned(),
        revision: revision(&case),
        read_only: Suite::check_name(&folder.existing(name)?).err().map(|error| error.message().to_owned()),
        neighbours: Neighbours { previous: id_of(place.checked_sub(1)), next: id_of(Some(place + 1)) },
        session: case.origin.as_ref().map(|origin| origin.session.clone()),
        missing: missing.filter(|_| case.origin.is_some()),
        recording: said(recording, &places),
        evidence: evidence.map(|(evidence, place)| Cited { evidence, is_found: place.is_some() }).collect(),
        case,
    })
}

fn revision(case: &TestCase) -> String {
    let json = serde_json::to_vec(case).expect("a case is JSON");
    blake3::hash(&json).to_hex()[..16].to_owned()
}

fn place_of(suite: &Suite, id: &str) -> Result<usize> {
    suite.cases.iter().position(|case| case.id == id).ok_or_else(|| {
        let error = Error::new(ErrorKind::Usage, format!("there is no case `{}` in the file", id.escape_debug()));
        error.hint("somebody may have renamed it: see the cases of the suite")
    })
}

/// The recording, or why there is none.
fn recording(store: &Store, session: &str) -> (Conversation, Option<String>) {
    match store.session(session) {
        Ok(session) => (session.conversation, None),
        Err(error) => (Conversation::default(), Some(error.message().to_owned())),
    }
}

fn said(recording: Conversation, places: &[Option<reenact::quote::Quoted>]) -> Vec<Said> {
    let mut turns = 0;
    let said = |(number, message): (usize, Message)| {
        let turn = (message.speaker == Speaker::User).then(|| {
            turns += 1;
            turns
        });
        let here = places.iter().enumerate().filter_map(|(n, place)| {
            place.as_ref().filter(|place| place.message == number).map(|place| (n, place.bytes.clone()))
        });
        let pieces = pieces(&message.text, &here.collect::<Vec<_>>());
        let Message { speaker, name, tool_calls, .. } = message;
        Said { speaker, turn, name, tool_calls, pieces }
    };
    recording.messages.into_iter().enumerate().map(said).collect()
}

/// A text cut wherever a quote begins or ends.
fn pieces(text: &str, quotes: &[(usize, std::ops::Range<usize>)]) -> Vec<Piece> {
    let mut cuts: Vec<usize> =
        quotes.iter().flat_map(|(_, bytes)| [bytes.start, bytes.end]).chain([0, text.len()]).collect();
    cuts.sort_unstable();
    cuts.dedup();
    let piece = |ends: &[usize]| {
        let is_over = |bytes: &std::ops::Range<usize>| bytes.start <= ends[0] && ends[1] <= bytes.end;
        let evidence = quotes.iter().filter(|(_, bytes)| is_over(bytes)).map(|(n, _)| *n).collect();
        Piece { text: text[ends[0]..ends[1]].to_owned(), evidence }
    };
    cuts.windows(2).map(piece).collect()
}

/// A case as it was written.
#[derive(Serialize, JsonSchema)]
struct Written {
    /// As the file has it now.
    case: TestCase,
    /// How it was written.
    written: How,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    /// Nothing differed.
    Unchanged,
    /// Lines that say the same as before are as they were.
    ChangedLines,
    /// All lines were written anew, and comments are gone.
    Anew,
}

async fn save(app: App, One { file, id }: One, edit: Edit) -> Answer<Written> {
    let folder = app.folder().clone();
    app.read(move |_| Ok(saved(&folder, &file, &id, edit))).await?
}

fn saved(folder: &Folder, name: &str, id: &str, edit: Edit) -> Answer<Written> {
    let path = folder.existing(name).map_err(Fault::missing)?;
    let _turn = folder.writing();
    let loaded = Suite::load(&path)?;
    let place = place_of(&loaded, id).map_err(Fault::missing)?;
    let current = &loaded.cases[place];
    if revision(current) != edit.revision {
        let fault = Fault::new(StatusCode::CONFLICT, "somebody else changed this case meanwhile");
        return Err(fault.hint("nothing was written; what you wrote is still in the page"));
    }
    let after = check_case(&edit.made_to(current)?).map_err(Fault::of_parts)?;
    if after == *current {
        return Ok(Written { case: after, written: How::Unchanged });
    }
    let mut suite = loaded.clone();
    suite.cases[place] = after.clone();
    let written = match suite.save_over(&path, &loaded)? {
        Saved::ChangedLines => How::ChangedLines,
        Saved::Anew => How::Anew,
    };
    Ok(Written { case: after, written })
}

//! Stories in text files. Each says what is given and what must come of it; one function plays every file of a
//! folder, renders what came of it in the same form, and compares.
//!
//! `simulate/*.md`: the case, then the conversation. The agent's lines are given, all others must come about. Where there are
//! lines `words`, a model words the user, and these are its answers; `quote` is what the recorded user wrote, `reads` what the
//! model answers where it is asked whether the goal is reached. `from FIELD @TURN` is what the recorded user wrote where the case has
//! that part from.
//! `before` is what was said before, `script` what the user says word for word, `recorded` the recording that is played back.
//! `mask/*.md`: a recorded session, then `=>`, then the same without personal data.
//! `distill/*.md`: the recorded session, then `=>`, then the case that must come of it without a model. Lines `trap` say what
//! any distiller is held to (`traps.rs`).
//! `back_test/*.md`: the recorded session and, where it is not the one distilled without a model, a case with its evidence, then `=>`,
//! then how that case plays the session.
//! `tools/*.md`: recorded calls, arguments that are ignored, what a model answers, and calls, then `=>`, then what comes of those calls
//! under each policy for a call that the recording does not answer; once where all come to the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use reenact::agent::from_fn;
use reenact::back_test::{PlayedTurn, Scores, Tester, back_test};
use reenact::case::{AfterScript, Check, Evidence, Fact, FirstSpeaker, Gate, Origin, Staging};
use reenact::distill::{Distilled, Distiller, distill};
use reenact::judge::{Hearing, Panel, assess};
use reenact::mask::{MaskKey, Masker};
use reenact::simulate::{Setting, Simulated, simulate};
use reenact::user::AgendaUser;
use reenact::user::model::ModelUser;
use reenact::{
    AgentReply, BackTest, Brief, Conversation, Expectation, Message, Outcome, Session, SimulatedUser, Speaker,
    TestCase, ToolCall,
};
use serde_json::json;

use crate::scripted::{answered, model};

mod tools;

#[tokio::test]
async fn the_casebook_of_conversations_comes_out_as_it_is_written() {
    for path in stories("simulate") {
        let story = fs::read_to_string(&path).unwrap();
        similar(&path, &story, &play(&story).await);
    }
}

#[test]
fn the_casebook_of_distillation_comes_out_as_it_is_written() {
    for path in stories("distill") {
        let story = fs::read_to_string(&path).unwrap();
        similar(&path, &story, &redistill(&story));
    }
}

#[test]
fn the_casebook_of_back_tests_comes_out_as_it_is_written() {
    for path in stories("back_test") {
        let story = fs::read_to_string(&path).unwrap();
        similar(&path, &story, &play_back(&story));
    }
}

#[test]
fn the_casebook_of_masking_comes_out_as_it_is_written() {
    for path in stories("mask") {
        let story = fs::read_to_string(&path).unwrap();
        similar(&path, &story, &remask(&story));
    }
}

#[tokio::test]
async fn the_casebook_of_tools_comes_out_as_it_is_written() {
    for path in stories("tools") {
        let story = fs::read_to_string(&path).unwrap();
        similar(&path, &story, &tools::replay(&story).await);
    }
}

/// The key of every story about masking.
const PASSPHRASE: &str = "a passphrase for stories";

fn remask(story: &str) -> String {
    let (given, _) = story.split_once("=>\n").expect("a session and what comes of it");
    let conversation = given.lines().filter(|line| !line.starts_with('#')).map(recorded_line).collect();
    let masked = Masker::new(MaskKey::of_passphrase(PASSPHRASE)).mask(&Session::new("story", conversation));
    assert_eq!(masked.originals.leaks_in(&masked.session), [], "{given}");
    let mut after = format!("{given}=>\n");
    for message in &masked.session.conversation.messages {
        for call in &message.tool_calls {
            after += &format!("call  {} {}\n", call.name, call.arguments);
        }
        if message.tool_calls.is_empty() {
            let speaker = format!("{:?}", message.speaker).to_lowercase();
            after += &format!("{speaker:<5} {}\n", message.text.replace('\n', "\\n"));
        }
    }
    after
}

fn recorded_line(line: &str) -> Message {
    let (speaker, text) = line.split_once(' ').expect("a speaker and a text");
    let text = text.trim_start().replace("\\n", "\n");
    match speaker {
        "user" => Message::user(text),
        "agent" => Message::agent(text),
        "tool" => Message::new(Speaker::Tool, text),
        "operator" => Message::new(Speaker::Operator, text),
        _ => {
            let (name, arguments) = text.split_once(' ').expect("a tool and its arguments");
            let call = ToolCall { id: None, name: name.to_owned(), arguments: arguments.to_owned() };
            Message { tool_calls: vec![call], ..Message::agent("") }
        }
    }
}

pub(crate) fn stories(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/casebook").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

/// With `UPDATE_CASEBOOK` set the files are rewritten instead, for a person to review the difference.
fn similar(path: &Path, written: &str, happened: &str) {
    if std::env::var_os("UPDATE_CASEBOOK").is_some() {
        return fs::write(path, happened).unwrap();
    }
    assert_eq!(happened, written, "\n{} came out otherwise", path.display());
}

/// The words of a line after its first one.
fn split(line: &str) -> (&str, &str) {
    line.split_once(' ').map_or((line, ""), |(word, rest)| (word, rest.trim()))
}

const GIVEN: [&str; 15] = [
    "#", "goal", "opening", "fact", "expect", "patience", "quote", "from", "words", "reads", "before", "first",
    "script", "then", "recorded",
];

async fn play(story: &str) -> String {
    let given: Vec<&str> = story.lines().filter(|line| line.is_empty() || GIVEN.contains(&split(line).0)).collect();
    let case = case(&given);
    // Lines of the agent in a row are one reply of several messages.
    let lines: Vec<(&str, &str)> = story.lines().map(split).collect();
    let replies = lines.chunk_by(|one, next| one.0 == next.0).filter(|lines| lines[0].0 == "agent");
    let mut replies: Vec<Vec<String>> =
        replies.map(|lines| lines.iter().map(|(_, says)| (*says).to_owned()).collect()).collect();
    replies.reverse();
    let replies = Mutex::new(replies);
    let agent = from_fn(move |_turn| {
        let next = replies.lock().unwrap().pop();
        async move {
            let ended = next.is_none();
            let messages = next.into_iter().flatten().map(Message::agent).collect();
            Ok::<_, reenact::AgentFault>(AgentReply { messages, ended, ..AgentReply::default() })
        }
    });
    let recording = recording(&given);
    let setting = Setting {
        case: &case,
        session_id: "sim-0000000000000000",
        seed: 0,
        max_turns: 12,
        recording: recording.as_ref(),
    };
    let simulated = simulate(setting, &*user(&given), &agent).await;
    let assessments = assess(Hearing::new(&case, &simulated.conversation), &[], &Panel::offline()).await;
    let mut lines: Vec<String> = given.iter().map(|line| (*line).to_owned()).collect();
    lines.extend(talk(&simulated, case.staging.prefix.messages.len()));
    for assessment in &assessments {
        let turns: Vec<String> = assessment.turns.iter().map(|turn| format!(" @{turn}")).collect();
        lines.push(format!("judge {} {}{}", assessment.expectation, assessment.verdict, turns.concat()));
    }
    let outcome = Outcome::of(&simulated.ending, &assessments);
    lines.push(format!("outcome {outcome:?}, {:?}", simulated.ending));
    lines.join("\n") + "\n"
}

/// The recording whose user is played back, where there are lines `recorded`.
fn recording(given: &[&str]) -> Option<Conversation> {
    let lines = given.iter().map(|line| split(line)).filter(|(word, _)| *word == "recorded");
    let recording: Conversation = lines.filter_map(|(_, rest)| message(rest)).collect();
    (!recording.messages.is_empty()).then_some(recording)
}

/// Whoever plays the user: the agenda, in its own words or in those of a model.
fn user(given: &[&str]) -> Box<dyn SimulatedUser> {
    let lines = |wanted: &str| {
        let found = given.iter().map(|line| split(line)).filter(|(word, _)| *word == wanted);
        let mut found: Vec<String> = found.map(|(_, rest)| rest.to_owned()).collect();
        found.reverse();
        found
    };
    let (words, reads) = (Mutex::new(lines("words")), Mutex::new(lines("reads")));
    if words.lock().unwrap().is_empty() {
        return Box::new(AgendaUser);
    }
    Box::new(ModelUser::new(model(move |request| {
        let next = |from: &Mutex<Vec<String>>| from.lock().unwrap().pop();
        let read =
            |nothing: serde_json::Value| next(&reads).map_or(nothing, |line| serde_json::from_str(&line).unwrap());
        answered(match request.schema.name.as_str() {
            "user_message" => json!({ "text": next(&words).expect("a line `words` for each message") }),
            "check_gates" => json!({"opened": [], "wants": "nothing"}),
            _ => read(json!({"parts": []})),
        })
    })))
}

/// What was said, and before it what was not let through.
fn talk(simulated: &Simulated, before: usize) -> Vec<String> {
    let rejected = |turn: u32| {
        let rejected = simulated.corrections.iter().filter(move |correction| correction.turn == turn);
        rejected.map(|it| format!("rejected {:?}, {}", it.text, it.reason)).collect::<Vec<_>>()
    };
    let mut turn = 0;
    let mut lines = Vec::new();
    let hands_over =
        |turn: u32| (simulated.handed_over_at == Some(turn)).then(|| "the simulated user goes on".to_owned());
    for message in &simulated.conversation.messages {
        if message.speaker == Speaker::User {
            turn += 1;
            lines.extend(hands_over(turn));
            lines.extend(rejected(turn));
        }
        lines.push(said(message));
    }
    lines.extend(rejected(turn + 1));
    lines.split_off(before)
}

fn said(message: &Message) -> String {
    let speaker = match message.speaker {
        Speaker::User => "user",
        Speaker::Agent => "agent",
        Speaker::Tool => "tool",
        Speaker::Operator => "operator",
    };
    format!("{speaker} {}", message.text)
}

fn case(lines: &[&str]) -> TestCase {
    let mut brief = Brief::default();
    let mut expectations = Vec::new();
    let mut quotes = Vec::new();
    let mut staging = Staging::default();
    for line in lines {
        let (word, rest) = split(line);
        match word {
            "goal" => brief.goal = rest.replace("\\n", "\n"),
            "opening" => brief.opening = Some(rest.into()),
            "patience" => brief.patience = Some(rest.parse().unwrap()),
            "fact" => brief.facts.push(fact(rest)),
            "expect" => expectations.push(expectation(rest)),
            "quote" => quotes.push(evidence("persona", "@1", rest)),
            "from" => {
                let (field, rest) = split(rest);
                let (turn, quote) = split(rest);
                quotes.push(evidence(field, turn, quote));
            }
            "before" => staging.prefix.messages.extend(message(rest)),
            "first" => staging.first_speaker = FirstSpeaker::Agent,
            "script" => staging.script.push(rest.into()),
            "then" => staging.after_script = AfterScript::GoOn,
            _ => {}
        }
    }
    let origin = Origin { session: "story".into(), evidence: quotes, ..Origin::default() };
    TestCase { id: "story".into(), brief, expectations, staging, origin: Some(origin), ..TestCase::default() }
}

/// A turn is written `@2`.
fn evidence(field: &str, turn: &str, quote: &str) -> Evidence {
    let turn = turn.trim_start_matches('@').parse().expect("a turn such as @2");
    Evidence { field: field.into(), turn, quote: quote.to_owned() }
}

/// `id: text | gate`
fn fact(line: &str) -> Fact {
    let (id, rest) = line.split_once(": ").expect("fact id: text | gate");
    let (text, gate) = rest.rsplit_once(" | ").expect("fact id: text | gate");
    Fact { id: id.into(), text: text.into(), gate: gate_of(gate) }
}

fn gate_of(gate: &str) -> Gate {
    match gate.split_once(": ") {
        Some(("asked", topic)) => Gate::Asked(topic.into()),
        Some(("after", id)) => Gate::After(id.into()),
        Some(("when", act)) => Gate::When(act.into()),
        _ if gate == "never" => Gate::Never,
        _ => Gate::Open,
    }
}

/// `id: text`, or `id must_not_match PATTERN`, `id contains TEXT`, `id matches PATTERN`
fn expectation(line: &str) -> Expectation {
    let (id, rest) = split(line);
    let (kind, what) = split(rest);
    let (text, check) = match kind {
        "contains" => (None, Check::Contains(what.into())),
        "matches" => (None, Check::Matches(what.into())),
        "must_not_match" => (None, Check::MustNotMatch(what.into())),
        _ => (Some(rest.to_owned()), Check::Judged),
    };
    Expectation { id: id.trim_end_matches(':').into(), text, check }
}

/// The recorded session of a story of distillation.
pub(crate) fn session(id: &str, story: &str) -> Session {
    let recorded = story.lines().take_while(|line| *line != "=>");
    Session::new(id, recorded.filter_map(message).collect::<Conversation>())
}

fn redistill(story: &str) -> String {
    let (recorded, _) = story.split_once("=>\n").expect("a line `=>` between the session and the case");
    let session = session("story", story);
    let distilled = futures::executor::block_on(distill([Ok(session)], Distiller::Offline)).unwrap();
    let mut lines = vec![recorded.to_owned() + "=>"];
    lines.extend(distilled.skipped.iter().map(ToString::to_string));
    lines.extend(distilled.cases.iter().flat_map(rendered));
    lines.extend(distilled.dropped.iter().map(|dropped| format!("dropped {dropped}")));
    lines.extend(distilled.splits.iter().map(|split| format!("split {:?}", split.turns)));
    lines.join("\n") + "\n"
}

fn play_back(story: &str) -> String {
    let (given, _) = story.split_once("=>\n").expect("a line `=>` between what is given and how it plays");
    let session = Session::new("story", given.lines().filter_map(message).collect::<Conversation>());
    let written: Vec<&str> = given.lines().filter(|line| GIVEN.contains(&split(line).0)).collect();
    let is_written = written.iter().any(|line| split(line).0 == "goal");
    let distilled = match is_written {
        true => Distilled { cases: vec![case(&written)], ..Distilled::default() },
        false => futures::executor::block_on(distill([Ok(session.clone())], Distiller::Offline)).unwrap(),
    };
    let (sessions, tester) = (|_: &str| Ok(session.clone()), Tester::offline());
    let tested = futures::executor::block_on(back_test(distilled, &sessions, &tester)).unwrap();
    let mut lines = vec![given.to_owned() + "=>"];
    lines.extend(tested.back_tests.iter().flat_map(played));
    lines.extend(tested.cases[0].brief.facts.iter().map(fact_line));
    lines.extend(tested.cases[0].origin.iter().flat_map(|o| &o.back_test).map(|mark| format!("marked {mark}")));
    lines.join("\n") + "\n"
}

fn played(test: &BackTest) -> Vec<String> {
    let quoted = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), |text| format!("{text:?}"));
    let turn = |it: &PlayedTurn| {
        let did = it.left.map(|why| format!("leaves, {why:?}")).or(it.failed.clone());
        format!("{}. {} | {}", it.turn, quoted(&it.recorded), did.unwrap_or_else(|| quoted(&it.said)))
    };
    let mut lines: Vec<String> = test.repaired.iter().map(|repaired| figures("was", &repaired.before)).collect();
    let changes = test.repaired.iter().flat_map(|repaired| &repaired.changes);
    lines.extend(changes.map(|change| format!("repair {change}")));
    lines.extend(test.turns.iter().map(turn));
    lines.push(figures("plays", &test.scores));
    lines
}

fn figures(word: &str, scores: &Scores) -> String {
    let figure = |name: &str, figure: Option<f64>| figure.map(|figure| format!("{name} {figure:.2}"));
    let leaving = &scores.leaving;
    let all = [
        figure("conveyed", scores.conveyed),
        figure("order", scores.order),
        figure("early", scores.early),
        leaving.turns_late.map(|late| format!("leaves {late:+}")),
        leaving.as_recorded.map(|same| format!("as recorded {same}")),
        figure("style", scores.style_distance),
    ];
    format!("{word} {}", all.into_iter().flatten().collect::<Vec<_>>().join(", "))
}

fn fact_line(fact: &Fact) -> String {
    format!("fact {}: {} | {}", fact.id, fact.text, fact.gate)
}

fn message(line: &str) -> Option<Message> {
    let (word, text) = split(line);
    let speaker = match word {
        "user" => Speaker::User,
        "agent" => Speaker::Agent,
        "tool" => Speaker::Tool,
        "operator" => Speaker::Operator,
        _ => return None,
    };
    Some(Message::new(speaker, text.replace("\\n", "\n")))
}

fn rendered(case: &TestCase) -> Vec<String> {
    let brief = &case.brief;
    let mut lines = vec![format!("goal {}", brief.goal)];
    lines.extend(brief.opening.iter().map(|opening| format!("opening {opening}")));
    lines.extend(brief.guidelines.iter().map(|guideline| format!("guideline {guideline}")));
    lines.extend(brief.patience.iter().map(|patience| format!("patience {patience}")));
    lines.extend(brief.facts.iter().map(fact_line));
    lines.extend(case.expectations.iter().map(|e| format!("expect {}: {}", e.id, e.text.as_deref().unwrap_or("-"))));
    let evidence = case.origin.iter().flat_map(|origin| &origin.evidence);
    let told = evidence.filter(|e| e.field != "persona" && e.field != "opening");
    lines.extend(told.map(|Evidence { field, turn, quote }| format!("from {field} @{turn} {quote:?}")));
    lines.iter().map(|line| line.replace('\n', "\\n")).collect()
}

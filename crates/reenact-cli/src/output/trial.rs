//! One trial on the terminal: how it was judged, and the simulated conversation beside the recorded one.

use std::fmt::Write as _;

use anstyle::Style;
use comfy_table::{Attribute, Cell, ColumnConstraint, Table, Width};
use reenact::report::EndingKind;
use reenact::user::goal::{GoalCheck, GoalPart, Reached};
use reenact::{Assessment, Conversation, Cost, Ending, Message, Session, Speaker, TestCase, ToolMiss, Trial, Verdict};

use super::report::mark;
use super::{printable, shortened, table};

/// From this width on the two conversations stand side by side.
const WIDTH_FOR_TWO: u16 = 120;
/// Tool results run to pages; `--json` has all of them.
const TOOL_CHARS_MAX: usize = 400;

/// The judge of a conversation that broke off before anybody judged it.
const NOBODY: &str = "none";

/// All that `show` prints of a trial; `session` is the recorded one, where the case has an origin that is stored.
pub(crate) fn render(
    trial: &Trial,
    cost: Option<&Cost>,
    (case, session): (Option<&TestCase>, Option<&Session>),
    width: u16,
) -> String {
    let bold = Style::new().bold();
    let title = format!("{}, trial {}: {}", shortened(&trial.case, 60), trial.trial, mark(trial.outcome));
    let mut text = format!("{bold}{title}{bold:#}\n{}", facts_of_the_trial(trial, cost, case, width));
    if !trial.assessments.is_empty() {
        let _ = write!(text, "\n{}", assessments(trial, case, width));
    }
    let recorded = recorded_title(case, session);
    match session {
        Some(session) if width >= WIDTH_FOR_TWO => {
            let _ = write!(text, "\n{}", side_by_side(trial, session, &recorded, width));
        }
        Some(session) => {
            let _ = write!(text, "\n{}", alone("simulated", &turns(&trial.conversation, Some(trial)), width));
            let _ = write!(text, "\n{}", alone(&recorded, &turns(&session.conversation, None), width));
        }
        None => {
            let _ = write!(text, "\n{}", alone("simulated", &turns(&trial.conversation, Some(trial)), width));
            let _ = writeln!(text, "\n {recorded}");
        }
    }
    text
}

fn recorded_title(case: Option<&TestCase>, session: Option<&Session>) -> String {
    let origin = case.and_then(|case| case.origin.as_ref()).map(|origin| shortened(&origin.session, 80));
    match (origin, session) {
        (Some(id), Some(_)) => format!("recorded, session {id}"),
        (Some(id), None) => format!("The recorded session {id} is not in this store."),
        (None, _) => "The case names no recorded session.".to_owned(),
    }
}

fn facts_of_the_trial(trial: &Trial, cost: Option<&Cost>, case: Option<&TestCase>, width: u16) -> String {
    let mut rows = Vec::new();
    if let Some(case) = case {
        rows.push(("goal", printable(&case.brief.goal).into_owned()));
    }
    rows.push(("ending", ending(&trial.ending)));
    rows.extend(trial.goal.iter().map(|goal| ("goal reached", goal_in_words(goal))));
    rows.extend(trial.discarded.iter().map(|invalid| {
        let session = printable(&invalid.session_id).into_owned();
        ("thrown away", format!("{session}: {}", printable(&invalid.reason)))
    }));
    rows.extend(trial.tool_misses.iter().map(|miss| ("not recorded", missed(miss))));
    rows.push(("seen by agent as", printable(&trial.session_id).into_owned()));
    rows.extend(trial.agent_version.iter().map(|told| ("agent's version", printable(told).into_owned())));
    if let Some(cost) = cost {
        rows.push(("cost", cost.words()));
        let parts = cost.parts.iter().filter(|_| cost.parts.len() > 1);
        rows.extend(parts.map(|part| ("", printable(&part.words()).into_owned())));
    }
    let mut table = table::new(width);
    table.add_rows(
        rows.into_iter().map(|(name, value)| [Cell::new(name).add_attribute(Attribute::Dim), Cell::new(value)]),
    );
    table::lines(&table)
}

/// A call that no recorded call answered, and what answered instead.
fn missed(miss: &ToolMiss) -> String {
    let call = shortened(&format!("{}({})", miss.tool, miss.arguments), 120);
    let near = miss.nearest.iter().zip(miss.likeness);
    let near: String = near
        .map(|(nearest, likeness)| format!("; {:.0} % like {}", likeness * 100.0, shortened(nearest, 120)))
        .collect();
    format!("turn {}: {call} {}{near}", miss.turn, miss.answered_by.words())
}

/// Each part of the goal, with the words that show what became of it and who says so.
fn goal_in_words(goal: &GoalCheck) -> String {
    let part = |part: &GoalPart| {
        let cited = part.cited.iter().map(|cited| format!("\"{}\" (turn {})", shortened(&cited.words, 80), cited.turn));
        let shown = cited.chain(part.doubt.iter().map(|doubt| printable(doubt).into_owned())).collect::<Vec<_>>();
        format!("{}: {}, {}", reached(part.reached), shortened(&part.text, 80), shown.join(", "))
    };
    let parts = goal.parts.iter().map(part).collect::<Vec<_>>().join("\n");
    format!("{parts} [{}]", printable(&goal.by))
}

fn reached(reached: Reached) -> &'static str {
    match reached {
        Reached::Yes => "yes",
        Reached::Open => "not yet",
        Reached::Refused => "refused",
        Reached::Unknown => "unknown",
    }
}

fn ending(ending: &Ending) -> String {
    let words = EndingKind::from(ending).words();
    match ending {
        Ending::AgentFailed(fault) => format!("{words}: {}", printable(&fault.to_string())),
        Ending::ToolMissed(reason) | Ending::UserInvalid(reason) | Ending::UserFailed(reason) => {
            format!("{words}: {}", printable(reason))
        }
        _ => words.to_owned(),
    }
}

fn assessments(trial: &Trial, case: Option<&TestCase>, width: u16) -> String {
    let expectations = case.map(|case| case.expectations.as_slice()).unwrap_or_default();
    let text_of = |id: &str| expectations.iter().find(|expectation| expectation.id == id)?.text.as_deref();
    let mut table = table::new(width);
    table.set_header(["verdict", "expectation", "reason"].map(|word| Cell::new(word).add_attribute(Attribute::Dim)));
    for assessment in &trial.assessments {
        let value = assessment.value_in_words().map(|value| format!(" = {value}")).unwrap_or_default();
        let text = text_of(&assessment.expectation).map(|text| format!(": {text}")).unwrap_or_default();
        let asked = format!("{}{value}{text}", assessment.expectation);
        let said = if assessment.decides { verdict(assessment.verdict) } else { "aside" };
        table.add_row([said, printable(&asked).as_ref(), printable(&reason(assessment)).as_ref()]);
    }
    table::lines(&table)
}

/// Why, who says so of which turns, and what each said where several were asked.
fn reason(assessment: &Assessment) -> String {
    let turns = assessment.turns.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let cited = match assessment.turns.len() {
        0 => String::new(),
        1 => format!(", turn {turns}"),
        _ => format!(", turns {turns}"),
    };
    let reason = match assessment.judge.as_str() {
        NOBODY => assessment.reason.clone(),
        judge => format!("{} [{judge}{cited}]", assessment.reason),
    };
    let votes = assessment.votes.iter().map(|vote| format!("\n{}: {}", vote.judge, vote.ruling.in_words()));
    std::iter::once(reason).chain(votes).collect()
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "?",
    }
}

/// A message as it is shown: who, with the number of the turn that it opens, and what.
struct Line {
    who: String,
    what: String,
}

/// The messages turn by turn; what was said before the first turn comes first, and may be nothing.
fn turns(conversation: &Conversation, trial: Option<&Trial>) -> Vec<Vec<Line>> {
    let mut turns = vec![Vec::new()];
    for message in &conversation.messages {
        let opens = message.speaker == Speaker::User;
        if opens {
            turns.push(Vec::new());
        }
        let number = turns.len() as u32 - 1;
        let who = if opens { format!("{number} user") } else { format!("  {}", speaker(message.speaker)) };
        let mut what = words(message);
        if let (true, Some(trial)) = (opens, trial) {
            what.extend(disclosed(trial, number));
            what.extend(corrected(trial, number));
        }
        turns.last_mut().expect("starts with one").push(Line { who, what: what.join("\n") });
    }
    turns
}

pub(super) fn speaker(speaker: Speaker) -> &'static str {
    match speaker {
        Speaker::User => "user",
        Speaker::Agent => "agent",
        Speaker::Tool => "tool",
        Speaker::Operator => "operator",
    }
}

fn words(message: &Message) -> Vec<String> {
    let is_for_people = matches!(message.speaker, Speaker::User | Speaker::Agent);
    let said =
        if is_for_people { printable(&message.text).into_owned() } else { shortened(&message.text, TOOL_CHARS_MAX) };
    let name = message.name.iter().map(|name| format!("{}:", printable(name)));
    let said = (!said.is_empty()).then_some(said);
    let call = |call: &reenact::ToolCall| {
        format!("calls {} {}", printable(&call.name), shortened(&call.arguments, TOOL_CHARS_MAX))
    };
    name.chain(said).chain(message.tool_calls.iter().map(call)).collect()
}

/// The facts that the simulated user gave away in a turn, each with the gate that allowed it.
fn disclosed(trial: &Trial, turn: u32) -> impl Iterator<Item = String> {
    let in_turn = trial.disclosures.iter().filter(move |disclosure| disclosure.turn == turn);
    in_turn.map(|disclosure| {
        let by = disclosure.opened_by.as_ref().map(|by| format!(", opened by \"{}\"", shortened(&by.words, 80)));
        let (fact, gate) = (printable(&disclosure.fact), printable(&disclosure.gate));
        format!("^ says fact {fact} (gate {gate}{})", by.unwrap_or_default())
    })
}

/// What was not let through before these words were.
fn corrected(trial: &Trial, turn: u32) -> impl Iterator<Item = String> {
    let in_turn = trial.corrections.iter().filter(move |correction| correction.turn == turn);
    in_turn.map(|it| format!("^ worded again: \"{}\", {}", shortened(&it.text, 80), printable(&it.reason)))
}

fn alone(title: &str, turns: &[Vec<Line>], width: u16) -> String {
    let mut table = table::new(width);
    table.set_header([Cell::new(""), Cell::new(title).add_attribute(Attribute::Bold)]);
    table.add_rows(turns.iter().flatten().map(|line| [line.who.as_str(), line.what.as_str()]));
    table.set_constraints([ColumnConstraint::LowerBoundary(Width::Fixed(12))]);
    table::lines(&table)
}

/// The two conversations turn by turn, so that the same turn of both stands at the same height.
fn side_by_side(trial: &Trial, session: &Session, recorded: &str, width: u16) -> String {
    let (left, right) = (turns(&trial.conversation, Some(trial)), turns(&session.conversation, None));
    let mut table = table::new(width);
    let title = |text: &str| Cell::new(text).add_attribute(Attribute::Bold);
    table.set_header([Cell::new(""), title("simulated"), Cell::new(""), title(recorded)]);
    for turn in 0..left.len().max(right.len()) {
        let (left, right) = (left.get(turn), right.get(turn));
        add_turn(&mut table, left.map_or(&[], Vec::as_slice), right.map_or(&[], Vec::as_slice));
    }
    let who = ColumnConstraint::Absolute(Width::Fixed(12));
    let what = ColumnConstraint::Absolute(Width::Fixed((width - 2 * 12 - 3) / 2));
    table.set_constraints([who, what, who, what]);
    table::lines(&table)
}

fn add_turn(table: &mut Table, left: &[Line], right: &[Line]) {
    for row in 0..left.len().max(right.len()) {
        let cells =
            |lines: &[Line]| lines.get(row).map(|line| [line.who.clone(), line.what.clone()]).unwrap_or_default();
        let ([who, what], [recorded_who, recorded_what]) = (cells(left), cells(right));
        table.add_row([who, what, recorded_who, recorded_what]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{case, judged, session};
    use super::*;

    fn plain(width: u16, session: Option<&Session>) -> String {
        let trial = judged("closed-market", 1, Verdict::Fail, "no message of the agent contains \"closed\"");
        let text = render(&trial, None, (Some(&case("closed-market")), session), width);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_narrow_terminal_shows_one_conversation_below_the_other() {
        insta::assert_snapshot!(plain(80, Some(&session())));
    }

    #[test]
    fn a_wide_terminal_shows_them_side_by_side_turn_by_turn() {
        let text = plain(120, Some(&session()));
        assert!(text.lines().all(|line| line.chars().count() <= 120));
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_session_that_is_not_stored_is_named() {
        assert!(plain(120, None).contains("The recorded session 8f2c61 is not in this store."));
    }
}

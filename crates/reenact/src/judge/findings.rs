//! How a built-in judge is asked and read: a list of ours goes out, a finding for each item comes back, and code
//! makes the verdict of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::assertion::acted;
use super::built_in::{Answer, BuiltIn, CANNOT_TELL, Lists, Means, Quotes, Rubric};
use super::calls::sorted;
use super::evidence::{self, Quote, Said};
use super::items::{self, Item};
use super::panel::Inquiry;
use super::{Hearing, Ruling, Verdict};
use crate::prompt::{Prompt, render, transcript};
use crate::{AnswerSchema, ChatMessage, ChatRole, Completion, ModelFault, ModelRequest};

/// Items in one question at the most: an answer about more grows long, and models lose track of long lists.
const ITEMS_MAX: usize = 30;

pub(super) fn inquire(judge: &BuiltIn, hearing: Hearing<'_>) -> Inquiry {
    if !acted(hearing.conversation) {
        return Inquiry::Decided(Ruling::undecided("the agent said nothing"));
    }
    let items = items::of(judge, hearing);
    match items.is_empty() {
        true => Inquiry::Decided(Ruling::undecided(nothing_listed(judge.rubric().lists))),
        false => Inquiry::Ask(items.chunks(ITEMS_MAX).map(|items| question(judge, hearing, items)).collect()),
    }
}

fn nothing_listed(lists: Lists) -> &'static str {
    match lists {
        Lists::UserTurns => "the user said nothing",
        Lists::AgentTurns => "the agent said nothing",
        Lists::ToolCalls => "the conversation shows no tool calls",
        Lists::Guidelines => "the judge has no guidelines",
        Lists::GoalParts => "the case has no goal",
    }
}

fn question(judge: &BuiltIn, hearing: Hearing<'_>, items: &[Item]) -> ModelRequest {
    #[derive(Serialize)]
    struct Values<'a> {
        judge: &'a str,
        conversation: String,
        turns: usize,
        role: Option<String>,
        items: Vec<String>,
        answers: Vec<&'a str>,
    }
    let rubric = judge.rubric();
    let role = match judge {
        BuiltIn::ConversationalRoleAdherence { role: Some(role) } => Some(json!(role).to_string()),
        _ => None,
    };
    let values = Values {
        judge: rubric.name,
        conversation: conversation(rubric, hearing, items),
        turns: hearing.conversation.turn_count(),
        role,
        items: items.iter().map(Item::line).collect(),
        answers: words(rubric).collect(),
    };
    let part = |role, name| ChatMessage { role, content: render(Prompt::Judges, name, &values) };
    let messages = vec![part(ChatRole::System, "system"), part(ChatRole::User, "question")];
    ModelRequest { messages, schema: schema(rubric) }
}

/// Whoever goes through the agent's turns needs, of what came before, only what the user said: so each turn is
/// judged once, in one pass, however long the conversation is.
fn conversation(rubric: &Rubric, hearing: Hearing<'_>, items: &[Item]) -> String {
    let ends = items.first().and_then(|item| item.turn).zip(items.last().and_then(|item| item.turn));
    match (rubric.lists, ends) {
        (Lists::AgentTurns, Some((from, to))) => transcript::window(hearing.conversation, from, to),
        _ => transcript::fitted(hearing.conversation),
    }
}

fn words(rubric: &Rubric) -> impl Iterator<Item = &'static str> {
    rubric.answers.iter().map(|answer| answer.word).chain([CANNOT_TELL])
}

fn schema(rubric: &Rubric) -> AnswerSchema {
    let finding = json!({
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "The id of the item."},
            "reason": {"type": "string", "description": "What decides it, in a sentence or two."},
            "quotes": Quote::schema("The words that decide it, where the answer needs some."),
            "answer": {"type": "string", "enum": words(rubric).collect::<Vec<_>>()},
        },
        "required": ["id", "reason", "quotes", "answer"],
        "additionalProperties": false,
    });
    let schema = json!({
        "type": "object",
        "properties": {"findings": {"type": "array", "items": finding, "description": "One for each item of the list."}},
        "required": ["findings"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "judge_findings".to_owned(), schema: schema.into() }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Findings {
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Finding {
    id: String,
    reason: String,
    #[serde(default)]
    quotes: Vec<Quote>,
    answer: String,
}

/// What the answers amount to: exactly one finding for each item of our list, each checked.
pub(super) fn ruling(judge: &BuiltIn, hearing: Hearing<'_>, answers: &[Result<Completion, ModelFault>]) -> Ruling {
    let rubric = judge.rubric();
    let items = items::of(judge, hearing);
    let said = Said::of(hearing.conversation);
    let mut settled = Vec::with_capacity(items.len());
    for (chunk, answer) in items.chunks(ITEMS_MAX).zip(answers) {
        match evidence::read::<Findings>(answer) {
            Ok(findings) => {
                let by_id = by_id(findings);
                settled.extend(chunk.iter().map(|item| settle(item, by_id.get(&item.id), rubric, &said)));
            }
            Err(why) => settled.extend(chunk.iter().map(|item| Settled::open(item, why.clone()))),
        }
    }
    let ruling = if rubric.answers.iter().any(|answer| answer.means == Means::Upset) {
        mood(&settled)
    } else {
        joined(rubric, &settled, said.turns())
    };
    evidence::undisturbed(ruling, hearing.conversation)
}

fn by_id(findings: Findings) -> BTreeMap<String, Vec<Finding>> {
    let mut by_id: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for finding in findings.findings {
        by_id.entry(finding.id.clone()).or_default().push(finding);
    }
    by_id
}

/// What stands of an item once its finding was checked.
struct Settled<'a> {
    item: &'a Item,
    /// The answer, or nothing where there is none that can be believed.
    answer: Option<&'static Answer>,
    reason: String,
    turns: Vec<u32>,
}

impl<'a> Settled<'a> {
    fn open(item: &'a Item, reason: String) -> Self {
        Settled { item, answer: None, reason, turns: Vec::new() }
    }

    fn means(&self) -> Option<Means> {
        self.answer.map(|answer| answer.means)
    }
}

fn settle<'a>(item: &'a Item, findings: Option<&Vec<Finding>>, rubric: &'static Rubric, said: &Said) -> Settled<'a> {
    let finding = match findings.map(Vec::as_slice) {
        None | Some([]) => return Settled::open(item, "the judge says nothing of it".to_owned()),
        Some([finding]) => finding,
        Some(several) => return Settled::open(item, format!("the judge answers it {} times", several.len())),
    };
    match checked(item, finding, rubric, said) {
        Ok(answer) => {
            let turns = finding.quotes.iter().map(|quote| quote.turn).chain(item.turn);
            Settled { item, answer, reason: finding.reason.clone(), turns: sorted(turns) }
        }
        Err(why) => Settled::open(item, format!("{why}: {}", finding.reason)),
    }
}

fn checked(
    item: &Item,
    finding: &Finding,
    rubric: &'static Rubric,
    said: &Said,
) -> Result<Option<&'static Answer>, String> {
    let Finding { reason, quotes, answer: word, .. } = finding;
    if reason.trim().is_empty() {
        return Err(format!("the judge says {word} and gives no reason"));
    }
    if word == CANNOT_TELL {
        return Ok(None);
    }
    let Some(answer) = rubric.answers.iter().find(|answer| answer.word == word) else {
        return Err(format!("the judge says `{word}`, which is none of the answers"));
    };
    if let Some(doubt) = quotes.iter().find_map(|quote| said.doubt(quote)) {
        return Err(format!("the judge says {word} and {doubt}"));
    }
    let is_there = |wanted: &&Quotes| quotes.iter().any(|quote| serves(**wanted, quote, item.turn.unwrap_or(0), said));
    match answer.quotes.iter().find(|wanted| !is_there(wanted)) {
        Some(missing) => Err(format!("the judge says {word} and quotes no words of {}", whose(*missing))),
        None => Ok(Some(answer)),
    }
}

fn serves(wanted: Quotes, quote: &Quote, here: u32, said: &Said) -> bool {
    match wanted {
        Quotes::UserHere => quote.turn == here && said.by_user(quote),
        Quotes::UserUpToHere => quote.turn <= here && said.by_user(quote),
        Quotes::AgentHere => quote.turn == here && said.by_agent(quote),
        Quotes::AgentFromHere => quote.turn >= here && said.by_agent(quote),
        Quotes::AgentAnywhere => said.by_agent(quote),
    }
}

fn whose(quotes: Quotes) -> &'static str {
    match quotes {
        Quotes::UserHere => "the user in that turn",
        Quotes::UserUpToHere => "the user up to that turn",
        Quotes::AgentHere => "the agent in that turn",
        Quotes::AgentFromHere => "the agent from that turn on",
        Quotes::AgentAnywhere => "the agent",
    }
}

/// One Fail fails; what cannot be told of one item cannot be told of all; else it passes.
fn joined(rubric: &Rubric, settled: &[Settled<'_>], turns: u32) -> Ruling {
    let that = |wanted: Option<Means>| settled.iter().filter(move |it| it.means() == wanted).collect::<Vec<_>>();
    let (failed, open, passed) = (that(Some(Means::Fail)), that(None), that(Some(Means::Pass)));
    let (verdict, shown) = match (failed.is_empty(), open.is_empty(), passed.is_empty()) {
        (false, _, _) => (Verdict::Fail, failed),
        (_, false, _) => (Verdict::Inconclusive, open),
        (_, _, false) => (Verdict::Pass, passed),
        _ => (rubric.of_nothing, Vec::new()),
    };
    let everything: Vec<&Settled<'_>> = settled.iter().collect();
    let shown = if shown.is_empty() { everything } else { shown };
    let mut cited = sorted(shown.iter().flat_map(|it| it.turns.iter().copied()));
    if cited.is_empty() && verdict != Verdict::Inconclusive {
        cited = (1..=turns).collect();
    }
    let value = value(verdict, "yes", "no");
    Ruling { value, ..Ruling::new(verdict, in_words(&shown), cited) }
}

/// `none` where nobody was upset, `resolved` where the user is content in a later turn, else `unresolved`.
fn mood(settled: &[Settled<'_>]) -> Ruling {
    if let Some(open) = settled.iter().find(|it| it.means().is_none()) {
        return Ruling::undecided(in_words(&[open]));
    }
    let last = |means| settled.iter().rev().find(|it| it.means() == Some(means));
    let (upset, content) = (last(Means::Upset), last(Means::Content));
    let turn = |it: &Settled<'_>| it.item.turn.unwrap_or(0);
    let (verdict, value, shown) = match (upset, content) {
        (None, _) => (Verdict::Pass, "none", settled.iter().collect()),
        (Some(upset), Some(content)) if turn(content) > turn(upset) => {
            (Verdict::Pass, "resolved", vec![upset, content])
        }
        (Some(upset), _) => (Verdict::Fail, "unresolved", vec![upset]),
    };
    let turns = sorted(shown.iter().flat_map(|it: &&Settled<'_>| it.turns.iter().copied()));
    Ruling { value: Some(value.into()), ..Ruling::new(verdict, in_words(&shown), turns) }
}

fn value(verdict: Verdict, passed: &str, failed: &str) -> Option<serde_json::Value> {
    match verdict {
        Verdict::Pass => Some(passed.into()),
        Verdict::Fail => Some(failed.into()),
        Verdict::Inconclusive => None,
    }
}

/// Reasons in one text are as many as a reader takes in; the rest is counted.
const REASONS_MAX: usize = 4;

fn in_words(shown: &[&Settled<'_>]) -> String {
    let said = |it: &&Settled<'_>| {
        let word = it.answer.map_or(CANNOT_TELL, |answer| answer.word).replace('_', " ");
        format!("{} {word}: {}", it.item.id, it.reason)
    };
    let mut words: Vec<String> = shown.iter().take(REASONS_MAX).map(said).collect();
    if shown.len() > REASONS_MAX {
        words.push(format!("and {} more", shown.len() - REASONS_MAX));
    }
    words.join("; ")
}

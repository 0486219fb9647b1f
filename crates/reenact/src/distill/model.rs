//! Distillation by a model.
//!
//! [`request`] and [`read`] are pure functions. The model proposes every item with the user's words
//! that it comes from, and [`evidence::verify`] disposes.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::evidence::{Verified, verify};
use crate::prompt::{Prompt, render, transcript};
use crate::{
    AnswerSchema, Brief, ChatMessage, ChatRole, Check, Completion, Evidence, Expectation, Fact, Gate, ModelFault,
    ModelRequest, Origin, Session, Skipped, Speaker, TestCase,
};
use crate::{quote, slug};

#[cfg(doc)]
use super::evidence;

/// What is asked of a model about one session.
#[must_use]
pub fn request(session: &Session) -> ModelRequest {
    let values = json!({ "session": transcript::abridged(&session.conversation), "case": "", "findings": [] });
    let part = |role, name| ChatMessage { role, content: render(Prompt::Distill, name, &values) };
    ModelRequest { messages: vec![part(ChatRole::System, "system"), part(ChatRole::User, "session")], schema: schema() }
}

/// What is asked of a model once more about a session whose case plays it poorly: the same, then the case and what was found.
#[must_use]
pub fn request_again(session: &Session, case: &TestCase, findings: &[String]) -> ModelRequest {
    let mut request = request(session);
    let case = serde_json::to_string_pretty(&crate::case::written(case)).expect("a case is plain data");
    let values = json!({ "session": "", "case": case, "findings": findings });
    let again = render(Prompt::Distill, "again", &values);
    // Many chat templates refuse two messages of one role in a row.
    if let Some(last) = request.messages.last_mut() {
        last.content = format!("{}\n\n{again}", last.content);
    }
    request
}

/// What the model's answer amounts to: a case whose every part holds, or why there is none, and what was dropped.
///
/// The case's id is readable and not yet unique among other cases.
#[must_use]
pub fn read(session: &Session, answer: &Result<Completion, ModelFault>) -> Verified {
    match proposed(answer) {
        Err(why) => Verified { case: Err(session.skipped(why)), dropped: Vec::new() },
        Ok(answer) => {
            let (case, mut dropped) = case(session, answer);
            let mut verified = verify(session, case);
            dropped.append(&mut verified.dropped);
            Verified { dropped, ..verified }
        }
    }
}

fn proposed(answer: &Result<Completion, ModelFault>) -> Result<Answer, String> {
    let completion = answer.as_ref().map_err(|fault| format!("the model did not answer: {fault}"))?;
    let answer = Answer::deserialize(&completion.answer)
        .map_err(|error| format!("the model's answer is not a test case: {error}"))?;
    match answer.skip.as_deref().map(str::trim) {
        Some(why) if !why.is_empty() => Err(format!("no case: the model says: {why}")),
        _ => Ok(answer),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    skip: Option<String>,
    id: String,
    goal: Item<String>,
    persona: Vec<Item<String>>,
    guidelines: Vec<Item<String>>,
    facts: Vec<ProposedFact>,
    opening: Option<String>,
    patience: ProposedPatience,
    ending: ProposedEnding,
    expectations: Vec<ProposedExpectation>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<T> {
    text: T,
    evidence: Vec<Quote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedFact {
    id: String,
    text: String,
    gate: ProposedGate,
    evidence: Vec<Quote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedGate {
    kind: GateKind,
    of: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum GateKind {
    Open,
    Asked,
    After,
    When,
    Never,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedPatience {
    asks: Option<u32>,
    evidence: Vec<Quote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedEnding {
    kind: Option<EndingKind>,
    evidence: Vec<Quote>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum EndingKind {
    Satisfied,
    GaveUp,
    AskedForPerson,
    CutOff,
}

impl EndingKind {
    fn field(self) -> &'static str {
        match self {
            EndingKind::Satisfied => "ending.satisfied",
            EndingKind::GaveUp => "ending.gave_up",
            EndingKind::AskedForPerson => "ending.asked_for_person",
            EndingKind::CutOff => "ending.cut_off",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProposedExpectation {
    id: String,
    text: String,
    evidence: Vec<Quote>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Quote {
    turn: u32,
    quote: String,
}

/// The case as proposed, its evidence under our names for its parts, and what cannot be taken over.
fn case(session: &Session, answer: Answer) -> (TestCase, Vec<Skipped>) {
    let mut evidence = Quotes::default();
    evidence.add("goal", answer.goal.evidence);
    let (persona, mut dropped) = persona(session, answer.persona, &mut evidence);
    if let Some(kind) = answer.ending.kind {
        evidence.add(kind.field(), answer.ending.evidence);
    }
    if answer.patience.asks.is_some() {
        evidence.add("patience", answer.patience.evidence);
    }
    let guidelines = guidelines(answer.guidelines, &mut evidence);
    let (facts, gateless) = facts(session, answer.facts, &mut evidence);
    dropped.extend(gateless);
    let expectations = expectations(answer.expectations, &mut evidence);
    let brief = Brief {
        goal: answer.goal.text,
        persona,
        guidelines,
        facts,
        opening: answer.opening,
        patience: answer.patience.asks,
    };
    let id = unique(&answer.id, "case", |_| false);
    let origin = Origin { session: session.id.clone(), evidence: evidence.0, ..Origin::default() };
    (TestCase { id, brief, expectations, origin: Some(origin), ..TestCase::default() }, dropped)
}

#[derive(Default)]
struct Quotes(Vec<Evidence>);

impl Quotes {
    fn add(&mut self, field: &str, quotes: Vec<Quote>) {
        let of_field = |Quote { turn, quote }| Evidence { field: field.to_owned(), turn, quote };
        self.0.extend(quotes.into_iter().map(of_field));
    }
}

/// The traits that the user's words show, as one persona; each stands or falls by its own quotes.
fn persona(session: &Session, proposed: Vec<Item<String>>, evidence: &mut Quotes) -> (Option<String>, Vec<Skipped>) {
    let mut dropped = Vec::new();
    let mut traits: Vec<String> = Vec::new();
    for Item { text, evidence: quotes } in proposed {
        let shown: Vec<Quote> = quotes.into_iter().filter(|quote| is_said(session, &quote.quote)).collect();
        let text = text.trim().trim_end_matches('.');
        if shown.is_empty() || text.is_empty() {
            let reason = format!("no words of the user show \"{text}\"");
            dropped.push(Skipped { what: format!("session {}, persona", session.id), reason });
            continue;
        }
        traits.push(text.to_owned());
        evidence.add("persona", shown);
    }
    ((!traits.is_empty()).then(|| format!("{}.", traits.join("; "))), dropped)
}

fn is_said(session: &Session, quote: &str) -> bool {
    session.conversation.by(Speaker::User).any(|message| quote::find(&message.text, quote).is_some())
}

fn guidelines(proposed: Vec<Item<String>>, evidence: &mut Quotes) -> Vec<String> {
    let with_evidence = |(n, guideline): (usize, Item<String>)| {
        evidence.add(&format!("guidelines.{}", n + 1), guideline.evidence);
        guideline.text
    };
    proposed.into_iter().enumerate().map(with_evidence).collect()
}

/// A gate names another fact by the id that the model gave it, so the ids are made before the gates.
fn facts(session: &Session, proposed: Vec<ProposedFact>, evidence: &mut Quotes) -> (Vec<Fact>, Vec<Skipped>) {
    let mut ids: Vec<(String, String)> = Vec::new();
    for fact in &proposed {
        let id = unique(&fact.id, "fact", |id| ids.iter().any(|(_, taken)| taken == id));
        ids.push((fact.id.clone(), id));
    }
    let (mut facts, mut dropped) = (Vec::new(), Vec::new());
    for (fact, (_, id)) in proposed.into_iter().zip(&ids) {
        let field = format!("facts.{id}");
        match gate(&fact.gate, &ids) {
            Ok(gate) => {
                evidence.add(&field, fact.evidence);
                facts.push(Fact { id: id.clone(), text: fact.text, gate });
            }
            Err(reason) => dropped.push(Skipped { what: format!("session {}, {field}", session.id), reason }),
        }
    }
    (facts, dropped)
}

fn gate(proposed: &ProposedGate, ids: &[(String, String)]) -> Result<Gate, String> {
    let of = || match proposed.of.as_deref().map(str::trim) {
        Some(of) if !of.is_empty() => Ok(of.to_owned()),
        _ => Err("its gate does not say what it waits for".to_owned()),
    };
    match proposed.kind {
        GateKind::Open => Ok(Gate::Open),
        GateKind::Never => Ok(Gate::Never),
        GateKind::Asked => of().map(Gate::Asked),
        GateKind::When => of().map(Gate::When),
        GateKind::After => {
            let first = of()?;
            let renamed = ids.iter().find(|(given, _)| *given == first).map(|(_, id)| id.clone());
            renamed.map(Gate::After).ok_or_else(|| format!("it waits for `{first}`, which is no fact"))
        }
    }
}

fn expectations(proposed: Vec<ProposedExpectation>, evidence: &mut Quotes) -> Vec<Expectation> {
    let mut expectations: Vec<Expectation> = Vec::new();
    for ProposedExpectation { id, text, evidence: quotes } in proposed {
        let id = unique(&id, "expectation", |id| expectations.iter().any(|other| other.id == id));
        evidence.add(&format!("expectations.{id}"), quotes);
        expectations.push(Expectation { id, text: Some(text), check: Check::Judged });
    }
    expectations
}

/// A readable id from the model's words, with a number behind it where it is taken.
fn unique(words: &str, fallback: &str, is_taken: impl Fn(&str) -> bool) -> String {
    slug::unique(slug::slug(words, ID_WORDS_MAX).unwrap_or_else(|| fallback.to_owned()), is_taken)
}

/// An id is a name to be typed, not a sentence.
const ID_WORDS_MAX: usize = 6;

fn schema() -> AnswerSchema {
    let text = json!({"type": "string"});
    let optional = json!({"type": ["string", "null"]});
    let evidence = list(&object(&json!({"turn": {"type": "integer"}, "quote": text})));
    let kinds = json!({"type": "string", "enum": ["open", "asked", "after", "when", "never"]});
    let endings =
        json!({"type": ["string", "null"], "enum": ["satisfied", "gave_up", "asked_for_person", "cut_off", null]});
    let gate = object(&json!({"kind": kinds, "of": optional}));
    let schema = object(&json!({
        "skip": optional,
        "id": text,
        "goal": object(&json!({"text": text, "evidence": evidence})),
        "persona": list(&object(&json!({"text": text, "evidence": evidence}))),
        "guidelines": list(&object(&json!({"text": text, "evidence": evidence}))),
        "facts": list(&object(&json!({"id": text, "text": text, "gate": gate, "evidence": evidence}))),
        "opening": optional,
        "patience": object(&json!({"asks": {"type": ["integer", "null"]}, "evidence": evidence})),
        "ending": object(&json!({"kind": endings, "evidence": evidence})),
        "expectations": list(&object(&json!({"id": text, "text": text, "evidence": evidence}))),
    }));
    AnswerSchema { name: "distilled_case".to_owned(), schema: schema.into() }
}

/// An object of exactly these properties: strict structured output wants every key required.
fn object(properties: &Value) -> Value {
    let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

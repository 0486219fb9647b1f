//! The checks that every distilled case must pass, whoever distilled it.
//!
//! Each part of a case names the user's words that it comes from; a part whose words are not there is
//! dropped. What the user learned from the agent does not go into the brief, what looks ahead in the
//! recording does not either, and what the judge will ask is kept from the user. Whatever is dropped
//! is listed with its reason. Without a goal that holds there is no case.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use super::values::{FirstSaid, Spoken, ValueKind, values};
use crate::judge::{Hearing, Verdict, assertion};
use crate::quote;
use crate::spelling::{normalised, says};
use crate::text::{content_set, is_stop_word, sentences};
use crate::{Evidence, Expectation, Fact, Gate, Origin, Session, Skipped, Speaker, TestCase};

/// What is left of a case after the checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    /// The case with the parts that hold, or why the session gives none.
    pub case: Result<TestCase, Skipped>,
    /// The parts that do not hold, each with its reason.
    pub dropped: Vec<Skipped>,
}

/// Checks a case against the session that it was distilled from.
///
/// Every part needs evidence: `goal`, `persona`, `guidelines.N` (from 1), `facts.ID`, `patience`,
/// `expectations.ID`; `ending.KIND` tells how the user left. A quote that stands in another turn of the user than it says is moved there, and
/// is given back in the user's own spelling. The `opening` is its own quote.
#[must_use]
pub fn verify(session: &Session, mut case: TestCase) -> Verified {
    let mut checks = Checks::of(session);
    let claimed = case.origin.take().unwrap_or_default();
    checks.evidence = checks.found(claimed.evidence);
    checks.disregard_corrections(&case);
    checks.learn_goal(&case.brief.goal);
    if let Some(why) = checks.fault_of_goal(&case) {
        let skipped = session.skipped(format!("no case: the goal does not hold: {why}"));
        return Verified { case: Err(skipped), dropped: checks.dropped };
    }
    checks.keep_style(&mut case);
    checks.keep_facts(&mut case);
    checks.keep_expectations(&mut case);
    case.origin = Some(Origin {
        session: session.id.clone(),
        evidence: checks.evidence,
        back_test: claimed.back_test,
        not_failed: claimed.not_failed,
        ..Origin::default()
    });
    Verified { case: Ok(case), dropped: checks.dropped }
}

struct Checks<'a> {
    session: &'a Session,
    user: Vec<&'a str>,
    spoken: Spoken<'a>,
    evidence: Vec<Evidence>,
    /// What the goal says, in stems.
    told: BTreeSet<String>,
    /// What the user said at once, and what the goal rests on, in stems.
    known: BTreeSet<String>,
    dropped: Vec<Skipped>,
}

impl<'a> Checks<'a> {
    fn of(session: &'a Session) -> Self {
        let user = session.conversation.by(Speaker::User).map(|message| message.text.as_str()).collect();
        let (told, known) = (BTreeSet::new(), BTreeSet::new());
        Checks { session, user, spoken: Spoken::of(session), evidence: Vec::new(), told, known, dropped: Vec::new() }
    }

    /// The quotes that the user said, in the user's spelling and with the turn that they stand in.
    fn found(&mut self, claimed: Vec<Evidence>) -> Vec<Evidence> {
        let mut found = Vec::with_capacity(claimed.len());
        for evidence in claimed {
            match self.locate(&evidence) {
                Some((turn, quote)) => found.push(Evidence { turn, quote: quote.to_owned(), ..evidence }),
                None => self.drop(&evidence.field, format!("no message of the user says \"{}\"", evidence.quote)),
            }
        }
        found
    }

    fn locate(&self, evidence: &Evidence) -> Option<(u32, &'a str)> {
        let in_turn = |turn: u32| {
            Some((turn, quote::find(self.user.get((turn as usize).checked_sub(1)?).copied()?, &evidence.quote)?))
        };
        in_turn(evidence.turn).or_else(|| (1..=self.user.len() as u32).find_map(in_turn))
    }

    /// A goal cannot rest on words that the user said late and for another reason.
    fn disregard_corrections(&mut self, case: &TestCase) {
        let corrections: Vec<String> = case.brief.facts.iter().filter(|f| is_kept_back(f)).map(field_of).collect();
        let is_correction = |e: &&Evidence| e.turn > 1 && corrections.contains(&e.field);
        let late: Vec<Evidence> = self.evidence.iter().filter(is_correction).cloned().collect();
        let rests_on_late = |e: &Evidence| e.field == "goal" && late.iter().any(|other| is_taken_from(e, other));
        let (not, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.evidence).into_iter().partition(rests_on_late);
        self.evidence = kept;
        for evidence in not {
            self.drop("goal", format!("\"{}\" is what the user said in reaction to the agent", evidence.quote));
        }
    }

    fn fault_of_goal(&self, case: &TestCase) -> Option<String> {
        let fault = self.fault_of_direction("goal", &case.brief.goal);
        fault
            .or_else(|| {
                let fact = case.brief.facts.iter().find(|fact| is_kept_back(fact) && self.absorbs_fact(fact))?;
                Some(format!("it tells `{}`, which the user said only in reaction to the agent", fact.id))
            })
            .or_else(|| {
                let expectation = case.expectations.iter().find(|expectation| self.absorbs_expectation(expectation))?;
                Some(format!("it tells what the user pushed back with (`{}`)", expectation.id))
            })
    }

    fn keep_style(&mut self, case: &mut TestCase) {
        let brief = &mut case.brief;
        brief.opening = brief.opening.take().and_then(|opening| self.kept_opening(&opening));
        brief.persona = brief.persona.take().filter(|persona| {
            let fault = self.fault_of_direction("persona", persona);
            self.keeps("persona", fault)
        });
        let mut guidelines = Vec::new();
        for (n, guideline) in std::mem::take(&mut brief.guidelines).into_iter().enumerate() {
            let field = format!("guidelines.{}", n + 1);
            let fault = self.fault_of_direction(&field, &guideline).or_else(|| tells_outcome(&guideline));
            let fault = fault.or_else(|| leaked(&guideline, &case.expectations));
            if self.keeps(&field, fault) {
                guidelines.push(guideline);
                self.rename(&field, &format!("guidelines.{}", guidelines.len()));
            }
        }
        brief.guidelines = guidelines;
        brief.patience = brief.patience.filter(|asks| {
            let fault =
                self.ungrounded("patience").or((*asks == 0).then(|| "nobody gives up without asking".to_owned()));
            self.keeps("patience", fault)
        });
    }

    fn kept_opening(&mut self, opening: &str) -> Option<String> {
        let said = self.user.first().copied().and_then(|first| quote::find(first, opening));
        self.evidence.retain(|evidence| evidence.field != "opening");
        let fault = match said {
            None => Some("it is not what the user said first".to_owned()),
            Some(said) => self.learned_from_agent(said, Known::FromTheStart),
        };
        let is_kept = self.keeps("opening", fault);
        let said = said.filter(|_| is_kept)?.to_owned();
        self.evidence.push(Evidence { field: "opening".to_owned(), turn: 1, quote: said.clone() });
        Some(said)
    }

    fn keep_facts(&mut self, case: &mut TestCase) {
        let mut facts = std::mem::take(&mut case.brief.facts);
        facts.retain(|fact| {
            let fault = self.fault_of_fact(fact, case);
            self.keeps(&field_of(fact), fault)
        });
        let orphan =
            |facts: &[Fact]| facts.iter().enumerate().find_map(|(n, fact)| Some((n, waits_in_vain(fact, facts)?)));
        while let Some((n, why)) = orphan(&facts) {
            let orphan = facts.remove(n);
            self.keeps(&field_of(&orphan), Some(why.to_owned()));
        }
        case.brief.facts = facts;
    }

    fn fault_of_fact(&self, fact: &Fact, case: &TestCase) -> Option<String> {
        let known = if fact.gate == Gate::Open { Known::FromTheStart } else { Known::InTheEnd };
        let gate = match &fact.gate {
            Gate::Asked(text) | Gate::When(text) => text.as_str(),
            Gate::Open | Gate::After(_) | Gate::Never => "",
        };
        let fault = self.fault_of(&field_of(fact), &fact.text, known);
        let fault = fault.or_else(|| looks_ahead(gate)).or_else(|| self.learned_from_agent(gate, Known::InTheEnd));
        let fault = fault.or_else(|| leaked(&fact.text, &case.expectations));
        let is_in_goal = fact.gate != Gate::Open && self.tells_fact(fact);
        fault.or_else(|| is_in_goal.then(|| "the goal tells it already".to_owned()))
    }

    fn keep_expectations(&mut self, case: &mut TestCase) {
        let goal = normalised(&case.brief.goal);
        case.expectations.retain(|expectation| {
            let field = format!("expectations.{}", expectation.id);
            let text = expectation.text.as_deref().unwrap_or_default();
            let repeats = says(&goal, &normalised(text)).then(|| "it repeats the goal".to_owned());
            let fault = self.ungrounded(&field).or(repeats).or_else(|| looks_ahead(text));
            let fault = fault.or_else(|| self.holds_in_recording(expectation));
            self.keeps(&field, fault)
        });
    }

    /// The user's words show that the agent fell short; a check that the recorded agent passes would not have caught it.
    fn holds_in_recording(&self, expectation: &Expectation) -> Option<String> {
        let case = TestCase::default();
        let tried = assertion::assess(expectation, Hearing::new(&case, &self.session.conversation))?;
        (tried.verdict == Verdict::Pass)
            .then(|| "the recorded agent meets it, so it would not have caught what the user turned against".to_owned())
    }

    fn fault_of(&self, field: &str, text: &str, known: Known) -> Option<String> {
        if text.trim().is_empty() {
            return Some("it is empty".to_owned());
        }
        self.ungrounded(field).or_else(|| self.learned_from_agent(text, known))
    }

    /// What tells the user how to act holds for any agent; a fact is the user's own words and may say "my last message".
    fn fault_of_direction(&self, field: &str, text: &str) -> Option<String> {
        self.fault_of(field, text, Known::FromTheStart).or_else(|| text.lines().find_map(looks_ahead))
    }

    fn ungrounded(&self, field: &str) -> Option<String> {
        let is_grounded = self.evidence.iter().any(|evidence| evidence.field == field);
        (!is_grounded).then(|| "no words of the user show it".to_owned())
    }

    /// A name that nobody said is a paraphrase, which only a reader can judge; a number that nobody said is an invention.
    fn learned_from_agent(&self, text: &str, known: Known) -> Option<String> {
        values(text).into_iter().find_map(|value| match self.spoken.first_said(value.text) {
            FirstSaid::ByUser => None,
            FirstSaid::ByAgent if known == Known::InTheEnd && self.spoken.user_says(value.text) => None,
            FirstSaid::ByAgent => Some(format!("\"{}\" was said first by the agent or a tool", value.text)),
            FirstSaid::ByNobody if value.kind == ValueKind::Name => None,
            FirstSaid::ByNobody => Some(format!("\"{}\" was said by nobody", value.text)),
        })
    }

    fn learn_goal(&mut self, goal: &str) {
        self.told = content_set(goal);
        self.known = content_set(self.user.first().copied().unwrap_or_default());
        self.known.extend(content_set(&self.quotes("goal", 1)));
    }

    /// Half of a fact's own words make it guessable.
    fn absorbs_fact(&self, fact: &Fact) -> bool {
        let own = self.own_words(&fact.text, &field_of(fact));
        let told = own.intersection(&self.told).count();
        told > 0 && told * 2 >= own.len()
    }

    /// A fact whose own words all stand in the goal is told by it; one that is kept back is, when half of them do.
    fn tells_fact(&self, fact: &Fact) -> bool {
        let own = self.own_words(&fact.text, &field_of(fact));
        !own.is_empty() && own.is_subset(&self.told) || is_kept_back(fact) && self.absorbs_fact(fact)
    }

    /// One word that an expectation's quote shares with the goal is what both are about; several, and most of them, are the correction.
    fn absorbs_expectation(&self, expectation: &Expectation) -> bool {
        let own = self.own_words("", &format!("expectations.{}", expectation.id));
        let told = own.intersection(&self.told).count();
        told > 1 && told * 4 >= own.len() * 3
    }

    /// The words of a part that the user did not say at once and that the goal does not rest on.
    fn own_words(&self, text: &str, field: &str) -> BTreeSet<String> {
        let mut own = content_set(&format!("{text}\n{}", self.quotes(field, 2)));
        own.retain(|word| !is_stop_word(word) && !self.known.contains(word));
        own
    }

    /// The quotes of a part, from a turn on.
    fn quotes(&self, field: &str, turn_min: u32) -> String {
        let of_field = self.evidence.iter().filter(|e| e.field == field && e.turn >= turn_min);
        of_field.map(|e| e.quote.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn keeps(&mut self, field: &str, fault: Option<String>) -> bool {
        let Some(why) = fault else { return true };
        self.evidence.retain(|evidence| evidence.field != field);
        self.drop(field, why);
        false
    }

    fn drop(&mut self, field: &str, why: String) {
        self.dropped.push(Skipped { what: format!("session {}, {field}", self.session.id), reason: why });
    }

    fn rename(&mut self, old: &str, new: &str) {
        for evidence in self.evidence.iter_mut().filter(|evidence| evidence.field == old) {
            evidence.field = new.to_owned();
        }
    }
}

/// Since when the user must have known what a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Before the agent said it.
    FromTheStart,
    /// At some time: the gate of a fact takes care of when.
    InTheEnd,
}

fn field_of(fact: &Fact) -> String {
    format!("facts.{}", fact.id)
}

fn is_kept_back(fact: &Fact) -> bool {
    matches!(fact.gate, Gate::When(_) | Gate::Never)
}

/// Why a fact can never be told: what it waits for is not there, or waits for it.
fn waits_in_vain(fact: &Fact, facts: &[Fact]) -> Option<&'static str> {
    let mut waiting = fact;
    for _ in facts {
        let Gate::After(first) = &waiting.gate else { return None };
        let Some(first) = facts.iter().find(|other| other.id == *first) else {
            return Some("it waits for a fact that is not in the brief");
        };
        waiting = first;
    }
    matches!(waiting.gate, Gate::After(_)).then_some("it waits for a fact that waits for it")
}

/// Whether a quote of the goal is taken from a correction. A whole sentence beside others is not: people correct
/// and ask for something further in one breath.
fn is_taken_from(goal: &Evidence, correction: &Evidence) -> bool {
    let (goal_said, said) = (goal.quote.as_str(), correction.quote.as_str());
    let parts = sentences(said);
    let is_beside_others = parts.len() > 1 && parts.iter().any(|part| bare(part) == bare(goal_said));
    goal.turn == correction.turn
        && !is_beside_others
        && (goal_said.contains(bare(said)) || said.contains(bare(goal_said)))
}

fn bare(sentence: &str) -> &str {
    sentence.trim_matches(|c: char| !c.is_alphanumeric())
}

/// A line of the brief that has all the words of an expectation tells the user what will be judged.
fn leaked(text: &str, expectations: &[Expectation]) -> Option<String> {
    let words = content_set(text);
    let is_told = |expectation: &&Expectation| {
        let asked = content_set(expectation.text.as_deref().unwrap_or_default());
        asked.len() > 1 && asked.is_subset(&words)
    };
    expectations.iter().find(is_told).map(|told| format!("it tells the user the expectation `{}`", told.id))
}

/// What became of the recorded agent is not to be seen in a conversation with another one.
fn tells_outcome(text: &str) -> Option<String> {
    static OUTCOME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?-u:\b)(?:recording|recorded|transcript|original (?:agent|conversation|session)|test case|expected (?:answer|outcome)|(?:agent|assistant) (?:fails|failed|errs|is wrong|was wrong|makes? (?:a |the |its )?mistake))(?-u:\b)")
            .expect("a pattern of this file")
    });
    OUTCOME.find(text).map(|found| format!("\"{}\" is nothing that the user can see", found.as_str()))
}

/// The number of a turn is true of the recording only; another agent gets there sooner or later, or never.
fn looks_ahead(text: &str) -> Option<String> {
    // Boundaries of ASCII, for speed, as in `values`.
    static TURN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)(?-u:\b)(?:turn|message|reply|response)s?\s*(?:no\.?|number|#)?\s*[0-9]+(?-u:\b)|(?-u:\b)(?:first|second|third|fourth|fifth|sixth|last|[0-9]+(?:st|nd|rd|th))\s+(?:turn|message|reply|response)(?-u:\b)")
            .expect("a pattern of this file")
    });
    TURN.find(text).map(|found| format!("\"{}\" is true of the recording only", found.as_str()))
}

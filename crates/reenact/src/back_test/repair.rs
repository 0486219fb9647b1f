//! A poor case repaired by rule: what was missing is told in the user's whole words, and what came early waits for what the agent
//! had just asked or said.
//!
//! Each change is tried on the recording with the offline user and kept only where it plays better; each must pass the checks
//! that every distilled case passes, so that no repair hands the user what it learned late.

use super::play::{Did, play};
use super::scores::{STYLE_DISTANCE_MAX, Scores, recorded_leaving};
use super::told::{Message, Thing};
use crate::distill::values::{FirstSaid, Spoken, values};
use crate::distill::{evidence, gates};
use crate::slug::{slug, unique};
use crate::text::sentences;
use crate::user::{AgendaUser, PATIENCE_DEFAULT};
use crate::{Evidence, Fact, Gate, Leaving, Session, TestCase, acts};

/// How many words name a fact.
const ID_WORDS_MAX: usize = 3;

/// How much longer a user is made to stay at the most.
const PATIENCE_MORE_MAX: u32 = 5;

/// A case that plays its recording better, and what was changed; none where no rule helps.
pub(super) async fn by_rule(
    case: &TestCase,
    session: &Session,
    things: &[Thing<'_>],
) -> Option<(TestCase, Vec<String>)> {
    let mut best = Tried::of(case.clone(), session, things).await;
    let mut changes = Vec::new();
    for turn in poor_turns(&best, things) {
        changes.extend(best.improve(edits(&best.case, session, turn), session, things).await);
    }
    changes.extend(best.improve(more_patience(&best, session), session, things).await);
    (!changes.is_empty()).then_some((best.case, changes))
}

/// A case and how it plays.
struct Tried {
    case: TestCase,
    played: Vec<(u32, Did)>,
    scores: Scores,
}

impl Tried {
    async fn of(case: TestCase, session: &Session, things: &[Thing<'_>]) -> Self {
        let played = play(&case, session, &AgendaUser).await;
        let scores = Scores::of(things, &played, session, recorded_leaving(&case));
        Tried { case, played, scores }
    }

    /// Takes the best of some changed cases, if it is better, and says what was changed.
    async fn improve(&mut self, edits: Vec<Edit>, session: &Session, things: &[Thing<'_>]) -> Option<String> {
        let mut taken = None;
        for Edit { case, change } in edits {
            let fields = parts(&case);
            let Ok(case) = evidence::verify(session, case).case else { continue };
            if parts(&case) != fields {
                continue;
            }
            let tried = Tried::of(case, session, things).await;
            if tried.scores.loss() < self.scores.loss() {
                *self = tried;
                taken = Some(change);
            }
        }
        taken
    }
}

/// How many parts a case has: a repair must not cost one.
fn parts(case: &TestCase) -> (usize, usize, usize, bool) {
    let brief = &case.brief;
    (brief.facts.len(), brief.guidelines.len(), case.expectations.len(), brief.opening.is_some())
}

/// A case with one change.
struct Edit {
    case: TestCase,
    change: String,
}

/// The turns in which the recorded user told something that is told early, not at all or in another style, in order; the first is
/// played as it was.
fn poor_turns(tried: &Tried, things: &[Thing<'_>]) -> Vec<u32> {
    let said = |(turn, did): &(u32, Did)| match did {
        Did::Said(text) => Some((*turn, Message::of(text))),
        Did::Left(_) | Did::Failed(_) => None,
    };
    let said: Vec<(u32, Message)> = tried.played.iter().filter_map(said).collect();
    let first = |thing: &Thing<'_>| said.iter().find(|(_, message)| thing.is_told_by(message)).map(|said| said.0);
    let is_far = tried.scores.style_distance.is_some_and(|distance| distance > STYLE_DISTANCE_MAX);
    let is_poor = |thing: &&Thing<'_>| is_far || first(thing).is_none_or(|turn| turn < thing.turn);
    let mut turns: Vec<u32> = things.iter().filter(is_poor).map(|thing| thing.turn).filter(|turn| *turn > 1).collect();
    turns.dedup();
    turns
}

/// What can be changed about what a turn tells: in which words, and what it waits for.
///
/// No gate is loosened: what waited for something the agent does goes on waiting for that, words against the agent wait for what it
/// said, and words with a value of the agent's for that value.
fn edits(case: &TestCase, session: &Session, turn: u32) -> Vec<Edit> {
    let Some(said) = session.conversation.turns().find(|other| other.number == turn) else { return Vec::new() };
    let whole = said.user.text.trim();
    let (base, facts) = (without_wish(case, turn), facts_of(case, turn));
    let objects = sentences(whole).into_iter().any(acts::pushes_back);
    let strictest = facts.iter().map(|fact| strictness(&fact.gate)).max();
    let least = strictest.unwrap_or(if objects { strictness(&Gate::When(String::new())) } else { 0 });
    let now = facts.iter().map(|fact| fact.gate.clone());
    let spoken = Spoken::of(session);
    let texts: Vec<&str> = facts.iter().map(|fact| fact.text.as_str()).chain([whole]).collect();
    let mut edits = Vec::new();
    for text in texts {
        let heard = values(text).into_iter().find(|value| spoken.first_said(value.text) == FirstSaid::ByAgent);
        let gates: Vec<Gate> = match heard {
            Some(value) => vec![Gate::When(format!("the agent mentions {}", value.text))],
            None => gates_at(case, session, turn),
        };
        let stricter = now.clone().chain(gates).filter(|gate| strictness(gate) >= least);
        edits.extend(stricter.filter_map(|gate| told(&base, turn, (text, whole), &gate)));
    }
    edits
}

/// How much has to happen before a gate opens.
fn strictness(gate: &Gate) -> u32 {
    match gate {
        Gate::Open => 0,
        Gate::After(_) => 1,
        Gate::Asked(_) => 2,
        Gate::When(_) => 3,
        Gate::Never => 4,
    }
}

/// What a turn may have waited for.
fn gates_at(case: &TestCase, session: &Session, turn: u32) -> Vec<Gate> {
    let before = case.brief.facts.iter().filter(|fact| turn_of(case, fact).is_some_and(|told| told < turn));
    let after = before.max_by_key(|fact| turn_of(case, fact)).map(|fact| Gate::After(fact.id.clone()));
    gates(session, turn).into_iter().chain(after).chain([Gate::Open]).collect()
}

fn field(fact: &Fact) -> String {
    format!("facts.{}", fact.id)
}

/// The turn in which the recorded user told a fact first.
fn turn_of(case: &TestCase, fact: &Fact) -> Option<u32> {
    let evidence = case.origin.iter().flat_map(|origin| &origin.evidence);
    evidence.filter(|evidence| evidence.field == field(fact)).map(|evidence| evidence.turn).min()
}

fn facts_of(case: &TestCase, turn: u32) -> Vec<&Fact> {
    case.brief.facts.iter().filter(|fact| turn_of(case, fact) == Some(turn)).collect()
}

/// The case without the line of its goal that a turn gave, where the goal tells which that is.
fn without_wish(case: &TestCase, turn: u32) -> TestCase {
    let mut case = case.clone();
    let Some(origin) = &mut case.origin else { return case };
    let of_goal = |evidence: &&Evidence| evidence.field == "goal";
    let mut turns: Vec<u32> = origin.evidence.iter().filter(of_goal).map(|evidence| evidence.turn).collect();
    turns.sort_unstable();
    turns.dedup();
    let lines: Vec<&str> = case.brief.goal.lines().collect();
    if turns.len() != lines.len() || turns.len() < 2 || !turns.contains(&turn) {
        return case;
    }
    let kept = lines.iter().zip(&turns).filter(|(_, told)| **told != turn).map(|(line, _)| *line);
    let goal = kept.collect::<Vec<_>>().join("\n");
    origin.evidence.retain(|evidence| evidence.field != "goal" || evidence.turn != turn);
    case.brief.goal = goal;
    case
}

/// The case whose user tells this in the place of all that it told of a turn, once the gate is open.
fn told(case: &TestCase, turn: u32, (text, whole): (&str, &str), gate: &Gate) -> Option<Edit> {
    let mut case = case.clone();
    let of_turn: Vec<String> = facts_of(&case, turn).iter().map(|fact| fact.id.clone()).collect();
    let is_other = |id: &String| case.brief.facts.iter().any(|fact| fact.id == *id && !of_turn.contains(id));
    let new = || slug(text, ID_WORDS_MAX).map(|id| unique(id, |id| is_other(&id.to_owned())));
    let id = of_turn.first().cloned().or_else(new)?;
    let at = case.brief.facts.iter().position(|fact| turn_of(&case, fact).is_some_and(|told| told >= turn));
    let at = at.unwrap_or(case.brief.facts.len());
    let change = format!("`{id}` is told in the words of turn {turn}, gate {gate}");
    case.brief.facts.retain(|fact| !of_turn.contains(&fact.id));
    case.brief.facts.insert(at, Fact { id: id.clone(), text: text.to_owned(), gate: gate.clone() });
    for fact in &mut case.brief.facts {
        if matches!(&fact.gate, Gate::After(first) if of_turn.contains(first)) {
            fact.gate = Gate::After(id.clone());
        }
    }
    let fields: Vec<String> = of_turn.iter().map(|id| format!("facts.{id}")).collect();
    let origin = case.origin.get_or_insert_default();
    origin.evidence.retain(|evidence| !fields.contains(&evidence.field));
    origin.evidence.push(Evidence { field: format!("facts.{id}"), turn, quote: whole.to_owned() });
    Some(Edit { case, change })
}

/// The case whose user stays longer, where it lost patience before the recorded one left.
fn more_patience(tried: &Tried, session: &Session) -> Vec<Edit> {
    let leaving = &tried.scores.leaving;
    let last = session.conversation.turns().last();
    let Some(last) = last.filter(|_| leaving.turns_late < Some(0) && leaving.why == Some(Leaving::LostPatience)) else {
        return Vec::new();
    };
    let patience = tried.case.brief.patience.unwrap_or(PATIENCE_DEFAULT);
    let longer = (patience + 1)..=(patience + PATIENCE_MORE_MAX);
    let edit = |patience: u32| {
        let mut case = tried.case.clone();
        case.brief.patience = Some(patience);
        let evidence = &mut case.origin.get_or_insert_default().evidence;
        evidence.retain(|evidence| evidence.field != "patience");
        let quote = last.user.text.trim().to_owned();
        evidence.push(Evidence { field: "patience".to_owned(), turn: last.number, quote });
        Edit { case, change: format!("its patience is {patience}, because the user stayed that long") }
    };
    longer.map(edit).collect()
}

//! Choosing among sessions, and distilling again for a suite that somebody has edited.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use reenact::case::Saved;
use reenact::distill::curation::{Curation, Why};
use reenact::distill::update::update;
use reenact::distill::{Distiller, distill};
use reenact::{Message, Session, Suite, TestCase};

const WORDS: [&str; 14] = [
    "parcel", "refund", "order", "late", "hotel", "north", "table", "train", "book", "cancel", "my", "the", "please",
    "not",
];

/// Sessions of few words, so that many are nearly the same, and some with trouble.
fn sessions() -> impl Strategy<Value = Vec<Session>> {
    let words = || vec(prop::sample::select(&WORDS[..]), 0..7).prop_map(|words| words.join(" "));
    let more = prop_oneof![words(), Just("That's not true, I want a person".to_owned())];
    let session = (words(), proptest::option::of(more)).prop_map(|(first, more)| {
        let mut said = vec![Message::user(first)];
        said.extend(more.into_iter().flat_map(|more| [Message::agent("It was delivered."), Message::user(more)]));
        said
    });
    vec(session, 0..24).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(n, said)| Session::new(format!("s-{n:02}"), said.into_iter().collect()))
            .collect()
    })
}

fn curation(sessions: &[Session]) -> Curation {
    Curation::of(sessions.iter().cloned().map(Ok)).unwrap()
}

proptest! {
    #[test]
    fn every_session_is_chosen_or_counted_and_no_two_of_the_chosen_are_nearly_the_same(
        sessions in sessions(), count in 0_usize..12, had in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let ids: BTreeSet<String> = sessions.iter().map(|session| session.id.clone()).collect();
        let had: BTreeSet<String> =
            had.iter().filter(|_| !sessions.is_empty()).map(|at| at.get(&sessions).id.clone()).collect();
        let selection = curation(&sessions).select(count, &had);
        let chosen: Vec<&String> = selection.chosen.iter().map(|chosen| &chosen.session).collect();
        let left = selection.left_out.iter().map(|left| &left.session);
        let told: Vec<String> = chosen.iter().copied().chain(left).cloned().collect();
        prop_assert_eq!(told.len(), ids.len());
        prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), ids);
        prop_assert!(chosen.len() <= count && chosen.iter().all(|id| !had.contains(*id)));

        let alike: usize = selection.chosen.iter().map(|chosen| chosen.alike).sum();
        let merged = |why: &Why| matches!(why, Why::NearlyTheSameAs(other) if chosen.contains(&other));
        prop_assert_eq!(selection.left_out.iter().filter(|left| merged(&left.why)).count(), alike);

        let again: Vec<Session> = sessions.iter().filter(|session| chosen.contains(&&session.id)).cloned().collect();
        let again = curation(&again).select(usize::MAX, &BTreeSet::new());
        prop_assert!(again.left_out.is_empty(), "{:?}", again.left_out);
    }

    #[test]
    fn the_choice_does_not_depend_on_the_order_of_the_sessions(sessions in sessions(), count in 0_usize..12) {
        let mut turned = sessions.clone();
        turned.reverse();
        let none = BTreeSet::new();
        prop_assert_eq!(curation(&sessions).select(count, &none), curation(&turned).select(count, &none));
        prop_assert_eq!(curation(&sessions).coverage(&[]), curation(&turned).coverage(&[]));
    }
}

const THINGS: [&str; 6] = ["lamp", "chair", "kettle", "carpet", "mirror", "blender"];
const PLACES: [&str; 6] = ["attic", "cellar", "garage", "kitchen", "garden", "porch"];
const DAYS: [&str; 6] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const TOWNS: [&str; 6] = ["Leeds", "York", "Hull", "Bath", "Oxford", "Derby"];

/// Sessions about three things, the second of which goes wrong most.
fn shop() -> Vec<Session> {
    let session = |id: String, said: Vec<Message>| Session::new(id, said.into_iter().collect());
    let mut all = Vec::new();
    for n in 0..6 {
        let (thing, place) = (THINGS[n], PLACES[n]);
        let hours = format!("what are the opening hours in {} on {}", TOWNS[n], DAYS[n]);
        all.push(session(
            format!("hours-{n}"),
            vec![Message::user(hours), Message::agent("From nine to five."), Message::user("thanks")],
        ));
        all.push(session(
            format!("refund-{n}"),
            vec![
                Message::user(format!("I want a refund for the {thing} from {place}")),
                Message::agent("The refund was paid out."),
                Message::user(format!("That's not true, the {thing} never came back to {place}")),
            ],
        ));
        all.push(session(
            format!("taxi-{n}"),
            vec![
                Message::user("please send a taxi to the station at eight"),
                Message::agent("It is on its way."),
                Message::user("thank you"),
            ],
        ));
    }
    all
}

#[test]
fn what_users_want_is_covered_first_and_trouble_comes_before_the_rest() {
    let curation = curation(&shop());
    let selection = curation.select(5, &BTreeSet::new());
    let chosen: Vec<(&str, usize)> =
        selection.chosen.iter().map(|chosen| (chosen.session.split('-').next().unwrap(), chosen.alike)).collect();
    assert_eq!(chosen, [("refund", 0), ("taxi", 5), ("hours", 0), ("refund", 0), ("refund", 0)]);

    let of = |session: &str| {
        let brief = reenact::Brief { goal: "?".into(), ..reenact::Brief::default() };
        let origin = reenact::Origin { session: session.into(), ..reenact::Origin::default() };
        TestCase { id: session.into(), brief, origin: Some(origin), ..TestCase::default() }
    };
    let coverage = curation.coverage(&[of("refund-3"), of("taxi-5"), of("unknown")]);
    let rows: Vec<(usize, usize, usize)> =
        coverage.clusters.iter().map(|cluster| (cluster.sessions, cluster.troubled, cluster.cases)).collect();
    assert_eq!((rows[0], coverage.elsewhere), ((6, 0, 0), 1));
    assert_eq!(rows[1..].iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([(6, 6, 1), (6, 0, 1)]));
    assert!(coverage.clusters.iter().all(|cluster| cluster.name.is_some()), "{coverage:?}");

    let next = curation.select(1, &BTreeSet::from(["refund-3".to_owned(), "taxi-5".to_owned()]));
    assert!(next.chosen[0].session.starts_with("hours"), "{:?}", next.chosen);
}

async fn distilled(sessions: Vec<Session>) -> Vec<TestCase> {
    distill(sessions.into_iter().map(Ok), Distiller::Offline).await.unwrap().cases
}

fn market(more: &[&str]) -> Session {
    let mut said = vec![
        Message::user("how are the markets doing"),
        Message::agent("The market is open. What do you want to know?"),
        Message::user("That's wrong, it is saturday. I want the levels of friday"),
        Message::agent("Which index?"),
        Message::user("the Dow Jones"),
    ];
    said.extend(more.iter().flat_map(|text| [Message::agent("Anything else?"), Message::user(*text)]));
    Session::new("s-1", said.into_iter().collect())
}

/// A suite as somebody left it: a comment, an edited goal, a fact taken out, and a case of one's own in between.
fn edited(suite: &Suite) -> String {
    let text = suite.to_yaml();
    let goal = text.lines().find(|line| line.trim_start().starts_with("goal:")).unwrap();
    let taken_out = &suite.cases[0].brief.facts.last().unwrap().id;
    let at = text.find(&format!("      - id: {taken_out}\n")).unwrap();
    let end = at + text[at..].find("    expectations:").unwrap();
    let mut text = format!("{}{}", &text[..at], &text[end..]);
    let cites = |line: &str| line.contains(&format!("field: facts.{taken_out},"));
    text = text.lines().filter(|line| !cites(line)).map(|line| format!("{line}\n")).collect();
    let block = text[text.find(goal).unwrap()..].split_once("    persona").unwrap().0.to_owned();
    text = text.replacen(&block, "    goal: the levels of friday   # what it is about\n", 1);
    text = text.replacen("cases:\n", "cases:\n  # ours\n  - { id: own, goal: say hello }   # by hand\n\n", 1);
    text
}

#[tokio::test]
async fn what_a_person_wrote_stays_and_what_is_new_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.yaml");
    let first = Suite { name: Some("m".into()), cases: distilled(vec![market(&[])]).await };
    let text = edited(&first);
    std::fs::write(&path, &text).unwrap();
    let loaded = Suite::load(&path).unwrap();

    let taxi = Session::new("s-2", [Message::user("I need a taxi to the station")].into_iter().collect());
    let again = distilled(vec![market(&["also show me the levels of the Nasdaq", "no thanks, bye"]), taxi]).await;
    let updated = update(loaded.clone(), again.clone());
    assert_eq!(updated.changes.added, ["taxi-station"]);
    let left: Vec<String> = updated.changes.left.iter().map(ToString::to_string).collect();
    let taken_out =
        format!("case {}: facts.{} was taken out", first.cases[0].id, first.cases[0].brief.facts.last().unwrap().id);
    assert!(left.contains(&format!("case {}: goal was edited", first.cases[0].id)), "{left:?}");
    assert!(left.contains(&taken_out), "{left:?}");
    assert_eq!(updated.suite.cases[1].brief.goal, "the levels of friday");

    assert_eq!(updated.suite.save_over(&path, &loaded).unwrap(), Saved::ChangedLines);
    let written = std::fs::read_to_string(&path).unwrap();
    for kept in [
        "  # ours\n  - { id: own, goal: say hello }   # by hand\n",
        "    goal: the levels of friday   # what it is about\n",
    ] {
        assert!(written.contains(kept), "{written}");
    }
    assert_eq!(Suite::load(&path).unwrap(), updated.suite);

    let once_more = update(updated.suite.clone(), again);
    assert_eq!(
        (once_more.suite, once_more.changes.added.len(), once_more.changes.changed.len()),
        (updated.suite, 0, 0)
    );
}

#[tokio::test]
async fn a_part_that_nobody_edited_is_renewed_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suite.yaml");
    let now = distilled(vec![market(&[])]).await;
    // As an older version would have distilled it.
    let mut old = now.clone();
    old[0].brief.persona = Some("You are somebody.".into());
    old[0].expectations[0].text = Some("The agent is right".into());
    let older = distilled_as(&old);
    let commented =
        Suite { name: None, cases: older }.to_yaml().replacen("    facts:\n", "    # told late\n    facts:\n", 1);
    std::fs::write(&path, &commented).unwrap();
    let loaded = Suite::load(&path).unwrap();

    let updated = update(loaded.clone(), now.clone());
    let id = &now[0].id;
    let expectation = &now[0].expectations[0].id;
    assert_eq!(updated.changes.changed, [format!("{id}: persona"), format!("{id}: expectations.{expectation}")]);
    assert_eq!(updated.suite.save_over(&path, &loaded).unwrap(), Saved::ChangedLines);
    let expected =
        Suite { name: None, cases: now }.to_yaml().replacen("    facts:\n", "    # told late\n    facts:\n", 1);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
}

/// These cases, marked as if they had been distilled so: an update of a suite that has none marks what is the same.
fn distilled_as(cases: &[TestCase]) -> Vec<TestCase> {
    let mut unmarked = cases.to_vec();
    unmarked.iter_mut().for_each(|case| case.origin.as_mut().unwrap().distilled.clear());
    update(Suite { name: None, cases: unmarked }, cases.to_vec()).suite.cases
}

proptest! {
    /// Whatever somebody changes in a case, a new distillation of the same session changes none of it.
    #[test]
    fn an_edited_part_is_never_overwritten(
        goal in proptest::option::of("[a-z]{3,9} [a-z]{3,9}"), persona in any::<bool>(), opening in any::<bool>(), facts in any::<[bool; 2]>(),
    ) {
        let cases = futures::executor::block_on(distilled(vec![market(&["also show me the levels of the Nasdaq"])]));
        let mut suite = Suite { name: None, cases: cases.clone() };
        let brief = &mut suite.cases[0].brief;
        goal.into_iter().for_each(|goal| brief.goal = goal);
        brief.persona = if persona { None } else { Some("mine".into()) };
        brief.opening = brief.opening.take().filter(|_| opening);
        for (fact, is_edited) in brief.facts.iter_mut().zip(facts) {
            if is_edited { fact.text.push_str(", I think") } else { fact.gate = reenact::Gate::Never }
        }
        let updated = update(suite.clone(), cases);
        prop_assert_eq!(updated.suite, suite);
        prop_assert!(updated.changes.added.is_empty() && updated.changes.changed.is_empty());
    }
}

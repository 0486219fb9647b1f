//! What is written is read back the same, whatever the texts are.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use reenact::case::{AfterScript, FirstSpeaker, InTurn, Staging};
use reenact::{Brief, Check, Evidence, Expectation, Fact, Gate, Message, Origin, Speaker, Suite, TestCase};
use serde_json::{Map, Value};

use super::{EXAMPLE, load};

/// Fragments that mean something in YAML, and some that mean something to people.
const FRAGMENTS: [&str; 44] = [
    "a",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "\r",
    "\r\n",
    "#",
    " #",
    ": ",
    ":",
    "- ",
    "-",
    "---",
    "...",
    "\"",
    "'",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "&x",
    "*x",
    "!t",
    "|",
    ">",
    "%",
    "@",
    "`",
    "?",
    "? ",
    "no",
    "1",
    "0x1f",
    "2024-05-01",
    "🙂",
    "市場は閉まっています",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "\u{0}",
];

fn text() -> impl Strategy<Value = String> {
    let fragments = vec(prop::sample::select(FRAGMENTS.to_vec()), 1..12).prop_map(|parts| parts.concat());
    let words = vec("[a-zA-Z',:#\"-]{1,12}", 1..60).prop_map(|words| words.join(" "));
    let long = "[ -~\n]{0,40}".prop_map(|text| text.repeat(200));
    let any = any::<String>();
    prop_oneof![4 => fragments, 3 => words, 2 => any, 1 => long].prop_filter("blank", |text| !text.trim().is_empty())
}

fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
    ];
    let anything = prop_oneof![text(), any::<String>()].prop_map(Value::from);
    let leaf = prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, anything];
    leaf.prop_recursive(4, 24, 5, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(Value::from);
        let map = vec((any::<String>(), inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect()));
        prop_oneof![list, map]
    })
}

fn context() -> impl Strategy<Value = Map<String, Value>> {
    let reserved = ["input", "messages", "mlflow_session_id", "session_id"];
    let key = prop_oneof![text(), any::<String>(), "[a-z]{600,1500}"];
    let key = key.prop_filter("reserved", move |key| !reserved.contains(&key.as_str()));
    vec((key, json()), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

/// Numbers the ids, so that no two are the same.
fn numbered(position: usize, id: &str) -> String {
    format!("{id}{position}")
}

fn facts() -> impl Strategy<Value = Vec<Fact>> {
    let gate = prop_oneof![
        Just(Gate::Open),
        Just(Gate::Never),
        Just(Gate::After(String::new())),
        text().prop_map(Gate::Asked),
        text().prop_map(Gate::When),
    ];
    vec((text(), text(), gate), 0..4).prop_map(|drawn| {
        let mut facts: Vec<Fact> = Vec::new();
        for (position, (id, text, gate)) in drawn.into_iter().enumerate() {
            let gate = match (gate, facts.last()) {
                (Gate::After(_), Some(last)) => Gate::After(last.id.clone()),
                (Gate::After(_), None) => Gate::Open,
                (gate, _) => gate,
            };
            facts.push(Fact { id: numbered(position, &id), text, gate });
        }
        facts
    })
}

fn expectations() -> impl Strategy<Value = Vec<Expectation>> {
    let pattern = || text().prop_map(|text| regex::escape(&text));
    let check = prop_oneof![
        Just(Check::Judged),
        text().prop_map(Check::Contains),
        pattern().prop_map(Check::Matches),
        pattern().prop_map(Check::MustNotMatch),
    ];
    vec((text(), option::of(text()), check, option::of(1..u32::MAX)), 0..4).prop_map(|drawn| {
        let expectation =
            |(position, (id, text, check, turn)): (usize, (String, Option<String>, Check, Option<u32>))| {
                let text = if check == Check::Judged { text.or_else(|| Some("said".to_owned())) } else { text };
                let check = match turn {
                    Some(turn) => Check::InTurn(Box::new(InTurn { turn, check })),
                    None => check,
                };
                Expectation { id: numbered(position, &id), text, check }
            };
        drawn.into_iter().enumerate().map(expectation).collect()
    })
}

fn staging() -> impl Strategy<Value = Staging> {
    let speaker = prop_oneof![Just(Speaker::User), Just(Speaker::Agent)];
    let line = (speaker, text()).prop_map(|(speaker, text)| Message::new(speaker, text));
    let first = prop_oneof![Just(FirstSpeaker::User), Just(FirstSpeaker::Agent)];
    let after = prop_oneof![Just(AfterScript::Leave), Just(AfterScript::GoOn)];
    (vec(line, 0..3), first, vec(text(), 0..3), after).prop_map(|(prefix, first_speaker, script, after)| {
        let after_script = if script.is_empty() { AfterScript::Leave } else { after };
        Staging { prefix: prefix.into_iter().collect(), first_speaker, script, after_script }
    })
}

fn case() -> impl Strategy<Value = TestCase> {
    let brief = (text(), option::of(text()), vec(text(), 0..3), facts(), option::of(text()), option::of(1..u32::MAX))
        .prop_map(|(goal, persona, guidelines, facts, opening, patience)| Brief {
            goal,
            persona,
            guidelines,
            facts,
            opening,
            patience,
        });
    let origin = option::of((
        text(),
        any::<u32>(),
        vec((any::<prop::sample::Index>(), 1..u32::MAX, text()), 0..4),
        vec(text(), 0..3),
    ));
    (text(), brief, context(), expectations(), staging(), origin).prop_map(
        |(id, brief, context, expectations, staging, origin)| {
            let mut case = TestCase { id, brief, context, expectations, staging, ..TestCase::default() };
            let parts = parts(&case);
            case.origin = origin.map(|(session, alike, evidence, back_test)| {
                let evidence = evidence.into_iter();
                let evidence =
                    evidence.map(|(part, turn, quote)| Evidence { field: part.get(&parts).clone(), turn, quote });
                let not_failed = case.expectations.iter().take(1).map(|expectation| expectation.id.clone()).collect();
                let distilled = parts.iter().map(|part| (part.clone(), format!("{alike:08x}"))).collect();
                Origin { session, alike, distilled, evidence: evidence.collect(), back_test, not_failed }
            });
            case
        },
    )
}

/// The parts of a case that evidence can cite.
fn parts(case: &TestCase) -> Vec<String> {
    let mut parts = vec!["goal".to_owned()];
    parts.extend(case.brief.persona.iter().map(|_| "persona".to_owned()));
    parts.extend(case.brief.opening.iter().map(|_| "opening".to_owned()));
    parts.extend(case.brief.facts.iter().map(|fact| format!("facts.{}", fact.id)));
    parts.extend((1..=case.brief.guidelines.len()).map(|number| format!("guidelines.{number}")));
    parts.extend(case.expectations.iter().map(|expectation| format!("expectations.{}", expectation.id)));
    parts
}

pub(crate) fn suite() -> impl Strategy<Value = Suite> {
    (option::of(text()), vec(case(), 1..4)).prop_map(|(name, mut cases)| {
        for (position, case) in cases.iter_mut().enumerate() {
            case.id = numbered(position, &case.id);
        }
        Suite { name, cases }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_suite_is_the_same_after_yaml(suite in suite()) {
        prop_assert_eq!(&load("suite.yaml", suite.to_yaml()), &suite);
    }

    #[test]
    fn any_suite_is_the_same_after_json_lines(suite in suite()) {
        prop_assert_eq!(&load("suite.jsonl", suite.to_jsonl()), &suite);
    }

    #[test]
    fn any_bytes_are_a_suite_or_have_problems(bytes in vec(any::<u8>(), 0..400), name in "s\\.(yaml|json|jsonl|txt)") {
        let file = super::file(&name, bytes);
        prop_assert_eq!(reenact::case::check(&file.path).unwrap().is_empty(), Suite::load(&file.path).is_ok());
    }

    #[test]
    fn a_good_file_with_a_piece_changed_is_a_suite_or_has_problems(
        at in any::<prop::sample::Index>(),
        length in 0usize..20,
        piece in prop::sample::select(FRAGMENTS.to_vec()),
    ) {
        let places: Vec<usize> = EXAMPLE.char_indices().map(|(place, _)| place).collect();
        let start = *at.get(&places);
        let end = (start..=EXAMPLE.len()).filter(|end| EXAMPLE.is_char_boundary(*end)).nth(length).unwrap_or(start);
        let changed = format!("{}{piece}{}", &EXAMPLE[..start], &EXAMPLE[end..]);
        let file = super::file("suite.yaml", &changed);
        let problems = reenact::case::check(&file.path).unwrap();
        match Suite::load(&file.path) {
            Ok(suite) => prop_assert_eq!(&load("again.yaml", suite.to_yaml()), &suite, "{}", changed),
            Err(_) => prop_assert!(problems.iter().all(|p| !p.what.is_empty() && !p.fix.is_empty() && p.place.line > Some(0))),
        }
    }
}

#[test]
fn the_example_of_the_documentation_is_the_same_after_both() {
    let suite = load("suite.yaml", EXAMPLE);
    assert_eq!(load("suite.yaml", suite.to_yaml()), suite);
    assert_eq!(load("suite.jsonl", suite.to_jsonl()), suite);
}

#[test]
fn yaml_is_written_for_people() {
    let suite = load("suite.yaml", EXAMPLE);
    insta::assert_snapshot!(suite.to_yaml());
}

#[test]
fn long_and_many_lined_texts_are_written_as_blocks() {
    let mut suite = load("suite.yaml", EXAMPLE);
    let brief = &mut suite.cases[0].brief;
    brief.goal =
        "Get the levels of the indexes, then of the sectors that moved most, and why: ".repeat(3).trim().to_owned();
    brief.persona = Some("You are brief.\n\n  You indent.\nYou say # and: nothing".to_owned());
    brief.opening = Some("no".to_owned());
    insta::assert_snapshot!(suite.to_yaml());
}

/// Other readers take more words and marks for something else than text than this one does.
#[test]
fn what_another_reader_would_misread_is_quoted() {
    let mut suite = load("suite.yaml", EXAMPLE);
    let case = &mut suite.cases[0];
    for (word, written) in [
        ("no", "\"no\""),
        ("12:30", "\"12:30\""),
        ("2024-05-01", "\"2024-05-01\""),
        ("0042", "\"0042\""),
        ("1_000", "\"1_000\""),
        ("why? soon", "why? soon"),
        ("8f2c4e", "8f2c4e"),
        ("a\\b \"c\"", "a\\b \"c\""),
        ("\"a\\b\"", "'\"a\\b\"'"),
        ("bell\u{7}", "\"bell\\u0007\""),
    ] {
        case.brief.opening = Some(word.to_owned());
        let yaml = Suite { name: None, cases: vec![case.clone()] }.to_yaml();
        assert!(yaml.contains(&format!("opening: {written}\n")), "{word}: {yaml}");
    }
    case.context = [("q".to_owned(), Value::from("why? soon"))].into_iter().collect();
    assert!(suite.to_yaml().contains("context: { q: \"why? soon\" }"));
}

//! The examples of the pages in `docs/` do what the pages say.

use reenact::import::{Format, Input, Options, import};
use reenact::judge::{self, BuiltIn, JudgeRule};
use reenact::{Speaker, Store, Suite, calibrate};

const SUITE: &str = include_str!("../../../../docs/suite.md");
const JUDGES: &str = include_str!("../../../../docs/judges.md");
const FORMATS: &str = include_str!("../../../../docs/formats.md");

/// The fenced blocks of a page: the words of the fence, and what stands in it.
fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```").skip(1).step_by(2).filter_map(|fence| fence.split_once('\n'))
}

#[test]
fn every_suite_of_the_page_on_suites_loads() {
    let mut loaded = 0;
    for (extension, example) in blocks(SUITE) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("suite.{extension}"));
        std::fs::write(&path, example).unwrap();
        let suite = Suite::load(&path).unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(!suite.cases.is_empty());
        loaded += 1;
    }
    assert!(loaded >= 7, "the page lost its examples");
}

#[test]
fn every_key_of_a_case_stands_on_the_page_on_suites() {
    let schema = Suite::file_schema();
    for kind in ["case", "fact", "gate", "expectation", "origin", "evidence"] {
        for key in schema["$defs"][kind]["properties"].as_object().into_iter().flatten() {
            assert!(
                SUITE.contains(&format!("{}`", key.0)) || SUITE.contains(&format!("{}:", key.0)),
                "{kind}.{}",
                key.0
            );
        }
    }
}

#[test]
fn every_file_of_the_page_on_judges_is_read_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let named: Vec<(&str, &str)> =
        blocks(JUDGES).filter_map(|(words, example)| Some((words.split_once(' ')?.1, example))).collect();
    named.iter().for_each(|(name, example)| std::fs::write(folder.path().join(name), example).unwrap());
    let path = |name: &str| folder.path().join(name);
    assert_eq!(judge::load(path("judges.yaml").to_str().unwrap()).unwrap().len(), 5);
    assert_eq!(calibrate::labels(&path("labels.jsonl")).unwrap().unwrap().len(), 3);
    assert_eq!(Suite::load(&path("suite.yaml")).unwrap().cases.len(), 1);
}

#[test]
fn every_built_in_judge_and_every_key_of_a_judge_stands_on_the_page_on_judges() {
    for judge in BuiltIn::all() {
        assert!(JUDGES.contains(&format!("| `{}` |", judge.name())), "{}", judge.name());
    }
    let schema = judge::file_schema();
    for key in schema["$defs"]["judge"]["properties"].as_object().unwrap().keys() {
        assert!(JUDGES.contains(&format!("| `{key}`")) || JUDGES.contains(&format!(", `{key}`")), "{key}");
    }
    for rule in JudgeRule::ALL {
        assert!(JUDGES.contains(&format!("| `{rule}`")), "{rule}");
    }
}

#[test]
fn every_format_of_the_page_on_formats_tells_the_same_conversation() {
    let mut seen = Vec::new();
    for (words, example) in blocks(FORMATS) {
        let (_, name) = words.split_once(' ').expect("a language and a format");
        let format: Format = name.parse().unwrap();
        let store = Store::temporary().unwrap();
        let input = Input::Stream("example".to_owned(), Box::new(example.as_bytes()));
        let imported = import(vec![input], &Options::default(), &store, &mut |_| {}).unwrap();
        assert_eq!((imported.sessions_new, imported.skipped_count), (1, 0), "{name}: {imported:?}");
        let session = store.session("s-1").unwrap();
        let from = if format == Format::Reenact { "crm export".to_owned() } else { format!("{format} example") };
        assert_eq!(session.source, from);
        let heard: Vec<_> = session.conversation.messages.iter().map(|m| (m.speaker, m.text.as_str())).collect();
        assert_eq!(
            heard,
            [
                (Speaker::User, "where is order 4711"),
                (Speaker::Agent, ""),
                (Speaker::Tool, "delivered"),
                (Speaker::Agent, "It was delivered."),
            ],
            "{name}"
        );
        assert_eq!(session.conversation.messages[1].tool_calls[0].name, "find_order", "{name}");
        assert_eq!(session.conversation.messages[2].name.as_deref(), Some("find_order"), "{name}");
        seen.push(format);
    }
    assert!(Format::all().all(|format| seen.contains(&format)), "a format has no example");
}

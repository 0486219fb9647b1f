//! Files of judges: read as they are meant, or all that is wrong with them at once.

use reenact::judge::{Asks, BuiltIn, JudgeSpec, OwnJudge, Passes, ValueType, check, file_schema, is_judges_file, load};
use serde_json::json;

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("judges.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn problems(text: &str) -> String {
    let (folder, path) = file(text);
    let problems = check(path.as_ref()).unwrap();
    let told = problems.iter().map(|it| format!("{}: {} → {}", it.place.line.unwrap(), it.what, it.fix));
    let told = told.collect::<Vec<_>>().join("\n");
    if !problems.is_empty() {
        let refused = load(&path).unwrap_err();
        assert!(refused.to_string().contains(&problems[0].what), "{refused}");
    }
    drop(folder);
    told
}

const GOOD: &str = r#"judges:
  - user_frustration
  - name: conversational_guidelines
    guidelines: Never promise a date
    model: openai:/gpt-5
  - { name: conversational_role_adherence, role: A clerk of the parcel desk }
  - name: tone
    instructions: |
      How polite is the agent?
      {{ conversation }}
    value: number
    at_least: 0.7
  - name: mood
    instructions: "{{ conversation }} {{ case.goal }} {{ expectations }}"
    value: [calm, tense, angry]
    passes: [calm, tense]
  - { name: solved, instructions: "{{ conversation }}", value: bool, passes: true }
  - { name: summary, instructions: "{{ conversation }}", value: text }
"#;

#[test]
fn built_in_judges_and_ones_own_stand_in_one_file() {
    let (_folder, path) = file(GOOD);
    assert!(check(path.as_ref()).unwrap().is_empty());
    let judges = load(&path).unwrap();
    let own = |value, passes| Asks::Own(OwnJudge { instructions: "{{ conversation }}".into(), value, passes });
    assert_eq!(judges[0], JudgeSpec::built_in(BuiltIn::UserFrustration));
    let guidelines = vec!["Never promise a date".to_owned()];
    assert_eq!(judges[1].asks, Asks::BuiltIn(BuiltIn::ConversationalGuidelines { guidelines }));
    assert_eq!(judges[1].model.as_deref(), Some("openai:/gpt-5"));
    let role = Some("A clerk of the parcel desk".to_owned());
    assert_eq!(judges[2].asks, Asks::BuiltIn(BuiltIn::ConversationalRoleAdherence { role }));
    let Asks::Own(tone) = &judges[3].asks else { panic!("a judge of one's own") };
    assert_eq!(tone.instructions, "How polite is the agent?\n{{ conversation }}\n");
    assert_eq!(
        (&tone.value, tone.passes.clone()),
        (&ValueType::Number, Some(Passes::AtLeast(serde_json::Number::from_f64(0.7).unwrap())))
    );
    let Asks::Own(mood) = &judges[4].asks else { panic!("a judge of one's own") };
    assert_eq!(mood.passes, Some(Passes::OneOf(vec![json!("calm"), json!("tense")])));
    assert_eq!(judges[5].asks, own(ValueType::Bool, Some(Passes::OneOf(vec![json!(true)]))));
    assert_eq!(judges[6].asks, own(ValueType::Text, None));
    assert_eq!(judges.iter().map(JudgeSpec::decides).collect::<Vec<_>>(), [true, true, true, true, true, true, false]);
}

#[test]
fn what_a_plan_keeps_of_a_judge_is_the_judge() {
    let (_folder, path) = file(GOOD);
    let judges = load(&path).unwrap();
    let kept = serde_json::to_string(&judges).unwrap();
    assert_eq!(serde_json::from_str::<Vec<JudgeSpec>>(&kept).unwrap(), judges);
}

#[test]
fn everything_wrong_is_told_at_once_with_its_line() {
    insta::assert_snapshot!(problems(
        r#"judges:
  - user_frustation
  - conversational_guidelines
  - { name: knowledge_retention, instructions: "{{ conversation }}", value: bool }
  - { name: user_frustration, guidelines: Be kind }
  - name: tone
    instruction: How polite?
    value: number
  - name: mood
    instructions: Rate the mood.
    value: [calm]
    passes: [clam]
  - name: typo
    instructions: |
      Rate
      {{ convesation }}
    value: number
    at_least: high
  - { name: broken, instructions: "{{ conversation", value: stars }
  - { name: case, instructions: "{{ conversation }} {{ case.gaol }}", value: text, passes: [a] }
  - { name: both, instructions: "{{ conversation }}", value: number, at_least: 1, at_most: 2 }
  - { name: both, instructions: "{{ conversation }}", value: number, passes: [1] }
  - { name: none, instructions: "{{ conversation }}" }
  - 42
"#
    ));
}

#[test]
fn files_that_hold_no_judges_say_what_is_missing() {
    insta::assert_snapshot!(
        ["", "# nothing\n", "judges: []\n", "judges: tone\n", "- tone\n", "judgs: []\n", "cases: []\njudges: []\n"]
            .map(problems)
            .join("\n\n")
    );
}

#[test]
fn a_name_that_is_neither_a_judge_nor_a_file_is_refused_with_the_nearest() {
    let told = |name: &str| {
        let error = load(name).unwrap_err();
        format!("{error} → {}", error.hint_text().unwrap_or_default())
    };
    assert_eq!(
        told("user_frustation"),
        "`user_frustation` is neither a built-in judge nor a file → did you mean `user_frustration`?"
    );
    assert!(told("zzz").contains("the built-in judges are conversation_completeness, user_frustration"));
    assert!(told("conversational_guidelines").contains("needs guidelines"));
    assert!(told("no/such/file.yaml").contains("there is no such file"));
}

#[test]
fn a_file_of_judges_is_told_from_a_suite() {
    let (_judges, path) = file(GOOD);
    assert!(is_judges_file(path.as_ref()).unwrap());
    let (_suite, path) = file("cases:\n  - goal: x\n");
    assert!(!is_judges_file(path.as_ref()).unwrap());
}

/// To write it again after a change: `UPDATE_SCHEMA=1 cargo test -p reenact published_schema`.
#[test]
fn the_published_schema_of_judges_is_that_of_the_reader() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schema/judges.json");
    let current = format!("{:#}\n", file_schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == current,
        "docs/schema/judges.json is out of date: UPDATE_SCHEMA=1 cargo test -p reenact published_schema"
    );
}

#[test]
fn the_file_of_the_documentation_is_one() {
    let page = include_str!("../../../../../docs/judges.md");
    let (_, rest) = page.split_once("```yaml judges.yaml\n").expect("the page shows a file of judges");
    let (_folder, path) = file(rest.split("```").next().unwrap());
    assert_eq!(check(path.as_ref()).unwrap(), []);
    assert_eq!(load(&path).unwrap().len(), 5);
}

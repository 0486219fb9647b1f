//! `--json` on every verb: data on stdout and nothing else there, words for people on stderr.

use serde_json::Value;

use crate::stage::Stage;

/// Every verb in the order of the line, with the schema that is published for what it prints.
const VERBS: [(&[&str], &str); 12] = [
    (&["import", "chats.jsonl"], "import"),
    (&["sessions"], "sessions"),
    (&["sessions", "show", "s-1"], "session"),
    (&["distill", "-o", "distilled.yaml", "--back-test"], "distill"),
    (&["check", "suite.yaml", "bad.yaml"], "check"),
    (&["copy", "suite.yaml", "goldens.json", "--as", "deepeval"], "copy"),
    (&["run", "suite.yaml", "--agent", "cmd:sh agent.sh"], "run"),
    (&["judge"], "run"),
    (&["report"], "run"),
    (&["diff", "latest", "latest"], "diff"),
    (&["show", "parcel"], "show"),
    (&["demo"], "demo"),
];

const CHATS: &str = r#"{"id":"s-1","messages":[{"role":"user","content":"where is my parcel"},{"role":"assistant","content":"Which one?"}]}
not json
"#;

fn stage() -> Stage {
    let stage = Stage::with_parcels();
    stage.write("chats.jsonl", CHATS);
    stage.write("bad.yaml", "- {id: a, gaol: b}\n");
    stage
}

fn published(name: &str) -> Value {
    let path = format!("{}/../../docs/schema/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The keys that a schema demands, and those that it knows.
fn keys(schema: &Value) -> (Vec<&str>, Vec<&str>) {
    let needed = schema["required"].as_array().map(|keys| keys.iter().filter_map(Value::as_str).collect());
    let known = schema["properties"].as_object().map(|keys| keys.keys().map(String::as_str).collect());
    (needed.unwrap_or_default(), known.unwrap_or_default())
}

/// What a schema is of: the object itself, or each in a list of them.
fn objects<'a>(data: &'a Value, schema: &'a Value) -> (Vec<&'a Value>, &'a Value) {
    match data.as_array() {
        None => (vec![data], schema),
        Some(list) => {
            let name = schema["items"]["$ref"].as_str().unwrap().rsplit_once('/').unwrap().1;
            (list.iter().collect(), &schema["$defs"][name])
        }
    }
}

#[test]
fn every_verb_prints_one_object_with_the_keys_of_its_published_schema() {
    let stage = stage();
    for (verb, name) in VERBS {
        let told = stage.reenact(&[verb, &["--json"]].concat());
        assert_eq!(told.out.lines().count(), 1, "{verb:?} prints one line: {told:?}");
        let (data, schema) = (told.json(), published(name));
        let (objects, schema) = objects(&data, &schema);
        let (needed, known) = keys(schema);
        assert!(!objects.is_empty() && !known.is_empty(), "{verb:?}: {told:?}");
        for object in objects {
            let object = object.as_object().unwrap();
            assert!(needed.iter().all(|key| object.contains_key(*key)), "{verb:?} lacks one of {needed:?}: {told:?}");
            assert!(
                object.keys().all(|key| known.contains(&key.as_str())),
                "{verb:?} has more than {known:?}: {told:?}"
            );
        }
    }
}

#[test]
fn the_exit_status_is_the_same_with_and_without_it() {
    for (verb, _) in VERBS.iter().filter(|(verb, _)| !matches!(verb[0], "distill" | "demo")) {
        let (plain, json) = (prepared().reenact(verb), prepared().reenact(&[verb, &["--json"][..]].concat()));
        assert_eq!(plain.status, json.status, "{plain:?} {json:?}");
        assert!(!plain.out.is_empty() && serde_json::from_str::<Value>(&plain.out).is_err(), "{plain:?}");
    }
}

/// A stage on which all verbs have something to work on.
fn prepared() -> Stage {
    let stage = stage();
    assert_eq!(stage.reenact(&["import", "chats.jsonl"]).status, Some(0));
    assert_eq!(stage.run_parcels(&[]).status, Some(0));
    stage
}

#[test]
fn an_error_is_told_to_people_and_leaves_stdout_empty() {
    let stage = stage();
    for verb in
        [&["sessions"][..], &["report"], &["run", "none.yaml", "--agent", "recorded"], &["judge"], &["show", "x"]]
    {
        stage.reenact(&[verb, &["--json"]].concat()).refusal();
    }
}

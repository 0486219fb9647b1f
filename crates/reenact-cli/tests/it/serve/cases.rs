//! Suites and cases over HTTP: read, edited, and never written over somebody else's words.

use serde_json::{Value, json};

use crate::served::{Answer, Served};
use crate::stage::Stage;

const SUITE: &str = r#"# What we promise.
suite: parcels
cases:
  # The one that everybody asks.
  - id: parcel
    goal: where is my parcel   # the words of the user
    persona: You are short
    facts:
      - { id: number, text: it is parcel 4711, gate: { asked: parcel number } }
      # only later
      - id: street
        text: to Church Street
    expectations:
      - { id: says-where, contains: on its way }
      - id: kind
        text: The agent is kind
    context: { account: 12345678901234567890, share: 1.0 }
    origin:
      session: p-1
      evidence:
        - { field: goal, turn: 1, quote: where is my parcel }
        - { field: facts.number, turn: 2, quote: it's 4711 }
        - { field: facts.street, turn: 2, quote: nobody said this }

  - id: other
    goal: another thing
"#;

fn served() -> Served {
    let stage = Stage::new();
    stage.write("parcels.yaml", SUITE);
    let served = Served::on(stage, &[]);
    served
        .import(&[("p-1", &["Hi, where is my parcel?", "Which number?", "It’s 4711 <b>now</b>", "It is on its way."])]);
    served
}

fn case(served: &Served) -> Value {
    served.get("/api/suites/parcels.yaml/cases/parcel").json()
}

/// Sends changes of the case as it is now.
fn edit(served: &Served, changes: Value) -> Answer {
    let mut sent = changes;
    sent["revision"] = case(served)["revision"].clone();
    served.send("PUT", "/api/suites/parcels.yaml/cases/parcel", &sent)
}

/// The lines of the suite that are not as they were.
fn changed(served: &Served) -> Vec<String> {
    let now = served.stage.read("parcels.yaml");
    now.lines().filter(|line| !SUITE.lines().any(|was| was == *line)).map(str::to_owned).collect()
}

#[test]
fn suites_are_listed_with_their_cases_and_problems_and_other_files_are_not() {
    let served = served();
    served.stage.write("broken.yaml", "cases:\n  - gaol: get my money back\n");
    for (name, text) in [
        ("judges.yaml", "judges: [conversation_completeness]\n"),
        ("agent.yaml", "agent: cmd:x\n"),
        ("data.json", "[1, 2]"),
        ("notes.txt", "cases:\n"),
    ] {
        served.stage.write(name, text);
    }
    let files = served.get("/api/suites").json()["files"].clone();
    let told: Vec<_> = files
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["file"].as_str().unwrap(), it["cases"].clone(), it["problems"].clone()))
        .collect();
    assert_eq!(told[1], ("parcels.yaml", json!(2), json!(0)));
    assert_eq!((told[0].0, told.len()), ("broken.yaml", 2), "{told:?}");
    let broken = served.get("/api/suites/broken.yaml").json();
    assert_eq!(
        (&broken["problems"][0]["what"], &broken["problems"][0]["file"]),
        (&json!("`gaol` is not a key of a case"), &json!("broken.yaml"))
    );
    assert!(served.open("/suites/broken.yaml").body.contains("did you mean `goal`?"));
    assert!(served.open("/suites/parcels.yaml").body.contains(">no expectations<"));
}

#[test]
fn a_case_is_shown_beside_the_words_that_it_comes_from() {
    let served = served();
    let shown = case(&served);
    assert_eq!((&shown["neighbours"]["next"], &shown["session"]), (&json!("other"), &json!("p-1")));
    let found: Vec<_> =
        shown["evidence"].as_array().unwrap().iter().map(|it| it["is_found"].as_bool().unwrap()).collect();
    assert_eq!(found, [true, true, false]);
    assert_eq!(
        shown["recording"][0]["pieces"],
        json!([
            {"text": "Hi, ", "evidence": []}, {"text": "where is my parcel", "evidence": [0]}, {"text": "?", "evidence": []}
        ])
    );
    assert_eq!(shown["recording"][2]["pieces"][0], json!({"text": "It’s 4711", "evidence": [1]}));
    let page = served.open("/suites/parcels.yaml/cases/parcel").body;
    assert!(page.contains(" &lt;b&gt;now&lt;&#x2f;b&gt;") && page.contains("data-evidence=\"1\""), "{page}");
    assert_eq!(served.open("/suites/parcels.yaml/cases/nobody").status, 404);
    assert_eq!(served.open("/suites/nobody.yaml").status, 404);
}

#[test]
fn an_edit_changes_the_lines_that_it_is_about_and_no_other() {
    let served = served();
    let done = edit(&served, json!({"persona": "You are long"})).json();
    assert_eq!(
        (&done["written"], &done["case"]["brief"]["persona"]),
        (&json!("changed_lines"), &json!("You are long"))
    );
    assert_eq!(changed(&served), ["    persona: You are long"]);
    let done = edit(
        &served,
        json!({"facts": [{"was": 0}, {"was": 1, "text": "to Mill Lane"}, {"text": "it was a gift", "gate": {"after": "street"}}]}),
    );
    assert_eq!(done.status, 200, "{done:?}");
    let suite = served.stage.read("parcels.yaml");
    for kept in [
        "# What we promise.",
        "# The one that everybody asks.",
        "parcel   # the words",
        "# only later",
        "{ id: number, text: it is parcel 4711,",
        "12345678901234567890, share: 1.0",
    ] {
        assert!(suite.contains(kept), "{kept}: {suite}");
    }
    assert!(suite.contains("text: to Mill Lane") && suite.contains("it was a gift"), "{suite}");
    assert_eq!(edit(&served, json!({})).json()["written"], "unchanged");
    assert!(served.stage.reenact(&["check", "parcels.yaml"]).status == Some(0));
}

#[test]
fn a_part_that_is_taken_away_leaves_the_rest_and_its_evidence_goes_with_it() {
    let served = served();
    let done = edit(
        &served,
        json!({"persona": "", "facts": [{"was": 1}], "expectations": [{"was": 1, "text": "", "check": {"matches": "kind|nice"}}]}),
    );
    assert_eq!(done.status, 200, "{done:?}");
    let suite = served.stage.read("parcels.yaml");
    assert!(!suite.contains("persona") && !suite.contains("facts.number") && !suite.contains("says-where"), "{suite}");
    assert!(suite.contains("# The one that everybody asks.") && suite.contains("field: facts.street"), "{suite}");
    assert_eq!(case(&served)["case"]["expectations"], json!([{"id": "kind", "matches": "kind|nice"}]));
}

#[test]
fn what_is_wrong_is_said_at_its_part_and_nothing_is_written() {
    let served = served();
    let wrong = edit(
        &served,
        json!({
            "goal": " ", "facts": [{"was": 0}, {"was": 1, "gate": {"after": "nobody"}}],
            "expectations": [{"text": "no", "check": {"matches": "(sorry"}}],
        }),
    );
    assert_eq!(wrong.status, 422, "{wrong:?}");
    let places: Vec<_> = wrong.json()["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["part"].clone(), it["item"].clone()))
        .collect();
    assert_eq!(places, [(json!("goal"), Value::Null), (json!("facts"), json!(2)), (json!("expectations"), json!(1))]);
    let context = edit(&served, json!({"context": "[1]"}));
    assert_eq!((context.status, &context.json()["field"]), (422, &json!("context")));
    for bad in [json!({"facts": [{"was": 7}]}), json!({"facts": [{"id": "x"}]}), json!({"nothing": 1})] {
        assert!(matches!(edit(&served, bad).status, 400 | 422));
    }
    assert_eq!(served.stage.read("parcels.yaml"), SUITE);
}

#[test]
fn what_somebody_else_wrote_meanwhile_is_not_written_over() {
    let served = served();
    let before = case(&served)["revision"].clone();
    let theirs = SUITE.replace("You are short", "You are patient");
    served.stage.write("parcels.yaml", &theirs);
    let late = served.send(
        "PUT",
        "/api/suites/parcels.yaml/cases/parcel",
        &json!({"revision": before, "persona": "You are long"}),
    );
    assert_eq!(late.status, 409, "{late:?}");
    assert_eq!(served.stage.read("parcels.yaml"), theirs);
    // A change of another case is in nobody's way, and neither is a comment.
    let before = case(&served)["revision"].clone();
    served.stage.write("parcels.yaml", theirs.replace("another thing", "a third thing # new"));
    let done = served.send(
        "PUT",
        "/api/suites/parcels.yaml/cases/parcel",
        &json!({"revision": before, "persona": "You are long"}),
    );
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(
        served.stage.read("parcels.yaml"),
        SUITE.replace("You are short", "You are long").replace("another thing", "a third thing # new")
    );
}

#[test]
fn of_many_who_write_at_once_each_is_told_whether_it_was_written() {
    let served = served();
    let before = case(&served)["revision"].clone();
    let write = |n: usize| {
        let sent = json!({"revision": before, "persona": format!("You are {n}")});
        served.send("PUT", "/api/suites/parcels.yaml/cases/parcel", &sent).status
    };
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8).map(|n| scope.spawn(move || write(n))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(changed(&served).len(), 1);
}

#[test]
fn no_path_leads_out_of_the_folder() {
    let stage = Stage::new();
    for folder in ["suites", "suites/below"] {
        std::fs::create_dir(stage.path(folder)).unwrap();
    }
    for name in ["outside.yaml", "suites/inside.yaml", "suites/below/deep.yaml", "suites/.hidden.yaml"] {
        stage.write(name, SUITE);
    }
    #[cfg(unix)]
    for (target, link) in [("outside.yaml", "suites/link.yaml"), ("made.yaml", "suites/nothing.yaml")] {
        std::os::unix::fs::symlink(stage.path(target), stage.path(link)).unwrap();
    }
    let served = Served::on(stage, &["--suites", "suites"]);
    let files = served.get("/api/suites").json()["files"].clone();
    assert_eq!(files.as_array().unwrap().iter().map(|it| it["file"].clone()).collect::<Vec<_>>(), ["inside.yaml"]);
    for name in [
        "..%2Foutside.yaml",
        "%2e%2e%2foutside.yaml",
        "below%2Fdeep.yaml",
        ".hidden.yaml",
        "link.yaml",
        "nothing.yaml",
        "inside.yaml%00",
        "..%5Coutside.yaml",
        "%2Fetc%2Fpasswd",
        ".%2Finside.yaml",
        "inside.yaml%2F",
        "..",
        "%2e%2e",
    ] {
        let read = served.get(&format!("/api/suites/{name}"));
        assert!(matches!(read.status, 400 | 404), "{name}: {read:?}");
        let written =
            served.send("PUT", &format!("/api/suites/{name}/cases/parcel"), &json!({"revision": "", "goal": "mine"}));
        assert!(matches!(written.status, 400 | 404 | 405), "{name}: {written:?}");
        let asked = json!({"query": "", "suite": "link.yaml"});
        assert_eq!(served.send("POST", "/api/distillations", &asked).status, 400);
    }
    assert_eq!(served.stage.read("outside.yaml"), SUITE);
    assert!(!served.stage.path("made.yaml").exists());
}

#[test]
fn a_suite_that_cannot_be_written_is_shown_and_says_so() {
    let stage = Stage::new();
    stage.write("made.json", r#"{"cases": [{"id": "a", "goal": "get it"}]}"#);
    let served = Served::on(stage, &[]);
    let shown = served.get("/api/suites/made.json/cases/a").json();
    assert_eq!(shown["read_only"], "a suite cannot be written as `.json`");
    assert!(served.open("/suites/made.json/cases/a").body.contains("cannot be changed here"));
    let sent = json!({"revision": shown["revision"], "goal": "get another"});
    assert_eq!(served.send("PUT", "/api/suites/made.json/cases/a", &sent).status, 400);
}

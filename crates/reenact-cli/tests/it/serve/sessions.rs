//! Sessions over HTTP: finding, reading, importing and distilling them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::served::Served;

fn ids(listed: &Value) -> Vec<String> {
    listed["sessions"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn page_by_page_every_session_is_shown_once() {
    let served = Served::start(&[]);
    let names: Vec<String> = (0..120).map(|n| format!("s/{n:03}?")).collect();
    let said = ["where is my parcel", "On its way."];
    served.import(&names.iter().map(|name| (name.as_str(), &said[..])).collect::<Vec<_>>());
    let (mut seen, mut pages, mut next) = (Vec::new(), 0, String::new());
    loop {
        let listed = served.get(&format!("/api/sessions?q=parcel{next}")).json();
        assert_eq!((&listed["matched"], &listed["total"]), (&json!(120), &json!(120)));
        seen.extend(ids(&listed));
        pages += 1;
        let Some(after) = listed["next"].as_str() else { break };
        next = format!("&after={}", after.replace('/', "%2F").replace('?', "%3F"));
        let page = served.open(&format!("/sessions?q=parcel{next}"));
        assert!(page.body.contains(">newest</a>"), "{page:?}");
    }
    assert_eq!((pages, seen.len()), (3, 120));
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), names.into_iter().collect());
    let shown = served.open("/sessions/s%2F007%3F");
    assert_eq!(shown.status, 200);
    assert!(shown.body.contains("where is my parcel"));
    assert_eq!(served.get("/api/sessions?after=nonsense").status, 400);
}

#[test]
fn a_session_is_shown_with_its_signs_of_trouble_and_one_that_is_not_there_is_said_to_be_missing() {
    let served = Served::start(&[]);
    served.import(&[("m-1", &["is the market open", "It is.", "No, that is not true, it is saturday", "I am sorry."])]);
    let shown = served.get("/api/sessions/m-1").json();
    assert_eq!((&shown["turns"], &shown["session"]["messages"][1]["text"]), (&json!(2), &json!("It is.")));
    assert!(shown["signals"].as_array().unwrap().iter().any(|signal| signal["words"] == "pushback"), "{shown}");
    let row = &served.get("/api/sessions").json()["sessions"][0];
    assert!(row["signs"].as_array().unwrap().contains(&json!("pushback")), "{row}");
    let missing = served.open("/sessions/nobody");
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("is no session `nobody`") && !missing.body.contains("<code>/"), "{missing:?}");
}

#[test]
fn a_file_is_imported_and_what_is_skipped_is_said() {
    let served = Served::start(&[]);
    let log =
        "{\"session_id\": \"a\", \"messages\": [{\"role\": \"user\", \"content\": \"hello\"}]}\n{\"session_id\": 7}\n";
    let done = served.upload("chat%20log.jsonl", log.as_bytes());
    assert_eq!((&done["state"], &done["what"]), (&json!("done"), &json!("chat log.jsonl")), "{done}");
    assert_eq!((&done["result"]["sessions_new"], &done["result"]["skipped_count"]), (&json!(1), &json!(1)));
    assert!(done["result"]["skipped"][0]["what"].as_str().unwrap().starts_with("chat log.jsonl:2"));
    assert_eq!(served.upload("again", log.as_bytes())["result"]["sessions_unchanged"], 1);
    assert_eq!(
        served.upload("picture.png", b"\x89PNG\r\n\x1a\n\0\0")["result"]["unreadable"].as_array().unwrap().len(),
        1
    );
    assert_eq!(ids(&served.get("/api/sessions").json()), ["a"]);
    assert_eq!(served.stage.files(".reenact").iter().filter(|name| !name.starts_with("store.db")).count(), 0);
}

#[test]
fn sessions_are_distilled_into_a_suite_of_the_folder() {
    let served = Served::start(&[]);
    served.import(&[
        ("p-1", &["where is my parcel", "Which number?", "it is 4711", "On its way."]),
        ("p-2", &["I want a refund for my shoes", "Why?", "they are too small", "Done."]),
    ]);
    let asked = |more: Value| {
        let mut asked = json!({"suite": "parcels.yaml"});
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        served.send("POST", "/api/distillations", &asked)
    };
    let done = served.over(&asked(json!({"sessions": ["p-1"]})).json());
    assert_eq!((&done["state"], &done["done"], &done["total"]), (&json!("done"), &json!(1), &json!(1)), "{done}");
    assert!(served.stage.read("parcels.yaml").contains("session: p-1"));
    // The rest is added, and an edit stays.
    let edited = served.stage.read("parcels.yaml").replace("\ncases:", "\n# mine\ncases:");
    served.stage.write("parcels.yaml", &edited);
    let done = served.over(&asked(json!({"query": ""})).json());
    assert_eq!(done["state"], "done", "{done}");
    let suite = served.stage.read("parcels.yaml");
    assert!(suite.contains("# mine\ncases:") && suite.contains("session: p-2"), "{suite}");
    assert_eq!(served.get("/api/sessions/p-2").json()["cases"][0]["file"], "parcels.yaml");
    let nothing = served.over(&asked(json!({"query": "unheard", "suite": "none.yaml"})).json());
    assert_eq!(
        (&nothing["state"], &nothing["error"]["error"]),
        (&json!("failed"), &json!("there are no sessions to distil"))
    );
}

#[test]
fn a_distillation_is_refused_where_the_file_or_the_model_leads_out_of_the_folder() {
    let served = Served::start(&[]);
    served.import(&[("p-1", &["where is my parcel", "On its way."])]);
    let field = |asked: Value| {
        let refused = served.send("POST", "/api/distillations", &asked);
        assert_eq!(refused.status, 400, "{refused:?}");
        refused.json()["field"].clone()
    };
    for suite in
        ["../out.yaml", "/etc/out.yaml", "a/b.yaml", ".hidden.yaml", "out.txt", "", "--help", "a\\b.yaml", "c:out.yaml"]
    {
        assert_eq!(field(json!({"query": "", "suite": suite})), "suite", "{suite}");
    }
    for model in ["script:answers.txt", "replay:/etc/passwd"] {
        assert_eq!(field(json!({"query": "", "suite": "a.yaml", "model": model})), "model");
    }
    assert_eq!(field(json!({"suite": "a.yaml"})), "sessions");
    let unknown = served.send("POST", "/api/distillations", &json!({"query": "", "suite": "a.yaml", "mask": "off"}));
    assert_eq!(unknown.status, 422);
    assert_eq!(served.get("/api/tasks").json()["tasks"], json!([]));
}

//! `reenact serve` as a browser and a program meet it: over HTTP, at a port of its own.

use serde_json::Value;

use crate::served::Served;

mod cases;
mod events;
#[path = "../../../reenact/tests/it/import/packing.rs"]
mod packing;
mod receiver;
mod runs;
mod safety;
mod sessions;

#[test]
fn it_says_where_it_is_answers_there_and_stops_cleanly() {
    let served = Served::start(&[]);
    let page = served.get("/sessions");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("<h1>Sessions</h1>"), "{page:?}");
    assert_eq!(served.get("/").header("location"), Some("/sessions"));
    let told = served.stop();
    assert_eq!(told.status, Some(0), "{told:?}");
}

#[test]
fn a_page_and_the_api_show_the_same_sessions() {
    let served = Served::start(&[]);
    served.import(&[("s-1", &["where is my parcel", "On its way."])]);
    let listed = served.get("/api/sessions?q=parcel").json();
    assert_eq!(listed["matched"], 1);
    assert_eq!(listed["sessions"][0]["id"], "s-1");
    assert!(served.get("/sessions?q=parcel").body.contains("where is my parcel"));
    assert_eq!(served.get("/api/sessions?q=market").json()["sessions"], Value::Array(vec![]));
}

#[test]
fn what_goes_wrong_is_a_page_to_a_reader_and_json_to_a_program() {
    let served = Served::start(&[]);
    let told = served.get("/api/sessions?q=turn%3A3");
    assert_eq!((told.status, told.header("content-type")), (400, Some("application/json")));
    assert_eq!(told.json()["error"], "unknown part `turn` in the query `turn:3`");
    assert!(told.json()["hint"].as_str().unwrap().starts_with("did you mean `turns`?"));
    let page = served.open("/nothing");
    assert_eq!((page.status, page.header("content-type")), (404, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("There is nothing at this address"));
}

#[test]
fn the_description_of_the_api_is_the_published_one() {
    let served = Served::start(&[]);
    let published = std::fs::read_to_string("../../docs/schema/openapi.json").unwrap();
    let published: Value = serde_json::from_str(&published).unwrap();
    assert_eq!(served.get("/api/openapi.json").json(), published);
}

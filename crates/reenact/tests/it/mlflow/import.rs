//! Sessions of an experiment: each message once and in order, whatever the server does.

use axum::response::{IntoResponse as _, Response};
use reenact::import::{Imported, OnProblem};
use reenact::mlflow::{Server, Sessions, import};
use reenact::{Environment, ErrorKind, Result, SessionQuery, Store};
use serde_json::{Value, json};

use super::fake::{Fake, refuses, turn};

const SEARCH: &str = "/api/3.0/mlflow/traces/search";
const BATCH: &str = "/api/3.0/mlflow/traces/batchGet";

async fn read(fake: &Fake, store: &Store) -> Result<Imported> {
    read_where(fake, store, "").await
}

async fn read_where(fake: &Fake, store: &Store, filter: &str) -> Result<Imported> {
    let wanted = Sessions { experiment: "support".into(), filter: filter.into(), ..Sessions::default() };
    import(&fake.server(), &wanted, store, &mut |_| {}).await
}

/// Three sessions of four turns, the traces of all mixed by time.
fn three_sessions() -> Vec<Value> {
    (1..=4).flat_map(|n| ["a", "b", "c"].map(|session| turn(session, n))).collect()
}

async fn with_three_sessions() -> Fake {
    let fake = Fake::start().await;
    fake.world().traces = three_sessions();
    fake
}

fn words(store: &Store, session: &str) -> Vec<String> {
    let session = store.session(session).unwrap();
    session.conversation.messages.into_iter().map(|message| message.text).collect()
}

/// What is said in a session of so many turns.
fn told(session: &str, turns: usize) -> Vec<String> {
    (1..=turns).flat_map(|n| [format!("question {n} of {session}"), format!("answer {n} to {session}")]).collect()
}

fn counts(imported: &Imported) -> (u64, u64, u64, u64) {
    let Imported { sessions_new, sessions_grown, sessions_unchanged, skipped_count, .. } = imported;
    (*sessions_new, *sessions_grown, *sessions_unchanged, *skipped_count)
}

#[tokio::test]
async fn every_message_of_sessions_over_many_pages_is_there_once_and_in_order() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(counts(&imported), (3, 0, 0, 0), "{imported:?}");
    for session in ["a", "b", "c"] {
        assert_eq!(words(&store, session), told(session, 4));
    }
    let session = store.session("a").unwrap();
    assert_eq!(session.source, format!("mlflow {}/#/experiments/7", fake.address));
    assert_eq!(session.metadata["team"], "support");
    assert_eq!(session.started_at.unwrap().to_string(), "2026-03-01T12:00:01Z");
}

#[tokio::test]
async fn traces_that_began_in_one_millisecond_are_all_there() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    fake.world().traces = (0..10).map(|n| turn(&format!("s{n}"), 1)).collect();
    assert_eq!(counts(&read(&fake, &store).await.unwrap()), (10, 0, 0, 0));
}

#[tokio::test]
async fn another_import_asks_for_the_spans_of_what_is_new_only() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    read(&fake, &store).await.unwrap();
    let before = fake.count(BATCH);
    assert_eq!(counts(&read(&fake, &store).await.unwrap()), (0, 0, 3, 0));
    assert_eq!(fake.count(BATCH), before, "nothing is new");
    fake.world().traces.push(turn("b", 5));
    assert_eq!(counts(&read(&fake, &store).await.unwrap()), (0, 1, 2, 0));
    assert_eq!(fake.count(BATCH), before + 1);
    assert_eq!(words(&store, "b"), told("b", 5));
}

#[tokio::test]
async fn a_session_of_which_one_trace_is_found_comes_whole() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    for trace in fake.world().traces.iter_mut().filter(|trace| trace["trace_id"] != "tr-b-3") {
        trace["tags"]["team"] = "sales".into();
    }
    let imported = read_where(&fake, &store, "tags.team = 'support'").await.unwrap();
    assert_eq!(counts(&imported), (1, 0, 0, 0));
    assert_eq!(words(&store, "b"), told("b", 4));
}

#[tokio::test]
async fn a_trace_that_cannot_be_used_is_skipped_with_its_reason_and_costs_no_other() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    {
        let mut world = fake.world();
        let mut bare = turn("d", 1);
        bare["spans"] = json!([]);
        let mut missing = turn("e", 1);
        missing["tags"] = json!({});
        missing["spans"] = Value::Null;
        let mut going_on = turn("f", 1);
        going_on["state"] = "IN_PROGRESS".into();
        let mut of_file = turn("g", 1);
        of_file["tags"] = json!({});
        world.traces.extend([bare, missing, going_on, of_file]);
    }
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(counts(&imported), (4, 0, 0, 3), "{imported:?}");
    let reasons: Vec<&str> = imported.skipped.iter().map(|skipped| skipped.reason.as_str()).collect();
    let expected = [
        "trace tr-f-1: it still goes on; import again when it is over",
        "trace tr-d-1: it has no spans",
        "trace tr-e-1: the server has no file of its spans",
    ];
    for reason in expected {
        assert!(reasons.contains(&reason), "{reason} in {reasons:?}");
    }
    assert_eq!(words(&store, "g"), told("g", 1), "spans in a file are as good");
}

#[tokio::test]
async fn a_trace_that_is_deleted_between_the_search_and_the_reading_is_skipped() {
    let store = Store::temporary().unwrap();
    let half = |path: &str, before: usize| {
        // MLflow leaves out what it no longer has, without a word.
        (path == BATCH && before == 0).then(|| super::fake::says(200, json!({ "traces": [] })))
    };
    let fake = Fake::failing(half).await;
    fake.world().traces = vec![turn("a", 1)];
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(imported.skipped[0].reason, "trace tr-a-1: it was deleted meanwhile");
}

#[tokio::test]
async fn a_trace_that_the_server_cannot_give_is_found_among_the_others() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    fake.world().broken = Some("tr-b-2".into());
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(counts(&imported), (3, 0, 0, 1), "{imported:?}");
    assert!(imported.skipped[0].reason.starts_with("trace tr-b-2: the server does not give it: "), "{imported:?}");
    // The history of the next turn tells what was said in it.
    assert_eq!(words(&store, "b"), told("b", 4));
}

/// A fault that goes by is asked again, and nothing is lost or twice there.
async fn survives(fault: impl Fn(&str, usize) -> Option<Response> + Send + Sync + 'static) {
    let (fake, store) = (Fake::failing(fault).await, Store::temporary().unwrap());
    fake.world().traces = three_sessions();
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(counts(&imported), (3, 0, 0, 0), "{imported:?}");
    assert_eq!(words(&store, "c"), told("c", 4));
}

#[tokio::test]
async fn a_server_that_is_busy_for_a_moment_is_asked_again() {
    survives(|path, before| (path == SEARCH && before < 1).then(|| refuses(500, "TEMPORARILY_UNAVAILABLE", "busy")))
        .await;
    survives(|path, before| {
        (path == BATCH && before == 0).then(|| (http(429), [("retry-after", "1")], "").into_response())
    })
    .await;
    survives(|path, before| (path == BATCH && before < 2).then(|| (http(503), "").into_response())).await;
}

fn http(status: u16) -> axum::http::StatusCode {
    axum::http::StatusCode::from_u16(status).unwrap()
}

#[tokio::test]
async fn what_came_before_a_server_failed_for_good_is_kept_and_the_next_import_goes_on() {
    let store = Store::temporary().unwrap();
    let fake = Fake::failing(|path, before| {
        (path == SEARCH && before >= 2).then(|| (http(403), "<html>closed</html>").into_response())
    })
    .await;
    fake.world().traces = three_sessions();
    let imported = read(&fake, &store).await.unwrap();
    assert_eq!(imported.unreadable.len(), 1, "{imported:?}");
    assert!(imported.unreadable[0].reason.contains("403 Forbidden"), "{imported:?}");
    assert!(imported.sessions() > 0);
    let whole = Fake::start().await;
    whole.world().traces = three_sessions();
    read(&whole, &store).await.unwrap();
    assert_eq!(words(&store, "a"), told("a", 4));
    assert_eq!(store.read_sessions(&SessionQuery::default()).unwrap().count(), 3);
}

#[tokio::test]
async fn what_is_no_answer_of_mlflow_is_said_and_ends_the_import() {
    for body in ["<html>hello</html>", "{\"traces\": [{\"trace_id\": 3}]}", "{\"traces\": [{"] {
        let fake = Fake::failing(move |path, _| (path == SEARCH).then(|| (http(200), body).into_response())).await;
        let imported = read(&fake, &Store::temporary().unwrap()).await.unwrap();
        let reason = &imported.unreadable[0].reason;
        assert!(reason.contains("what it answers to traces/search is of no known form"), "{reason}");
    }
}

#[tokio::test]
async fn with_refuse_nothing_is_written_where_anything_is_wrong() {
    let (fake, store) = (with_three_sessions().await, Store::temporary().unwrap());
    fake.world().traces[0]["spans"] = json!([]);
    let wanted = Sessions { experiment: "support".into(), on_problem: OnProblem::Refuse, ..Sessions::default() };
    let imported = import(&fake.server(), &wanted, &store, &mut |_| {}).await.unwrap();
    assert!(imported.refused);
    assert_eq!(store.read_sessions(&SessionQuery::default()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_experiment_that_is_not_there_is_named_with_those_that_are_like_it() {
    let (fake, store) = (Fake::start().await, Store::temporary().unwrap());
    let named = |name: &str| Sessions { experiment: name.into(), ..Sessions::default() };
    let error = import(&fake.server(), &named("suport"), &store, &mut |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("has no experiment `suport`"), "{error}");
    assert_eq!(error.hint_text(), Some("of its 2 experiments, name for instance `support`"));
    let error = import(&fake.server(), &named("gone"), &store, &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("is deleted"), "{error}");
}

#[tokio::test]
async fn credentials_are_sent_with_every_request_and_stand_in_no_error() {
    let fake =
        Fake::failing(|_, _| Some((http(401), "who is ann with hunter22 or YW5uOmh1bnRlcjIy?").into_response())).await;
    let told = [("MLFLOW_TRACKING_USERNAME", "ann"), ("MLFLOW_TRACKING_PASSWORD", "hunter22")];
    let environment: Environment = told.into_iter().collect();
    let server = Server::open(Some(&fake.address), &environment).unwrap();
    let wanted = Sessions { experiment: "support".into(), ..Sessions::default() };
    let error = import(&server, &wanted, &Store::temporary().unwrap(), &mut |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    assert!(!error.to_string().contains("hunter22") && !error.to_string().contains("YW5u"), "{error}");
    assert!(error.hint_text().unwrap().contains("MLFLOW_TRACKING_TOKEN"));
    assert!(fake.world().headers.iter().all(|headers| headers["authorization"] == "Basic YW5uOmh1bnRlcjIy"));
}

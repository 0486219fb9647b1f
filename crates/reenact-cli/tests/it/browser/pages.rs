//! The pages of `reenact serve` in a real browser: what a person sees and does there, with a mouse, with keys and with a reader of screens.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::HOSTILE;
use super::devtools::Browser;
use crate::served::Served;
use crate::stage::Stage;

/// `bash .ci/test` puts it there.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/axe-node/node_modules/axe-core/axe.min.js");

/// What axe is to hold pages to: the Web Content Accessibility Guidelines 2.2, levels A and AA, and what it calls best practice.
const RULES: &str = "({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations']})";

/// The recordings of the demo, a suite of them, and a suite that is broken.
fn demo() -> Served {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    assert_eq!(stage.reenact(&["import", "reenact-demo/recordings"]).status, Some(0));
    assert_eq!(stage.reenact(&["distill", "-o", "support.yaml"]).status, Some(0));
    stage.write("broken.yaml", "cases:\n  - gaol: get my money back\n");
    Served::on(stage, &[])
}

fn address(served: &Served, path: &str) -> String {
    format!("http://{}{path}", served.address)
}

/// What axe finds in the page: for each violation its rule and the elements.
fn barriers(browser: &mut Browser) -> Value {
    let axe = std::fs::read_to_string(AXE).expect("axe-core is there: bash .ci/test");
    browser.value(&axe);
    let run = format!(
        "axe.run(document, {RULES}).then(found => found.violations.map(it => [it.id, it.nodes.map(node => node.html + ' ' + node.failureSummary)]))"
    );
    browser.value(&run)
}

#[track_caller]
fn assert_quiet(browser: &Browser, served: &Served) {
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    let ours = address(served, "/");
    assert!(browser.requests().iter().all(|asked| asked.starts_with(&ours)), "{:?}", browser.requests());
}

fn picture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images").join(name)
}

const PAGES: [(&str, &str); 9] = [
    ("/sessions", "sessions"),
    ("/sessions?q=market", ""),
    ("/sessions?q=unheard", ""),
    ("/sessions/mkt-7c1e", ""),
    ("/suites", ""),
    ("/suites/support.yaml", ""),
    ("/suites/broken.yaml", ""),
    ("/suites/support.yaml/cases/transfer", "case"),
    ("/nothing", ""),
];

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn no_page_has_a_barrier_on_a_telephone_or_a_desk_by_day_or_by_night() {
    let served = demo();
    let mut browser = Browser::start();
    for (path, name) in PAGES {
        for (width, height) in [(360, 740), (1280, 860)] {
            for scheme in ["light", "dark"] {
                browser.resize(width, height);
                browser.prefers(scheme);
                browser.visit(&address(&served, path));
                let wide = browser.value("document.documentElement.scrollWidth");
                assert!(wide.as_u64().unwrap() <= width.into(), "{path} is {wide} wide on {width}");
                if !name.is_empty() && width > 1000 && std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
                    browser.picture(&picture(&format!("{name}-{width}-{scheme}.png")));
                }
                if path != "/nothing" {
                    assert_quiet(&browser, &served);
                }
                browser.value("document.querySelectorAll('details').forEach(it => { it.open = true; })");
                assert_eq!(barriers(&mut browser), json!([]), "{path} at {width}, {scheme}");
            }
        }
    }
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_page_with_a_barrier_is_seen_to_have_one() {
    let served = demo();
    let mut browser = Browser::start();
    browser.visit(&address(&served, "/sessions"));
    browser.value("document.querySelector('main').append(document.createElement('input'))");
    assert_eq!(barriers(&mut browser)[0][0], "label");
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_field_and_the_words_that_it_comes_from_show_each_other() {
    let served = demo();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/suites/support.yaml/cases/transfer"));
    browser.click("[data-part='facts.reference-number-transfer'] textarea");
    assert_eq!(
        browser.value("[...document.querySelectorAll('mark.lit')].map(it => it.textContent)"),
        json!(["Sure, it is T-2041."])
    );
    browser.click("mark.lit");
    let part = browser.value("document.activeElement.closest('[data-part]').dataset.part");
    assert_eq!(part, "facts.reference-number-transfer");
    let named = browser.value("document.querySelector('mark').getAttribute('aria-label')");
    assert!(named.as_str().unwrap().contains("quoted for goal"), "{named}");
    assert_quiet(&browser, &served);
}

/// Types into a field what is to stand in it.
fn fill(browser: &mut Browser, selector: &str, text: &str) {
    browser.click(selector);
    browser.value(&format!("document.querySelector({}).select()", json!(selector)));
    browser.write(text);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_case_is_edited_and_saved_to_its_file() {
    let served = demo();
    let before = served.stage.read("support.yaml");
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/suites/support.yaml/cases/transfer"));
    assert_eq!(browser.value("document.getElementById('save').disabled"), true);
    fill(&mut browser, "#goal", "Get my money");
    fill(&mut browser, "[data-part='facts.true-arrived-balance'] textarea", "it is not there");
    assert_eq!(browser.value("document.getElementById('state').textContent"), "2 parts edited");
    browser.click("#save");
    browser.wait_for("document.getElementById('said').textContent === 'Saved'");
    let after = served.stage.read("support.yaml");
    let changed: Vec<&str> = after.lines().filter(|line| !before.lines().any(|was| was == *line)).collect();
    assert_eq!(changed, ["    goal: Get my money", "        text: it is not there"]);
    assert_eq!(browser.value("document.getElementById('goal').value"), "Get my money");
    assert_quiet(&browser, &served);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn parts_are_added_and_taken_away() {
    let served = demo();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/suites/support.yaml/cases/transfer"));
    browser.click("[data-list-of=facts] > .item:first-of-type .remove");
    browser.click("[data-list-of=facts] > .add");
    browser.write("it was sent from Leeds");
    browser.click("[data-list-of=expectations] > .add");
    browser.write("The agent is kind");
    assert_eq!(browser.value("document.getElementById('state').textContent"), "3 parts edited");
    browser.click("#save");
    browser.wait_for("document.getElementById('said').textContent === 'Saved'");
    let case = &served.get("/api/suites/support.yaml/cases/transfer").json()["case"];
    let texts: Vec<_> = case["brief"]["facts"].as_array().unwrap().iter().map(|fact| fact["text"].clone()).collect();
    assert_eq!(texts.len(), 2);
    assert_eq!(texts[1], "it was sent from Leeds");
    assert_eq!(case["expectations"][1]["text"], "The agent is kind");
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn what_is_wrong_stands_at_its_field_and_an_edit_that_came_late_is_still_in_the_page() {
    let served = demo();
    let before = served.stage.read("support.yaml");
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/suites/support.yaml/cases/transfer"));
    let pattern = "[data-list-of=expectations] > .item textarea[name=check]";
    fill(&mut browser, pattern, "(sorry");
    browser.click("#save");
    let wrong = "document.querySelector('[data-list-of=expectations] > .item .wrong')";
    browser.wait_for(&format!("!{wrong}.hidden"));
    assert!(browser.value(&format!("{wrong}.textContent")).as_str().unwrap().contains("regular expression"));
    assert_eq!(
        browser.value("document.activeElement.closest('.item').contains(document.querySelector('[aria-invalid]'))"),
        true
    );
    assert_eq!(barriers(&mut browser), json!([]));
    assert_eq!(served.stage.read("support.yaml"), before);
    fill(&mut browser, pattern, "arrived");
    served.stage.write("support.yaml", before.replace("where my transfer is.", "where is my transfer."));
    browser.click("#save");
    browser.wait_for("document.getElementById('case-wrong').textContent.includes('somebody else changed this case')");
    assert_eq!(browser.value(&format!("document.querySelector({}).value", json!(pattern))), "arrived");
    assert!(served.stage.read("support.yaml").contains("where is my transfer."));
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn sessions_are_found_chosen_and_distilled_with_the_keys_alone() {
    let served = demo();
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/sessions"));
    browser.press("?");
    assert_eq!(browser.value("document.getElementById('help').open"), true);
    browser.press("Escape");
    browser.press("/");
    browser.write("market");
    browser.leave(|browser| browser.press("Enter"));
    assert_eq!(browser.value("document.querySelectorAll('.entry').length"), 2);
    browser.press("j");
    browser.press("x");
    browser.press("j");
    browser.press("k");
    assert_eq!(browser.value("document.activeElement.closest('.entry').querySelector('input').checked"), true);
    browser.value("document.querySelector('.selection button.distil').focus()");
    browser.press("Enter");
    fill(&mut browser, "#distil-suite", "../outside.yaml");
    browser.click("#distil-go");
    browser.wait_for("!document.getElementById('distil-wrong').hidden");
    assert!(
        browser
            .value("document.getElementById('distil-wrong').textContent")
            .as_str()
            .unwrap()
            .contains("no name for a suite file")
    );
    assert_eq!(barriers(&mut browser), json!([]));
    fill(&mut browser, "#distil-suite", "market.yaml");
    browser.click("#distil-go");
    browser.wait_for("document.querySelector('#tasks a')?.textContent === 'Open market.yaml'");
    assert_eq!(barriers(&mut browser), json!([]));
    browser.leave(|browser| browser.click("#tasks a"));
    assert_eq!(browser.value("document.querySelectorAll('.entry').length"), 1);
    browser.press("j");
    browser.leave(|browser| browser.press("Enter"));
    assert_eq!(browser.value("document.querySelectorAll('#case').length"), 1);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_file_that_is_dropped_is_imported_and_what_was_skipped_is_shown() {
    let served = Served::start(&[]);
    let mut browser = Browser::start();
    browser.visit(&address(&served, "/sessions"));
    let log = r#"{"session_id": "a", "messages": [{"role": "user", "content": "hello"}]}
{"session_id": 7}
"#;
    browser.value(&format!(
        "(() => {{ const files = new DataTransfer(); files.items.add(new File([{}], 'chat log.jsonl')); \
         document.dispatchEvent(new DragEvent('drop', {{ dataTransfer: files, bubbles: true, cancelable: true }})); }})()",
        json!(log)
    ));
    browser.wait_for("document.querySelector('#tasks')?.textContent.includes('1 session: 1 new')");
    assert!(
        browser.value("document.querySelector('#tasks').textContent").as_str().unwrap().contains("chat log.jsonl:2")
    );
    assert_eq!(barriers(&mut browser), json!([]));
    browser.leave(|browser| browser.click("#tasks a"));
    assert_eq!(browser.value("document.querySelector('.entry a').textContent"), "hello");
    assert_quiet(&browser, &served);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn what_anybody_said_or_named_does_nothing_on_any_page() {
    let stage = Stage::new();
    let name = "<img src=x onerror=alert(1)>&quot; onclick=alert(2).yaml";
    let quote = |turn: u32| json!({"field": "goal", "turn": turn, "quote": HOSTILE});
    let suite = json!({"suite": HOSTILE, "cases": [{"id": HOSTILE, "goal": HOSTILE, "persona": HOSTILE, "opening": HOSTILE,
        "simulation_guidelines": [HOSTILE], "facts": [{"id": HOSTILE, "text": HOSTILE, "gate": {"asked": HOSTILE}}],
        "expectations": [{"id": HOSTILE, "text": HOSTILE, "contains": HOSTILE}], "context": {HOSTILE: HOSTILE},
        "origin": {"session": HOSTILE, "evidence": [quote(1), quote(2)], "back_test": [HOSTILE]}}]});
    let [header, case] = [json!({"suite": HOSTILE}), suite["cases"][0].clone()];
    let name = name.replace(".yaml", ".jsonl");
    stage.write(&name, format!("{header}\n{case}\n"));
    let log = json!({"session_id": HOSTILE, "user": HOSTILE, "metadata": {HOSTILE: HOSTILE}, "messages": [
        {"role": "system", "content": HOSTILE}, {"role": "user", "content": HOSTILE},
        {"role": "assistant", "content": HOSTILE, "tool_calls": [{"id": "1", "type": "function", "function": {"name": HOSTILE, "arguments": HOSTILE}}]},
        {"role": "tool", "tool_call_id": "1", "content": HOSTILE}]});
    stage.write("log.jsonl", format!("{log}\n"));
    assert_eq!(stage.reenact(&["import", "log.jsonl"]).status, Some(0));
    std::fs::remove_file(stage.path("log.jsonl")).unwrap();
    let served = Served::on(stage, &[]);
    let mut browser = Browser::start();
    let escaped = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let (file, id) = (escaped(&name), escaped(HOSTILE));
    for path in [
        "/sessions".to_owned(),
        format!("/sessions/{id}"),
        "/suites".to_owned(),
        format!("/suites/{file}"),
        format!("/suites/{file}/cases/{id}"),
        format!("/sessions?q=%22{id}"),
    ] {
        browser.visit(&address(&served, &path));
        browser.value("document.querySelectorAll('details').forEach(it => { it.open = true; })");
        assert_eq!(browser.value("typeof window.ran"), "undefined", "{path}");
        let foreign = browser.value("document.querySelectorAll('main script, main img, main iframe, main style, main link, main base, [onclick], [onerror], a[href^=javascript]').length");
        assert_eq!(foreign, 0, "{path}");
        let text = browser.value("document.querySelector('main').textContent");
        assert!(text.as_str().unwrap().contains("window.ran"), "{path}: {text}");
        let turning = browser.value(r"/[\u202a-\u202e\u2066-\u2069]/.test(document.documentElement.outerHTML)");
        assert_eq!(turning, false, "{path}: nothing turns the direction of reading");
        // That a query is none is answered with the status that says so, which a browser notes.
        if !path.contains("?q=") {
            assert_quiet(&browser, &served);
        }
    }
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_session_of_a_thousand_turns_is_one_page_that_the_keys_go_through() {
    let served = Served::start(&[]);
    let said: Vec<String> = (0..2000).map(|n| format!("message {n} of a long conversation")).collect();
    served.import(&[("long", &said.iter().map(String::as_str).collect::<Vec<_>>())]);
    let mut browser = Browser::start();
    browser.resize(1280, 900);
    browser.visit(&address(&served, "/sessions/long#u900"));
    assert_eq!(browser.value("document.querySelectorAll('.said').length"), 2000);
    let seen = browser.value("(() => { const top = document.getElementById('u900').getBoundingClientRect().top; return top >= 0 && top < innerHeight; })()");
    assert_eq!(seen, true);
    browser.press("j");
    browser.press("j");
    browser.press("k");
    assert!(
        browser.value("document.querySelector('.said.here').textContent").as_str().unwrap().contains("message 0 of")
    );
    assert_quiet(&browser, &served);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn whoever_has_the_token_logs_in_and_sees_the_pages() {
    let served = Served::start(&["--token", "a-token-of-many-characters"]);
    let mut browser = Browser::start();
    browser.visit(&address(&served, "/sessions"));
    assert_eq!(browser.value("location.pathname"), "/login");
    assert_eq!(barriers(&mut browser), json!([]));
    browser.click("#token");
    browser.write("not-this-token-at-all");
    browser.leave(|browser| browser.press("Enter"));
    assert_eq!(browser.value("document.getElementById('wrong').textContent"), "This is not the token.");
    browser.click("#token");
    browser.write("a-token-of-many-characters");
    browser.leave(|browser| browser.press("Enter"));
    assert_eq!(browser.value("location.pathname"), "/sessions");
    assert_eq!(browser.value("document.cookie"), "", "no script sees the cookie");
    assert_eq!(browser.value("fetch('/api/sessions').then(answer => answer.status)"), 200);
}

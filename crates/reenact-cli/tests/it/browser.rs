//! The HTML page of a run, opened from its file in a real browser without a network, and the pages of `reenact serve`.
//!
//! These tests need a Chromium, which a Rust toolchain does not bring, so that they are ignored unless asked for:
//! `bash .ci/test` installs one where it can and asks for them.

use serde_json::{Value, json};

use crate::stage::Stage;
use devtools::Browser;

mod axe;
mod devtools;
mod pages;
mod runs;

/// What a conversation may hold that wants to be more than text.
pub(crate) const HOSTILE: &str = "<script>window.ran = 1</script><img src=x onerror='window.ran = 2'><a href='javascript:window.ran = 3'>click</a>\
    <style>* { display: none }</style></p></details></main><iframe src='https://example.com/'></iframe>\
    [link](javascript:window.ran=4) \u{202e}gnp.exe\u{202c} \u{2066}x\u{2069} {{ 7 * 7 }} \" onclick=\"window.ran = 5";

/// Every details element open, so that nothing is left out of a look at the page.
const OPEN_ALL: &str = "document.querySelectorAll('details').forEach(details => details.open = true)";

fn demo() -> Stage {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    stage
}

/// The page of a run in which user, agent, judge and suite all say the hostile text.
fn hostile() -> Stage {
    let stage = Stage::new();
    let text = json!(HOSTILE);
    stage.write(
        "suite.json",
        json!({"suite": HOSTILE, "cases": [{"id": "hostile", "goal": HOSTILE, "opening": HOSTILE, "persona": HOSTILE,
            "expectations": [{"id": "e", "text": HOSTILE, "must_not_match": "window"}, {"id": "f", "text": HOSTILE}]}]})
        .to_string(),
    );
    stage.write(
        "agent.sh",
        format!("while read -r asked; do cat <<'END'\n{}\nEND\ndone\n", json!({"reply": HOSTILE, "version": text})),
    );
    let run = stage.reenact(&[
        "run",
        "suite.json",
        "--agent",
        "cmd:sh agent.sh",
        "--agent-version",
        HOSTILE,
        "--max-turns",
        "2",
    ]);
    assert_eq!(run.status, Some(1), "{run:?}");
    assert_eq!(stage.reenact(&["report", "--html", "run.html"]).status, Some(1));
    stage
}

fn assert_quiet(browser: &Browser) {
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    assert!(matches!(browser.requests()[..], [page] if page.starts_with("file://")), "{:?}", browser.requests());
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn the_page_opens_without_a_request_and_without_a_complaint() {
    let stage = demo();
    let mut browser = Browser::start();
    for page in ["reenact-demo/v1.html", "reenact-demo/v2.html"] {
        browser.open(&stage.path(page));
        browser.value(OPEN_ALL);
        assert!(browser.value("document.title").as_str().unwrap().contains("4 cases"));
        assert_eq!(browser.value("document.scripts.length"), 0);
        assert_quiet(&browser);
    }
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_page_that_does_ask_or_complain_is_seen_to() {
    let stage = Stage::new();
    stage.write("page.html", "<img src='http://example.com/x.png'><script>console.error('no')</script>");
    let mut browser = Browser::start();
    browser.open(&stage.path("page.html"));
    assert_eq!(browser.requests().len(), 2);
    assert!(!browser.complaints().is_empty());
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn what_is_said_in_a_conversation_does_nothing() {
    let stage = hostile();
    let mut browser = Browser::start();
    browser.open(&stage.path("run.html"));
    browser.value(OPEN_ALL);
    let foreign = browser.value("document.querySelectorAll('script, img, iframe, object, embed, form, base, link, [onclick], [onerror]').length");
    assert_eq!(foreign, 0);
    let links = browser.value("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))");
    assert!(links.as_array().unwrap().iter().all(|link| link.as_str().unwrap().starts_with('#')), "{links}");
    let said = browser.value("document.querySelector('.said.user .text').textContent");
    assert!(said.as_str().unwrap().starts_with("<script>window.ran = 1</script>"), "{said}");
    let turning = browser.value(r"/[\u202a-\u202e\u2066-\u2069]/.test(document.documentElement.outerHTML)");
    assert_eq!(turning, false, "nothing turns the direction of reading");
    browser.click(".said.user .text");
    browser.click("summary");
    assert_eq!(browser.value("typeof window.ran"), "undefined");
    assert_quiet(&browser);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn each_mark_opens_its_own_trial_and_each_citation_its_turn() {
    let stage = Stage::with_parcels();
    assert_eq!(stage.run_parcels(&["--trials", "3"]).status, Some(0));
    assert_eq!(stage.reenact(&["report", "--html", "run.html"]).status, Some(0));
    let sessions: Vec<Value> = stage.reenact(&["report", "--json"]).json()["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trial| trial["session_id"].clone())
        .collect();
    let mut browser = Browser::start();
    browser.resize(1000, 700);
    for (index, session) in sessions.iter().enumerate() {
        browser.open(&stage.path("run.html"));
        browser.click(&format!(".marks a:nth-of-type({})", index + 1));
        let shown = browser.value(
            "(() => { const trial = document.querySelector(':target'), session = trial.querySelector('h4 code'); \
             const top = trial.getBoundingClientRect().top; \
             return session.checkVisibility() && top >= 0 && top < innerHeight ? session.textContent : null; })()",
        );
        assert_eq!(&shown, session, "trial {}", index + 1);
    }
    browser.click(".inside:target .assessments a");
    let turn = browser.value("document.querySelector('.said.user:target')?.textContent");
    assert!(turn.as_str().is_some_and(|text| text.contains("user")), "{turn}");
    assert_quiet(&browser);
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_telephone_never_scrolls_the_page_sideways() {
    let (stage, hostile) = (demo(), hostile());
    let mut browser = Browser::start();
    for page in [stage.path("reenact-demo/v1.html"), hostile.path("run.html")] {
        for width in [320, 360, 800, 1600] {
            browser.resize(width, 800);
            browser.open(&page);
            browser.value(OPEN_ALL);
            let wide = browser.value("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= width.into(), "{} is {wide} wide on {width}", page.display());
        }
    }
}

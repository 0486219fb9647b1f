//! The pages of runs in a real browser: a live run watched, its grid filtered, a trial opened, two runs compared.

use std::path::Path;

use serde_json::{Value, json};

use super::HOSTILE;
use super::axe::assert_accessible;
use super::devtools::Browser;
use crate::served::Served;
use crate::stage::{Stage, parcels};

/// What the parts of a page show, without what differs between two openings of it.
const SHOWN: &str =
    "[...document.querySelectorAll('[data-part]')].map(part => part.dataset.part + ': ' + part.innerHTML)";

/// An agent that thinks a moment and forgets some parcels.
const AGENT: &str = r#"
while read -r asked; do
  turn=${asked#*'"turn":'}; turn=${turn%%,*}
  sleep "${DELAY:-0}"
  case $asked in *"parcel 3"*|*"parcel 7"*|*"parcel 11"*) answer="I cannot tell you. Was it your fault?";; *) answer="It is on its way.";; esac
  if [ "$turn" = 1 ]; then echo '{"reply": "Which parcel number is it?"}'; else echo "{\"reply\": \"$answer\"}"; fi
done
"#;

fn served(cases: usize) -> Served {
    let stage = Stage::new();
    let mut suite = String::new();
    let mut number = 0;
    for line in parcels(cases).lines() {
        number += usize::from(line.contains("opening"));
        let line = line.replace("where is my parcel", &format!("where is parcel {number} now"));
        suite += &(line.replace("where my parcel is", &format!("where parcel {number} is")) + "\n");
    }
    stage.write("suite.yaml", suite.replace("contains: on its way }", "text: The agent says where the parcel is, contains: on its way }\n      - { id: no-blame, text: The agent blames nobody, must_not_match: \"(?i)your fault\" }"));
    stage.write("agent.sh", AGENT);
    Served::on(stage, &[])
}

fn url(served: &Served, path: &str) -> String {
    format!("http://{}{path}", served.address)
}

fn assert_quiet(browser: &Browser, served: &Served) {
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    let ours = url(served, "/");
    assert!(browser.requests().iter().all(|asked| asked.starts_with(&ours)), "{:?}", browser.requests());
}

/// Keeps a picture of the window in the documentation, where it is asked for.
fn keep_picture(browser: &mut Browser, name: &str) {
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        browser.picture(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images").join(name));
    }
}

/// Waits until something is to be seen.
#[track_caller]
fn comes(browser: &mut Browser, expression: &str) {
    browser.wait_for(&format!("Boolean({expression})"));
}

/// A browser of somebody who wants nothing to move by itself.
fn browser() -> Browser {
    let mut browser = Browser::start();
    browser.prefers("light");
    browser.resize(1280, 1000);
    browser
}

/// Fills in the form for a run and sends it.
fn begin(browser: &mut Browser, served: &Served, agent: &str, trials: u32) {
    browser.visit(&url(served, "/begin"));
    browser.value(&format!(
        "(() => {{ const form = document.querySelector('form.begin').elements; form.agent.value = {}; form.trials.value = {trials}; }})()",
        json!(agent)
    ));
    browser.click("form.begin button");
    comes(browser, "location.pathname.startsWith('/runs/') && document.querySelector('[data-part=head]')");
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_run_is_begun_and_watched_and_shows_the_same_as_a_page_opened_late() {
    let served = served(24);
    let mut browser = browser();
    browser.visit(&url(&served, "/begin"));
    browser.click("form.begin button");
    let missing = browser.value("document.querySelector('#f-agent').validity.valueMissing");
    assert_eq!(missing, true, "a field that is needed is asked for");
    browser.value("document.querySelector('#f-agent').value = 'nonsense'");
    browser.click("form.begin button");
    comes(&mut browser, "document.querySelector('#f-agent[aria-invalid=true]')");
    let wrong =
        browser.value("document.querySelector('#f-agent').closest('.field').querySelector('.wrong').textContent");
    assert!(wrong.as_str().unwrap().contains("nonsense"), "{wrong}");
    assert_eq!(browser.value("document.activeElement.id"), "f-agent");

    begin(&mut browser, &served, "cmd:env DELAY=0.25 sh agent.sh", 3);
    browser.value("window.stayed = true");
    comes(&mut browser, "document.querySelectorAll('.grid a.cell').length > 20");
    comes(&mut browser, "document.querySelector('.state.going_on')");
    keep_picture(&mut browser, "run-live.png");
    comes(&mut browser, "document.querySelector('.state.finished') && document.querySelector('[data-part=report] h2')");
    assert_eq!(browser.value("window.stayed"), true, "nothing was loaded anew");
    let early = browser.value(SHOWN);
    assert_quiet(&browser, &served);
    let here = browser.value("location.href");
    let mut late = Browser::start();
    late.prefers("light");
    late.resize(1280, 1000);
    late.visit(here.as_str().unwrap());
    assert_eq!(late.value(SHOWN), early);
    assert_eq!(late.value("document.title"), browser.value("document.title"));
    keep_picture(&mut browser, "run.png");
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_run_is_stopped_and_gone_on_with_from_its_page_and_a_lost_connection_is_told() {
    let served = served(6);
    let mut browser = browser();
    begin(&mut browser, &served, "cmd:env DELAY=0.4 sh agent.sh", 4);
    comes(&mut browser, "document.querySelectorAll('.grid a.cell').length > 3");
    browser.click("form[data-send$='/stop'] button");
    comes(&mut browser, "document.querySelector('.state.stopped')");
    comes(&mut browser, "document.querySelector('.problem')?.textContent.includes('the run was stopped')");
    browser.click("details.action > summary");
    browser.click("form[data-send$='/resume'] button");
    comes(&mut browser, "document.querySelector('.state.finished')");
    assert_eq!(browser.value("document.querySelector('.problem')"), Value::Null);
    assert_quiet(&browser, &served);
    drop(served);
    browser.wait_for(
        "document.querySelector('.connection:not([hidden])')?.textContent.includes('The connection is gone')",
    );
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn a_grid_is_filtered_a_trial_is_opened_and_a_judgement_lights_up_what_it_cites() {
    let served = served(18);
    let mut browser = browser();
    begin(&mut browser, &served, "cmd:sh agent.sh", 2);
    comes(&mut browser, "document.querySelector('.state.finished') && document.querySelector('[data-part=report] h2')");
    browser.value("document.querySelector('#outcome').value = 'failed'");
    browser.click(".filters button");
    comes(&mut browser, "location.search.includes('outcome=failed')");
    comes(&mut browser, "document.querySelectorAll('.grid tbody tr').length === 3");
    browser.press("j");
    browser.press("j");
    let on = browser.value("document.activeElement.getAttribute('aria-label')");
    assert!(on.as_str().is_some_and(|label| label.starts_with("c7, trial 1: failed")), "{on}");
    browser.press("?");
    assert_eq!(browser.value("document.querySelector('#help').open"), true);
    browser.value("document.querySelector('#help').close()");
    browser.click(".grid tbody tr:nth-child(2) a.cell");
    comes(&mut browser, "location.pathname.endsWith('/trials/c7/1') && document.querySelector('.assessments li')");
    let cites = browser.value("document.querySelector('#a2').dataset.cites");
    browser.value("document.querySelector('#a2 a').focus()");
    let lit = browser.value("[...document.querySelectorAll('.pairing.lit')].map(turn => turn.id.slice(5)).join(' ')");
    assert_eq!(lit, cites, "the turns that it cites light up");
    browser.value("document.querySelector('#turn-2').focus()");
    let lit = browser.value("[...document.querySelectorAll('.assessments .lit')].map(it => it.id).includes('a2')");
    assert_eq!(lit, true, "and the other way round");
    browser.click("#a2 a");
    assert!(browser.value("location.hash").as_str().unwrap().starts_with("#turn-"));
    browser.click("a[rel=next]");
    comes(&mut browser, "location.pathname.endsWith('/trials/c7/2')");
    assert_quiet(&browser, &served);
}

/// A store with three runs of the demo, and the paths of all pages about them.
fn demo() -> (Served, Vec<(&'static str, String)>) {
    let stage = Stage::new();
    assert_eq!(stage.reenact(&["demo"]).status, Some(0));
    let served = Served::on(stage, &["--store", "reenact-demo/store.db", "--suites", "reenact-demo"]);
    let runs = served.get("/api/runs").json();
    let id = |place: usize| runs["runs"][place]["id"].as_str().unwrap().to_owned();
    let (v1, v2) = (id(2), id(1));
    let pages = vec![
        ("runs", "/runs".to_owned()),
        ("run", format!("/runs/{v1}")),
        ("trial", format!("/runs/{v1}/trials/transfer/1")),
        ("begin", "/begin".to_owned()),
        ("compare", format!("/compare?base={v1}&new={v2}")),
        ("compare-case", format!("/compare/case?base={v1}&new={v2}&case=transfer")),
    ];
    (served, pages)
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn every_page_of_runs_is_accessible_in_light_and_dark_on_a_telephone_and_a_large_screen() {
    let (served, pages) = demo();
    let mut browser = Browser::start();
    for (name, path) in &pages {
        for (scheme, width, height) in [("light", 1280, 1000), ("dark", 360, 780), ("dark", 3840, 2160)] {
            browser.prefers(scheme);
            browser.resize(width, height);
            browser.visit(&url(&served, path));
            let wide = browser.value("document.documentElement.scrollWidth");
            assert!(wide.as_u64().unwrap() <= u64::from(width), "{path} is {wide} wide on {width}");
            assert_accessible(&mut browser, &format!("{path}, {scheme}, {width} wide"));
            assert_quiet(&browser, &served);
            match width {
                1280 if ["trial", "compare", "compare-case"].contains(name) => {
                    keep_picture(&mut browser, &format!("{name}.png"));
                }
                360 if *name == "trial" => keep_picture(&mut browser, &format!("{name}-telephone.png")),
                _ => {}
            }
        }
    }
}

#[test]
#[ignore = "needs a browser: bash .ci/test"]
fn what_is_said_in_a_run_does_nothing_on_its_pages() {
    let stage = Stage::new();
    let text = json!(HOSTILE);
    let suite = |id: &str| {
        json!({"suite": HOSTILE, "cases": [{"id": id, "goal": HOSTILE, "opening": HOSTILE, "persona": HOSTILE,
            "facts": [{"id": "fact", "text": HOSTILE, "gate": "open"}],
            "expectations": [{"id": "e", "text": HOSTILE, "must_not_match": "window"}, {"id": "f", "text": HOSTILE}]}]})
        .to_string()
    };
    stage.write("suite.json", suite(HOSTILE));
    stage.write(
        "agent.sh",
        format!("while read -r asked; do cat <<'END'\n{}\nEND\ndone\n", json!({"reply": HOSTILE, "version": text})),
    );
    for version in [HOSTILE, "2"] {
        let run = ["run", "suite.json", "--agent", "cmd:sh agent.sh", "--agent-version", version, "--max-turns", "2"];
        assert_eq!(stage.reenact(&run).status, Some(1));
    }
    let served = Served::on(stage, &[]);
    let runs = served.get("/api/runs").json();
    let id = |place: usize| runs["runs"][place]["id"].as_str().unwrap().to_owned();
    let query = format!("base={}&new={}", id(1), id(0));
    let mut browser = Browser::start();
    browser.visit(&url(&served, &format!("/runs/{}", id(1))));
    let trial = browser.value("document.querySelector('a.cell').getAttribute('href')");
    browser.visit(&url(&served, &format!("/compare?{query}")));
    let case = browser.value("document.querySelector('a.name').getAttribute('href')");
    for path in [
        "/runs",
        &format!("/runs/{}", id(1)),
        trial.as_str().unwrap(),
        &format!("/compare?{query}"),
        case.as_str().unwrap(),
        &format!("/begin?like={}", id(1)),
    ] {
        browser.visit(&url(&served, path));
        browser.value("document.querySelectorAll('details').forEach(details => details.open = true)");
        let foreign = browser.value(
            "document.querySelectorAll('main script, img, iframe, object, embed, base, style, [onclick], [onerror], [style]').length",
        );
        assert_eq!(foreign, 0, "{path}");
        let outside = browser.value("[...document.links].filter(link => link.origin !== location.origin).length");
        assert_eq!(outside, 0, "{path}");
        let turning = browser.value(r"/[\u202a-\u202e\u2066-\u2069]/.test(document.documentElement.outerHTML)");
        assert_eq!(turning, false, "{path}: nothing turns the direction of reading");
        assert_eq!(browser.value("typeof window.ran"), "undefined", "{path}");
        assert_quiet(&browser, &served);
    }
}

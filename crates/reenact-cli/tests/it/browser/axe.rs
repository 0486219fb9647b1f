//! What axe, a checker of accessibility, has to say of a page: the rules of WCAG 2.2 at its levels A and AA.

use serde_json::Value;

use super::devtools::Browser;

/// `.ci/test` installs it.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/axe-node/node_modules/axe-core/axe.min.js");

/// Fails with what is not accessible on the page that is open.
#[track_caller]
pub(crate) fn assert_accessible(browser: &mut Browser, page: &str) {
    let axe = std::fs::read_to_string(AXE).expect("axe-core is not installed: bash .ci/test");
    browser.value(&format!("(() => {{ {axe}; }})()"));
    let found = browser.value(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(found => found.violations.map(
            it => `${it.id}: ${it.help}: ${it.nodes.slice(0, 3).map(node => node.html + ' ' + node.failureSummary).join(' | ')}`))",
    );
    let found: Vec<&str> = found.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(found.is_empty(), "{page}:\n{}", found.join("\n"));
}

//! What pages are drawn and moved with, embedded in the program.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use axum::routing::get;

use super::App;

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// Every file there is: its name, its media type and what it holds.
const ASSETS: [(&str, &str, &str); 7] = [
    ("icon.svg", "image/svg+xml", include_str!("../../static/icon.svg")),
    ("case.js", JS, include_str!("../../static/case.js")),
    ("sessions.js", JS, include_str!("../../static/sessions.js")),
    ("pages.css", CSS, include_str!("../../static/pages.css")),
    ("pages.js", JS, include_str!("../../static/pages.js")),
    ("runs.css", CSS, include_str!("../../static/runs.css")),
    ("runs.js", JS, include_str!("../../static/runs.js")),
];

/// An address says what the file holds, so that a browser keeps it until it changes.
const FOREVER: &str = "public, max-age=31536000, immutable";

pub(super) fn router() -> Router<App> {
    ASSETS.into_iter().fold(Router::new(), |router, (name, media, text)| {
        let headers = [(CONTENT_TYPE, media), (CACHE_CONTROL, FOREVER)];
        router.route(&format!("/static/{name}"), get(move || async move { (headers, text).into_response() }))
    })
}

/// The address of a file by its name.
#[expect(clippy::needless_pass_by_value, reason = "a filter is handed values")]
pub(super) fn address(name: String) -> String {
    let text = ASSETS.iter().find(|(asset, ..)| *asset == name).map_or("", |(.., text)| text);
    format!("/static/{name}?{}", &blake3::hash(text.as_bytes()).to_hex()[..12])
}

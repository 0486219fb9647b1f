//! Values as pages: the templates, and what every page has around what it is about.
//!
//! What was said in a conversation is foreign text. The templates escape all of it, no page can hold a script or a style of its own,
//! and what a browser would not show or would show in another order is marked.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::extract::{FromRequestParts, Request};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::Html;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::{App, assets, words};

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_filter("segment", segment);
    templates.add_filter("asset", assets::address);
    templates.add_filter("cut", cut);
    words::add(&mut templates);
    for (name, text) in [
        ("layout.html", include_str!("../../templates/pages/layout.html")),
        ("fault.html", include_str!("../../templates/pages/fault.html")),
        ("login.html", include_str!("../../templates/pages/login.html")),
        ("conversation.html", include_str!("../../templates/pages/conversation.html")),
        ("case.html", include_str!("../../templates/pages/case.html")),
        ("fields.html", include_str!("../../templates/pages/fields.html")),
        ("session.html", include_str!("../../templates/pages/session.html")),
        ("suite.html", include_str!("../../templates/pages/suite.html")),
        ("sessions.html", include_str!("../../templates/pages/sessions.html")),
        ("suites.html", include_str!("../../templates/pages/suites.html")),
        ("marks.html", include_str!("../../templates/pages/marks.html")),
        ("talk.html", include_str!("../../templates/pages/talk.html")),
        ("runs.html", include_str!("../../templates/pages/runs.html")),
        ("run.html", include_str!("../../templates/pages/run.html")),
        ("begin.html", include_str!("../../templates/pages/begin.html")),
        ("trial.html", include_str!("../../templates/pages/trial.html")),
        ("compare.html", include_str!("../../templates/pages/compare.html")),
        ("compare-case.html", include_str!("../../templates/pages/compare-case.html")),
    ] {
        templates.add_template(name, text).expect("a template of the program is one");
    }
    templates
});

/// The page of a value. A template reads the value as `page`, and where it stands as `at`.
pub(super) fn rendered<T: Serialize>(app: &App, at: &At, template: &str, value: &T) -> Html<String> {
    let around = context! {
        path => &at.path,
        section => at.path.split('/').nth(1).unwrap_or_default(),
        csrf => app.safety().csrf(),
        needs_token => app.safety().token().is_some(),
        version => env!("CARGO_PKG_VERSION"),
    };
    let page = TEMPLATES.get_template(template).and_then(|template| {
        let value = Value::from(Serde(value));
        template.render(context! { page => value, at => around })
    });
    Html(visible(&page.expect("the template is part of the program, and its tests render every branch of it")))
}

/// Where a page stands.
#[derive(Debug, Clone)]
pub(super) struct At {
    path: String,
}

impl At {
    fn of(uri: &Uri) -> At {
        At { path: uri.path().to_owned() }
    }
}

impl FromRequestParts<App> for At {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<At, Infallible> {
        Ok(At::of(&parts.uri))
    }
}

/// Who asks: somebody who reads pages, or a program.
pub(super) enum Shape {
    Page(At),
    Data,
}

impl Shape {
    pub(super) fn of(request: &Request) -> Shape {
        let path = request.uri().path();
        let is_data = ["/api/", "/v1/", "/static/"].iter().any(|start| path.starts_with(start));
        if is_data || !wants_html(request.headers()) { Shape::Data } else { Shape::Page(At::of(request.uri())) }
    }
}

fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// A text as one part of a path.
#[expect(clippy::needless_pass_by_value, reason = "a filter is handed values")]
fn segment(text: String) -> String {
    percent_encoding::utf8_percent_encode(&text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// At most so many characters; where that cuts, the text says how many it leaves out.
fn cut(text: String, chars_max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(chars_max) else { return text };
    format!("{} […{} more characters]", &text[..end], text[end..].chars().count())
}

/// The page with what a browser would not show, or would show in another order, marked. The whole page, because
/// none of it is in the templates, so that no foreign text can be forgotten.
fn visible(text: &str) -> String {
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !c.is_control() && !turns_reading(c);
    let mark = |c: char| if is_kept(c) { c } else { char::REPLACEMENT_CHARACTER };
    text.replace("\r\n", "\n").chars().map(mark).collect()
}

fn turns_reading(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

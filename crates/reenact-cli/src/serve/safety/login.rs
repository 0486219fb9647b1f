//! The page on which somebody shows the token, and the cookie that a browser shows from then on.

use axum::extract::State;
use axum::http::header::{REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::{Deserialize, Serialize};

use super::{cookie, is_same};
use crate::serve::App;
use crate::serve::page::{At, rendered};

const COOKIE: &str = "reenact";

/// A browser says nothing of where a form was sent from under a stricter one, and then nobody can tell whether it was ours.
const POLICY: (axum::http::HeaderName, &str) = (REFERRER_POLICY, "same-origin");

pub(super) fn router() -> Router<App> {
    Router::new().route("/login", get(page).post(log_in))
}

/// Whether a path is answered to whoever shows nothing.
pub(super) fn is_open(path: &str) -> bool {
    path == "/login" || path.starts_with("/static/")
}

pub(super) fn is_logged_in(headers: &HeaderMap, token: &str) -> bool {
    cookie(headers, COOKIE).is_some_and(|given| is_same(given, &pass(token)))
}

/// What the cookie holds: made from the token, which does not follow from it, and the same after the program was started again.
fn pass(token: &str) -> String {
    blake3::Hash::from(blake3::derive_key(
        "reenact serve 2026 cookie of a browser that showed the token",
        token.as_bytes(),
    ))
    .to_hex()
    .to_string()
}

#[derive(Serialize)]
struct Page {
    is_wrong: bool,
}

#[derive(Deserialize)]
struct Shown {
    token: String,
}

async fn page(State(app): State<App>, at: At) -> Response {
    if app.safety().token().is_none() {
        return Redirect::to("/").into_response();
    }
    ([POLICY], rendered(&app, &at, "login.html", &Page { is_wrong: false })).into_response()
}

async fn log_in(State(app): State<App>, at: At, Form(shown): Form<Shown>) -> Response {
    match app.safety().token() {
        Some(token) if is_same(shown.token.trim(), token) => {
            let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000", pass(token));
            ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response()
        }
        Some(_) => {
            let page = rendered(&app, &at, "login.html", &Page { is_wrong: true });
            (StatusCode::FORBIDDEN, [POLICY], page).into_response()
        }
        None => Redirect::to("/").into_response(),
    }
}

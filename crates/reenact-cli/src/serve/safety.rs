//! What stands between the pages and everybody who may not see them.
//!
//! A page of another site that the same browser has open can send requests here. It can neither read the answers nor change anything: the name it
//! asks under has to be ours ([`is_our_name`], against rebinding of names), a change has to come from a page of ours by what the browser says
//! of it and by a token that only our pages hold, and a browser shows no page of ours in a frame. Whoever is on another machine
//! needs a token besides.

use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};

use super::App;
use super::fault::{Fault, shaped};
use super::page::Shape;

mod login;

/// What is sent to change something is small; routes that take more say so.
const BODY_BYTES_MAX: usize = 4 << 20;
/// From a request's head to the head of its answer, for all routes but streamed ones.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
/// A token that people choose is guessed if it is shorter.
const TOKEN_CHARS_MIN: usize = 16;

/// The header that a change has to have.
const CSRF: &str = "x-reenact-csrf";
/// What the browser says of who asks, where it says anything.
const FETCH_SITE: &str = "sec-fetch-site";
const FETCH_MODE: &str = "sec-fetch-mode";

/// Nothing but what the program itself serves is loaded, run or sent to.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every answer.
const HEADERS: [(&str, &str); 6] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

/// Who may ask.
pub(crate) struct Safety {
    token: Option<String>,
    hosts: Vec<String>,
    csrf: String,
}

impl Safety {
    /// What keeps pages at this address safe. Where another machine can reach it, there is always a token.
    pub(crate) fn new(address: IpAddr, token: Option<String>, hosts: &[String]) -> Safety {
        let token = token.or_else(|| (!address.is_loopback()).then(secret));
        Safety { token, hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(), csrf: secret() }
    }

    /// What everybody has to show, where they have to show anything.
    pub(crate) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// What a page of ours sends along with a change.
    pub(super) fn csrf(&self) -> &str {
        &self.csrf
    }

    fn lets_in(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let bearer = text(headers, AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
        bearer.is_some_and(|given| is_same(given, token)) || login::is_logged_in(headers, token)
    }
}

/// A token as an argument.
pub(crate) fn token(text: &str) -> Result<String, String> {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    if is_plain && text.len() >= TOKEN_CHARS_MIN {
        return Ok(text.to_owned());
    }
    Err(format!("a token has at least {TOKEN_CHARS_MIN} characters, none of them a space"))
}

/// What nobody guesses.
fn secret() -> String {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In a time that says nothing of where they differ: hashes are compared so.
fn is_same(given: &str, wanted: &str) -> bool {
    blake3::hash(given.as_bytes()) == blake3::hash(wanted.as_bytes())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Routes with all of it around them. Layers that are added later stand further out.
pub(super) fn around(router: Router<App>, app: &App) -> Router<App> {
    router
        .merge(login::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(app.clone(), guarded))
        .layer(from_fn_with_state(app.clone(), shaped))
        .layer(from_fn(with_headers))
}

async fn with_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    let cache = HeaderValue::from_static("no-store");
    response.headers_mut().entry("cache-control").or_insert(cache);
    response
}

/// A request that is not answered in time is told so.
pub(super) async fn within_time(request: Request, next: Next) -> Response {
    let late = || Fault::new(StatusCode::REQUEST_TIMEOUT, "the request was not all there in time").into_response();
    tokio::time::timeout(ANSWER_WAIT, next.run(request)).await.unwrap_or_else(|_| late())
}

async fn guarded(State(app): State<App>, request: Request, next: Next) -> Response {
    let refused = refusal(&request, app.safety());
    match refused {
        None => next.run(request).await,
        Some(Refusal::Told(fault)) => fault.into_response(),
        Some(Refusal::LogIn) => Redirect::to("/login").into_response(),
    }
}

enum Refusal {
    Told(Fault),
    LogIn,
}

fn refusal(request: &Request, safety: &Safety) -> Option<Refusal> {
    let headers = request.headers();
    if !is_our_name(headers, request.uri(), &safety.hosts) {
        let fault = Fault::new(StatusCode::MISDIRECTED_REQUEST, "the request asks for another host");
        return Some(Refusal::Told(fault.hint("give the name that you reach it by with `--host`")));
    }
    if let Some(fault) = is_foreign(request, safety) {
        return Some(Refusal::Told(fault));
    }
    if safety.lets_in(headers) || login::is_open(request.uri().path()) {
        return None;
    }
    if matches!(Shape::of(request), Shape::Page(_)) && request.method() == Method::GET {
        return Some(Refusal::LogIn);
    }
    let hint = "send the token that the program printed as `Authorization: Bearer TOKEN`";
    Some(Refusal::Told(Fault::new(StatusCode::UNAUTHORIZED, "a token is needed").hint(hint)))
}

/// Whether a request asks for us: by a number, which no name can be bound to, by localhost, or by a name that we were given.
fn is_our_name(headers: &HeaderMap, uri: &Uri, hosts: &[String]) -> bool {
    // HTTP/2 has it in the address.
    let Some(authority) = text(headers, HOST.as_str()).or_else(|| uri.authority().map(Authority::as_str)) else {
        return false;
    };
    let host = host_of(authority).to_ascii_lowercase();
    let is_number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
    is_number || host == "localhost" || host.ends_with(".localhost") || hosts.contains(&host)
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Why a request that another site's page may have sent is refused. Such a page may lead here, as any link does, and no more.
fn is_foreign(request: &Request, safety: &Safety) -> Option<Fault> {
    let headers = request.headers();
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let is_link =
        is_read && text(headers, FETCH_MODE) == Some("navigate") && matches!(Shape::of(request), Shape::Page(_));
    let comes_from = |what: &str| Fault::new(StatusCode::FORBIDDEN, format!("the request comes from {what}"));
    match (text(headers, FETCH_SITE), headers.get(ORIGIN)) {
        (Some("same-origin" | "none"), _) | (None, None) => {}
        (Some(_), _) if is_link => {}
        (Some(_), _) => return Some(comes_from("another site")),
        (None, Some(origin)) if is_our_origin(origin, request) => {}
        (None, Some(_)) => return Some(comes_from("another origin")),
    }
    let is_program = login::is_open(request.uri().path()) || is_of_a_program(request, safety);
    if is_read || is_program || text(headers, CSRF).is_some_and(|given| is_same(given, &safety.csrf)) {
        return None;
    }
    let hint = "open the page again; a program sends its token as `Authorization: Bearer TOKEN`, or what `/api/csrf` answers as `x-reenact-csrf`";
    Some(Fault::new(StatusCode::FORBIDDEN, "the request has no token of a page of ours").hint(hint))
}

/// Whether something is sent that no page can send without being asked for leave first, which it does not get: a request that shows our token, or traces.
fn is_of_a_program(request: &Request, safety: &Safety) -> bool {
    let headers = request.headers();
    let shows_token =
        || safety.token.is_some() && text(headers, AUTHORIZATION.as_str()).is_some() && safety.lets_in(headers);
    let media = text(headers, "content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let is_simple = ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"].contains(&media);
    !is_simple && !request.uri().path().starts_with("/api/") || shows_token()
}

fn is_our_origin(origin: &HeaderValue, request: &Request) -> bool {
    let host = text(request.headers(), HOST.as_str()).or_else(|| request.uri().authority().map(Authority::as_str));
    let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    origin.zip(host).is_some_and(|((_, origin), host)| origin.eq_ignore_ascii_case(host))
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let pairs =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(found, _)| *found == name).map(|(_, value)| value)
}

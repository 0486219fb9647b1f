//! Who is not let in, and what no page of another site can do.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::served::Served;
use crate::stage::Stage;

const TOKEN: &str = "a-token-of-many-characters";

#[test]
fn another_name_for_this_address_is_refused() {
    let served = Served::start(&[]);
    for host in ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""] {
        let answer = served.ask("GET", "/api/sessions", &[&format!("Host: {host}")], b"");
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
    }
    for host in ["localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:7336", "reenact.localhost"] {
        assert_eq!(served.ask("GET", "/api/sessions", &[&format!("Host: {host}")], b"").status, 200, "{host}");
    }
    let served = Served::start(&["--host", "pages.example"]);
    assert_eq!(served.ask("GET", "/api/sessions", &["Host: pages.example:7336"], b"").status, 200);
}

#[test]
fn a_page_of_another_site_reads_nothing_and_leads_here_at_the_most() {
    let served = Served::start(&[]);
    for site in ["cross-site", "same-site"] {
        let site = format!("Sec-Fetch-Site: {site}");
        assert_eq!(served.ask("GET", "/api/sessions", &[&site, "Sec-Fetch-Mode: no-cors"], b"").status, 403);
        assert_eq!(served.ask("GET", "/sessions", &[&site, "Sec-Fetch-Mode: no-cors", "Accept: */*"], b"").status, 403);
        assert_eq!(
            served.ask("GET", "/sessions", &[&site, "Sec-Fetch-Mode: navigate", "Accept: text/html"], b"").status,
            200
        );
    }
    assert_eq!(served.ask("GET", "/api/sessions", &["Origin: https://evil.example"], b"").status, 403);
    assert_eq!(served.ask("GET", "/api/sessions", &["Origin: null"], b"").status, 403);
    assert_eq!(served.ask("GET", "/api/sessions", &[&format!("Origin: http://{}", served.address)], b"").status, 200);
}

#[test]
fn what_changes_something_needs_the_token_of_a_page_of_ours() {
    let served = Served::start(&[]);
    let json = "Content-Type: application/json";
    for headers in [&[json][..], &[json, "X-Reenact-Csrf: guessed"], &["Content-Type: text/plain"], &[]] {
        let answer = served.ask("POST", "/api/imports", headers, b"{}");
        assert_eq!(answer.status, 403, "{headers:?}: {answer:?}");
    }
    assert_ne!(served.send("POST", "/api/imports", &json!({})).status, 403);
    let csrf = format!("X-Reenact-Csrf: {}", served.csrf());
    let elsewhere = [json, &csrf, "Origin: https://evil.example"];
    assert_eq!(served.ask("POST", "/api/imports", &elsewhere, b"{}").status, 403);
}

#[test]
fn with_a_token_nobody_sees_anything_without_it() {
    let served = Served::start(&["--token", TOKEN]);
    assert_eq!(served.get("/api/sessions").status, 401);
    assert_eq!(served.ask("GET", "/api/sessions", &["Authorization: Bearer guessed"], b"").status, 401);
    let page = served.open("/sessions");
    assert_eq!((page.status, page.header("location")), (303, Some("/login")));
    let bearer = format!("Authorization: Bearer {TOKEN}");
    assert_eq!(served.ask("GET", "/api/sessions", &[&bearer], b"").status, 200);
    assert_eq!(served.open("/login").status, 200);
}

#[test]
fn whoever_shows_the_token_gets_a_cookie_that_no_script_and_no_other_site_can_use() {
    let served = Served::start(&["--token", TOKEN]);
    let form = "Content-Type: application/x-www-form-urlencoded";
    let origin = format!("Origin: http://{}", served.address);
    let wrong = served.ask("POST", "/login", &[form, &origin], b"token=guessed-guessed-guessed");
    assert_eq!((wrong.status, wrong.header("set-cookie")), (403, None));
    let elsewhere =
        served.ask("POST", "/login", &[form, "Origin: https://evil.example"], format!("token={TOKEN}").as_bytes());
    assert_eq!(elsewhere.status, 403);
    let right = served.ask("POST", "/login", &[form, &origin], format!("token={TOKEN}").as_bytes());
    assert_eq!((right.status, right.header("location")), (303, Some("/")));
    let set = right.header("set-cookie").unwrap();
    assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Strict") && !set.contains(TOKEN), "{set}");
    let cookie = format!("Cookie: other=1; {}", set.split(';').next().unwrap());
    assert_eq!(served.ask("GET", "/sessions", &[&cookie], b"").status, 200);
    assert_eq!(served.ask("POST", "/api/imports", &[&cookie], b"{}").status, 403, "a cookie alone changes nothing");
}

#[test]
fn an_address_that_others_can_reach_has_a_token() {
    let served = Served::start(&["--address", "0.0.0.0"]);
    assert_eq!(served.get("/api/sessions").status, 401);
    let told = served.stop();
    assert!(told.err.contains("the token to log in with: "), "{told:?}");
    let short = Stage::new().reenact(&["serve", "--port", "0", "--token", "short"]);
    assert!(short.refusal().contains("a token has at least 16 characters"));
}

#[test]
fn every_answer_forbids_what_no_page_of_ours_needs() {
    let served = Served::start(&[]);
    for path in ["/sessions", "/api/sessions", "/nothing", "/static/pages.css"] {
        let answer = served.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        for part in
            ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert!(answer.header("cache-control").is_some());
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
}

#[test]
fn a_body_that_is_too_long_is_refused() {
    let served = Served::start(&[]);
    let form = "Content-Type: application/x-www-form-urlencoded";
    let answer = served.ask("POST", "/login", &[form], "token=".repeat(1 << 20).as_bytes());
    assert_eq!(answer.status, 413, "{answer:?}");
}

#[test]
fn a_request_that_is_none_is_refused_and_the_next_is_answered() {
    let served = Served::start(&[]);
    let mut stream = TcpStream::connect(&served.address).unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00 nonsense\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said);
    assert!(String::from_utf8_lossy(&said).starts_with("HTTP/1.1 400"), "{said:?}");
    assert_eq!(served.get("/sessions").status, 200);
}

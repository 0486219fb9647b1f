//! Requests signed for AWS, by Signature Version 4.
//!
//! The method is AWS's own description ("Create a signed AWS API request" in the IAM user guide), for POST requests
//! without a query. A signature holds for some minutes, so each request is signed when it is made.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::Url;
use ring::{digest, hmac};

/// The service of Bedrock's models, as signatures name it.
const SERVICE: &str = "bedrock";

/// What requests are signed with. There is no `Debug`: nothing shows a key.
#[derive(Clone)]
pub(super) struct Signer {
    pub(super) access_key_id: String,
    pub(super) secret_access_key: String,
    pub(super) session_token: Option<String>,
    pub(super) region: String,
}

impl Signer {
    /// The headers that sign a POST of this body to this address at this time.
    pub(super) fn headers(&self, url: &Url, body: &[u8], now: Timestamp) -> Vec<(&'static str, String)> {
        let time = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let mut signed = vec![("host", host(url)), ("x-amz-date", time.clone())];
        signed.extend(self.session_token.clone().map(|token| ("x-amz-security-token", token)));
        let authorization = self.authorization(&canonical_path(url), &signed, body, &time, SERVICE);
        // The client writes `host` itself.
        let own = signed.into_iter().filter(|(name, _)| *name != "host");
        own.chain([("authorization", authorization)]).collect()
    }

    /// The signature over these headers, which stand in the order of their names.
    fn authorization(&self, path: &str, signed: &[(&str, String)], body: &[u8], time: &str, service: &str) -> String {
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let headers: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let request = format!("POST\n{path}\n\n{headers}\n{names}\n{}", hash(body));
        let day = &time[..8];
        let scope = format!("{day}/{}/{service}/aws4_request", self.region);
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(request.as_bytes()));
        let secret = format!("AWS4{}", self.secret_access_key);
        let parts = [day, &self.region, service, "aws4_request", &to_sign];
        let signature = parts.iter().fold(secret.into_bytes(), |key, part| authentication_code(&key, part));
        let id = &self.access_key_id;
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={}", hex(&signature))
    }
}

/// The host as the client writes it: with the port where it is not the usual one.
fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The path as it is sent, each of its parts encoded once more: AWS wants that of every service but S3.
fn canonical_path(url: &Url) -> String {
    url.path().split('/').map(percent_encoded).collect::<Vec<_>>().join("/")
}

/// A part of a path in which everything but letters, digits and `-._~` is written in hexadecimal.
pub(super) fn percent_encoded(part: &str) -> String {
    part.bytes().fold(String::with_capacity(part.len()), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
            _ => drop(write!(text, "%{byte:02X}")),
        }
        text
    })
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn authentication_code(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        // The keys of AWS's published test suite for this signature.
        Signer {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: None,
            region: "us-east-1".to_owned(),
        }
    }

    #[test]
    fn the_published_example_post_vanilla_is_signed_as_published() {
        let signed = [("host", "example.amazonaws.com".to_owned()), ("x-amz-date", "20150830T123600Z".to_owned())];
        let authorization = signer().authorization("/", &signed, b"", "20150830T123600Z", "service");
        let published = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
            SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        assert_eq!(authorization, published);
    }

    #[test]
    fn a_request_to_bedrock_is_signed_with_its_encoded_model_and_its_session() {
        let url = Url::parse("https://bedrock-runtime.us-east-1.amazonaws.com/model/a.b-v1%3A0/converse").unwrap();
        let signer = Signer { session_token: Some("SESSION".to_owned()), ..signer() };
        let headers = signer.headers(&url, br#"{"messages":[]}"#, "2015-08-30T12:36:00Z".parse().unwrap());
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        // What AWS's own crate `aws-sigv4` 1.6.4 makes of the same request.
        let expected = "x-amz-date: 20150830T123600Z\nx-amz-security-token: SESSION\nauthorization: \
            AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/bedrock/aws4_request, \
            SignedHeaders=host;x-amz-date;x-amz-security-token, \
            Signature=7ff4e2449ca9dad85f2ef332cd0d58546ec7e68d5365c7831e52e09b07325d1c";
        assert_eq!(lines.join("\n"), expected);
    }
}

//! Where one model is, how it is asked there, and what lets us in.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use serde_json::Value;

use super::ModelRequest;
use super::aws::{Signer, percent_encoded};
use super::manner::{Caching, Manner, learned, remember};
use super::provider::{
    ADDRESS_KEY_VARIABLE, Key, KeyNeed, Provider, REGION_VARIABLES, SESSION_TOKEN_VARIABLE, Sent, first_set,
};
use super::wire::Wire;
use crate::http::{parse_url, place};
use crate::{Environment, Error, ErrorKind, Result, clock};

/// A secret shorter than this is a word that may stand in an error.
const SECRET_BYTES_MIN: usize = 8;

/// A model behind an address.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// Whose limits count: the provider's prefix, or `http` for an address that is a name of its own.
    pub(crate) provider: &'static str,
    /// Where questions go.
    pub(crate) url: Url,
    /// What the model is called there.
    pub(crate) model: String,
    pub(crate) wire: Wire,
    /// Whether the address names the model already.
    is_named_by_url: bool,
    access: Access,
    manner: Manner,
    /// Where the key came from, or would.
    pub(super) key_variables: Vec<&'static str>,
}

/// What lets us in. There is no `Debug`: nothing shows a key.
#[derive(Clone)]
enum Access {
    Headers(Vec<(&'static str, String)>),
    Signed(Signer),
}

impl Endpoint {
    /// A provider's model. The name is what errors call it.
    pub(super) fn of_provider(
        provider: &'static Provider,
        model: &str,
        name: &str,
        environment: &Environment,
    ) -> Result<Endpoint> {
        let provider = served_by(provider, environment);
        let key = key(provider, name, environment)?;
        let base = base(provider, name, environment)?;
        let (path, version) = path(provider, &base, environment);
        let mut url = below(&base, &path.replace("{model}", &percent_encoded(model)));
        if let Some(version) = version {
            url.query_pairs_mut().append_pair("api-version", version);
        }
        let every_key = || provider.keys.iter().flat_map(|key| key.variables.iter().copied()).collect();
        Ok(Endpoint {
            provider: provider.prefix,
            url,
            model: model.to_owned(),
            wire: provider.wire,
            is_named_by_url: path.contains("{model}"),
            access: access(key, name, environment)?,
            manner: Manner::new(provider.means, caching(provider, model, environment)),
            key_variables: key.map_or_else(every_key, |key| key.variables.to_vec()),
        })
    }

    /// A model behind an address that is a name of its own, `http(s)://HOST/v1#MODEL`.
    pub(super) fn of_address(name: &str, environment: &Environment) -> Result<Endpoint> {
        let (address, model) = name.split_once('#').unwrap_or((name, ""));
        let base = parse_url(address)?;
        if model.is_empty() {
            let what = format!("`{}` does not say which model", place(&base));
            return Err(Error::new(ErrorKind::Usage, what).hint("add it after the address: `http(s)://HOST/v1#MODEL`"));
        }
        let key = environment.get(ADDRESS_KEY_VARIABLE).map(|key| ("authorization", format!("Bearer {key}")));
        let wire = Wire::ChatCompletions;
        Ok(Endpoint {
            provider: "http",
            url: below(&base, "/chat/completions"),
            model: model.to_owned(),
            wire,
            is_named_by_url: false,
            access: Access::Headers(key.into_iter().collect()),
            manner: Manner::new(wire.means(), Caching::Untold),
            key_variables: vec![ADDRESS_KEY_VARIABLE],
        })
    }

    /// How the model is to be asked, after all that it taught this process.
    pub(crate) fn manner(&self) -> Manner {
        learned(self.url.as_str(), &self.model).unwrap_or_else(|| self.manner.clone())
    }

    /// Keeps how the model is to be asked from now on.
    pub(super) fn remember(&self, manner: Manner) {
        remember(self.url.as_str(), &self.model, manner);
    }

    /// The body of a question.
    pub(crate) fn body(&self, request: &ModelRequest, manner: &Manner) -> Value {
        let mut body = self.wire.body(&self.model, request, manner);
        self.without_what_the_address_says(&mut body);
        body
    }

    /// Takes the model's name out of a body where the address has it.
    pub(crate) fn without_what_the_address_says(&self, body: &mut Value) {
        if self.is_named_by_url
            && let Some(members) = body.as_object_mut()
        {
            members.shift_remove("model");
        }
    }

    /// The headers of a POST of this body: what lets us in, and what the form wants.
    pub(crate) fn headers(&self, url: &Url, body: &[u8]) -> Vec<(&'static str, String)> {
        let of_form = self.wire.headers().iter().map(|(name, value)| (*name, (*value).to_owned()));
        let of_access = match &self.access {
            Access::Headers(headers) => headers.clone(),
            Access::Signed(signer) => signer.headers(url, body, clock::now()),
        };
        of_form.chain(of_access).collect()
    }

    /// The text without what lets us in, in every form in which it is sent.
    pub(crate) fn redact(&self, text: &str) -> String {
        let Access::Headers(headers) = &self.access else { return text.to_owned() };
        let sent = headers.iter().map(|(_, value)| value.rsplit(' ').next().unwrap_or(value));
        let secrets = sent.filter(|secret| secret.len() >= SECRET_BYTES_MIN);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret, "[secret]"))
    }
}

/// A deployments target may be no address but the word for a workspace of Databricks.
fn served_by(provider: &'static Provider, environment: &Environment) -> &'static Provider {
    let target = first_set(provider.address.variables, environment).map(|(_, target)| target);
    match (provider.prefix, target) {
        ("endpoints", Some("databricks")) => Provider::of("databricks").unwrap_or(provider),
        _ => provider,
    }
}

fn key(provider: &'static Provider, name: &str, environment: &Environment) -> Result<Option<&'static Key>> {
    let key = provider.key(environment);
    let is_own_address = first_set(provider.address.variables, environment).is_none();
    match (key, provider.key_need) {
        (None, KeyNeed::Always) => Err(without_key(provider, name)),
        (None, KeyNeed::AtItsOwnAddress) if is_own_address => Err(without_key(provider, name)),
        (key, _) => Ok(key),
    }
}

fn without_key(provider: &Provider, name: &str) -> Error {
    let ways: Vec<String> = provider.keys.iter().map(|key| key.variables.join(" and ")).collect();
    let hint = format!("set {}, or use `offline`, which needs no model", ways.join(" or "));
    missing(name, "a key", &provider.keys.iter().flat_map(|key| key.variables).copied().collect::<Vec<_>>()).hint(hint)
}

/// A name needs something, and none of the variables that it could come from is set.
fn missing(name: &str, what: &str, variables: &[&str]) -> Error {
    let unset = match variables {
        [one] => format!("{one} is not set"),
        [one, other] => format!("neither {one} nor {other} is set"),
        [first @ .., last] => format!("none of {} and {last} is set", first.join(", ")),
        [] => String::new(),
    };
    Error::new(ErrorKind::Usage, format!("`{name}` needs {what}, and {unset}"))
}

fn access(key: Option<&Key>, name: &str, environment: &Environment) -> Result<Access> {
    let Some(key) = key else { return Ok(Access::Headers(Vec::new())) };
    let value = |n: usize| key.variables.get(n).and_then(|name| environment.get(name)).unwrap_or_default().to_owned();
    let header = |name, value| Ok(Access::Headers(vec![(name, value)]));
    match key.sent {
        Sent::Bearer => header("authorization", format!("Bearer {}", value(0))),
        Sent::Header(name) => header(name, value(0)),
        Sent::Basic => {
            let credentials = BASE64_STANDARD.encode(format!("{}:{}", value(0), value(1)));
            header("authorization", format!("Basic {credentials}"))
        }
        Sent::Signature => Ok(Access::Signed(Signer {
            access_key_id: value(0),
            secret_access_key: value(1),
            session_token: environment.get(SESSION_TOKEN_VARIABLE).map(str::to_owned),
            region: region(name, environment)?.to_owned(),
        })),
    }
}

fn region<'a>(name: &str, environment: &'a Environment) -> Result<&'a str> {
    let region = first_set(&REGION_VARIABLES, environment).map(|(_, region)| region);
    region.ok_or_else(|| missing(name, "a region", &REGION_VARIABLES).hint("set AWS_REGION, such as `us-east-1`"))
}

/// The base address: what a variable says, or the provider's own.
fn base(provider: &Provider, name: &str, environment: &Environment) -> Result<Url> {
    let address = &provider.address;
    if let Some((variable, value)) = first_set(address.variables, environment) {
        let completed = if address.may_be_a_host { with_scheme(value, address.base) } else { value.to_owned() };
        return address_in(variable, &completed, provider);
    }
    match address.base {
        Some(base) if base.contains("{region}") => parse_url(&base.replace("{region}", region(name, environment)?)),
        Some(base) => parse_url(base),
        None => {
            let usual = address.variables.last().copied().unwrap_or_default();
            let hint = format!("set {usual} to the address of the server");
            Err(missing(name, "an address", address.variables).hint(hint))
        }
    }
}

/// A host alone, as it is written where a browser or a program completes it: with the scheme and the port of the
/// provider's own address, or `https`.
fn with_scheme(value: &str, own: Option<&str>) -> String {
    if value.contains("://") {
        return value.to_owned();
    }
    // What a server listens on when it listens everywhere is no address to ask.
    let value = value.replacen("0.0.0.0", "127.0.0.1", 1);
    let own = own.and_then(|own| Url::parse(own).ok());
    let scheme = own.as_ref().map_or("https", Url::scheme);
    let port = own.as_ref().and_then(Url::port).filter(|_| !value.contains(':'));
    port.map_or_else(|| format!("{scheme}://{value}"), |port| format!("{scheme}://{value}:{port}"))
}

fn address_in(variable: &str, value: &str, provider: &Provider) -> Result<Url> {
    let hint = format!("set {variable} to the address of the server, such as `https://HOST`");
    let url = Url::parse(value).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        // What it holds is not shown: it may have a password in it.
        return Err(Error::new(ErrorKind::Usage, format!("{variable} holds no address of a server")).hint(hint));
    };
    if url.username().is_empty() && url.password().is_none() {
        return Ok(url);
    }
    let ways: Vec<String> = provider.keys.iter().map(|key| key.variables.join(" and ")).collect();
    let what = format!("the address in {variable} has a user or a password in it");
    Err(Error::new(ErrorKind::Usage, what).hint(format!("leave it out, and set {}", ways.join(" or "))))
}

/// The path below the base, and the version of the interface where the path is one that wants it.
fn path<'a>(provider: &Provider, base: &Url, environment: &'a Environment) -> (&'static str, Option<&'a str>) {
    let address = &provider.address;
    let dated = |version: &&str| version.starts_with(|c: char| c.is_ascii_digit());
    let asked = address.versioned.as_ref().and_then(|versioned| {
        let version = first_set(versioned.variables, environment).map(|(_, version)| version).filter(dated)?;
        Some((versioned.path, Some(version)))
    });
    // An address that goes on to the newer interface wants no version.
    let is_newer = base.path().trim_end_matches('/').ends_with("/v1");
    asked.filter(|_| !is_newer).unwrap_or((address.path, None))
}

/// The address of a path below a base. What the base has of the path already is not repeated, so that `https://HOST`,
/// `https://HOST/v1` and the whole address all serve.
fn below(base: &Url, path: &str) -> Url {
    let parts = |path| -> Vec<&str> { str::split(path, '/').filter(|part| !part.is_empty()).collect() };
    let (own, wanted) = (parts(base.path()), parts(path));
    let common = (0..=own.len().min(wanted.len())).rev().find(|n| own[own.len() - n..] == wanted[..*n]).unwrap_or(0);
    let all = own.iter().chain(&wanted[common..]).copied().collect::<Vec<_>>().join("/");
    let mut url = base.clone();
    url.set_path(&all);
    url.set_fragment(None);
    url
}

/// A key is for the provider alone: a server of one's own need not know the parameter. Of Bedrock's models those of
/// Anthropic and Amazon take marks.
fn caching(provider: &Provider, model: &str, environment: &Environment) -> Caching {
    let is_elsewhere = first_set(provider.address.variables, environment).is_some();
    match (provider.caching, provider.wire) {
        (Caching::Key, _) if is_elsewhere => Caching::Untold,
        (Caching::Marks, Wire::Converse) if !["anthropic.", "amazon.nova"].iter().any(|it| model.contains(it)) => {
            Caching::Untold
        }
        (caching, _) => caching,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_base_address_has_of_the_path_is_not_repeated() {
        let url = |base, path| below(&Url::parse(base).unwrap(), path).to_string();
        for base in ["http://a", "http://a/", "http://a/v1", "http://a/v1/", "http://a/v1/chat/completions"] {
            assert_eq!(url(base, "/v1/chat/completions"), "http://a/v1/chat/completions", "{base}");
        }
        assert_eq!(url("http://a/v1", "/chat/completions"), "http://a/v1/chat/completions");
        assert_eq!(url("http://a?api-version=1", "/chat/completions"), "http://a/chat/completions?api-version=1");
        assert_eq!(url("http://a/x/openai/v1", "/openai/v1/chat"), "http://a/x/openai/v1/chat");
    }

    #[test]
    fn a_host_alone_is_completed_as_its_provider_would() {
        let ollama = Some("http://localhost:11434");
        assert_eq!(with_scheme("0.0.0.0", ollama), "http://127.0.0.1:11434");
        assert_eq!(with_scheme("box:8080", ollama), "http://box:8080");
        assert_eq!(with_scheme("https://ollama.com", ollama), "https://ollama.com");
        assert_eq!(with_scheme("adb-1.azuredatabricks.net", None), "https://adb-1.azuredatabricks.net");
    }
}

//! From a name to a model: the one parser of every argument that names one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;

use super::Model;
use super::remote::RemoteModel;
use super::scripted::ScriptedModel;
use super::wire::{Manner, Means, Wire};
use crate::cassette::{Cassette, Replay, Verb};
use crate::script::Script;
use crate::{Environment, Error, ErrorKind, Result};

/// The forms that a name may have, as a hint shows them.
const FORMS: &str = "use `openai:/MODEL`, `ollama:/MODEL`, `http(s)://HOST/v1#MODEL` for anything that speaks \
    chat completions, `script:FILE`, `replay:FILE`, or `offline`";

/// What the names of providers that are not served yet begin with, so that they can be told from a typing error.
const PROVIDERS_TO_COME: [&str; 11] = [
    "anthropic",
    "azure",
    "bedrock",
    "cohere",
    "databricks",
    "endpoints",
    "gateway",
    "gemini",
    "mistral",
    "vertex",
    "vertex_ai",
];

/// Where OpenAI's models are served, unless `OPENAI_BASE_URL` says otherwise.
const OPENAI_URL: &str = "https://api.openai.com/v1";

/// Where Ollama serves models on the machine that it runs on.
const OLLAMA_URL: &str = "http://localhost:11434/v1";

/// How long one answer may take, where nothing else is said: a model that thinks first takes minutes.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(180);

/// What a model needs besides its name.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// How long one answer may take, further attempts included.
    pub timeout: Duration,
    /// Where keys and addresses come from: `OPENAI_API_KEY`, `OPENAI_BASE_URL` and `REENACT_API_KEY`.
    pub environment: Environment,
}

impl Default for ModelSettings {
    /// Three minutes for an answer, and no keys.
    fn default() -> Self {
        ModelSettings { timeout: TIMEOUT_DEFAULT, environment: Environment::default() }
    }
}

/// What plays users, judges or distils: the embedded engine, or a model.
#[derive(Debug, Clone)]
pub enum Engine {
    /// The embedded engine: deterministic methods, no model.
    Offline,
    /// A chat model.
    Model(Model),
}

impl Engine {
    /// Opens the engine of a name. Nothing is connected to before the first question.
    ///
    /// ```
    /// use reenact::model::{Engine, ModelSettings};
    ///
    /// let settings = ModelSettings::default();
    /// assert_eq!(Engine::open("offline", &settings)?.name(), "offline");
    /// assert_eq!(Engine::open("http://localhost:8000/v1#qwen3", &settings)?.name(), "http://localhost:8000/v1#qwen3");
    ///
    /// let error = Engine::open("openai:/gpt-5", &settings).unwrap_err();
    /// assert_eq!(error.to_string(), "`openai:/gpt-5` needs a key, and OPENAI_API_KEY is not set");
    /// # Ok::<(), reenact::Error>(())
    /// ```
    ///
    /// # Errors
    /// Where the name has none of the forms, its provider is not served, its key is missing, or its script
    /// cannot be read; each says what to do.
    pub fn open(name: &str, settings: &ModelSettings) -> Result<Engine> {
        let name = name.trim();
        if name == "offline" {
            return Ok(Engine::Offline);
        }
        match name.split_once(':') {
            Some(("script", file)) => Ok(Engine::Model(Model::new(
                name,
                ScriptedModel::new(Script::load(Path::new(file))?, settings.timeout),
            ))),
            Some(("replay", file)) => {
                let cassette = Arc::new(Cassette::load(file)?);
                let replay = Replay::new(&cassette, Verb::Run);
                Ok(Engine::Model(Model::replayed(name, replay)))
            }
            Some(("openai", model)) => openai(name, model_of(name, model)?, settings),
            Some(("ollama", model)) => served(name, OLLAMA_URL, model_of(name, model)?, None, settings),
            Some(("http" | "https", _)) => addressed(name, settings),
            Some((provider, _)) if PROVIDERS_TO_COME.contains(&provider) => Err(not_served_yet(name, provider)),
            _ => Err(Error::new(ErrorKind::Usage, format!("`{name}` is not the name of a model")).hint(FORMS)),
        }
    }

    /// The name under which it was asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Engine::Offline => "offline",
            Engine::Model(model) => model.name(),
        }
    }
}

fn not_served_yet(name: &str, provider: &str) -> Error {
    let what = format!("`{name}`: models of `{provider}` are not served yet");
    let hint = "if it has an address that speaks chat completions, use `https://HOST/v1#MODEL` and set REENACT_API_KEY";
    Error::new(ErrorKind::Usage, what).hint(hint)
}

/// The model of `provider:/MODEL`.
fn model_of<'a>(name: &str, rest: &'a str) -> Result<&'a str> {
    rest.strip_prefix('/').filter(|model| !model.is_empty()).ok_or_else(|| {
        let provider = name.split(':').next().unwrap_or(name);
        let model = if rest.is_empty() || rest == "/" { "MODEL" } else { rest };
        Error::new(ErrorKind::Usage, format!("`{name}` names no model")).hint(format!("use `{provider}:/{model}`"))
    })
}

fn openai(name: &str, model: &str, settings: &ModelSettings) -> Result<Engine> {
    let key = settings.environment.get("OPENAI_API_KEY").map(str::to_owned);
    let own_address = settings.environment.get("OPENAI_BASE_URL");
    // A server of one's own under OPENAI_BASE_URL often wants no key; if it does, it says so.
    if key.is_none() && own_address.is_none() {
        let what = format!("`{name}` needs a key, and OPENAI_API_KEY is not set");
        return Err(
            Error::new(ErrorKind::Usage, what).hint("set OPENAI_API_KEY, or use `offline`, which needs no model")
        );
    }
    served(name, own_address.unwrap_or(OPENAI_URL), model, key, settings)
}

fn addressed(name: &str, settings: &ModelSettings) -> Result<Engine> {
    let (address, model) = name.split_once('#').unwrap_or((name, ""));
    if model.is_empty() {
        let what = format!("`{}` does not say which model", crate::http::place(&crate::http::parse_url(name)?));
        return Err(Error::new(ErrorKind::Usage, what).hint("add it after the address: `http(s)://HOST/v1#MODEL`"));
    }
    let key = settings.environment.get("REENACT_API_KEY").map(str::to_owned);
    served(name, address, model, key, settings)
}

fn served(name: &str, address: &str, model: &str, key: Option<String>, settings: &ModelSettings) -> Result<Engine> {
    let url = chat_completions_url(crate::http::parse_url(address)?);
    let environment = settings.environment.clone();
    let server = RemoteModel {
        url,
        model: model.to_owned(),
        wire: Wire::ChatCompletions,
        manner: Manner { means: Means::Schema },
        key,
        timeout: settings.timeout,
        environment,
    };
    Ok(Engine::Model(Model::new(name, server)))
}

/// The address of the interface below a base address; one that names the interface already stays as it is.
fn chat_completions_url(mut base: Url) -> Url {
    let path = base.path().trim_end_matches('/').to_owned();
    if !path.ends_with("/chat/completions") {
        base.set_path(&format!("{path}/chat/completions"));
    }
    base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str) -> String {
        let error = Engine::open(name, &ModelSettings::default()).expect_err("the name should not open");
        format!("{error}\n    {}", error.hint_text().unwrap_or("no hint"))
    }

    #[test]
    fn each_name_that_does_not_open_says_what_would() {
        let names = [
            "",
            "gpt-5",
            "openai:gpt-5",
            "openai:/",
            "openai:/gpt-5",
            "anthropic:/claude",
            "gateway:/chat",
            "http://localhost:8000/v1",
            "http://#m",
            "https://me:hunter22@example.org/v1#m",
            "script:no/such/file.yaml",
        ];
        let refusals = names.map(|name| format!("{name:?}\n    {}\n", refusal(name)));
        assert!(!refusals.concat().replace("\"https://me:hunter22", "").contains("hunter22"));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn the_interface_is_found_below_a_base_address() {
        let url = |base| chat_completions_url(Url::parse(base).unwrap()).to_string();
        assert_eq!(url("http://a/v1"), "http://a/v1/chat/completions");
        assert_eq!(url("http://a/v1/"), "http://a/v1/chat/completions");
        assert_eq!(url("http://a/v1/chat/completions"), "http://a/v1/chat/completions");
        assert_eq!(url("http://a?api-version=1"), "http://a/chat/completions?api-version=1");
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let environment = [("OPENAI_BASE_URL", "http://localhost:8000/v1")].into_iter().collect();
        let settings = ModelSettings { environment, ..ModelSettings::default() };
        assert_eq!(Engine::open("openai:/gpt-5", &settings).unwrap().name(), "openai:/gpt-5");
    }
}

//! From a name to a model: the one parser of every argument that names one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Model;
use super::endpoint::Endpoint;
use super::limits::Limits;
use super::manner::{Caching, Manner};
use super::provider::Provider;
use super::remote::RemoteModel;
use super::scripted::ScriptedModel;
use super::wire::Wire;
use crate::cassette::{Cassette, Replay, Verb};
use crate::script::Script;
use crate::{Environment, Error, ErrorKind, Result};

/// Names that are no provider's, as a hint shows them.
const OTHER_FORMS: &str =
    "`http(s)://HOST/v1#MODEL` for anything that speaks chat completions, `script:FILE`, `replay:FILE`, or `offline`";

/// Providers that would need what is not here, and what serves in their place.
const NOT_SERVED: [(&str, &str); 3] = [
    ("vertex", "Vertex AI lets nobody in by a key; its models are served as `gemini:/MODEL` with GEMINI_API_KEY"),
    ("vertex_ai", "Vertex AI lets nobody in by a key; its models are served as `gemini:/MODEL` with GEMINI_API_KEY"),
    ("sagemaker", "put an AI Gateway of MLflow before it, and use `gateway:/ENDPOINT`"),
];

/// Two spellings that are at least this much alike may be meant for one another.
const LIKENESS_MIN: f64 = 0.8;

/// How long one answer may take, where nothing else is said: a model that thinks first takes minutes.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(180);

/// What a model needs besides its name.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// How long one answer may take from when it is its turn, further attempts included.
    pub timeout: Duration,
    /// How many tokens one answer may have at the most, reasoning included, told to the provider; where nothing is said, only
    /// forms that insist on a limit are told one.
    pub answer_tokens_max: Option<u32>,
    /// What each question says besides, by the names of OpenAI's and Anthropic's forms: `temperature`, `top_p` and the like. A model
    /// that does not take one of them refuses.
    pub parameters: Map<String, Value>,
    /// What providers allow. Open all models of a process with clones of one, so that they share what they learn.
    pub limits: Limits,
    /// Where keys and addresses come from; [`Provider::settings`] says which variables are read.
    pub environment: Environment,
}

impl Default for ModelSettings {
    /// Three minutes for an answer, limits of its own, and no keys.
    fn default() -> Self {
        ModelSettings {
            timeout: TIMEOUT_DEFAULT,
            answer_tokens_max: None,
            parameters: Map::new(),
            limits: Limits::default(),
            environment: Environment::default(),
        }
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
    /// Where the name has none of the forms, its key or its address is missing, or its script cannot be read; each
    /// says what to do.
    pub fn open(name: &str, settings: &ModelSettings) -> Result<Engine> {
        let name = name.trim();
        if name == "offline" {
            return Ok(Engine::Offline);
        }
        if let Some(file) = name.strip_prefix("script:") {
            let server = ScriptedModel::new(Script::load(Path::new(file))?, settings.timeout);
            return Ok(Engine::Model(Model::new(name, server)));
        }
        if let Some(file) = name.strip_prefix("replay:") {
            let replay = Replay::new(&Arc::new(Cassette::load(file)?), Verb::Run);
            return Ok(Engine::Model(Model::replayed(name, replay)));
        }
        let endpoint = endpoint(name, &settings.environment)?;
        Ok(Engine::Model(Model::new(name, RemoteModel::new(endpoint, settings))))
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

/// Whether what is asked of the model of a name leaves this machine. Not with the embedded engine, a script or a cassette, nor with a
/// server at a loopback address; a gateway is only a door to somebody else's models, wherever it stands.
///
/// ```
/// use reenact::{Environment, model::is_remote};
///
/// let environment = Environment::default();
/// assert!(is_remote("openai:/gpt-5", &environment) && is_remote("https://llm.example.org/v1#m", &environment));
/// assert!(!is_remote("ollama:/qwen3", &environment) && !is_remote("http://127.0.0.1:8000/v1#m", &environment));
/// assert!(!is_remote("offline", &environment));
/// ```
#[must_use]
pub fn is_remote(name: &str, environment: &Environment) -> bool {
    let name = name.trim();
    if name == "offline" || name.starts_with("script:") || name.starts_with("replay:") {
        return false;
    }
    // A name that cannot be opened yet, for want of a key, may be by whoever sends a batch.
    endpoint(name, environment)
        .map_or(true, |endpoint| matches!(endpoint.provider, "gateway" | "endpoints") || !is_loopback(&endpoint.url))
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Where the model of a name is, and how it is asked there.
///
/// # Errors
/// Where the name is none of a model behind an address, or its key or its address is missing.
pub(crate) fn endpoint(name: &str, environment: &Environment) -> Result<Endpoint> {
    let (prefix, rest) = name.split_once(':').ok_or_else(|| unknown(name, name))?;
    match Provider::of(prefix) {
        Some(provider) => Endpoint::of_provider(provider, model_of(provider, name, rest)?, name, environment),
        None if matches!(prefix, "http" | "https") => Endpoint::of_address(name, environment),
        None => Err(unknown(name, prefix)),
    }
}

/// How questions are written for a model, whether or not it can be asked from here: no key is needed to write.
pub(crate) struct OnPaper {
    pub(crate) wire: Wire,
    /// What the model is called at its provider.
    pub(crate) model: String,
    /// Without anything about caches, and without what the model taught this process: the same on every machine.
    pub(crate) manner: Manner,
}

/// How questions are written for the model of a name.
///
/// # Errors
/// Where the name is none of a model behind an address.
pub(crate) fn on_paper(name: &str) -> Result<OnPaper> {
    let (prefix, rest) = name.split_once(':').ok_or_else(|| unknown(name, name))?;
    let Some(provider) = Provider::of(prefix) else {
        let Endpoint { wire, model, .. } = endpoint(name, &Environment::default())?;
        return Ok(OnPaper { wire, model, manner: Manner::new(wire.means(), Caching::Untold) });
    };
    let model = model_of(provider, name, rest)?.to_owned();
    Ok(OnPaper { wire: provider.wire, model, manner: Manner::new(provider.means, Caching::Untold) })
}

/// What stands behind `provider:/`.
fn model_of<'a>(provider: &Provider, name: &str, rest: &'a str) -> Result<&'a str> {
    rest.strip_prefix('/').filter(|model| !model.is_empty()).ok_or_else(|| {
        let form = match rest.trim_matches('/') {
            "" => provider.form(),
            model => format!("{}:/{model}", provider.prefix),
        };
        Error::new(ErrorKind::Usage, format!("`{name}` names no model")).hint(format!("use `{form}`"))
    })
}

fn unknown(name: &str, prefix: &str) -> Error {
    if let Some((_, instead)) = NOT_SERVED.iter().find(|(it, _)| *it == prefix) {
        return Error::new(ErrorKind::Usage, format!("`{name}`: models of `{prefix}` are not served")).hint(*instead);
    }
    let error = Error::new(ErrorKind::Usage, format!("`{name}` is not the name of a model"));
    let likeness = |provider: &&Provider| strsim::jaro_winkler(provider.prefix, prefix);
    let near = Provider::all().iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match near.filter(|near| name.contains(':') && likeness(near) >= LIKENESS_MIN) {
        Some(near) => error.hint(format!("did you mean `{}`?", near.form())),
        None => {
            let prefixes: Vec<&str> = Provider::all().iter().map(|it| it.prefix).collect();
            error.hint(format!("use `PROVIDER:/MODEL` with one of {}; {OTHER_FORMS}", prefixes.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(name: &str, variables: &[(&str, &str)]) -> String {
        let environment = variables.iter().copied().collect();
        let settings = ModelSettings { environment, ..ModelSettings::default() };
        let error = Engine::open(name, &settings).expect_err("the name should not open");
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
            "opnai:/gpt-5",
            "anthropic:/claude",
            "azure:/gpt",
            "bedrock:/anthropic.claude",
            "gemini:/gemini",
            "gateway:/chat",
            "endpoints:/chat",
            "vertex:/gemini",
            "http://localhost:8000/v1",
            "http://#m",
            "https://me:hunter22@example.org/v1#m",
            "script:no/such/file.yaml",
        ];
        let refusals = names.map(|name| format!("{name:?}\n    {}\n", refusal(name, &[])));
        assert!(!refusals.concat().replace("\"https://me:hunter22", "").contains("hunter22"));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn each_setting_that_is_half_there_says_what_is_missing() {
        let settings: [(&str, &[(&str, &str)]); 6] = [
            ("azure:/gpt", &[("AZURE_OPENAI_API_KEY", "k")]),
            ("bedrock:/m", &[("AWS_BEARER_TOKEN_BEDROCK", "k")]),
            ("bedrock:/m", &[("AWS_ACCESS_KEY_ID", "k")]),
            ("gateway:/chat", &[("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")]),
            ("gateway:/chat", &[("MLFLOW_TRACKING_URI", "https://me:hunter22@example.org")]),
            ("openai:/m", &[("OPENAI_BASE_URL", "localhost")]),
        ];
        let refusals = settings.map(|(name, variables)| format!("{name}\n    {}\n", refusal(name, variables)));
        assert!(!refusals.concat().contains("hunter22"));
        insta::assert_snapshot!(refusals.concat());
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let environment = [("OPENAI_BASE_URL", "http://localhost:8000/v1")].into_iter().collect();
        let settings = ModelSettings { environment, ..ModelSettings::default() };
        assert_eq!(Engine::open("openai:/gpt-5", &settings).unwrap().name(), "openai:/gpt-5");
    }
}

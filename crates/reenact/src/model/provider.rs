//! The providers, a row each. To add one that speaks a form that is there: a row.

use schemars::JsonSchema;
use serde::Serialize;

use super::manner::{Caching, Means};
use super::wire::Wire;
use crate::Environment;

/// A provider of models, or a server of one kind: how its models are named, where its key comes from, how it is asked.
#[derive(Debug)]
pub struct Provider {
    pub(super) prefix: &'static str,
    title: &'static str,
    /// What stands behind the prefix: a model, a deployment, an endpoint.
    names: &'static str,
    /// The ways in which it lets somebody in; the first whose variables are set is taken.
    pub(super) keys: &'static [Key],
    pub(super) key_need: KeyNeed,
    pub(super) address: Address,
    pub(super) wire: Wire,
    /// The means by which its models are brought to write JSON of a schema, the best first.
    pub(super) means: &'static [Means],
    pub(super) caching: Caching,
}

/// A way in: variables that must all be set, and how what they hold is sent. Never in an address, which servers log.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) variables: &'static [&'static str],
    pub(super) sent: Sent,
}

/// How a key is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Sent {
    /// `authorization: Bearer KEY`.
    Bearer,
    /// A header of the provider's own.
    Header(&'static str),
    /// `authorization: Basic`, of a user and a password.
    Basic,
    /// Not at all: each request is signed with it.
    Signature,
}

/// Whether a provider can be asked without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyNeed {
    Always,
    /// Not where the variable for the address is set: a server of one's own often wants no key, and says so if it does.
    AtItsOwnAddress,
    Never,
}

/// Where a provider's models are.
#[derive(Debug)]
pub(super) struct Address {
    /// The variables with another base address; the first that is set is taken.
    pub(super) variables: &'static [&'static str],
    /// The base address where no variable is set; `{region}` stands for an AWS region.
    pub(super) base: Option<&'static str>,
    /// What follows the base; `{model}` stands for what the name says.
    pub(super) path: &'static str,
    /// Whether the variable may hold a host alone.
    pub(super) may_be_a_host: bool,
    /// The older path that is taken where a version of the interface is asked for.
    pub(super) versioned: Option<Versioned>,
}

/// A path with a version of the interface in its query.
#[derive(Debug)]
pub(super) struct Versioned {
    pub(super) variables: &'static [&'static str],
    pub(super) path: &'static str,
}

/// The variables with the AWS region.
pub(super) const REGION_VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The variable with the session token of temporary AWS keys.
pub(super) const SESSION_TOKEN_VARIABLE: &str = "AWS_SESSION_TOKEN";

/// The variable with the key for an address that is a name of its own.
pub(super) const ADDRESS_KEY_VARIABLE: &str = "REENACT_API_KEY";

const MLFLOW_KEYS: &[Key] = &[
    Key { variables: &["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"], sent: Sent::Basic },
    bearer(&["MLFLOW_TRACKING_TOKEN"]),
];

const fn bearer(variables: &'static [&'static str]) -> Key {
    Key { variables, sent: Sent::Bearer }
}

const fn at(variables: &'static [&'static str], base: &'static str, path: &'static str) -> Address {
    Address { variables, base: Some(base), path, may_be_a_host: false, versioned: None }
}

/// A provider at its own address that speaks chat completions and takes its key as a bearer token.
const fn compatible(prefix: &'static str, title: &'static str, keys: &'static [Key], address: Address) -> Provider {
    Provider {
        prefix,
        title,
        names: "MODEL",
        keys,
        key_need: KeyNeed::AtItsOwnAddress,
        address,
        wire: Wire::ChatCompletions,
        means: Wire::ChatCompletions.means(),
        caching: Caching::Untold,
    }
}

const PROVIDERS: &[Provider] = &[
    Provider {
        caching: Caching::Key,
        ..compatible(
            "openai",
            "OpenAI",
            &[bearer(&["OPENAI_API_KEY"])],
            at(&["OPENAI_BASE_URL"], "https://api.openai.com/v1", "/chat/completions"),
        )
    },
    Provider {
        names: "DEPLOYMENT",
        key_need: KeyNeed::Always,
        ..compatible(
            "azure",
            "Azure OpenAI",
            &[
                Key { variables: &["AZURE_OPENAI_API_KEY"], sent: Sent::Header("api-key") },
                bearer(&["AZURE_OPENAI_AD_TOKEN"]),
            ],
            Address {
                variables: &["AZURE_OPENAI_ENDPOINT"],
                base: None,
                path: "/openai/v1/chat/completions",
                may_be_a_host: false,
                versioned: Some(Versioned {
                    variables: &["AZURE_OPENAI_API_VERSION", "OPENAI_API_VERSION"],
                    path: "/openai/deployments/{model}/chat/completions",
                }),
            },
        )
    },
    Provider {
        prefix: "anthropic",
        title: "Anthropic",
        names: "MODEL",
        keys: &[
            Key { variables: &["ANTHROPIC_API_KEY"], sent: Sent::Header("x-api-key") },
            bearer(&["ANTHROPIC_AUTH_TOKEN"]),
        ],
        key_need: KeyNeed::AtItsOwnAddress,
        address: at(&["ANTHROPIC_BASE_URL"], "https://api.anthropic.com", "/v1/messages"),
        wire: Wire::AnthropicMessages,
        means: Wire::AnthropicMessages.means(),
        caching: Caching::Marks,
    },
    Provider {
        prefix: "gemini",
        title: "Google Gemini",
        names: "MODEL",
        keys: &[
            Key { variables: &["GOOGLE_API_KEY"], sent: Sent::Header("x-goog-api-key") },
            Key { variables: &["GEMINI_API_KEY"], sent: Sent::Header("x-goog-api-key") },
        ],
        key_need: KeyNeed::AtItsOwnAddress,
        address: at(
            &["GOOGLE_GEMINI_BASE_URL"],
            "https://generativelanguage.googleapis.com",
            "/v1beta/models/{model}:generateContent",
        ),
        wire: Wire::GenerateContent,
        means: Wire::GenerateContent.means(),
        caching: Caching::Untold,
    },
    compatible(
        "mistral",
        "Mistral",
        &[bearer(&["MISTRAL_API_KEY"])],
        at(&["MISTRAL_BASE_URL"], "https://api.mistral.ai", "/v1/chat/completions"),
    ),
    Provider {
        prefix: "bedrock",
        title: "Amazon Bedrock",
        names: "MODEL-ID",
        keys: &[
            bearer(&["AWS_BEARER_TOKEN_BEDROCK"]),
            Key { variables: &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], sent: Sent::Signature },
        ],
        key_need: KeyNeed::Always,
        address: at(
            &["AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"],
            "https://bedrock-runtime.{region}.amazonaws.com",
            "/model/{model}/converse",
        ),
        wire: Wire::Converse,
        means: Wire::Converse.means(),
        caching: Caching::Marks,
    },
    Provider {
        key_need: KeyNeed::Never,
        ..compatible(
            "ollama",
            "Ollama",
            &[bearer(&["OLLAMA_API_KEY"])],
            Address { may_be_a_host: true, ..at(&["OLLAMA_HOST"], "http://localhost:11434", "/v1/chat/completions") },
        )
    },
    compatible(
        "openrouter",
        "OpenRouter",
        &[bearer(&["OPENROUTER_API_KEY"])],
        at(&["OPENROUTER_BASE_URL"], "https://openrouter.ai/api", "/api/v1/chat/completions"),
    ),
    compatible(
        "groq",
        "Groq",
        &[bearer(&["GROQ_API_KEY"])],
        at(&["GROQ_BASE_URL"], "https://api.groq.com", "/openai/v1/chat/completions"),
    ),
    Provider {
        means: &[Means::JsonObject, Means::Prompt],
        ..compatible(
            "deepseek",
            "DeepSeek",
            &[bearer(&["DEEPSEEK_API_KEY"])],
            at(&["DEEPSEEK_BASE_URL"], "https://api.deepseek.com", "/chat/completions"),
        )
    },
    compatible(
        "xai",
        "xAI",
        &[bearer(&["XAI_API_KEY"])],
        at(&["XAI_BASE_URL"], "https://api.x.ai", "/v1/chat/completions"),
    ),
    compatible(
        "cohere",
        "Cohere",
        &[bearer(&["CO_API_KEY"]), bearer(&["COHERE_API_KEY"])],
        at(&["COHERE_BASE_URL"], "https://api.cohere.ai", "/compatibility/v1/chat/completions"),
    ),
    Provider {
        names: "ENDPOINT",
        key_need: KeyNeed::Always,
        ..compatible(
            "databricks",
            "Databricks model serving",
            &[bearer(&["DATABRICKS_TOKEN"])],
            Address {
                variables: &["DATABRICKS_HOST"],
                base: None,
                path: "/serving-endpoints/{model}/invocations",
                may_be_a_host: true,
                versioned: None,
            },
        )
    },
    Provider {
        names: "ENDPOINT",
        key_need: KeyNeed::Never,
        ..compatible(
            "gateway",
            "AI Gateway of an MLflow tracking server",
            MLFLOW_KEYS,
            Address {
                variables: &["MLFLOW_GATEWAY_URI", "MLFLOW_TRACKING_URI"],
                base: None,
                path: "/gateway/mlflow/v1/chat/completions",
                may_be_a_host: false,
                versioned: None,
            },
        )
    },
    Provider {
        names: "ENDPOINT",
        key_need: KeyNeed::Never,
        ..compatible(
            "endpoints",
            "MLflow deployments server",
            MLFLOW_KEYS,
            Address {
                variables: &["MLFLOW_DEPLOYMENTS_TARGET"],
                base: None,
                path: "/endpoints/{model}/invocations",
                may_be_a_host: false,
                versioned: None,
            },
        )
    },
];

/// A setting that a provider reads from the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Setting {
    /// What it is: `key`, `address`, `version` or `region`.
    pub what: &'static str,
    /// Variables that serve for it, the first that is set being taken. Several names in one entry must all be set.
    pub variables: Vec<String>,
    /// Which of them is set; never what it holds.
    pub found: Option<String>,
    /// Whether the provider cannot be asked without it, as the environment stands.
    pub is_needed: bool,
}

impl Provider {
    /// Every provider, in the order in which they are shown.
    #[must_use]
    pub fn all() -> &'static [Provider] {
        PROVIDERS
    }

    /// The provider of a name's beginning, such as `openai`.
    #[must_use]
    pub fn of(prefix: &str) -> Option<&'static Provider> {
        PROVIDERS.iter().find(|provider| provider.prefix == prefix)
    }

    /// What it is called.
    #[must_use]
    pub fn title(&self) -> &'static str {
        self.title
    }

    /// The form of its models' names, such as `openai:/MODEL`.
    #[must_use]
    pub fn form(&self) -> String {
        format!("{}:/{}", self.prefix, self.names)
    }

    /// What it reads from the environment, and what of that is there.
    ///
    /// ```
    /// use reenact::Environment;
    /// use reenact::model::Provider;
    ///
    /// let environment: Environment = [("MISTRAL_API_KEY", "secret")].into_iter().collect();
    /// let mistral = Provider::of("mistral").unwrap();
    /// assert_eq!(mistral.settings(&environment)[0].found.as_deref(), Some("MISTRAL_API_KEY"));
    /// assert!(mistral.is_ready(&environment));
    /// assert!(!mistral.is_ready(&Environment::default()));
    /// ```
    #[must_use]
    pub fn settings(&self, environment: &Environment) -> Vec<Setting> {
        let key = self.key(environment);
        let address = first_set(self.address.variables, environment);
        let needs_key = match self.key_need {
            KeyNeed::Always => true,
            KeyNeed::AtItsOwnAddress => address.is_none(),
            KeyNeed::Never => false,
        };
        let mut settings = vec![
            Setting {
                what: "key",
                variables: self.keys.iter().map(|key| key.variables.join(" and ")).collect(),
                found: key.map(|key| key.variables.join(" and ")),
                is_needed: needs_key,
            },
            one_of("address", self.address.variables, environment, self.address.base.is_none()),
        ];
        if let Some(versioned) = &self.address.versioned {
            settings.push(one_of("version", versioned.variables, environment, false));
        }
        if self.wire == Wire::Converse {
            let is_signed = key.is_some_and(|key| matches!(key.sent, Sent::Signature));
            settings.push(one_of("region", &REGION_VARIABLES, environment, is_signed || address.is_none()));
        }
        settings
    }

    /// Whether everything is there that it cannot be asked without.
    #[must_use]
    pub fn is_ready(&self, environment: &Environment) -> bool {
        self.settings(environment).iter().all(|setting| setting.found.is_some() || !setting.is_needed)
    }

    /// The way in that the environment opens.
    pub(super) fn key(&self, environment: &Environment) -> Option<&'static Key> {
        let is_set = |key: &&Key| key.variables.iter().all(|name| environment.get(name).is_some());
        self.keys.iter().find(is_set)
    }
}

fn one_of(what: &'static str, variables: &[&'static str], environment: &Environment, is_needed: bool) -> Setting {
    let found = first_set(variables, environment).map(|(name, _)| name.to_owned());
    Setting { what, variables: variables.iter().map(|&name| name.to_owned()).collect(), found, is_needed }
}

/// The first of these variables that is set, and what it holds.
pub(super) fn first_set<'a>(
    variables: &[&'static str],
    environment: &'a Environment,
) -> Option<(&'static str, &'a str)> {
    variables.iter().find_map(|&name| Some((name, environment.get(name)?)))
}

//! How one model is asked, and what it taught us by refusing.
//!
//! Providers differ in what they take, models of one provider too, and no table of them stays true. So each
//! provider is asked in its own best way first, and what a model refuses by name is left out from then on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// By which means a model is brought to write JSON of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The provider's own structured output, which cannot write anything else.
    Schema,
    /// A tool that the model must call, with the schema as its arguments.
    Tool,
    /// Any JSON object; the schema stands in the prompt.
    JsonObject,
    /// The prompt alone: the last resort.
    Prompt,
}

/// How the provider is told what of a prompt comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caching {
    /// Not at all: it finds out by itself, or it cannot keep anything.
    Untold,
    /// By marks in the prompt.
    Marks,
    /// By a key that requests with the same beginning have in common.
    Key,
}

/// How one model is asked: what it takes, as far as that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) means: Means,
    /// What is tried where the means are refused, the best first.
    lesser_means: &'static [Means],
    pub(crate) caching: Caching,
    /// Some servers take a schema and forget it: the prompt tells it too.
    schema_told: bool,
    /// How long an answer may be at the most, for forms that insist on a limit.
    pub(crate) answer_tokens_max: u64,
}

/// Ours are answers of a page; this leaves a model room to think before one.
const ANSWER_TOKENS_MAX: u64 = 16_384;

/// No model has a limit below this; a smaller number in a refusal is something else.
const ANSWER_TOKENS_MIN: u64 = 512;

/// How providers call what tells the schema, in lower case. Each refusal names one.
const SCHEMA_WORDS: [&str; 9] = [
    "response_format",
    "response format",
    "schema",
    "json",
    "output_config",
    "outputconfig",
    "output_format",
    "structured output",
    "requested parameters",
];

const TOOL_WORDS: [&str; 2] = ["tool", "function"];

const CACHING_WORDS: [&str; 5] = ["cache_control", "cachepoint", "cache point", "prompt_cache", "prompt caching"];

const LIMIT_WORDS: [&str; 3] = ["max_tokens", "maximum tokens", "output tokens"];

impl Manner {
    /// The manner that begins with the first of these means; the others are tried in turn where it is refused.
    pub(crate) fn new(means: &'static [Means], caching: Caching) -> Self {
        let (&means, lesser_means) = means.split_first().unwrap_or((&Means::Prompt, &[]));
        Manner { means, lesser_means, caching, schema_told: false, answer_tokens_max: ANSWER_TOKENS_MAX }
    }

    /// Whether the schema stands in the prompt.
    pub(crate) fn tells_the_schema(&self) -> bool {
        self.schema_told || matches!(self.means, Means::JsonObject | Means::Prompt)
    }

    /// The manner with the schema in the prompt too.
    pub(crate) fn telling_the_schema(&self) -> Manner {
        Manner { schema_told: true, ..self.clone() }
    }

    /// The manner without what a refusal names; nothing where it names nothing that could be left out.
    ///
    /// It asks for less each time, so that asking again and again comes to an end.
    pub(crate) fn without_what_is_refused(&self, refusal: &str) -> Option<Manner> {
        let refusal = refusal.to_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| refusal.contains(word));
        if self.caching != Caching::Untold && names(&CACHING_WORDS) {
            return Some(Manner { caching: Caching::Untold, ..self.clone() });
        }
        if let Some(smaller) = self.with_smaller_limit(&refusal) {
            return Some(smaller);
        }
        let is_refused = match self.means {
            Means::Schema | Means::JsonObject => names(&SCHEMA_WORDS),
            Means::Tool => names(&TOOL_WORDS),
            Means::Prompt => false,
        };
        is_refused.then(|| self.with_lesser_means(names(&["json"])))?
    }

    /// The manner with a smaller limit of tokens, where a refusal states one.
    pub(crate) fn with_smaller_limit(&self, refusal: &str) -> Option<Manner> {
        let refusal = refusal.to_lowercase();
        let speaks_of_it = LIMIT_WORDS.iter().any(|word| refusal.contains(word));
        let answer_tokens_max = speaks_of_it.then(|| smaller_limit(&refusal, self.answer_tokens_max))??;
        Some(Manner { answer_tokens_max, ..self.clone() })
    }

    /// A server that refuses `json_schema` may take another kind of JSON; one that refuses the parameter takes none.
    fn with_lesser_means(&self, speaks_of_json: bool) -> Option<Manner> {
        let is_worth_trying = |means: &Means| *means != Means::JsonObject || speaks_of_json;
        let at = self.lesser_means.iter().position(is_worth_trying)?;
        Some(Manner { means: self.lesser_means[at], lesser_means: &self.lesser_means[at + 1..], ..self.clone() })
    }
}

/// The limit that a refusal states beside ours.
fn smaller_limit(refusal: &str, ours: u64) -> Option<u64> {
    let numbers = refusal.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
    numbers.filter(|number| (ANSWER_TOKENS_MIN..ours).contains(number)).max()
}

/// What models taught this process, by address and model.
static LEARNED: Mutex<BTreeMap<(String, String), Manner>> = Mutex::new(BTreeMap::new());

/// How a model is to be asked after all that it taught this process.
pub(crate) fn learned(address: &str, model: &str) -> Option<Manner> {
    let learned = LEARNED.lock().unwrap_or_else(PoisonError::into_inner);
    learned.get(&(address.to_owned(), model.to_owned())).cloned()
}

/// Keeps how a model is to be asked, for all who ask it in this process.
pub(crate) fn remember(address: &str, model: &str, manner: Manner) {
    let mut learned = LEARNED.lock().unwrap_or_else(PoisonError::into_inner);
    learned.insert((address.to_owned(), model.to_owned()), manner);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LADDER: &[Means] = &[Means::Schema, Means::JsonObject, Means::Prompt];
    const WITH_TOOL: &[Means] = &[Means::Schema, Means::Tool, Means::Prompt];

    /// What is asked by after these refusals.
    fn after(manner: Manner, refusals: &[&str]) -> (Means, Caching, u64) {
        let manner = refusals.iter().fold(manner, |manner, refusal| {
            manner.without_what_is_refused(refusal).unwrap_or_else(|| panic!("{refusal:?} teaches nothing"))
        });
        (manner.means, manner.caching, manner.answer_tokens_max)
    }

    #[test]
    fn what_a_model_refuses_by_name_is_left_out() {
        let means = |ladder, refusals: &[&str]| after(Manner::new(ladder, Caching::Untold), refusals).0;
        assert_eq!(means(LADDER, &["Unsupported parameter: response_format"]), Means::Prompt);
        let no_schema = "This model does not support response format `json_schema`.";
        assert_eq!(means(LADDER, &[no_schema]), Means::JsonObject);
        assert_eq!(means(LADDER, &[no_schema, "'response_format' is not supported"]), Means::Prompt);
        let too_old = "output_config.format: Extra inputs are not permitted";
        assert_eq!(means(WITH_TOOL, &[too_old]), Means::Tool);
        assert_eq!(means(WITH_TOOL, &[too_old, "This model doesn't support tool use."]), Means::Prompt);
    }

    #[test]
    fn marks_and_limits_are_left_out_before_the_means() {
        let manner = || Manner::new(WITH_TOOL, Caching::Marks);
        let caching = after(manner(), &["messages.0.content.0.cache_control: Extra inputs are not permitted"]);
        assert_eq!(caching, (Means::Schema, Caching::Untold, ANSWER_TOKENS_MAX));
        let limit =
            "max_tokens: 16384 > 4096, which is the maximum allowed number of output tokens for old-model-20240229";
        assert_eq!(after(manner(), &[limit]), (Means::Schema, Caching::Marks, 4096));
    }

    #[test]
    fn a_refusal_that_names_nothing_of_ours_teaches_nothing() {
        let manner = Manner::new(LADDER, Caching::Untold);
        for refusal in ["Incorrect API key provided", "The model `m` does not exist", "prompt is too long", ""] {
            assert_eq!(manner.without_what_is_refused(refusal), None, "{refusal}");
        }
    }

    proptest! {
        #[test]
        fn learning_comes_to_an_end(refusal in "(json|schema|tool|max_tokens|cache_control|[0-9]{1,6}|[a-z ]){0,12}") {
            let mut manner = Some(Manner::new(WITH_TOOL, Caching::Marks));
            for _ in 0..40 {
                let Some(next) = manner.and_then(|manner| manner.without_what_is_refused(&refusal)) else { return Ok(()) };
                manner = Some(next);
            }
            prop_assert!(false, "{refusal:?} is learned from for ever");
        }
    }
}

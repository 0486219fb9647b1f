//! Prompts are files. Each is a template with named parts, rendered strictly, and known by the hash
//! of its text, so that an answer can be traced to the very words that asked for it.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

pub(crate) mod transcript;

/// A prompt that ships with this crate, one file each in `prompts/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// Words what the simulated user says.
    User,
    /// Asks about the agent's words what the simulated user's agenda needs.
    Checks,
    /// Judges one expectation.
    Judge,
    /// Asks what the built-in judges ask.
    Judges,
    /// Asks what a judge of the user's own asks.
    OwnJudge,
    /// Distils a session into a test case.
    Distill,
    /// Answers for a tool that was not recorded so.
    Tool,
}

impl Prompt {
    /// All prompts.
    pub const ALL: [Prompt; 7] =
        [Prompt::User, Prompt::Checks, Prompt::Judge, Prompt::Judges, Prompt::OwnJudge, Prompt::Distill, Prompt::Tool];

    /// The prompt's file name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Prompt::User => "user.md",
            Prompt::Checks => "checks.md",
            Prompt::Judge => "judge.md",
            Prompt::Judges => "judges.md",
            Prompt::OwnJudge => "own-judge.md",
            Prompt::Distill => "distill.md",
            Prompt::Tool => "tool.md",
        }
    }

    /// The template, as it stands in its file.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Prompt::User => include_str!("../prompts/user.md"),
            Prompt::Checks => include_str!("../prompts/checks.md"),
            Prompt::Judge => include_str!("../prompts/judge.md"),
            Prompt::Judges => include_str!("../prompts/judges.md"),
            Prompt::OwnJudge => include_str!("../prompts/own-judge.md"),
            Prompt::Distill => include_str!("../prompts/distill.md"),
            Prompt::Tool => include_str!("../prompts/tool.md"),
        }
    }
}

/// The first 12 hex digits of the BLAKE3 hash of a prompt's template, to be kept with its answers.
///
/// ```
/// use reenact::prompt::{Prompt, hash};
///
/// assert_eq!(hash(Prompt::Judge).len(), 12);
/// assert_ne!(hash(Prompt::Judge), hash(Prompt::User));
/// ```
#[must_use]
pub fn hash(prompt: Prompt) -> String {
    blake3::hash(prompt.text().as_bytes()).to_hex()[..12].to_owned()
}

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut templates = Environment::new();
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    templates.set_syntax(syntax.expect("the usual delimiters"));
    for prompt in Prompt::ALL {
        templates.add_template(prompt.name(), prompt.text()).expect("a shipped prompt is a template");
    }
    templates
});

/// One named part of a prompt, filled in.
///
/// The templates are compiled into the crate and the values are its own types, so a failure here is
/// not something that a caller could cause or mend.
pub(crate) fn render(prompt: Prompt, part: &str, values: impl Serialize) -> String {
    let template = TEMPLATES.get_template(prompt.name()).expect("all prompts are loaded");
    let rendered = template
        .render_captured(Value::from(Serde(&values)))
        .and_then(|mut whole| whole.with_state_mut(|state| state.render_block(part)));
    let text =
        rendered.unwrap_or_else(|error| panic!("{part} of the shipped prompt {} fails: {error:#}", prompt.name()));
    text.trim().to_owned()
}

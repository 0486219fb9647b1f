//! Questions in batches: at a provider that does its worst, and by hand through a folder.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use reenact::model::batch::{Batch, BatchEvent, Finished, Tally, Watch, in_batches};
use reenact::{
    AnswerSchema, ChatMessage, ChatRole, Completion, Environment, Error, ErrorKind, Model, ModelFault, ModelRequest,
    Result, Store,
};
use serde_json::{Value, json};

use fake::{Fake, Fate, Plan};

mod at_providers;
pub(crate) mod fake;
mod folder;
mod journaled;

const SCOPE: &str = "a test";

/// What came of each question.
type Answers = Vec<std::result::Result<Completion, ModelFault>>;

/// Both forms, as what a provider's models are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    OpenAi,
    Anthropic,
}

const FORMS: [Form; 2] = [Form::OpenAi, Form::Anthropic];

impl Form {
    /// A model's name, and the environment that leads to an address.
    fn names(self, address: &str) -> (&'static str, Environment) {
        let key = "sk-very-secret";
        match self {
            Form::OpenAi => {
                ("openai:/m-1", [("OPENAI_API_KEY", key), ("OPENAI_BASE_URL", address)].into_iter().collect())
            }
            Form::Anthropic => {
                ("anthropic:/m-1", [("ANTHROPIC_API_KEY", key), ("ANTHROPIC_BASE_URL", address)].into_iter().collect())
            }
        }
    }

    fn model(self, batch: &Batch, address: &str) -> Model {
        let (name, environment) = self.names(address);
        batch.model(name, &environment).unwrap()
    }

    /// A line of this provider's for a request with this fate.
    fn line(self, request: &Value, fate: &Fate) -> Option<String> {
        match self {
            Form::OpenAi => fake::openai_line(request, fate),
            Form::Anthropic => fake::anthropic_line(request, fate),
        }
    }
}

fn question(words: &str) -> ModelRequest {
    let schema = json!({"type": "object", "required": ["echo"], "properties": {"echo": {"type": "string"}}});
    let messages = vec![ChatMessage { role: ChatRole::User, content: words.to_owned() }];
    ModelRequest { messages, schema: AnswerSchema { name: "echoed".to_owned(), schema: schema.into() } }
}

/// Asks each question once.
async fn ask(model: &Model, words: &[&str]) -> Answers {
    let mut answers = Vec::new();
    for words in words {
        answers.push(model.complete(&question(words)).await);
    }
    answers
}

/// Who asks, and what it was told meanwhile.
struct Asker<'a> {
    store: &'a Store,
    fake: &'a Fake,
    form: Form,
    stop: AtomicBool,
    told: Mutex<Vec<String>>,
}

impl<'a> Asker<'a> {
    fn new(store: &'a Store, fake: &'a Fake, form: Form) -> Self {
        Asker { store, fake, form, stop: AtomicBool::new(false), told: Mutex::default() }
    }

    /// Asks at the provider until all is answered.
    async fn ask(&self, words: &[&str]) -> Result<(Answers, Tally)> {
        let batch = Batch::at_providers(self.store, SCOPE)?;
        let model = self.form.model(&batch, &self.fake.address);
        let listen = |event: BatchEvent<'_>| {
            if let BatchEvent::Waiting { .. } = event
                && self.stop.load(Ordering::Relaxed)
            {
                return;
            }
            self.told.lock().unwrap().push(format!("{event:?}"));
        };
        let watch = Watch { stop: &|| self.stop.load(Ordering::Relaxed), listen: &listen };
        let finished = in_batches(&batch, &watch, async || Ok(ask(&model, words).await)).await?;
        let Finished::Whole(answers) = finished else { panic!("a provider answers by itself") };
        Ok((answers, batch.tally()?))
    }

    /// What it was told of this kind.
    fn told(&self, kind: &str) -> Vec<String> {
        self.told.lock().unwrap().iter().filter(|told| told.starts_with(kind)).cloned().collect()
    }
}

/// The echoes, or why there is none.
fn words(answers: &Answers) -> Vec<String> {
    let word = |answer: &std::result::Result<Completion, ModelFault>| match answer {
        Ok(completion) => completion.answer["echo"].as_str().unwrap().to_owned(),
        Err(fault) => format!("{:?}: {}", fault.fault, fault.reason),
    };
    answers.iter().map(word).collect()
}

/// Fates by what a request asks.
fn fates(fate: impl Fn(usize, &str, &Value) -> Fate + Send + 'static) -> Plan {
    Plan { fate: Box::new(move |n, request| fate(n, &fake::last_words(request), request)), ..Plan::default() }
}

fn echo(words: &str) -> Fate {
    Fate::Says(json!({"echo": words}).to_string())
}

/// The requests that lie in a folder, in the order of the files.
fn requests_in(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let requests = files.iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("requests-"));
    let texts = requests.map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()).collect()
}

fn told(error: &Error) -> String {
    format!("{:?}: {error} ({})", error.kind(), error.hint_text().unwrap_or("no hint"))
}

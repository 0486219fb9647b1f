//! Single questions, outside of a run: a model's words, and what a simulated user would do in a scene.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use pyo3::prelude::*;
use reenact::case::Wording;
use reenact::model::Engine;
use reenact::user::AgendaUser;
use reenact::user::model::ModelUser;
use reenact::{
    AnswerSchema, Brief, ChatMessage, Conversation, Disclosure, Error, ErrorKind, Model, ModelRequest, Scene,
    SimulatedUser,
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::data::{from_python, to_python};
use crate::fault::{Raise as _, Result};
use crate::participants::with_parameters;
use crate::waiting::runtime;

/// Asks a model for words.
#[pyfunction]
pub(crate) fn ask_model(py: Python<'_>, model: &str, parameters: &str, messages: &Bound<'_, PyAny>) -> Result<String> {
    let messages: Vec<ChatMessage> = from_python(messages, "a list of chat messages")?;
    let request = ModelRequest { messages, schema: WORDS.clone() };
    let answered = waited(py, async {
        let model = opened(model, parameters)?;
        model.complete(&request).await.map_err(|fault| Error::new(ErrorKind::Model, fault.to_string()))
    })?;
    Ok(answered.answer["text"].as_str().unwrap_or_default().to_owned())
}

/// What the simulated user does in a scene; `offline` is the one that needs no model.
#[pyfunction]
pub(crate) fn user_act<'py>(
    py: Python<'py>,
    model: &str,
    parameters: &str,
    scene: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>> {
    let known: Known = from_python(scene, "a scene")?;
    let act = waited(py, async {
        let user: Box<dyn SimulatedUser> = match Engine::open(model, &with_parameters(parameters)?)? {
            Engine::Offline => Box::new(AgendaUser),
            Engine::Model(model) => Box::new(ModelUser::new(model)),
        };
        user.next(known.scene()).await.map_err(|fault| Error::new(ErrorKind::Model, fault.to_string()))
    })?;
    to_python(py, &act)
}

/// Whether the goal is reached in a scene, as a model finds it.
#[pyfunction]
pub(crate) fn check_goal<'py>(
    py: Python<'py>,
    model: &str,
    parameters: &str,
    scene: &Bound<'py, PyAny>,
) -> Result<Bound<'py, PyAny>> {
    let known: Known = from_python(scene, "a scene")?;
    let check = waited(py, async { Ok(ModelUser::new(opened(model, parameters)?).check_goal(known.scene()).await) })?;
    to_python(py, &check)
}

/// What a simulated user knows when it is its turn.
#[derive(Deserialize)]
struct Known {
    brief: Brief,
    conversation: Conversation,
    #[serde(default)]
    disclosures: Vec<Disclosure>,
    #[serde(default)]
    seed: u64,
}

impl Known {
    fn scene(&self) -> Scene<'_> {
        let (disclosures, seed) = (&self.disclosures[..], self.seed);
        Scene { wording: Wording::NONE, disclosures, seed, ..Scene::new(&self.brief, &self.conversation) }
    }
}

fn opened(model: &str, parameters: &str) -> reenact::Result<Model> {
    match Engine::open(model, &with_parameters(parameters)?)? {
        Engine::Model(model) => Ok(model),
        Engine::Offline => {
            let error = Error::new(ErrorKind::Usage, "the embedded engine answers no questions");
            Err(error.hint("name a model, such as `openai:/gpt-5`"))
        }
    }
}

static WORDS: LazyLock<AnswerSchema> = LazyLock::new(|| {
    let schema = json!({
        "type": "object",
        "properties": {"text": {"type": "string", "description": "The answer."}},
        "required": ["text"],
        "additionalProperties": false,
    });
    AnswerSchema { name: "user_message".to_owned(), schema: Arc::<Value>::new(schema) }
});

/// Waits without the interpreter's lock.
fn waited<T: Send>(py: Python<'_>, work: impl Future<Output = reenact::Result<T>> + Send) -> Result<T> {
    let runtime = shared()?;
    py.detach(|| runtime.block_on(work)).raise()
}

/// The runtime of all single questions, so that they share connections; another one in a process that was forked, which has none of
/// the threads.
fn shared() -> Result<Arc<Runtime>> {
    static SHARED: Mutex<Option<(u32, Arc<Runtime>)>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((of, runtime)) = shared.as_ref()
        && *of == process
    {
        return Ok(Arc::clone(runtime));
    }
    let made = Arc::new(runtime()?);
    // What the other process left is not dropped: that would wait for threads that are not here.
    std::mem::forget(shared.replace((process, Arc::clone(&made))));
    Ok(made)
}

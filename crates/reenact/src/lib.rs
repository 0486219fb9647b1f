//! `reenact` turns conversations that really happened between users and an AI agent into test cases,
//! plays those users again against the agent as it is today, and says whether it got better.
//!
//! # The whole road, once
//!
//! A recording comes in, becomes a case, is played against an agent, judged and reported. Nothing here asks a
//! model or a network:
//!
//! ```
//! use std::sync::Arc;
//!
//! use reenact::distill::{Distiller, distill};
//! use reenact::import::{Input, Options, import};
//! use reenact::run::{Part, Participants, Stop, run};
//! use reenact::{Outcome, Panel, Plan, Run, SessionQuery, Store, Suite, agent};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! // 1. import: what was recorded becomes sessions. The user corrects an agent that is wrong.
//! let log = r#"{"session_id": "s-1", "messages": [
//!     {"role": "user",      "content": "how are the markets doing"},
//!     {"role": "assistant", "content": "The market is open. The S&P 500 is up."},
//!     {"role": "user",      "content": "No, it's saturday, the market is closed"},
//!     {"role": "assistant", "content": "You are right, these are the levels of Friday."}]}"#;
//! let store = Store::temporary()?;
//! let input = Input::Stream("chat.jsonl".into(), Box::new(log.as_bytes()));
//! import(vec![input], &Options::default(), &store, &mut |_| {})?;
//!
//! // 2. distill: a session becomes a case. What the user said late is a fact behind a gate; what the
//! //    user turned against is an expectation, which whoever plays the user never sees.
//! let sessions = store.read_sessions(&SessionQuery::default())?;
//! let cases = distill(sessions, Distiller::Offline).await?.cases;
//! assert_eq!(cases[0].brief.goal, "how are the markets doing");
//! assert_eq!(cases[0].brief.facts[0].gate.to_string(), r#"when: the agent says "market is open""#);
//!
//! // 3. run: the case is played against the agent as it is today, and judged.
//! let today = agent::from_fn(|_| async { Ok("It is Saturday. At Friday's close the S&P 500 was up.") });
//! let plan = Plan { agent: "today's".into(), ..Plan::default() };
//! let planned = Run::new(plan, Suite { name: None, cases });
//! store.create_run(&planned)?;
//! let participants = Participants { agent: Arc::new(today), user: Part::Offline, judge: Panel::offline() };
//! let output = run(&store, &planned, &participants, &Stop::default(), &|_| {}).await?;
//!
//! // 4. report: what it amounts to. Nobody told the agent that it is Saturday.
//! let trial = &output.trials[0];
//! assert_eq!(trial.outcome, Outcome::Passed);
//! assert!(trial.disclosures.is_empty());
//! assert_eq!(output.report.headline(), "The one case passed.");
//! # Ok::<_, reenact::Error>(()) }).unwrap();
//! ```
//!
//! # Where to go from here
//!
//! | for | see |
//! |---|---|
//! | reading recordings | [`import`](mod@import), [`Session`], [`SessionQuery`] |
//! | cases and the suite file | [`TestCase`], [`Brief`], [`Expectation`], [`Suite`] |
//! | making cases | [`distill`](mod@distill) |
//! | the agent under test | [`agent::open`], [`agent::from_fn`], [`Agent`] |
//! | models | [`Engine::open`], [`Model`], [`ServeModel`], [`model::Limits`] |
//! | simulated users | [`SimulatedUser`], [`user::AgendaUser`], [`user::model::ModelUser`] |
//! | one conversation without a store | [`simulate::simulate`], [`judge::assess`](fn@judge::assess), [`Panel`], [`Hearing`] |
//! | many, durably | [`run::run`], [`run::rejudge`], [`Journal`], [`Store`] |
//! | judges against people | [`calibrate::calibrate`], [`mod@calibrate`] |
//! | a server of MLflow | [`mlflow::import`], [`mlflow::Server`], [`mod@mlflow`] |
//! | traces of it | [`run::run_exported`], [`mod@export`] |
//! | what it costs | [`Cost`], [`mod@cost`], [`PriceList`], [`mod@estimate`] |
//! | what it amounts to | [`Trial`], [`Outcome`], [`Report`], [`mod@report`] |
//!
//! # What holds everywhere
//!
//! Nothing vanishes: what gives nothing is a [`Skipped`] with its reason. How a conversation ended is an [`Ending`], and
//! one function, [`Outcome::of`], says what it amounts to. Every error is an [`Error`] that says what happened, where, and what to do.
//! Nothing prints, exits or calls home; the clock and the environment are read in one named place each, and a model's key is
//! handed in through an [`Environment`].

pub use agent::{
    Agent, AgentFault, AgentReply, AgentTurn, AgentUsage, FaultKind, Held, Tool, ToolMiss, ToolMocks, ToolResult,
    ToolScene, Toolbox,
};
pub use back_test::BackTest;
pub use case::{Brief, CallPattern, Check, Evidence, Expectation, Fact, Gate, Origin, Suite, TestCase};
pub use cassette::Cassette;
pub use conversation::{ChatMessage, ChatRole, Conversation, Message, Speaker, ToolCall, Turn};
pub use cost::{Amount, Cost};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Place, Result};
pub use journal::{Journal, StepKey, StepRole};
pub use judge::{Assessment, Hearing, Judge, Judging, Panel, Verdict};
pub use model::{
    AnswerSchema, Completion, Engine, Model, ModelFault, ModelFaultKind, ModelRequest, Price, PriceList, ServeModel,
    Usage,
};
pub use report::{Report, RunOutput};
pub use run::{Plan, PromptHash, Provenance, Run, UserKind};
pub use session::{Session, SessionCursor, SessionQuery};
pub use skipped::Skipped;
pub use store::{RunLease, RunSummary, SessionReader, SessionSummary, SessionWriter, Store, StoredSession};
pub use trial::{Cited, Correction, Discarded, Disclosure, Ending, Outcome, Trial};
pub use usd::Usd;
pub use user::{DialogueAct, Leaving, Said, Scene, SimulatedUser, Telling, UserAct, UserFault};

mod acts;
pub mod agent;
pub mod alignment;
pub mod back_test;
pub mod calibrate;
pub mod case;
pub mod cassette;
mod chat_completions;
mod claim;
mod clock;
mod conversation;
pub mod cost;
pub mod distill;
mod environment;
mod error;
pub mod estimate;
pub mod export;
mod http;
pub mod import;
pub mod interchange;
pub mod journal;
pub mod judge;
pub mod mask;
pub mod mlflow;
pub mod model;
mod otlp_answer;
pub mod prompt;
pub mod quote;
pub mod report;
pub mod run;
pub mod script;
mod secrets;
mod session;
mod shorten;
pub mod signals;
pub mod simulate;
mod skipped;
mod slug;
mod spelling;
pub mod store;
mod text;
mod trace_context;
mod trial;
mod usd;
pub mod user;

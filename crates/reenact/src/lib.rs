//! `reenact` turns conversations that really happened between users and an AI agent into test cases,
//! plays those users again against the agent as it is today, and says whether it got better.

pub use agent::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};
pub use case::{Brief, Check, Evidence, Expectation, Fact, Gate, Origin, Suite, TestCase};
pub use conversation::{ChatMessage, ChatRole, Conversation, Message, Speaker, ToolCall, Turn};
pub use environment::Environment;
pub use error::{Error, ErrorKind, Place, Result};
pub use journal::{Journal, StepKey, StepRole};
pub use judge::{Assessment, Judge, Verdict};
pub use model::{AnswerSchema, Completion, Engine, Model, ModelFault, ModelFaultKind, ModelRequest, ServeModel, Usage};
pub use report::{Report, RunOutput};
pub use run::{Plan, Run};
pub use session::{Session, SessionQuery};
pub use skipped::Skipped;
pub use store::{RunLease, RunSummary, SessionReader, SessionSummary, SessionWriter, Store, StoredSession};
pub use trial::{Disclosure, Ending, Outcome, Trial};
pub use user::{Leaving, Scene, SimulatedUser, UserAct, UserFault};

mod acts;
pub mod agent;
pub mod case;
mod chat_completions;
mod claim;
mod clock;
mod conversation;
pub mod distill;
mod environment;
mod error;
mod http;
pub mod import;
pub mod journal;
pub mod judge;
pub mod model;
pub mod prompt;
pub mod report;
pub mod run;
pub mod script;
mod session;
mod shorten;
pub mod simulate;
mod skipped;
mod spelling;
pub mod store;
mod text;
mod trace_context;
mod trial;
pub mod user;

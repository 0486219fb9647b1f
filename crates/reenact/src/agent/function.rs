//! A Rust function as the agent under test.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt;

use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held};

/// An agent that is a function: from a turn to a text, or to an [`AgentReply`].
///
/// The function takes from the turn what it needs and returns a future that owns it. A panic is that
/// conversation's fault and no other's. There is no time limit but the function's own.
///
/// ```
/// use reenact::agent::Traces;
/// use reenact::{Agent, AgentTurn, Conversation, Message, agent};
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let echo = agent::from_fn(|turn| {
///     let said = turn.said().to_uppercase();
///     async move { Ok(format!("you said {said}")) }
/// });
///
/// let conversation: Conversation = [Message::user("hello")].into_iter().collect();
/// let context = serde_json::Map::new();
/// let turn = AgentTurn {
///     session_id: "sim-0123456789abcdef",
///     turn: 1,
///     first_turn: 1,
///     conversation: &conversation,
///     context: &context,
///     case: "greeting",
///     origin: None,
///     tools: None,
///     traces: Traces::default(),
/// };
/// let reply = echo.reply(turn, &mut None).await?;
/// assert_eq!(reply.messages[0].text, "you said HELLO");
/// # Ok::<(), reenact::AgentFault>(())
/// # }).unwrap();
/// ```
pub fn from_fn<F, Answering, R>(function: F) -> impl Agent
where
    F: Fn(AgentTurn<'_>) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Result<R, AgentFault>> + Send,
    R: Into<AgentReply> + Send,
{
    Function(function)
}

struct Function<F>(F);

#[async_trait]
impl<F, Answering, R> Agent for Function<F>
where
    F: Fn(AgentTurn<'_>) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Result<R, AgentFault>> + Send,
    R: Into<AgentReply> + Send,
{
    async fn reply(&self, turn: AgentTurn<'_>, _held: &mut Held) -> Result<AgentReply, AgentFault> {
        let answering = AssertUnwindSafe(async { (self.0)(turn).await }).catch_unwind();
        let answer = answering.await.map_err(|panic| {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
            AgentFault::new(FaultKind::Died, format!("the agent's function panicked: {words}"))
        })?;
        answer?.into().checked()
    }
}

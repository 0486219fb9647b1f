//! A Rust function as the agent.

use reenact::FaultKind;

use super::*;

#[tokio::test]
async fn a_function_that_panics_is_one_conversations_fault() {
    let agent = agent::from_fn(|turn| {
        let said = turn.said().to_owned();
        async move { if said == "hello" { panic!("no {said} today") } else { Ok("fine") } }
    });
    assert_eq!(fault(&agent).await, "Died: the agent's function panicked: no hello today");
    assert_eq!(Talk::new().hear(&agent, "how are you").await, "fine");
}

#[tokio::test]
async fn a_function_may_refuse_and_may_not_say_nothing() {
    let refusing =
        agent::from_fn(|_| async { Err::<AgentReply, _>(AgentFault::new(FaultKind::Refused, "not on Sundays")) });
    assert_eq!(fault(&refusing).await, "Refused: not on Sundays");
    let silent = agent::from_fn(|_| async { Ok("") });
    assert_eq!(fault(&silent).await, "Empty: the agent answered without any text");
}

//! What a participant makes of a stop is no answer: it is asked again when the run goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use reenact::run::{Part, Participants, Stop, run};
use reenact::{
    AgentFault, Brief, Check, ErrorKind, Expectation, FaultKind, Outcome, Panel, Plan, Run, Scene, SimulatedUser,
    Store, Suite, TestCase, UserAct, UserFault, agent,
};

fn planned() -> Run {
    let case = TestCase {
        id: "greeting".into(),
        brief: Brief { goal: "say hello".into(), ..Brief::default() },
        expectations: vec![Expectation { id: "greets".into(), text: None, check: Check::Contains("hi".into()) }],
        ..TestCase::default()
    };
    Run::new(Plan { agent: "one's own".into(), ..Plan::default() }, Suite { name: None, cases: vec![case] })
}

/// Plays a run twice: once with a participant that fails while `stop` is asked for, and once with a good one.
async fn stopped_and_gone_on(failing: Participants, good: Participants, stop: &Stop) {
    let (store, planned) = (Store::temporary().unwrap(), planned());
    store.create_run(&planned).unwrap();
    let error = run(&store, &planned, &failing, stop, &|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let output = run(&store, &planned, &good, &Stop::default(), &|_| {}).await.unwrap();
    assert_eq!(output.trials[0].outcome, Outcome::Passed);
}

fn participants(user: Part<dyn SimulatedUser>, fails: bool, stop: &Stop) -> Participants {
    let stop = stop.clone();
    let agent = agent::from_fn(move |_| {
        if fails {
            stop.request();
        }
        let answer = if fails { Err(AgentFault::new(FaultKind::Died, "stopped")) } else { Ok("hi") };
        async move { answer }
    });
    Participants { agent: Arc::new(agent), user, judge: Panel::offline() }
}

#[tokio::test]
async fn an_agent_that_fails_because_of_a_stop_is_asked_again() {
    let stop = Stop::default();
    let (failing, good) = (participants(Part::Offline, true, &stop), participants(Part::Offline, false, &stop));
    stopped_and_gone_on(failing, good, &stop).await;
}

/// A user that fails at first, and stops the run as it does.
struct FailsOnce {
    stop: Stop,
    has_failed: AtomicBool,
}

#[async_trait]
impl SimulatedUser for FailsOnce {
    async fn next(&self, scene: Scene<'_>) -> Result<UserAct, UserFault> {
        if !self.has_failed.swap(true, Ordering::Relaxed) {
            self.stop.request();
            return Err(UserFault::Failed("stopped".into()));
        }
        Ok(match scene.heard.messages.is_empty() {
            true => UserAct::say(reenact::DialogueAct::Open, "say hello"),
            false => UserAct::leave(reenact::Leaving::Satisfied),
        })
    }
}

#[tokio::test]
async fn a_user_that_fails_because_of_a_stop_is_asked_again() {
    let stop = Stop::default();
    let user = Arc::new(FailsOnce { stop: stop.clone(), has_failed: AtomicBool::default() });
    let with_user = || participants(Part::Own(user.clone()), false, &stop);
    stopped_and_gone_on(with_user(), with_user(), &stop).await;
}

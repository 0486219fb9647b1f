//! A small run for the tests of what is printed: one case of each fate, its last trial not done.

use reenact::report::RunOutput;
use reenact::run::Provenance;
use reenact::{
    AgentFault, Assessment, Brief, Check, Disclosure, Ending, Expectation, FaultKind, Judging, Message, Origin,
    Outcome, Plan, Run, Session, Suite, TestCase, ToolCall, Trial, Verdict,
};

pub(crate) fn case(id: &str) -> TestCase {
    TestCase {
        id: id.into(),
        brief: Brief { goal: "Get the current levels of the major stock indexes".into(), ..Brief::default() },
        context: serde_json::Map::new(),
        expectations: vec![Expectation {
            id: "says-closed".into(),
            text: Some("When markets are closed the agent says so".into()),
            check: Check::Contains("closed".into()),
        }],
        origin: Some(Origin { session: "8f2c61".into(), evidence: Vec::new() }),
        ..TestCase::default()
    }
}

pub(crate) fn run(trials: u32, cases: Vec<TestCase>) -> Run {
    Run {
        id: "0197a3c2-0000-7000-8000-000000000001".into(),
        created_at: "2026-03-07T10:00:00Z".parse().unwrap(),
        plan: Plan {
            agent: "cmd:market-v1".into(),
            user_model: "offline".into(),
            judging: Judging::default(),
            trials,
            max_turns: 8,
            concurrency: 4,
            seed: 7,
            agent_timeout_seconds: 60,
            ..Plan::default()
        },
        provenance: Provenance::default(),
        suite: Suite { name: Some("market-assistant".into()), cases },
        left_out: Vec::new(),
    }
}

pub(crate) fn judged(case: &str, number: u32, verdict: Verdict, reason: &str) -> Trial {
    let assessment = Assessment::new("says-closed", verdict, reason, "assertion").citing(&[1]);
    trial(case, number, Ending::Satisfied, vec![assessment])
}

pub(crate) fn trial(case: &str, number: u32, ending: Ending, assessments: Vec<Assessment>) -> Trial {
    let mut quote = Message::agent("The market is open and the S&P 500 is up 0.4 percent on the day.");
    let arguments = "{\"symbol\":\"^GSPC\"}".into();
    quote.tool_calls.push(ToolCall { id: Some("1".into()), name: "quote".into(), arguments });
    let said = [Message::user("HOW ARE THE MARKETS DOING"), quote, Message::user("it's saturday, markets are CLOSED")];
    Trial {
        case: case.into(),
        trial: number,
        session_id: format!("sim-{number:016x}"),
        outcome: Outcome::of(&ending, &assessments),
        ending,
        conversation: said.into_iter().collect(),
        disclosures: vec![Disclosure {
            turn: 2,
            fact: "weekend".into(),
            gate: "when: the agent says it is open".into(),
            opened_by: None,
        }],
        corrections: Vec::new(),
        goal: None,
        handed_over_at: None,
        discarded: Vec::new(),
        tool_misses: Vec::new(),
        agent_version: None,
        agent_latencies_ms: Vec::new(),
        agent_usage: Vec::new(),
        assessments,
    }
}

pub(crate) fn session() -> Session {
    let said = [
        Message::user("HOW ARE THE MARKETS DOING"),
        Message::agent("Markets are open. The Dow is at 38,989 and the Nasdaq is at 16,085."),
        Message::user("it's saturday, markets are CLOSED"),
        Message::agent("You are right, sorry. On Friday the Dow closed at 38,989."),
        Message::user("thanks"),
    ];
    Session::new("8f2c61", said.into_iter().collect())
}

pub(crate) fn market() -> RunOutput {
    let ids = ["closed-market", "open-market", "late-parcel", "a-card-that-was-lost-on-the-way-to-the-airport"];
    let died = AgentFault::new(FaultKind::Died, "the agent exited with status 1 on turn 1: ModuleNotFoundError");
    let trials = vec![
        judged(ids[0], 1, Verdict::Fail, "no message of the agent contains \"closed\""),
        judged(ids[0], 2, Verdict::Pass, "the agent says \"closed\""),
        judged(ids[1], 1, Verdict::Pass, "the agent says \"closed\""),
        judged(ids[1], 2, Verdict::Pass, "the agent says \"closed\""),
        judged(ids[2], 1, Verdict::Inconclusive, "no judge model is named"),
        trial(ids[2], 2, Ending::AgentFailed(died), Vec::new()),
        trial(ids[3], 1, Ending::UserInvalid("it spoke as the agent".into()), Vec::new()),
    ];
    RunOutput::new(run(2, ids.iter().map(|id| case(id)).collect()), trials)
}

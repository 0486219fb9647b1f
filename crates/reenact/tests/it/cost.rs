//! What models cost: exact, the same after a resume, and never more than it may.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt as _;
use proptest::prelude::*;
use reenact::cost::{ANSWER_TOKENS_MAX, Ledger};
use reenact::journal::Charge;
use reenact::model::{Price, PriceList};
use reenact::run::{Part, Participants, Stop, rejudge, run};
use reenact::{
    AgentReply, Amount, AnswerSchema, Brief, ChatMessage, ChatRole, Check, Completion, ErrorKind, Expectation, Judging,
    Model, ModelFault, ModelFaultKind, ModelRequest, Panel, Plan, Report, Run, RunOutput, ServeModel, Store, Suite,
    TestCase, Usage, Usd, agent,
};
use serde_json::json;

use crate::scripted::text_of;

const MODEL: &str = "mine:/judge";

fn prices() -> PriceList {
    let price: Price = serde_json::from_value(json!({"input": 2, "cached_input": 0.5, "output": 10})).unwrap();
    PriceList::stating(BTreeMap::from([(MODEL.to_owned(), price)]))
}

fn usd(amount: &str) -> Usd {
    amount.parse().unwrap()
}

/// A judge that passes everything, and takes as many tokens as its question's hash says. Every fifth question comes to
/// nothing and is charged all the same.
struct Judge {
    asked: Arc<AtomicU64>,
}

#[async_trait::async_trait]
impl ServeModel for Judge {
    async fn complete(&self, request: &ModelRequest) -> Result<Completion, ModelFault> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let question = text_of(request);
        let number = question.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let usage = Usage {
            input_tokens: 100 + number % 400,
            cached_tokens: number % 100,
            cache_write_tokens: 0,
            output_tokens: number % u64::from(ANSWER_TOKENS_MAX),
            batched: false,
        };
        if number % 5 == 0 {
            let reason = "cut off".to_owned();
            return Err(ModelFault { fault: ModelFaultKind::CutOff, reason, usage: Some(usage) });
        }
        let answer = json!({"reason": "it says so", "turns": [1], "quotes": [], "verdict": "pass"});
        Ok(Completion { answer, usage: Some(usage) })
    }
}

fn suite(cases: usize) -> Suite {
    let expectation = |n: usize| {
        let text = format!("The agent is kind in {n} ways");
        Expectation { id: format!("e{n}"), text: Some(text), check: Check::Judged }
    };
    let case = |n: usize| TestCase {
        id: format!("c{n}"),
        brief: Brief { goal: format!("ask question {n}"), opening: Some(format!("question {n}")), ..Brief::default() },
        expectations: (0..3).map(expectation).collect(),
        ..TestCase::default()
    };
    Suite { name: None, cases: (0..cases).map(case).collect() }
}

fn planned(trials: u32) -> Run {
    let plan = Plan { judging: Judging::by(MODEL), trials, max_turns: 2, concurrency: 8, ..Plan::default() };
    Run::new(plan, suite(6)).priced(&prices())
}

fn participants(asked: &Arc<AtomicU64>) -> Participants {
    let agent = agent::from_fn(|_| async {
        Ok::<_, reenact::AgentFault>(AgentReply { ended: true, ..AgentReply::text("kindly") })
    });
    let judge = Model::new(MODEL, Judge { asked: Arc::clone(asked) });
    Participants { agent: Arc::new(agent), user: Part::Offline, judge: Panel::of_model(judge) }
}

/// The sums that must agree in every report whose trials are all done.
#[track_caller]
fn adds_up(report: &Report) -> Amount {
    let cost = report.cost.as_ref().unwrap();
    let of_cases: Amount = report.cases.iter().filter_map(|case| case.cost).sum();
    let trials = report.cases.iter().flat_map(|case| &case.trials).filter_map(|trial| trial.cost.as_ref());
    let of_trials: Amount = trials.map(|cost| cost.total).sum();
    let of_parts: Amount = cost.parts.iter().map(|part| part.amount).sum();
    assert_eq!((of_cases, of_trials, of_parts), (cost.total, cost.total, cost.total));
    cost.total
}

#[tokio::test]
async fn the_cost_of_a_run_is_the_sum_of_its_parts_and_the_same_in_every_report() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let planned = planned(2);
    store.create_run(&planned).unwrap();
    let output = run(&store, &planned, &participants(&asked), &Stop::default(), &|_| {}).await.unwrap();
    let total = adds_up(&output.report);
    assert_eq!(total.calls, asked.load(Ordering::SeqCst));
    assert!(total.is_whole() && total.usd > Usd::ZERO, "{total:?}");
    assert_eq!(RunOutput::read(&store, &planned.id).unwrap(), output);
    let resumed = run(&store, &planned, &participants(&asked), &Stop::default(), &|_| {}).await.unwrap();
    assert_eq!((resumed, asked.load(Ordering::SeqCst)), (output, total.calls));
}

#[tokio::test]
async fn a_run_stopped_by_its_cap_again_and_again_ends_as_an_undisturbed_one_and_asks_nothing_twice() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let planned = planned(2);
    store.create_run(&planned).unwrap();
    let mut stops = 0;
    let output = (1..).map(|n| Stop::before_cost(Usd::from_picos(usd("0.9").picos() * n)));
    let mut ended = None;
    for stop in output {
        match run(&store, &planned, &participants(&asked), &stop, &|_| {}).await {
            Ok(output) => {
                ended = Some(output);
                break;
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::CapReached, "{error}"),
        }
        stops += 1;
        let spent = RunOutput::read(&store, &planned.id).unwrap().report.cost.unwrap().total;
        assert!(spent.usd <= stop.max_cost().unwrap(), "{} of {}", spent.usd, stop.max_cost().unwrap());
    }
    assert!(stops > 1, "the cap never stopped it");
    let total = adds_up(&ended.unwrap().report);
    assert_eq!(asked.load(Ordering::SeqCst), total.calls);

    let (undisturbed, asked) = (Store::temporary().unwrap(), Arc::default());
    undisturbed.create_run(&planned).unwrap();
    let output = run(&undisturbed, &planned, &participants(&asked), &Stop::default(), &|_| {}).await.unwrap();
    assert_eq!(adds_up(&output.report), total);
}

#[tokio::test]
async fn judging_again_adds_to_the_cost_and_says_which_of_it_is_of_an_earlier_round() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let planned = planned(1);
    store.create_run(&planned).unwrap();
    let participants = participants(&asked);
    let first = run(&store, &planned, &participants, &Stop::default(), &|_| {}).await.unwrap();
    let judging = &planned.plan.judging;
    let again =
        |stop: Stop| async move { rejudge(&store, &planned.id, judging, &participants.judge, &stop, &|_| {}).await };
    let again = again(Stop::before_cost(first.report.cost.as_ref().unwrap().total.usd + usd("1"))).await.unwrap();
    let roles: Vec<_> =
        again.report.cost.as_ref().unwrap().parts.iter().map(|part| (part.role.words(), part.amount)).collect();
    let once = adds_up(&first.report);
    assert_eq!(roles, [("judge", once), ("judge, earlier rounds", once)]);
    adds_up(&again.report);
}

#[tokio::test]
async fn what_is_not_known_is_counted_and_never_taken_for_nothing() {
    let (store, asked) = (Store::temporary().unwrap(), Arc::default());
    let plan = planned(1);
    let unpriced = Run::new(plan.plan.clone(), plan.suite.clone());
    store.create_run(&unpriced).unwrap();
    let capped =
        run(&store, &unpriced, &participants(&asked), &Stop::before_cost(usd("100")), &|_| {}).await.unwrap_err();
    assert_eq!((capped.kind(), asked.load(Ordering::SeqCst)), (ErrorKind::Usage, 0), "{capped}");
    assert!(capped.hint_text().unwrap().contains("--prices"), "{capped}");

    let output = run(&store, &unpriced, &participants(&asked), &Stop::default(), &|_| {}).await.unwrap();
    let total = adds_up(&output.report);
    assert_eq!((total.usd, total.unpriced_tokens), (Usd::ZERO, total.tokens()));
    assert!(output.report.cost_in_words().starts_with("unknown: "), "{}", output.report.cost_in_words());
    // A price that is stated later tells what it was, and changes nothing else.
    let priced = RunOutput::read_priced(&store, &unpriced.id, &prices()).unwrap();
    assert!(adds_up(&priced.report).is_whole());
    let without_journal = RunOutput::new(output.run, output.trials);
    assert_eq!(without_journal.report.cost, None);
}

/// A question of this many letters.
fn question(letters: usize) -> ModelRequest {
    let messages = vec![ChatMessage { role: ChatRole::User, content: "a".repeat(letters) }];
    ModelRequest { messages, schema: AnswerSchema { name: "judgement".into(), schema: json!({}).into() } }
}

/// What came of asking as much as a cap allows: what was spent, and why it stopped.
async fn spend(ledger: &Ledger, calls: &[(usize, u64, u64, u32)], at_once: usize) -> Option<ErrorKind> {
    let each = calls.iter().map(|&(letters, input_tokens, output_tokens, pauses)| async move {
        let reserved = ledger.reserve(MODEL, &question(letters)).await?;
        for _ in 0..pauses {
            tokio::task::yield_now().await;
        }
        // An answer takes no more than was set aside: a token is a letter at the least.
        let usage = Usage { input_tokens: input_tokens % (letters as u64 + 1), output_tokens, ..Usage::default() };
        reserved.settle(&Ok(Completion { answer: json!({}), usage: Some(usage) }));
        Ok::<(), reenact::Error>(())
    });
    let done: Vec<_> = futures::stream::iter(each).buffer_unordered(at_once).collect().await;
    done.into_iter().find_map(|done| done.err().map(|error| error.kind()))
}

proptest! {
    #[test]
    fn a_cap_is_never_passed_whatever_the_answers_cost_and_however_many_are_asked_at_once(
        calls in prop::collection::vec((0_usize..50_000, 0_u64..50_000, 0_u64..u64::from(ANSWER_TOKENS_MAX), 0_u32..4), 1..40),
        cap in 0_u64..6_000_000, at_once in 1_usize..12,
    ) {
        let cap = Usd::from_picos(u128::from(cap) * 1_000_000);
        let priced = BTreeMap::from([(MODEL.to_owned(), prices().price(MODEL).unwrap())]);
        let ledger = Ledger::new(priced, &[], Some(cap));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let stopped = runtime.block_on(spend(&ledger, &calls, at_once));
        let spent = ledger.spent();
        prop_assert!(spent.usd <= cap, "{} of {cap}", spent.usd);
        match stopped {
            None => prop_assert_eq!(spent.calls as usize, calls.len(), "some call was neither made nor refused"),
            Some(kind) => prop_assert_eq!(kind, ErrorKind::CapReached),
        }
    }

    #[test]
    fn what_several_questions_cost_does_not_depend_on_how_they_are_summed(
        tokens in prop::collection::vec((0_u64..1_000_000, 0_u64..1_000_000), 0..30), cut in 0_usize..30,
    ) {
        let price = prices().price(MODEL);
        let amount = |&(input_tokens, output_tokens): &(u64, u64)| {
            let usage = Some(Usage { input_tokens, output_tokens, ..Usage::default() });
            Amount::of(&Charge { model: MODEL.to_owned(), usage }, price)
        };
        let (left, right) = tokens.split_at(cut.min(tokens.len()));
        let sum = |part: &[(u64, u64)]| part.iter().map(amount).sum::<Amount>();
        prop_assert_eq!(sum(left) + sum(right), tokens.iter().rev().map(amount).sum::<Amount>());
    }
}

#[test]
fn a_cap_stops_for_good_at_an_answer_that_does_not_say_what_it_took() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let priced = BTreeMap::from([(MODEL.to_owned(), prices().price(MODEL).unwrap())]);
    let ledger = Ledger::new(priced, &[], Some(usd("100")));
    let error = runtime.block_on(async {
        let reserved = ledger.reserve(MODEL, &question(10)).await.unwrap();
        reserved.settle(&Ok(Completion { answer: json!({}), usage: None }));
        ledger.reserve(MODEL, &question(10)).await.unwrap_err()
    });
    assert!(error.to_string().contains("without saying how many tokens"), "{error}");
    assert_eq!(ledger.spent().unmetered_calls, 1);
}

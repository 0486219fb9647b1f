//! Several judge models, and the rule that joins what they say.

use std::sync::Arc;

use async_trait::async_trait;
use proptest::prelude::*;
use reenact::judge::Verdict::{Fail, Inconclusive, Pass};
use reenact::judge::{BuiltIn, Hearing, JudgeRule, JudgeSpec, Judging, Panel, Passes, ValueType, assess};
use reenact::{Assessment, Check, Expectation, Judge, Model, ServeModel, Suite, TestCase, Verdict};
use serde_json::{Value, json};

use super::{case, judged_by, own, parcel};
use crate::scripted::{always, silent};

/// A model under a name of its own.
fn named(name: &str, answer: Value) -> Model {
    struct Other(Model);
    #[async_trait]
    impl ServeModel for Other {
        async fn complete(&self, request: &reenact::ModelRequest) -> Result<reenact::Completion, reenact::ModelFault> {
            self.0.complete(request).await
        }
    }
    Model::new(name, Other(always(answer)))
}

fn verdict(says: &str) -> Value {
    json!({"reason": format!("it is {says}"), "turns": [1], "verdict": says})
}

async fn of_three(rule: JudgeRule, says: [&str; 3]) -> Assessment {
    let models = ["a", "b", "c"].into_iter().zip(says).map(|(name, says)| named(name, verdict(says))).collect();
    let expectation =
        Expectation { id: "is-kind".into(), text: Some("The agent is kind".into()), check: Check::Judged };
    let (case, conversation) = (TestCase { expectations: vec![expectation], ..case() }, parcel());
    assess(Hearing::new(&case, &conversation), &[], &Panel::of_models(models, rule)).await.remove(0)
}

#[tokio::test]
async fn one_veto_fails_and_a_majority_outvotes_it_where_that_is_the_rule() {
    let vetoed = of_three(JudgeRule::AnyVeto, ["pass", "fail", "pass"]).await;
    assert_eq!((vetoed.verdict, vetoed.judge.as_str()), (Fail, "a, b, c (any-veto)"));
    assert_eq!(vetoed.reason, "b says fail: it is fail");
    let outvoted = of_three(JudgeRule::Majority, ["pass", "fail", "pass"]).await;
    assert_eq!(outvoted.verdict, Pass);
    assert_eq!(outvoted.reason, "a says pass: it is pass; c says pass: it is pass");
    let votes: Vec<_> = outvoted.votes.iter().map(|vote| (vote.judge.as_str(), vote.ruling.verdict)).collect();
    assert_eq!(votes, [("a", Pass), ("b", Fail), ("c", Pass)], "no vote is lost");
}

#[tokio::test]
async fn who_cannot_tell_is_no_pass() {
    assert_eq!(of_three(JudgeRule::AnyVeto, ["pass", "pass", "inconclusive"]).await.verdict, Inconclusive);
    assert_eq!(of_three(JudgeRule::AnyVeto, ["inconclusive", "fail", "pass"]).await.verdict, Fail);
    assert_eq!(of_three(JudgeRule::Majority, ["pass", "inconclusive", "inconclusive"]).await.verdict, Inconclusive);
    assert_eq!(of_three(JudgeRule::Majority, ["pass", "fail", "inconclusive"]).await.verdict, Inconclusive);
}

proptest! {
    /// The stricter rule passes nothing that the other does not, and neither passes what nobody passed.
    #[test]
    fn no_rule_makes_a_pass_of_what_most_did_not_pass(
        said in prop::collection::vec(prop::sample::select(vec![Pass, Fail, Inconclusive]), 0..7)
    ) {
        let passed = said.iter().filter(|verdict| **verdict == Pass).count();
        prop_assert_eq!(JudgeRule::AnyVeto.join(&said) == Pass, passed == said.len() && passed > 0);
        prop_assert_eq!(JudgeRule::Majority.join(&said) == Pass, 2 * passed > said.len());
        if JudgeRule::AnyVeto.join(&said) == Pass {
            prop_assert_eq!(JudgeRule::Majority.join(&said), Pass);
        }
    }
}

#[tokio::test]
async fn values_are_joined_where_those_who_agree_agree_on_one() {
    let judge = || own(ValueType::Number, Some(Passes::AtLeast(7.into())));
    let value = |value: u32| json!({"reason": "r", "turns": [1], "value": value});
    let three = |values: [u32; 3]| {
        let models = ["a", "b", "c"].into_iter().zip(values).map(|(name, it)| named(name, value(it))).collect();
        Panel::of_models(models, JudgeRule::Majority)
    };
    let agreed = judged_by(judge(), &parcel(), three([8, 8, 2])).await;
    assert_eq!((agreed.verdict, agreed.value), (Pass, Some(json!(8))));
    let divided = judged_by(judge(), &parcel(), three([8, 9, 2])).await;
    assert_eq!((divided.verdict, divided.value, divided.votes.len()), (Pass, None, 3));
}

#[tokio::test]
async fn a_judge_may_name_a_model_of_its_own() {
    let judge =
        JudgeSpec { model: Some("other".into()), ..own(ValueType::Bool, Some(Passes::OneOf(vec![json!(true)]))) };
    let answer = |value: bool| json!({"reason": "r", "turns": [1], "value": value});
    let panel = Panel::of_model(named("usual", answer(false)));
    let asked = judged_by(judge.clone(), &parcel(), panel.clone().with_named_model(named("other", answer(true)))).await;
    assert_eq!((asked.verdict, asked.judge.as_str()), (Pass, "other"));
    assert_eq!(judged_by(judge, &parcel(), panel).await.verdict, Inconclusive, "it is not judged by somebody else");
}

#[tokio::test]
async fn a_judge_of_the_callers_own_is_asked_about_expectations_and_named_judges_alike() {
    struct Counts;
    #[async_trait]
    impl Judge for Counts {
        async fn assess(&self, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment {
            let turns = hearing.conversation.turn_count();
            Assessment::new(&expectation.id, Verdict::Pass, format!("{turns} turns"), "counter").citing(&[1])
        }
    }
    let judge = JudgeSpec::built_in(BuiltIn::ConversationalSafety);
    let said = judged_by(judge, &parcel(), Panel::of_judge(Arc::new(Counts))).await;
    assert_eq!((said.expectation.as_str(), said.reason.as_str()), ("conversational_safety", "3 turns"));
}

#[tokio::test]
async fn a_panel_of_silent_models_is_as_good_as_none() {
    let models = vec![crate::scripted::model(|_| silent())];
    let judge = JudgeSpec::built_in(BuiltIn::GoalAchieved);
    assert_eq!(judged_by(judge, &parcel(), Panel::of_models(models, JudgeRule::Majority)).await.verdict, Inconclusive);
}

#[test]
fn names_that_would_be_mixed_up_are_refused_before_anything_is_asked() {
    let expectation = Expectation { id: "tone".into(), text: Some("x".into()), check: Check::Judged };
    let suite = Suite { name: None, cases: vec![TestCase { expectations: vec![expectation], ..case() }] };
    let tone = own(ValueType::Text, None);
    let other = JudgeSpec { name: "mood".into(), ..tone.clone() };
    let judging = |models: &[&str], judges: Vec<JudgeSpec>| Judging {
        models: models.iter().map(|name| (*name).to_owned()).collect(),
        judges,
        ..Judging::default()
    };
    let told = |judging: Judging| judging.check(&suite).unwrap_err().to_string();
    assert_eq!(told(judging(&["offline"], vec![tone])), "`tone` is a judge and an expectation of case `parcel`");
    assert_eq!(told(judging(&["offline"], vec![other.clone(), other.clone()])), "two judges have the name `mood`");
    assert_eq!(told(judging(&["a", "a"], vec![])), "the judge model `a` is named twice");
    assert_eq!(told(judging(&["a", "offline"], vec![])), "`offline` stands beside judge models");
    assert_eq!(told(judging(&[], vec![])), "no judge model is named");
    judging(&["a", "b"], vec![other]).check(&suite).unwrap();
}

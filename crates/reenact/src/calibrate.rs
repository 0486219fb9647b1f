//! Judges held against people: how often a run's judges say what people say of the same conversations, whether they say
//! the same twice, and what the pass rate is once their errors are taken out of it.
//!
//! Only what a model judged is calibrated: what code decides is either right or a mistake in the suite. Nothing is
//! dropped silently: a label that cannot be held against anything is skipped with its reason, and what the judge could not
//! decide is counted.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::judge::{Asks, BuiltIn, Panel, assertion};
use crate::report::statistics::{
    Confusion, CorrectedRate, Kappa, NotInformative, Share, Tally, corrected_pass_rate, share,
};
use crate::run::Stop;
use crate::run::repeats::{self, Item};
use crate::{Assessment, Result, Run, RunOutput, Skipped, Store, TestCase, Trial, Verdict};

pub use labels::{Label, labels};

mod labels;

/// The question of all expectations together, as a calibration names it.
pub const EXPECTATIONS: &str = "expectations";

/// How a run's judges agree with people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Calibration {
    /// The run's id.
    pub run: String,
    /// Who judged it.
    pub judge: String,
    /// How often each item was judged: once in the run, and so many times less one for this.
    pub repeats: u32,
    /// The expectations together, and each named judge, as far as there are labels of them.
    pub questions: Vec<Question>,
    /// The labels that could not be held against anything, each with its reason.
    pub skipped: Vec<Skipped>,
}

impl Calibration {
    /// Whether each question has a corrected rate, which needs labels of both kinds and a judge that can tell them apart.
    #[must_use]
    pub fn is_informative(&self) -> bool {
        !self.questions.is_empty() && self.questions.iter().all(|question| question.corrected.is_some())
    }
}

/// How the judges agree with people on one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Question {
    /// `expectations`, or the name of a judge.
    pub question: String,
    /// What the judges say of what people say. What they could not decide is not among it.
    #[serde(flatten)]
    pub agreement: Agreement,
    /// Labelled items that the judges could not decide.
    pub undecided: u64,
    /// Each judge's own agreement, where several judged together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judges: Vec<JudgeAgreement>,
    /// The share of labelled items on which the repeats differ; nothing where each was judged once.
    pub flip_rate: Option<Share>,
    /// The pass rate of all that the judges judged in this run, without their errors.
    pub corrected: Option<CorrectedRate>,
    /// Why there is none.
    pub not_informative: Option<NotInformative>,
    /// The items on which people and judges differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disagreements: Vec<Disagreement>,
}

/// What was counted, and what it amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Agreement {
    /// How often each of the two said what.
    pub confusion: Confusion,
    /// Of what people passed, the share that is passed (TPR).
    pub true_pass_rate: Option<Share>,
    /// Of what people failed, the share that is failed (TNR).
    pub true_fail_rate: Option<Share>,
    /// Agreement beyond chance; nothing where one of the two always says the same.
    pub kappa: Option<Kappa>,
}

/// How one judge of several agrees with people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JudgeAgreement {
    /// Its model.
    pub judge: String,
    /// Its agreement.
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// An item on which people and judges differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Disagreement {
    /// The case's id.
    pub case: String,
    /// Which trial of the case, from 1.
    pub trial: u32,
    /// The expectation's id, or the judge's name.
    pub item: String,
    /// What people say.
    pub people: Verdict,
    /// What the judges say.
    pub judge: Verdict,
    /// Why, in the judges' words.
    pub reason: String,
}

/// Holds a run's judges against labels.
///
/// The first verdict on each item is the one that the run has. With `repeats` above one, the run's judges are asked again so
/// that often, less one; their answers are kept in the store, apart from the run. `file` is how the labels' file is
/// named in what is skipped.
///
/// # Errors
/// Where the store or the journal fails, or `stop` was requested.
pub async fn calibrate(
    store: &Store,
    output: &RunOutput,
    panel: &Panel,
    (file, labels): (&Path, &[Label]),
    repeats: u32,
    stop: &Stop,
) -> Result<Calibration> {
    let mut matched = Matched::of(output, file, labels);
    let again = repeats.saturating_sub(1);
    if again > 0 {
        let items: Vec<Item<'_>> = matched.labelled.iter().map(|it| it.item).collect();
        let said = repeats::ask(store, &output.run, panel, &items, again, stop).await?;
        for (labelled, said) in matched.labelled.iter_mut().zip(said) {
            labelled.again = said;
        }
    }
    let mut questions: BTreeMap<usize, Vec<&Labelled<'_>>> = BTreeMap::new();
    for labelled in &matched.labelled {
        questions.entry(place(&output.run, labelled.item.id)).or_default().push(labelled);
    }
    let questions = questions.into_values().map(|labelled| question(output, &labelled, again > 0)).collect();
    let judge = output.run.plan.judging.models_in_words();
    Ok(Calibration { run: output.run.id.clone(), judge, repeats: again + 1, questions, skipped: matched.skipped })
}

/// A label with what the run's judges said of its item.
struct Labelled<'a> {
    item: Item<'a>,
    people: Verdict,
    assessment: &'a Assessment,
    again: Vec<Verdict>,
}

struct Matched<'a> {
    labelled: Vec<Labelled<'a>>,
    skipped: Vec<Skipped>,
}

impl<'a> Matched<'a> {
    fn of(output: &'a RunOutput, file: &Path, labels: &[Label]) -> Self {
        let mut matched = Matched { labelled: Vec::new(), skipped: Vec::new() };
        let mut first_lines: BTreeMap<(&str, u32, &str), u64> = BTreeMap::new();
        for label in labels {
            let first = *first_lines.entry((&label.case, label.trial, &label.item)).or_insert(label.line);
            let found = if first == label.line {
                find(output, label)
            } else {
                Err(format!("line {first} labels the same item"))
            };
            match found {
                Ok(labelled) => matched.labelled.push(labelled),
                Err(reason) => {
                    matched.skipped.push(Skipped { what: format!("{}:{}", file.display(), label.line), reason });
                }
            }
        }
        matched
    }
}

fn find<'a>(output: &'a RunOutput, label: &Label) -> Result<Labelled<'a>, String> {
    let Label { run, case, trial, item, verdict, .. } = label;
    if run.as_ref().is_some_and(|id| !output.run.id.starts_with(id.as_str())) {
        return Err(format!("it is a label of run `{}`", run.as_deref().unwrap_or_default()));
    }
    let case =
        output.run.suite.cases.iter().find(|it| it.id == *case).ok_or(format!("the run has no case `{case}`"))?;
    let is_meant = |it: &&Trial| it.case == case.id && it.trial == *trial;
    let trial = output.trials.iter().find(is_meant).ok_or(format!("case `{}` has no trial {trial}", case.id))?;
    let is_meant = |it: &&Assessment| it.expectation == *item;
    let assessment = trial.assessments.iter().find(is_meant);
    let assessment = assessment.ok_or(format!("case `{}` has no expectation or judge `{item}`", case.id))?;
    if assessment.judge == assertion::NAME {
        return Err(format!("code decides `{item}`, not a judge"));
    }
    if !assessment.decides {
        return Err(format!("`{item}` gives no verdict here"));
    }
    if !trial.ending.is_judgeable() {
        return Err("the conversation broke off, so it was not judged".to_owned());
    }
    let item = Item { case, trial, id: &assessment.expectation };
    Ok(Labelled { item, people: *verdict, assessment, again: Vec::new() })
}

/// Where a question stands among all: the expectations together come first, then the judges in their order.
fn place(run: &Run, id: &str) -> usize {
    run.plan.judging.judges.iter().position(|judge| judge.name == id).map_or(0, |at| at + 1)
}

fn question(output: &RunOutput, labelled: &[&Labelled<'_>], repeated: bool) -> Question {
    let at = place(&output.run, labelled[0].item.id);
    let judge = at.checked_sub(1).map(|at| &output.run.plan.judging.judges[at]);
    let agreement = Agreement::of(labelled.iter().map(|it| (it.people, it.assessment.verdict)));
    let undecided = labelled.len() as u64 - agreement.confusion.items();
    let (corrected, not_informative) = match corrected_pass_rate(&tallies(output, at), &agreement.confusion) {
        Ok(corrected) => (Some(corrected), None),
        Err(why) => (None, Some(why)),
    };
    // What is made of other assessments is not asked again.
    let is_asked = judge.is_none_or(|judge| judge.asks != Asks::BuiltIn(BuiltIn::FailurePresent));
    let flips = labelled.iter().filter(|it| it.again.iter().any(|said| *said != it.assessment.verdict)).count();
    let disagreements = labelled.iter().filter(|it| it.disagrees()).map(|it| it.disagreement()).collect();
    Question {
        question: judge.map_or(EXPECTATIONS, |judge| &judge.name).to_owned(),
        agreement,
        undecided,
        judges: by_judge(labelled),
        flip_rate: (repeated && is_asked).then(|| share(flips as u64, labelled.len() as u64)).flatten(),
        corrected,
        not_informative,
        disagreements,
    }
}

impl Labelled<'_> {
    fn disagrees(&self) -> bool {
        self.assessment.verdict != Verdict::Inconclusive && self.assessment.verdict != self.people
    }

    fn disagreement(&self) -> Disagreement {
        Disagreement {
            case: self.item.case.id.clone(),
            trial: self.item.trial.trial,
            item: self.item.id.to_owned(),
            people: self.people,
            judge: self.assessment.verdict,
            reason: self.assessment.reason.clone(),
        }
    }
}

impl Agreement {
    /// Of what people say and what a judge says of it.
    fn of(said: impl IntoIterator<Item = (Verdict, Verdict)>) -> Self {
        let mut confusion = Confusion::default();
        for (people, judge) in said {
            match (people, judge) {
                (Verdict::Pass, Verdict::Pass) => confusion.true_pass += 1,
                (Verdict::Pass, Verdict::Fail) => confusion.false_fail += 1,
                (Verdict::Fail, Verdict::Fail) => confusion.true_fail += 1,
                (Verdict::Fail, Verdict::Pass) => confusion.false_pass += 1,
                (Verdict::Inconclusive, _) | (_, Verdict::Inconclusive) => {}
            }
        }
        Agreement {
            confusion,
            true_pass_rate: confusion.true_pass_rate(),
            true_fail_rate: confusion.true_fail_rate(),
            kappa: confusion.kappa(),
        }
    }
}

fn by_judge(labelled: &[&Labelled<'_>]) -> Vec<JudgeAgreement> {
    let mut said: Vec<(&str, Vec<(Verdict, Verdict)>)> = Vec::new();
    for labelled in labelled {
        for vote in &labelled.assessment.votes {
            let pair = (labelled.people, vote.ruling.verdict);
            match said.iter_mut().find(|(judge, _)| *judge == vote.judge) {
                Some((_, pairs)) => pairs.push(pair),
                None => said.push((&vote.judge, vec![pair])),
            }
        }
    }
    let of =
        |(judge, pairs): (&str, Vec<_>)| JudgeAgreement { judge: judge.to_owned(), agreement: Agreement::of(pairs) };
    said.into_iter().map(of).collect()
}

/// What the judges decided of a question in each case, in all its trials and expectations.
fn tallies(output: &RunOutput, at: usize) -> Vec<Tally> {
    let of_case = |case: &TestCase| {
        let trials = output.trials.iter().filter(|trial| trial.case == case.id);
        let assessments = trials.flat_map(|trial| &trial.assessments);
        let mut tally = Tally::default();
        for assessment in assessments.filter(|it| is_of_question(output, case, it, at)) {
            tally.passed += u64::from(assessment.verdict == Verdict::Pass);
            tally.decided += u64::from(assessment.verdict != Verdict::Inconclusive);
        }
        tally
    };
    output.run.suite.cases.iter().map(of_case).collect()
}

fn is_of_question(output: &RunOutput, case: &TestCase, assessment: &Assessment, at: usize) -> bool {
    let is_judged = |id: &str| case.expectations.iter().any(|it| it.id == id && it.check.is_judged());
    let is_here = place(&output.run, &assessment.expectation) == at;
    is_here && assessment.decides && (at > 0 || is_judged(&assessment.expectation))
}

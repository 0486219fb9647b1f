//! Whoever is asked: nobody, one model or several with a rule that joins what they say, or a judge of the caller's own.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::named::{Asks, JudgeSpec, Judging};
use super::{Assessment, BuiltIn, Hearing, Judge, OFFLINE, Ruling, Verdict, Vote, assertion, model, named};
use crate::cassette::Replay;
use crate::{Check, Expectation, Model, ModelRequest};

/// How the verdicts of several judge models become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeRule {
    /// One Fail fails, and only Passes of all pass. Judges err on the lenient side far more often than on the
    /// strict one, so a minority that objects is right more often than a majority that does not (Jain et al. 2025,
    /// arXiv 2510.11822).
    #[default]
    AnyVeto,
    /// What more than half of all judges say; those that cannot tell count among all.
    Majority,
}

impl JudgeRule {
    /// All rules.
    pub const ALL: [JudgeRule; 2] = [JudgeRule::AnyVeto, JudgeRule::Majority];

    /// The rule as it is named on the command line and in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JudgeRule::AnyVeto => "any-veto",
            JudgeRule::Majority => "majority",
        }
    }

    /// What verdicts amount to; without any, nothing can be told.
    ///
    /// ```
    /// use reenact::Verdict::{Fail, Inconclusive, Pass};
    /// use reenact::judge::JudgeRule;
    ///
    /// assert_eq!(JudgeRule::AnyVeto.join(&[Pass, Pass, Fail]), Fail);
    /// assert_eq!(JudgeRule::Majority.join(&[Pass, Pass, Fail]), Pass);
    /// assert_eq!(JudgeRule::Majority.join(&[Pass, Inconclusive]), Inconclusive);
    /// ```
    #[must_use]
    pub fn join(self, verdicts: &[Verdict]) -> Verdict {
        let count = |wanted| verdicts.iter().filter(|verdict| **verdict == wanted).count();
        let (passed, failed, all) = (count(Verdict::Pass), count(Verdict::Fail), verdicts.len());
        let (passes, fails) = match self {
            JudgeRule::AnyVeto => (passed == all && all > 0, failed > 0),
            JudgeRule::Majority => (2 * passed > all, 2 * failed > all),
        };
        match (passes, fails) {
            (true, _) => Verdict::Pass,
            (_, true) => Verdict::Fail,
            _ => Verdict::Inconclusive,
        }
    }
}

impl fmt::Display for JudgeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whoever judges what no code decides.
///
/// ```
/// use reenact::judge::{JudgeRule, Panel};
/// # use reenact::{Completion, Model, ModelFault, ModelRequest, ServeModel};
/// # struct Silent;
/// # #[async_trait::async_trait]
/// # impl ServeModel for Silent {
/// #     async fn complete(&self, _: &ModelRequest) -> Result<Completion, ModelFault> { unreachable!() }
/// # }
/// # let (one, other) = (Model::new("openai:/one", Silent), Model::new("ollama:/other", Silent));
/// assert_eq!(Panel::offline().name(), "offline");
/// let panel = Panel::of_models(vec![one, other], JudgeRule::AnyVeto);
/// assert_eq!(panel.name(), "openai:/one, ollama:/other (any-veto)");
/// ```
#[derive(Clone)]
pub struct Panel {
    seated: Seated,
    rule: JudgeRule,
    /// The models that judges name for themselves.
    named: BTreeMap<String, Model>,
}

#[derive(Clone)]
enum Seated {
    Models(Vec<Model>),
    Own(Arc<dyn Judge>),
}

impl Panel {
    /// Nobody: code alone decides, and what only a reader can tell is Inconclusive.
    #[must_use]
    pub fn offline() -> Self {
        Panel::of_models(Vec::new(), JudgeRule::default())
    }

    /// One model.
    #[must_use]
    pub fn of_model(model: Model) -> Self {
        Panel::of_models(vec![model], JudgeRule::default())
    }

    /// Several models, each asked everything, and the rule that joins what they say.
    #[must_use]
    pub fn of_models(models: Vec<Model>, rule: JudgeRule) -> Self {
        Panel { seated: Seated::Models(models), rule, named: BTreeMap::new() }
    }

    /// A judge of the caller's own. It is asked about every expectation that no code decides, and about every named
    /// judge as an expectation with the judge's name as its id.
    #[must_use]
    pub fn of_judge(judge: Arc<dyn Judge>) -> Self {
        Panel { seated: Seated::Own(judge), rule: JudgeRule::default(), named: BTreeMap::new() }
    }

    /// The same panel with a model that a judge can name for itself.
    #[must_use]
    pub fn with_named_model(mut self, model: Model) -> Self {
        self.named.insert(model.name().to_owned(), model);
        self
    }

    /// The names of the models that are asked.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.all_models().map(Model::name)
    }

    fn all_models(&self) -> impl Iterator<Item = &Model> {
        let seated = match &self.seated {
            Seated::Models(models) => models.as_slice(),
            Seated::Own(_) => &[],
        };
        seated.iter().chain(self.named.values())
    }

    /// Who judges, in a line.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.seated {
            Seated::Models(models) => name_of(&models.iter().collect::<Vec<_>>(), self.rule),
            Seated::Own(_) => "a judge of the caller's own".to_owned(),
        }
    }

    /// What answers for the models, where their answers stand in a cassette.
    pub(crate) fn replay(&self) -> Option<&Replay> {
        self.all_models().find_map(Model::replay)
    }

    /// The same panel with each model and each judge of the caller's own replaced, such as by one that records.
    pub(crate) fn map(
        &self,
        model: impl Fn(&Model) -> Model,
        own: impl FnOnce(&Arc<dyn Judge>) -> Arc<dyn Judge>,
    ) -> Panel {
        let seated = match &self.seated {
            Seated::Models(models) => Seated::Models(models.iter().map(&model).collect()),
            Seated::Own(judge) => Seated::Own(own(judge)),
        };
        let named = self.named.iter().map(|(name, named)| (name.clone(), model(named))).collect();
        Panel { seated, rule: self.rule, named }
    }

    /// Asks the question of a judge that the run names.
    pub(super) async fn assess_by(&self, judge: &JudgeSpec, hearing: Hearing<'_>) -> Assessment {
        let question = Question::Named(judge);
        let assessment = match (&judge.model, &self.seated) {
            (Some(name), _) => match self.named.get(name) {
                Some(model) => self.ask(question, hearing, &[model]).await,
                None => {
                    let why = format!("the model `{name}`, which this judge names, was not opened");
                    Assessment::of(&judge.name, Ruling::undecided(why), name)
                }
            },
            (None, Seated::Own(own)) => asked(own.as_ref(), &judge.as_expectation(), hearing).await,
            (None, Seated::Models(models)) => self.ask(question, hearing, &models.iter().collect::<Vec<_>>()).await,
        };
        Assessment { decides: judge.decides(), ..assessment }
    }

    async fn ask(&self, question: Question<'_>, hearing: Hearing<'_>, models: &[&Model]) -> Assessment {
        let name = name_of(models, self.rule);
        let ruling = match question.inquire(hearing) {
            _ if models.is_empty() => Ruling::undecided("no judge model is named"),
            Inquiry::Decided(ruling) => ruling,
            Inquiry::Ask(requests) => {
                let mut votes = Vec::with_capacity(models.len());
                for model in models {
                    let ruling = question.put_to(model, &requests, hearing).await;
                    votes.push(Vote { judge: model.name().to_owned(), ruling });
                }
                return joined(question.id(), votes, self.rule, name);
            }
        };
        Assessment::of(question.id(), ruling, name)
    }
}

#[async_trait]
impl Judge for Panel {
    async fn assess(&self, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment {
        if let Some(assessment) = assertion::assess(expectation, hearing) {
            return assessment;
        }
        match &self.seated {
            Seated::Own(judge) => asked(judge.as_ref(), expectation, hearing).await,
            Seated::Models(models) => {
                self.ask(Question::Expectation(expectation), hearing, &models.iter().collect::<Vec<_>>()).await
            }
        }
    }
}

/// What a judge of the caller's own says, of what it was asked: whatever id it may answer with.
async fn asked(judge: &dyn Judge, expectation: &Expectation, hearing: Hearing<'_>) -> Assessment {
    Assessment { expectation: expectation.id.clone(), ..judge.assess(expectation, hearing).await }
}

fn name_of(models: &[&Model], rule: JudgeRule) -> String {
    let names = models.iter().map(|model| model.name()).collect::<Vec<_>>().join(", ");
    match models.len() {
        0 => OFFLINE.to_owned(),
        1 => names,
        _ => format!("{names} ({rule})"),
    }
}

/// What a model is asked: about an expectation of the case, or what a named judge asks.
#[derive(Clone, Copy)]
enum Question<'a> {
    Expectation(&'a Expectation),
    Named(&'a JudgeSpec),
}

/// How a question comes to its answer.
pub(super) enum Inquiry {
    /// It is decided: by the case, or because nothing can decide it.
    Decided(Ruling),
    /// A model must be asked these, in order.
    Ask(Vec<ModelRequest>),
}

impl Question<'_> {
    fn id(&self) -> &str {
        match self {
            Question::Expectation(expectation) => &expectation.id,
            Question::Named(judge) => &judge.name,
        }
    }

    fn inquire(&self, hearing: Hearing<'_>) -> Inquiry {
        match self {
            Question::Expectation(expectation) => model::inquire(expectation, hearing.conversation),
            Question::Named(judge) => named::inquire(judge, hearing),
        }
    }

    async fn put_to(&self, model: &Model, requests: &[ModelRequest], hearing: Hearing<'_>) -> Ruling {
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(model.complete(request).await);
        }
        match self {
            Question::Expectation(_) => model::verdict(hearing.conversation, &answers[0]),
            Question::Named(judge) => named::ruling(judge, hearing, &answers),
        }
    }
}

/// What models would be asked to judge a conversation, each with its model's name.
pub(crate) fn questions<'a>(judging: &'a Judging, hearing: Hearing<'a>) -> Vec<(&'a str, ModelRequest)> {
    let judged = hearing.case.expectations.iter().filter(|it| it.check.is_judged()).map(Question::Expectation);
    let is_asked = |judge: &&JudgeSpec| judge.asks != Asks::BuiltIn(BuiltIn::FailurePresent);
    let named = judging.judges.iter().filter(is_asked).map(Question::Named);
    let mut questions = Vec::new();
    for question in judged.chain(named) {
        let Inquiry::Ask(requests) = question.inquire(hearing) else { continue };
        let models: Vec<&str> = match question {
            Question::Named(JudgeSpec { model: Some(model), .. }) => vec![model],
            _ => judging.models.iter().map(String::as_str).filter(|model| *model != OFFLINE).collect(),
        };
        for model in models {
            questions.extend(requests.iter().map(|request| (model, request.clone())));
        }
    }
    questions
}

/// One assessment of what several said; a single vote stands as it is.
fn joined(id: &str, mut votes: Vec<Vote>, rule: JudgeRule, name: String) -> Assessment {
    if votes.len() == 1 {
        return Assessment::of(id, votes.remove(0).ruling, name);
    }
    let verdict = rule.join(&votes.iter().map(|vote| vote.ruling.verdict).collect::<Vec<_>>());
    let agreeing: Vec<&Vote> = votes.iter().filter(|vote| vote.ruling.verdict == verdict).collect();
    let said = |vote: &&Vote| format!("{} says {}: {}", vote.judge, vote.ruling.verdict, vote.ruling.reason);
    let shown: Vec<&Vote> = if agreeing.is_empty() { votes.iter().collect() } else { agreeing.clone() };
    let reason = shown.iter().map(said).collect::<Vec<_>>().join("; ");
    let mut turns: Vec<u32> = agreeing.iter().flat_map(|vote| vote.ruling.turns.iter().copied()).collect();
    turns.sort_unstable();
    turns.dedup();
    let value = value_of_most(&agreeing);
    Assessment { value, votes, ..Assessment::of(id, Ruling::new(verdict, reason, turns), name) }
}

/// The value that more than half of those give who say what came out.
fn value_of_most(agreeing: &[&Vote]) -> Option<Value> {
    let values: Vec<&Value> = agreeing.iter().filter_map(|vote| vote.ruling.value.as_ref()).collect();
    let is_of_most = |value: &&Value| 2 * values.iter().filter(|other| other == &value).count() > agreeing.len();
    values.iter().copied().find(is_of_most).cloned()
}

impl fmt::Debug for Panel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Panel").field(&self.name()).finish()
    }
}

impl Expectation {
    /// A statement for a judge.
    pub(super) fn judged(id: &str, text: String) -> Self {
        Expectation { id: id.to_owned(), text: Some(text), check: Check::Judged }
    }
}

//! Participants whose answers stand in a cassette.

use std::sync::Arc;

use super::{Part, Participants, Plan, Run, steps};
use crate::agent::ReplayedAgent;
use crate::cassette::{Played, Replay, Verb};
use crate::judge::{JudgesCassette, OFFLINE, Panel};
use crate::{Agent, Cassette, Error, ErrorKind, Judging, Model, Result, SimulatedUser};

impl Plan {
    /// The plan of the run that a cassette recorded, with that cassette in place of everybody whom it has.
    ///
    /// # Errors
    /// Where it recorded none.
    pub fn replayed(cassette: &Cassette) -> Result<Plan> {
        let Played { trials, max_turns, seed, .. } = *played(cassette)?;
        let judging = Judging::replayed(cassette, Verb::Run)?;
        Plan { judging, trials, max_turns, seed, ..Plan::default() }.with_agent_of(cassette)?.with_user_of(cassette)
    }

    /// The same plan with the agent that a cassette recorded, played from it.
    ///
    /// # Errors
    /// Where it recorded no run.
    pub fn with_agent_of(self, cassette: &Cassette) -> Result<Plan> {
        let Played { agent, agent_version, .. } = played(cassette)?.clone();
        let agent_version = self.agent_version.clone().or(agent_version);
        Ok(Plan { agent, agent_version, agent_cassette: Some(name(cassette)), ..self })
    }

    /// The same plan with the user model that a cassette recorded, played from it. The embedded engine plays itself again.
    ///
    /// # Errors
    /// Where it recorded no run.
    pub fn with_user_of(self, cassette: &Cassette) -> Result<Plan> {
        let user_model = played(cassette)?.user_model.clone();
        let user_cassette = (user_model != OFFLINE).then(|| name(cassette));
        Ok(Plan { user_model, user_cassette, ..self })
    }
}

impl Judging {
    /// Whoever judged what a cassette recorded, in its run or when that was judged again, played from it.
    ///
    /// # Errors
    /// Where it did not record that verb.
    pub fn replayed(cassette: &Cassette, verb: Verb) -> Result<Judging> {
        let judging = recorded_judging(cassette, verb)?.clone();
        let from = JudgesCassette { file: name(cassette), verb };
        Ok(Judging { cassette: (!judging.is_offline()).then_some(from), ..judging })
    }
}

/// How a plan names a cassette: by its file.
fn name(cassette: &Cassette) -> String {
    cassette.file().map_or_else(|| "a cassette".to_owned(), |file| file.display().to_string())
}

impl Participants {
    /// Everybody who took part in the run that a cassette recorded.
    ///
    /// # Errors
    /// Where it recorded none.
    pub fn replayed(cassette: &Arc<Cassette>) -> Result<Participants> {
        let judge = Panel::replayed(cassette, &Judging::replayed(cassette, Verb::Run)?);
        Ok(Participants { agent: replayed_agent(cassette)?, user: Part::replayed(cassette)?, judge })
    }

    /// The run that the agent's answers are of, where they stand in a cassette.
    pub(super) fn played(&self) -> Option<&Played> {
        steps::replay_of(self.agent.as_ref()).and_then(Replay::played)
    }

    /// What could explain a divergence: all that is not as it was when the cassette was recorded.
    pub(super) fn changed_for(&self, run: &Run) -> Vec<String> {
        let user = match &self.user {
            Part::Model(model) => model.replay(),
            Part::Offline | Part::Own(_) => None,
        };
        let agent = steps::replay_of(self.agent.as_ref());
        let played = agent.or(user).or_else(|| self.judge.replay()).and_then(Replay::played);
        played.map(|played| played.changed_since(run)).unwrap_or_default()
    }
}

/// The agent of the run that a cassette recorded.
///
/// # Errors
/// Where it recorded none.
pub fn replayed_agent(cassette: &Arc<Cassette>) -> Result<Arc<dyn Agent>> {
    played(cassette)?;
    Ok(Arc::new(ReplayedAgent { replay: Replay::new(cassette, Verb::Run) }))
}

impl Part<dyn SimulatedUser> {
    /// Whoever played the users of the run that a cassette recorded: a model, or the embedded engine, which plays again.
    ///
    /// # Errors
    /// Where it recorded no run.
    pub fn replayed(cassette: &Arc<Cassette>) -> Result<Self> {
        let played = played(cassette)?;
        Ok(match played.user_model.as_str() {
            OFFLINE => Part::Offline,
            model => Part::Model(Model::replayed(model, Replay::new(cassette, Verb::Run))),
        })
    }
}

impl Panel {
    /// What could explain a divergence.
    pub(super) fn changed_for(&self, run: &Run) -> Vec<String> {
        let played = self.replay().and_then(Replay::played);
        played.map(|played| played.changed_since(run)).unwrap_or_default()
    }

    /// The models of a plan that judges from a cassette ([`Judging::replayed`]), those that judges name for themselves included.
    #[must_use]
    pub fn replayed(cassette: &Arc<Cassette>, judging: &Judging) -> Panel {
        let verb = judging.cassette.as_ref().map_or(Verb::Run, |from| from.verb);
        let model = |name: &String| Model::replayed(name, Replay::new(cassette, verb));
        let models = judging.models.iter().filter(|name| *name != OFFLINE).map(model).collect();
        let panel = Panel::of_models(models, judging.rule);
        let named = judging.judges.iter().filter_map(|judge| judge.model.as_ref());
        named.fold(panel, |panel, name| panel.with_named_model(model(name)))
    }
}

/// Who judged what a cassette recorded, as its plan had it.
fn recorded_judging(cassette: &Cassette, verb: Verb) -> Result<&Judging> {
    match (verb, &cassette.header().judged) {
        (Verb::Judge, Some(judged)) => Ok(&judged.judging),
        (Verb::Judge, None) => {
            Err(missing(cassette, "nothing that was judged again", "reenact judge RUN --record FILE"))
        }
        _ => played(cassette).map(|played| &played.judging),
    }
}

fn played(cassette: &Cassette) -> Result<&Played> {
    let missing = || missing(cassette, "no run", "reenact run … --record FILE");
    cassette.header().played.as_ref().ok_or_else(missing)
}

fn missing(cassette: &Cassette, what: &str, how: &str) -> Error {
    let error = cassette.fault(ErrorKind::Usage, None, format!("the cassette holds {what}"));
    error.hint(format!("record it with `{how}`"))
}

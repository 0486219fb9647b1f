//! The loop: one case, one conversation, one ending.

use crate::AgentUsage;
use crate::agent::{ToolMiss, Traces};
use crate::case::{FirstSpeaker, Wording};
use crate::user::goal::GoalCheck;
use crate::user::guard::{Guard, Misstep, Objection, REWORDINGS_MAX};
use crate::user::lines::{self, Line, Lines};
use crate::{
    Agent, AgentFault, AgentTurn, Conversation, Correction, DialogueAct, Disclosure, Ending, FaultKind, Gate, Held,
    Leaving, Message, Said, Scene, SimulatedUser, Speaker, Telling, TestCase, UserAct, UserFault,
};

/// What one conversation is made of besides its participants.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// The case that is played.
    pub case: &'a TestCase,
    /// The id under which the agent sees the conversation.
    pub session_id: &'a str,
    /// The seed of this trial.
    pub seed: u64,
    /// User messages at the most, those of a prefix not counted.
    pub max_turns: u32,
    /// The recorded conversation whose user is played back, where that is what the user does.
    pub recording: Option<&'a Conversation>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulated {
    /// What was said.
    pub conversation: Conversation,
    /// Why it stopped.
    pub ending: Ending,
    /// Which fact was said when, and by which gate.
    pub disclosures: Vec<Disclosure>,
    /// Messages of the simulated user that were not let through.
    pub corrections: Vec<Correction>,
    /// Whether the goal was reached, where the user came to ask itself that.
    pub goal: Option<GoalCheck>,
    /// From which turn on the simulated user spoke, where other words were fixed.
    pub handed_over_at: Option<u32>,
    /// Which version of the agent answered last, where it says.
    pub agent_version: Option<String>,
    /// What each of the agent's replies took, where it says.
    pub agent_usage: Vec<Option<AgentUsage>>,
    /// The calls of tools that no recorded call answered.
    pub tool_misses: Vec<ToolMiss>,
}

impl Simulated {
    /// A conversation that could not begin.
    pub(crate) fn not_begun(ending: Ending) -> Self {
        Simulated {
            conversation: Conversation::default(),
            ending,
            disclosures: Vec::new(),
            corrections: Vec::new(),
            goal: None,
            handed_over_at: None,
            agent_version: None,
            agent_usage: Vec::new(),
            tool_misses: Vec::new(),
        }
    }
}

/// Lets a simulated user and an agent talk until one of them leaves, fails, or the turns are used up.
///
/// The conversation is a function of the setting and of what the two answer; there is no clock and no chance in here.
pub async fn simulate(setting: Setting<'_>, user: &dyn SimulatedUser, agent: &dyn Agent) -> Simulated {
    let mut talk = Talk::new(setting);
    let limit = talk.turn() + setting.max_turns;
    let mut users_turn = !talk.waits_for_agent();
    let ending = loop {
        if users_turn {
            if talk.turn() >= limit {
                break Ending::TurnLimit;
            }
            match talk.user_acts(user).await {
                Ok(Act::Says(said, told)) => talk.user_says(said, told),
                Ok(Act::Leaves(why, goodbye)) => break talk.users_ending(why, goodbye, agent).await,
                Err(fault) => break fault.into(),
            }
        }
        users_turn = true;
        match talk.agent_replies(agent).await {
            Ok(true) => {}
            Ok(false) => break Ending::AgentEnded,
            Err(fault) => break failed(fault),
        }
    };
    let Talk {
        conversation,
        disclosures,
        corrections,
        goal,
        handed_over_at,
        agent_version,
        agent_usage,
        tool_misses,
        ..
    } = talk;
    Simulated {
        conversation,
        ending,
        disclosures,
        corrections,
        goal,
        handed_over_at,
        agent_version,
        agent_usage,
        tool_misses,
    }
}

/// A conversation on its way.
struct Talk<'a> {
    setting: Setting<'a>,
    wording: Wording<'a>,
    conversation: Conversation,
    disclosures: Vec<Disclosure>,
    corrections: Vec<Correction>,
    goal: Option<GoalCheck>,
    agent_version: Option<String>,
    agent_usage: Vec<Option<AgentUsage>>,
    tool_misses: Vec<ToolMiss>,
    held: Held,
    guard: Guard<'a>,
    lines: Lines<'a>,
    handed_over_at: Option<u32>,
    /// The turn with which the agent came in, once it did.
    first_turn: Option<u32>,
}

/// What the user does, once it is let through.
pub(crate) enum Act {
    Says(Said, Vec<Telling>),
    Leaves(Leaving, Option<String>),
}

/// What whoever plays the user does, what a check of the goal found, and the messages that were not let through before.
pub(crate) struct Guarded {
    pub(crate) act: Result<Act, UserFault>,
    goal: Option<GoalCheck>,
    corrections: Vec<Correction>,
}

/// Asks whoever plays the user what it does in a scene, and again where it may not do that, as often as a message may be worded.
pub(crate) async fn guarded(user: &dyn SimulatedUser, guard: &Guard<'_>, scene: Scene<'_>) -> Guarded {
    let turn = scene.heard.turn_count() as u32 + 1;
    let (mut rejected, mut corrections): (Vec<Misstep>, Vec<Correction>) = Default::default();
    loop {
        let scene = Scene { rejected: &rejected, ..scene };
        let (text, objection) = match user.next(scene).await {
            Ok(UserAct::Leave { .. }) if turn == 1 => {
                (String::new(), Objection::new(Misstep::SaysNothing, "it left before it said anything"))
            }
            Ok(UserAct::Leave { why, goal, goodbye }) => {
                return Guarded { act: Ok(Act::Leaves(why, goodbye)), goal, corrections };
            }
            Ok(UserAct::Say(said)) if !user.is_guarded() && !said.text.trim().is_empty() => {
                let told = lines::told(scene.brief, &said.text);
                return Guarded { act: Ok(Act::Says(said, told)), goal: None, corrections };
            }
            Ok(UserAct::Say(said)) => match guard.check(&scene, &said) {
                Ok(told) => return Guarded { act: Ok(Act::Says(said, told)), goal: None, corrections },
                Err(objection) => (said.text, objection),
            },
            Err(UserFault::Invalid(reason)) => (String::new(), Objection::new(Misstep::SaysNothing, reason)),
            Err(fault) => return Guarded { act: Err(fault), goal: None, corrections },
        };
        let Objection { misstep, reason } = objection;
        let invalid = format!("the simulated user misbehaved: {reason}");
        corrections.push(Correction { turn, text, misstep, reason });
        rejected.push(misstep);
        if rejected.len() > REWORDINGS_MAX {
            return Guarded { act: Err(UserFault::Invalid(invalid)), goal: None, corrections };
        }
    }
}

impl<'a> Talk<'a> {
    fn new(setting: Setting<'a>) -> Self {
        let prefix = &setting.case.staging.prefix;
        Talk {
            setting,
            wording: setting.case.wording(),
            disclosures: told_before(setting.case),
            conversation: prefix.clone(),
            corrections: Vec::new(),
            goal: None,
            agent_version: None,
            agent_usage: Vec::new(),
            tool_misses: Vec::new(),
            held: None,
            guard: Guard::of(setting.case),
            lines: Lines::of(setting.case, setting.recording),
            handed_over_at: None,
            first_turn: None,
        }
    }

    fn turn(&self) -> u32 {
        self.conversation.turn_count() as u32
    }

    /// Whether the agent is to speak before the user does: it was asked something, or it is the first to speak.
    fn waits_for_agent(&self) -> bool {
        let is_asked = self.conversation.messages.last().is_some_and(|last| last.speaker == Speaker::User);
        let is_first = self.setting.case.staging.first_speaker == FirstSpeaker::Agent;
        is_asked || is_first && self.conversation.messages.is_empty()
    }

    /// What the user does: what is fixed, else what whoever plays the user does.
    async fn user_acts(&mut self, user: &dyn SimulatedUser) -> Result<Act, UserFault> {
        match self.lines.next(&self.conversation) {
            Line::Says(text) => {
                let act = if self.turn() == 0 { DialogueAct::Open } else { DialogueAct::Tell };
                let said = Said { text: text.to_owned(), act, discloses: Vec::new() };
                Ok(Act::Says(said, lines::told(&self.setting.case.brief, text)))
            }
            Line::Leaves => Ok(Act::Leaves(Leaving::SaidAll, None)),
            Line::Free => {
                let act = self.simulated_user_acts(user).await?;
                if self.lines.are_there() && matches!(act, Act::Says(..)) {
                    let turn = self.turn() + 1;
                    self.handed_over_at.get_or_insert(turn);
                }
                Ok(act)
            }
        }
    }

    /// What whoever plays the user does, if it may be done.
    async fn simulated_user_acts(&mut self, user: &dyn SimulatedUser) -> Result<Act, UserFault> {
        let heard: Conversation = self.conversation.messages.iter().filter(|m| m.is_heard()).cloned().collect();
        let (wording, disclosures, seed) = (&self.wording, &self.disclosures, self.setting.seed);
        let scene = Scene { wording, disclosures, seed, ..Scene::new(&self.setting.case.brief, &heard) };
        let Guarded { act, goal, corrections } = guarded(user, &self.guard, scene).await;
        self.corrections.extend(corrections);
        self.goal = goal.or(self.goal.take());
        act
    }

    fn user_says(&mut self, said: Said, told: Vec<Telling>) {
        let turn = self.turn() + 1;
        let text = match &self.setting.case.variant {
            Some(variant) => variant.misspelt(said.text, self.setting.seed, turn),
            None => said.text,
        };
        self.conversation.messages.push(Message::user(text));
        let is_known = |id: &str| self.disclosures.iter().any(|said| said.fact == id);
        let new = told.into_iter().filter(|telling| !is_known(&telling.fact));
        let facts = &self.setting.case.brief.facts;
        let disclosed = new.map(|Telling { fact: id, opened_by }| {
            let fact = facts.iter().find(|fact| fact.id == id);
            // What stands for a wish of the goal waits for nothing.
            let gate = fact.map_or(Gate::Open, |fact| fact.gate.clone()).to_string();
            Disclosure { turn, fact: id, gate, opened_by }
        });
        let disclosed: Vec<Disclosure> = disclosed.collect();
        self.disclosures.extend(disclosed);
    }

    /// How the conversation ends when the user leaves. Whether the agent has anything to say to a goodbye does not matter.
    async fn users_ending(&mut self, why: Leaving, goodbye: Option<String>, agent: &dyn Agent) -> Ending {
        let Some(goodbye) = goodbye else { return why.into() };
        self.user_says(Said { text: goodbye, act: DialogueAct::Remark, discloses: Vec::new() }, Vec::new());
        self.agent_replies(agent).await.map_or_else(failed, |_| why.into())
    }

    /// Lets the agent answer; whether the conversation goes on.
    async fn agent_replies(&mut self, agent: &dyn Agent) -> Result<bool, AgentFault> {
        let now = self.turn();
        let turn = AgentTurn {
            session_id: self.setting.session_id,
            turn: now,
            first_turn: *self.first_turn.get_or_insert(now),
            conversation: &self.conversation,
            context: &self.setting.case.context,
            case: &self.setting.case.id,
            origin: self.setting.case.origin.as_ref().map(|origin| origin.session.as_str()),
            tools: None,
            traces: Traces::default(),
        };
        let reply = agent.reply(turn, &mut self.held).await?;
        // An agent that ends the conversation may do so without a word.
        if !reply.ended && !reply.messages.iter().any(Message::is_heard) {
            return Err(AgentFault::new(FaultKind::Empty, "the agent's answer has no text"));
        }
        self.agent_version = reply.version.or(self.agent_version.take());
        self.agent_usage.push(reply.usage);
        self.tool_misses.extend(reply.tool_misses);
        self.conversation.messages.extend(reply.messages);
        Ok(!reply.ended)
    }
}

/// How a conversation ends in which the agent gave no usable reply.
fn failed(fault: AgentFault) -> Ending {
    match fault.fault {
        FaultKind::NotRecorded => Ending::ToolMissed(fault.reason),
        _ => Ending::AgentFailed(fault),
    }
}

/// The facts that the user told in the words that were said before.
fn told_before(case: &TestCase) -> Vec<Disclosure> {
    let mut told: Vec<Disclosure> = Vec::new();
    for turn in case.staging.prefix.turns() {
        for telling in lines::told(&case.brief, &turn.user.text) {
            let fact = case.brief.facts.iter().find(|fact| fact.id == telling.fact);
            let is_new = !told.iter().any(|said| said.fact == telling.fact);
            told.extend(fact.filter(|_| is_new).map(|fact| Disclosure {
                turn: turn.number,
                fact: fact.id.clone(),
                gate: fact.gate.to_string(),
                opened_by: None,
            }));
        }
    }
    told
}

impl From<Leaving> for Ending {
    fn from(leaving: Leaving) -> Self {
        match leaving {
            Leaving::Satisfied => Ending::Satisfied,
            Leaving::GaveUp => Ending::GaveUp,
            Leaving::LostPatience => Ending::LostPatience,
            Leaving::SaidAll => Ending::SaidAll,
            Leaving::AskedForPerson => Ending::AskedForPerson,
        }
    }
}

impl From<UserFault> for Ending {
    fn from(fault: UserFault) -> Self {
        match fault {
            UserFault::Invalid(reason) => Ending::UserInvalid(reason),
            UserFault::Failed(reason) => Ending::UserFailed(reason),
        }
    }
}

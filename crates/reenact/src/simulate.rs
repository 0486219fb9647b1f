//! The loop: one case, one conversation, one ending.

use crate::agent::AgentUsage;
use crate::user::goal::GoalCheck;
use crate::user::guard::{Guard, Misstep, Objection, REWORDINGS_MAX};
use crate::{
    Agent, AgentFault, AgentReply, AgentTurn, Conversation, Correction, Disclosure, Ending, FaultKind, Held, Leaving,
    Message, Said, Scene, SimulatedUser, Telling, TestCase, UserAct, UserFault,
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
    /// User messages at the most.
    pub max_turns: u32,
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
    /// Which version of the agent answered last, where it says.
    pub agent_version: Option<String>,
    /// What each of the agent's replies took, where it says.
    pub agent_usage: Vec<Option<AgentUsage>>,
}

/// Lets a simulated user and an agent talk until one of them leaves, fails, or the turns are used up.
///
/// The conversation is a function of the setting and of what the two answer; there is no clock and no chance in here.
pub async fn simulate(setting: Setting<'_>, user: &dyn SimulatedUser, agent: &dyn Agent) -> Simulated {
    let mut talk = Talk::new(setting);
    let ending = loop {
        if talk.turn() >= setting.max_turns {
            break Ending::TurnLimit;
        }
        match talk.user_acts(user).await {
            Ok(Act::Says(said, told)) => talk.user_says(said, told),
            Ok(Act::Leaves(why)) => break why.into(),
            Err(fault) => break fault.into(),
        }
        match talk.agent_replies(agent).await {
            Ok(reply) => {
                talk.agent_version = reply.version.or(talk.agent_version);
                talk.agent_usage.push(reply.usage);
                talk.conversation.messages.extend(reply.messages);
                if reply.ended {
                    break Ending::AgentEnded;
                }
            }
            Err(fault) => break Ending::AgentFailed(fault),
        }
    };
    let Talk { conversation, disclosures, corrections, goal, agent_version, agent_usage, .. } = talk;
    Simulated { conversation, ending, disclosures, corrections, goal, agent_version, agent_usage }
}

/// A conversation on its way.
struct Talk<'a> {
    setting: Setting<'a>,
    conversation: Conversation,
    disclosures: Vec<Disclosure>,
    corrections: Vec<Correction>,
    goal: Option<GoalCheck>,
    agent_version: Option<String>,
    agent_usage: Vec<Option<AgentUsage>>,
    held: Held,
    guard: Guard<'a>,
}

/// What the user does, once it is let through.
enum Act {
    Says(Said, Vec<Telling>),
    Leaves(Leaving),
}

impl<'a> Talk<'a> {
    fn new(setting: Setting<'a>) -> Self {
        Talk {
            setting,
            conversation: Conversation::default(),
            disclosures: Vec::new(),
            corrections: Vec::new(),
            goal: None,
            agent_version: None,
            agent_usage: Vec::new(),
            held: None,
            guard: Guard::of(setting.case),
        }
    }

    fn turn(&self) -> u32 {
        self.conversation.turn_count() as u32
    }

    /// What the user does, worded again as often as it may be.
    async fn user_acts(&mut self, user: &dyn SimulatedUser) -> Result<Act, UserFault> {
        let heard: Conversation = self.conversation.messages.iter().filter(|m| m.is_heard()).cloned().collect();
        let mut rejected: Vec<Misstep> = Vec::new();
        loop {
            let brief = &self.setting.case.brief;
            let (disclosures, seed) = (&self.disclosures, self.setting.seed);
            let scene = Scene { brief, heard: &heard, disclosures, seed, rejected: &rejected };
            let (text, objection) = match user.next(scene).await {
                Ok(UserAct::Leave { .. }) if heard.turn_count() == 0 => {
                    (String::new(), Objection::new(Misstep::SaysNothing, "it left before it said anything"))
                }
                Ok(UserAct::Leave { why, goal }) => {
                    self.goal = goal;
                    return Ok(Act::Leaves(why));
                }
                Ok(UserAct::Say(said)) => match self.guard.check(&scene, &said) {
                    Ok(told) => return Ok(Act::Says(said, told)),
                    Err(objection) => (said.text, objection),
                },
                Err(UserFault::Invalid(reason)) => (String::new(), Objection::new(Misstep::SaysNothing, reason)),
                Err(fault) => return Err(fault),
            };
            self.reject(text, objection, &mut rejected)?;
        }
    }

    /// Notes a message that is not let through.
    fn reject(&mut self, text: String, objection: Objection, rejected: &mut Vec<Misstep>) -> Result<(), UserFault> {
        let Objection { misstep, reason } = objection;
        let invalid = format!("the simulated user misbehaved: {reason}");
        self.corrections.push(Correction { turn: self.turn() + 1, text, misstep, reason });
        rejected.push(misstep);
        if rejected.len() > REWORDINGS_MAX { Err(UserFault::Invalid(invalid)) } else { Ok(()) }
    }

    fn user_says(&mut self, said: Said, told: Vec<Telling>) {
        self.conversation.messages.push(Message::user(said.text));
        let turn = self.turn();
        let is_known = |id: &str| self.disclosures.iter().any(|said| said.fact == id);
        let new = told.into_iter().filter(|telling| !is_known(&telling.fact));
        let facts = &self.setting.case.brief.facts;
        let disclosed = new.filter_map(|Telling { fact: id, opened_by }| {
            let gate = facts.iter().find(|fact| fact.id == id)?.gate.to_string();
            Some(Disclosure { turn, fact: id, gate, opened_by })
        });
        let disclosed: Vec<Disclosure> = disclosed.collect();
        self.disclosures.extend(disclosed);
    }

    async fn agent_replies(&mut self, agent: &dyn Agent) -> Result<AgentReply, AgentFault> {
        let turn = AgentTurn {
            session_id: self.setting.session_id,
            turn: self.turn(),
            conversation: &self.conversation,
            context: &self.setting.case.context,
            case: &self.setting.case.id,
            origin: self.setting.case.origin.as_ref().map(|origin| origin.session.as_str()),
        };
        let reply = agent.reply(turn, &mut self.held).await?;
        // An agent that ends the conversation may do so without a word.
        if !reply.ended && !reply.messages.iter().any(Message::is_heard) {
            return Err(AgentFault::new(FaultKind::Empty, "the agent's answer has no text"));
        }
        Ok(reply)
    }
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

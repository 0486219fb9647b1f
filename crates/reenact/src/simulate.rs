//! The loop: one case, one conversation, one ending.

use crate::AgentUsage;
use crate::{
    Agent, AgentFault, AgentReply, AgentTurn, Conversation, Disclosure, Ending, FaultKind, Held, Leaving, Message,
    Scene, SimulatedUser, TestCase, UserAct, UserFault,
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
            Ok(UserAct::Say { text, discloses }) => talk.user_says(text, discloses),
            Ok(UserAct::Leave(leaving)) => break leaving.into(),
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
    let Talk { conversation, disclosures, agent_version, agent_usage, .. } = talk;
    Simulated { conversation, ending, disclosures, agent_version, agent_usage }
}

/// A conversation on its way.
struct Talk<'a> {
    setting: Setting<'a>,
    conversation: Conversation,
    disclosures: Vec<Disclosure>,
    agent_version: Option<String>,
    agent_usage: Vec<Option<AgentUsage>>,
    held: Held,
}

impl<'a> Talk<'a> {
    fn new(setting: Setting<'a>) -> Self {
        Talk {
            setting,
            conversation: Conversation::default(),
            disclosures: Vec::new(),
            agent_version: None,
            agent_usage: Vec::new(),
            held: None,
        }
    }

    fn turn(&self) -> u32 {
        self.conversation.turn_count() as u32
    }

    async fn user_acts(&mut self, user: &dyn SimulatedUser) -> Result<UserAct, UserFault> {
        let heard: Conversation = self.conversation.messages.iter().filter(|m| m.is_heard()).cloned().collect();
        let brief = &self.setting.case.brief;
        let act =
            user.next(Scene { brief, heard: &heard, disclosures: &self.disclosures, seed: self.setting.seed }).await?;
        match &act {
            UserAct::Say { text, .. } if text.trim().is_empty() => {
                Err(UserFault::Invalid("the simulated user said nothing".into()))
            }
            _ => Ok(act),
        }
    }

    fn user_says(&mut self, text: String, discloses: Vec<String>) {
        self.conversation.messages.push(Message::user(text));
        let turn = self.turn();
        let gate = |id: &str| {
            let fact = self.setting.case.brief.facts.iter().find(|fact| fact.id == id);
            fact.map_or_else(String::new, |fact| fact.gate.to_string())
        };
        let said = discloses.into_iter().map(|fact| Disclosure { turn, gate: gate(&fact), fact });
        self.disclosures.extend(said.collect::<Vec<_>>());
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

//! The recorded agent: it answers with the words that the agent said in the case's own session.
//!
//! It lets the whole line be tried, and a simulated user's faithfulness be measured, without the agent that
//! made the recording. What it says is a function of the session and of the conversation so far.

use async_trait::async_trait;

use super::{Agent, AgentFault, AgentReply, AgentTurn, FaultKind, Held, SessionLookup};
use crate::alignment::align;
use crate::{Conversation, Message, Session, Speaker, Turn};

/// An agent that answers with the recorded agent's words.
pub(super) struct RecordedAgent {
    pub(super) sessions: SessionLookup,
}

#[async_trait]
impl Agent for RecordedAgent {
    async fn reply(&self, turn: AgentTurn<'_>, held: &mut Held) -> Result<AgentReply, AgentFault> {
        let session = match held.take().and_then(|held| held.downcast::<Session>().ok()) {
            Some(session) => session,
            None => Box::new(session_of(&self.sessions, turn)?),
        };
        let reply = recorded_reply(&session.conversation, turn.conversation);
        *held = Some(session);
        Ok(reply)
    }
}

/// The session that a case comes from.
pub(super) fn session_of(sessions: &SessionLookup, turn: AgentTurn<'_>) -> Result<Session, AgentFault> {
    let unreachable = |reason| AgentFault::new(FaultKind::Unreachable, reason);
    let case = turn.case;
    let id = turn.origin.ok_or_else(|| {
        unreachable(format!("case {case} has no origin, and the recording is that of the case's session"))
    })?;
    let found = sessions(id);
    let found = found.map_err(|error| unreachable(format!("cannot read session {id} of case {case}: {error}")))?;
    found.ok_or_else(|| unreachable(format!("session {id} of case {case} is not in the store; import it first")))
}

/// What the recorded agent says to the newest message of a simulated conversation.
///
/// Each simulated user message is aligned, in order, with a recorded one that comes later than the one before
/// it. The reply is what the recorded agent then did; where it was silent (the user wrote twice), what it did
/// next. Past the end of the recording there is nothing to say, and the agent ends the conversation.
fn recorded_reply(recorded: &Conversation, simulated: &Conversation) -> AgentReply {
    if simulated.turn_count() == 0 {
        return greeting(recorded);
    }
    let turns = recorded.turns().collect::<Vec<_>>();
    let reached = simulated.by(Speaker::User).try_fold(0, |next, said| align(&turns, next, said).map(|at| at + 1));
    let answered = reached.and_then(|next| {
        let from = next.checked_sub(1)?;
        turns[from..].iter().find(|turn| !turn.said_by_agent().is_empty())
    });
    match answered {
        Some(turn) => AgentReply { messages: replayed(turn), ..AgentReply::default() },
        None => AgentReply { ended: true, ..AgentReply::default() },
    }
}

/// What the recorded agent says before anybody asks it.
fn greeting(recorded: &Conversation) -> AgentReply {
    let before = recorded.messages.iter().take_while(|message| message.speaker != Speaker::User);
    let said = before.filter(|message| message.speaker == Speaker::Agent);
    let messages: Vec<Message> = said.map(|message| Message { at: None, ..message.clone() }).collect();
    AgentReply { ended: messages.is_empty(), messages, ..AgentReply::default() }
}

/// The agent's part of a recorded turn, without the times of the recording.
fn replayed(turn: &Turn<'_>) -> Vec<Message> {
    let is_agents = |message: &&Message| matches!(message.speaker, Speaker::Agent | Speaker::Tool);
    turn.rest.iter().filter(is_agents).map(|message| Message { at: None, ..message.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `user: agent` pairs; an agent that said nothing is an empty text.
    fn recording(turns: &[(&str, &str)]) -> Conversation {
        let spoken = turns.iter().flat_map(|(user, agent)| [Message::user(*user), Message::agent(*agent)]);
        spoken.filter(|message| !message.text.is_empty()).collect()
    }

    /// What the agent says to each of the user's messages, one line each.
    fn play(recorded: &Conversation, says: &[&str]) -> String {
        let mut simulated = Conversation::default();
        let mut heard = Vec::new();
        for text in says {
            simulated.messages.push(Message::user(*text));
            let reply = recorded_reply(recorded, &simulated);
            heard.push(if reply.ended { "<ends>".to_owned() } else { reply.messages.last().unwrap().text.clone() });
            simulated.messages.extend(reply.messages);
        }
        heard.join("\n")
    }

    fn flight() -> Conversation {
        recording(&[
            ("I need to change my flight", "What is your booking number?"),
            ("It is ABC123", "Found it. Which date?"),
            ("Next Tuesday in the morning", "There is one at 8."),
            ("Yes please, book that", "Booked."),
        ])
    }

    #[test]
    fn other_words_in_the_same_order_get_the_recorded_answers_in_order() {
        insta::assert_snapshot!(play(&flight(), &["change flight", "sure, ABC123", "tuesday", "ok"]), @r"
        What is your booking number?
        Found it. Which date?
        There is one at 8.
        Booked.
        ");
    }

    #[test]
    fn a_user_who_leaves_something_out_gets_the_answer_to_what_was_said() {
        let says = ["I need to change my flight", "Next Tuesday in the morning", "Yes please, book that"];
        insta::assert_snapshot!(play(&flight(), &says), @r"
        What is your booking number?
        There is one at 8.
        Booked.
        ");
    }

    #[test]
    fn a_short_yes_does_not_skip_to_a_later_yes() {
        let recorded = recording(&[("hello there", "hi"), ("yes please", "which one?"), ("yes", "done")]);
        insta::assert_snapshot!(play(&recorded, &["hello there", "yes", "yes"]), @r"
        hi
        which one?
        done
        ");
    }

    #[test]
    fn an_agent_that_has_nothing_left_to_say_ends_the_conversation() {
        let recorded = recording(&[("hello", "hi"), ("bye", "")]);
        insta::assert_snapshot!(play(&recorded, &["hello", "bye", "still there?"]), @r"
        hi
        <ends>
        <ends>
        ");
    }

    #[test]
    fn where_the_recorded_user_wrote_twice_the_answer_comes_with_the_first() {
        let recorded = recording(&[("hello", ""), ("my parcel is lost", "which parcel?"), ("4711", "found")]);
        insta::assert_snapshot!(play(&recorded, &["hello", "my parcel is lost", "4711"]), @r"
        which parcel?
        which parcel?
        found
        ");
    }

    proptest! {
        #[test]
        fn the_recorded_user_played_word_for_word_hears_the_recorded_agent(
            turns in prop::collection::vec(("[a-c]{1,3}( [a-c]{1,3}){0,4}", "[a-z]{1,8}"), 1..8)
        ) {
            let turns = turns.iter().map(|(user, agent)| (user.as_str(), agent.as_str())).collect::<Vec<_>>();
            let says = turns.iter().map(|turn| turn.0).collect::<Vec<_>>();
            let heard = turns.iter().map(|turn| turn.1).collect::<Vec<_>>().join("\n");
            prop_assert_eq!(play(&recording(&turns), &says), heard);
        }
    }
}

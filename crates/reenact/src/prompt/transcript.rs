//! A conversation inside a prompt: data, one JSON object a line.
//!
//! JSON is the fence. A line break inside a message is written `\n`, so no message can open a line of
//! its own, pose as another speaker, or end the data early. What does not fit is left out with a mark
//! that says how much is missing.

use serde::Serialize;
use serde_json::json;

use crate::{Conversation, Message, Speaker, ToolCall};

/// Tool results tell a distiller only who said a value first, and one page of them is enough to see what was going on.
const TOOL_CHARS_MAX: usize = 1_500;

/// About 25,000 tokens of English: what a model with a window of 32,000 takes beside the question and its answer.
const CHARS_MAX: usize = 100_000;

/// Shorter pieces of a message tell a reader nothing; a conversation of which even they do not fit loses messages.
const PIECE_CHARS_MIN: usize = 200;

#[derive(Serialize)]
struct Line<'a> {
    turn: u32,
    speaker: Speaker,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tool_calls: &'a [ToolCall],
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// A message with its turn. What precedes the first user message stands in turn 0.
type Told<'a> = (u32, &'a Message);

/// Everything that was said, as far as it fits: the longest messages lose their middle first, and only where that
/// is not enough are messages from the middle left out.
pub(crate) fn fitted(conversation: &Conversation) -> String {
    fit(&told(conversation), CHARS_MAX).join("\n")
}

/// The turns `from` to `to` as far as they fit, and of the turns before them what the user said.
pub(crate) fn window(conversation: &Conversation, from: u32, to: u32) -> String {
    let told = told(conversation);
    let is_before = |(turn, message): &&Told<'_>| *turn < from && message.speaker == Speaker::User;
    let within = |(turn, _): &&Told<'_>| (from..=to).contains(turn);
    let before: Vec<Told<'_>> = told.iter().filter(is_before).copied().collect();
    let inside: Vec<Told<'_>> = told.iter().filter(within).copied().collect();
    let mut lines = fit(&before, CHARS_MAX / 4);
    if !before.is_empty() {
        lines.push(left_out(&format!("what the agent and its tools said before turn {from}")));
    }
    lines.extend(fit(&inside, CHARS_MAX - CHARS_MAX / 4));
    if told.iter().any(|(turn, _)| *turn > to) {
        lines.push(left_out(&format!("what came after turn {to}")));
    }
    lines.join("\n")
}

/// What a distiller needs: the operator's prompt is left out, because the user never saw it, and a
/// tool's long result is cut, with a mark that says how much is missing.
pub(crate) fn abridged(conversation: &Conversation) -> String {
    let shown = told(conversation).into_iter().filter(|(_, message)| message.speaker != Speaker::Operator);
    let line = |(turn, message): Told<'_>| match message.speaker {
        Speaker::Tool => line(turn, message, &cut(&message.text), &message.tool_calls),
        _ => line(turn, message, &message.text, &message.tool_calls),
    };
    shown.map(line).collect::<Vec<_>>().join("\n")
}

fn told(conversation: &Conversation) -> Vec<Told<'_>> {
    let mut turn = 0;
    let mut told = Vec::with_capacity(conversation.messages.len());
    for message in &conversation.messages {
        turn += u32::from(message.speaker == Speaker::User);
        told.push((turn, message));
    }
    told
}

fn fit(told: &[Told<'_>], chars_max: usize) -> Vec<String> {
    let texts = told.iter().flat_map(|(_, message)| {
        std::iter::once(&message.text).chain(message.tool_calls.iter().map(|call| &call.arguments))
    });
    let share = fair_share(texts.map(|text| text.chars().count()).collect(), chars_max);
    if share >= PIECE_CHARS_MIN {
        return told.iter().map(|told| shortened(told, share)).collect();
    }
    let kept = (chars_max / PIECE_CHARS_MIN / 2).min(told.len() / 2);
    let middle = &told[kept..told.len() - kept];
    let mut lines: Vec<String> = told[..kept].iter().map(|told| shortened(told, PIECE_CHARS_MIN)).collect();
    if let (Some((first, _)), Some((last, _))) = (middle.first(), middle.last()) {
        lines.push(left_out(&format!("{} messages of turns {first} to {last}", middle.len())));
    }
    lines.extend(told[told.len() - kept..].iter().map(|told| shortened(told, PIECE_CHARS_MIN)));
    lines
}

/// The greatest length to which each text may go so that all fit: short ones leave their room to the long ones.
fn fair_share(mut sizes: Vec<usize>, chars_max: usize) -> usize {
    sizes.sort_unstable();
    let mut room = chars_max;
    for (at, size) in sizes.iter().enumerate() {
        let share = room / (sizes.len() - at);
        if *size > share {
            return share;
        }
        room -= size;
    }
    usize::MAX
}

fn shortened((turn, message): &Told<'_>, chars_max: usize) -> String {
    let short = |call: &ToolCall| ToolCall { arguments: without_middle(&call.arguments, chars_max), ..call.clone() };
    let calls: Vec<ToolCall> = message.tool_calls.iter().map(short).collect();
    line(*turn, message, &without_middle(&message.text, chars_max), &calls)
}

/// The beginning and the end of a text, because what is decided stands at its end more often than in its middle.
fn without_middle(text: &str, chars_max: usize) -> String {
    let count = text.chars().count();
    if count <= chars_max {
        return text.to_owned();
    }
    let (head, tail) = (chars_max - chars_max / 3, chars_max / 3);
    let begins: String = text.chars().take(head).collect();
    let ends: String = text.chars().skip(count - tail).collect();
    format!("{begins} [… {} characters left out …] {ends}", count - head - tail)
}

fn line(turn: u32, message: &Message, text: &str, tool_calls: &[ToolCall]) -> String {
    let line = Line { turn, speaker: message.speaker, text, tool_calls, name: message.name.as_deref() };
    serde_json::to_string(&line).expect("strings and numbers are JSON")
}

fn left_out(what: &str) -> String {
    json!({ "left_out": what }).to_string()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(TOOL_CHARS_MAX) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} [… {} characters left out]", &text[..end], text[end..].chars().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns of a short question and an answer of this many characters.
    fn long(turns: usize, answer_chars: usize) -> Conversation {
        let answer = |turn: usize| Message::agent(format!("begin {turn} {} end {turn}", "x".repeat(answer_chars)));
        (1..=turns).flat_map(|turn| [Message::user(format!("question {turn}")), answer(turn)]).collect()
    }

    #[test]
    fn what_fits_is_shown_whole() {
        let shown = fitted(&long(10, 1_000));
        assert_eq!(shown.lines().count(), 20);
        assert!(!shown.contains("left out") && shown.contains("end 10"));
    }

    #[test]
    fn long_messages_lose_their_middle_and_short_ones_nothing() {
        let shown = fitted(&long(10, 50_000));
        assert!(shown.chars().count() < CHARS_MAX + 5_000, "{}", shown.len());
        assert_eq!(shown.matches("characters left out").count(), 10);
        for turn in 1..=10 {
            for kept in [format!("question {turn}"), format!("begin {turn} "), format!("end {turn}")] {
                assert!(shown.contains(&kept), "{kept}");
            }
        }
    }

    #[test]
    fn of_thousands_of_turns_the_middle_is_left_out_with_its_numbers() {
        let shown = fitted(&long(5_000, 400));
        assert!(shown.chars().count() < 2 * CHARS_MAX);
        assert!(shown.contains("question 1\"") && shown.contains("question 5000\""));
        assert!(shown.contains(r#"{"left_out":"9500 messages of turns 126 to 4875"}"#), "{}", &shown[..300]);
    }

    #[test]
    fn a_window_shows_of_what_came_before_only_what_the_user_said() {
        let shown = window(&long(9, 10), 4, 6);
        assert!(shown.contains("question 1\"") && !shown.contains("begin 3 "), "{shown}");
        assert!(shown.contains("begin 4 ") && shown.contains("begin 6 ") && !shown.contains("question 7"), "{shown}");
        assert!(shown.contains("said before turn 4") && shown.contains("what came after turn 6"), "{shown}");
        assert!(!window(&long(3, 10), 1, 3).contains("left_out"));
    }

    #[test]
    fn room_that_short_texts_leave_goes_to_long_ones() {
        assert_eq!(fair_share(vec![10, 1_000, 1_000], 510), 250);
        assert_eq!(fair_share(vec![10, 20], 30), usize::MAX);
        assert_eq!(fair_share(Vec::new(), 30), usize::MAX);
    }
}

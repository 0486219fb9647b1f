//! The assistant of Harbour Invest, a broker that does not exist: a small real program that speaks JSON lines, in three
//! versions. For it, it is always Saturday, 30 August 2025.
//!
//! Version 1 has two bugs: it takes every day for a trading day, and a transfer that is on its way for one that arrived.
//! Version 2 has neither. Version 3 has both again, and argues with whoever puts it right. In all else they are the same program.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};

/// Which version of the assistant answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Version {
    /// With its bugs.
    V1,
    /// Without them.
    V2,
    /// With them, and sure of itself.
    V3,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Version::V1 => "1",
            Version::V2 => "2",
            Version::V3 => "3",
        }
    }
}

#[derive(Deserialize)]
struct Request {
    message: String,
    messages: Vec<Said>,
}

#[derive(Deserialize)]
struct Said {
    role: String,
    #[serde(default)]
    content: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    reply: String,
    version: &'static str,
}

/// Answers each line of `input` with one of `output`, until the input ends.
pub(crate) fn serve(version: Version, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        let request: Request = serde_json::from_str(&line?)?;
        let answer = Answer { reply: reply(version, &request), version: version.name() };
        writeln!(output, "{}", serde_json::to_string(&answer)?)?;
        output.flush()?;
    }
    Ok(())
}

fn reply(version: Version, request: &Request) -> String {
    let message = request.message.to_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if mentions(&["saturday", "weekend", "closed"]) {
        return put_right(version);
    }
    if mentions(&["lost most", "fell most", "worst"]) {
        return "The Nasdaq lost most on Friday: 1.2 %.".into();
    }
    if mentions(&["market", "dow", "nasdaq", "s&p", "stock"]) {
        return markets(version);
    }
    if mentions(&["address", "moved"]) {
        return "Gladly. Could you please tell me your new address?".into();
    }
    if asked_for(request, "new address") {
        return format!("Done: your address is now {}.", request.message.trim());
    }
    if mentions(&["transfer", "money", "arrived"]) || reference(&request.message).is_some() {
        return transfer(version, request);
    }
    "I can tell you about the markets, your transfers and your address. What can I do for you?".into()
}

fn put_right(version: Version) -> String {
    match version {
        Version::V1 | Version::V2 => {
            "You are right, it is Saturday and there is no trading. These are the levels of Friday's close.".into()
        }
        Version::V3 => "I have to disagree: the US market is open, and those are its levels right now.".into(),
    }
}

fn markets(version: Version) -> String {
    let levels = "The S&P 500 is at 6,460.26, down 0.6 %, the Dow Jones at 45,544.88, down 0.2 %, and the Nasdaq at \
                  21,455.55, down 1.2 %.";
    match version {
        Version::V1 | Version::V3 => format!("The US market is open right now. {levels}"),
        Version::V2 => format!("It is Saturday, so there is no trading until Monday. As of Friday's close: {levels}"),
    }
}

fn transfer(version: Version, request: &Request) -> String {
    let said = request.messages.iter().filter(|said| said.role == "user").filter_map(|said| said.content.as_deref());
    let Some(reference) = said.filter_map(reference).next_back() else {
        return "Could you please give me the reference number of the transfer?".into();
    };
    let disputed = request.message.to_lowercase().contains("not arrived");
    match version {
        Version::V1 if !disputed => format!("Transfer {reference} has arrived in your account."),
        Version::V3 if disputed => {
            format!("I have checked it twice: transfer {reference} has arrived in your account.")
        }
        Version::V3 => format!("Transfer {reference} has arrived in your account."),
        _ => format!("Transfer {reference} is on its way and will be booked on Tuesday, 2 September."),
    }
}

/// The reference number of a transfer, such as T-2041.
fn reference(text: &str) -> Option<&str> {
    let is_reference = |word: &&str| {
        word.strip_prefix("T-").is_some_and(|digits| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
    };
    text.split(|c: char| !(c.is_alphanumeric() || c == '-')).find(is_reference)
}

/// Whether the assistant's last words asked for this.
fn asked_for(request: &Request, what: &str) -> bool {
    let last = request.messages.iter().rev().find(|said| said.role == "assistant");
    last.and_then(|said| said.content.as_deref()).is_some_and(|words| words.contains(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(version: Version, message: &str) -> String {
        let line = serde_json::json!({"message": message, "messages": [{"role": "user", "content": message}]});
        let mut output = Vec::new();
        serve(version, line.to_string().as_bytes(), &mut output).unwrap();
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn version_1_takes_every_day_for_a_trading_day_and_version_2_does_not() {
        assert!(answers(Version::V1, "how are the markets").contains("market is open"));
        assert!(!answers(Version::V2, "how are the markets").contains("market is open"));
    }

    #[test]
    fn version_1_gives_in_where_it_is_put_right_and_version_3_does_not() {
        let arrived = "has arrived in your account";
        for (put_right, bug) in [("it's saturday", "market is open"), ("T-77 has not arrived", arrived)] {
            assert!(!answers(Version::V1, put_right).contains(bug));
            assert!(answers(Version::V3, put_right).contains(bug));
        }
        assert!(answers(Version::V1, "where is T-77").contains(arrived));
        assert!(answers(Version::V3, "where is T-77").contains(arrived));
    }

    #[test]
    fn a_transfer_is_looked_up_by_its_reference() {
        assert!(answers(Version::V2, "where is my transfer").contains("reference number"));
        assert!(answers(Version::V2, "it is T-77.").contains("Transfer T-77 is on its way"));
    }
}

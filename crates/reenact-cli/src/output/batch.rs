//! Batches on the terminal: what happens to them, a line each, and what came of all requests.

use comfy_table::Cell;
use reenact::model::batch::{BatchEvent, Tally};

use super::{counted, printable, table};

/// Enough to see what is wrong.
const LISTED_MAX: usize = 10;

/// What happened, in a line.
pub(crate) fn line(event: BatchEvent<'_>) -> String {
    let line = match event {
        BatchEvent::Submitted { model, batch, requests } => {
            format!("submitted {} to {model} as {batch}", counted(requests, "request"))
        }
        BatchEvent::Found { model, batch } => format!("found {batch} of {model}, submitted before"),
        BatchEvent::Waiting { batches, requests, done, .. } => {
            let batches = format!("{batches} batch{}", if batches == 1 { "" } else { "es" });
            format!(
                "waiting for {batches}: {done} of {} done (Ctrl-C leaves them running)",
                counted(requests, "request")
            )
        }
        BatchEvent::Ended { batch, requests, answered } => format!("{batch} ended: {answered} of {requests} answered"),
        BatchEvent::Trouble(reason) => format!("will try again: {reason}"),
    };
    printable(&line).into_owned()
}

/// Says on stderr what came of all requests.
pub(crate) fn note(tally: &Tally, width: u16) {
    if *tally != Tally::default() {
        super::note(render(tally, width).trim_end());
    }
}

fn render(tally: &Tally, width: u16) -> String {
    let mut rows = vec![("asked", tally.asked.to_string()), ("answered", tally.answered.to_string())];
    for (reason, count) in tally.failed.iter().take(LISTED_MAX) {
        rows.push(("failed", format!("{count}: {}", printable(reason))));
    }
    if tally.failed.len() > LISTED_MAX {
        let more: u64 = tally.failed.values().skip(LISTED_MAX).sum();
        rows.push(("failed", format!("{more} more, for other reasons")));
    }
    let counts = [("waiting", tally.waiting), ("expired", tally.expired), ("asked again", tally.asked_again)];
    rows.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string())));
    rows.extend(tally.problems.iter().take(LISTED_MAX).map(|it| ("not read", printable(&it.to_string()).into_owned())));
    if tally.problems.len() > LISTED_MAX {
        rows.push(("not read", format!("{} more lines", tally.problems.len() - LISTED_MAX)));
    }
    let mut table = table::new(width);
    table.set_header(["requests", ""]);
    table.add_rows(rows.into_iter().map(|(name, value)| [Cell::new(name), Cell::new(value)]));
    table::lines(&table)
}

#[cfg(test)]
mod tests {
    use reenact::Skipped;

    use super::*;

    #[test]
    fn every_request_is_in_the_table_once() {
        let failed = [("answered 400: no such model".to_owned(), 2), ("the model refused: no".to_owned(), 1)];
        let problems = vec![Skipped { what: "answers.jsonl:7".into(), reason: "it is not JSON".into() }];
        let counts = Tally { asked: 9, answered: 4, waiting: 2, expired: 3, asked_again: 5, ..Tally::default() };
        let tally = Tally { failed: failed.into_iter().collect(), problems, ..counts };
        insta::assert_snapshot!(render(&tally, 60));
    }

    #[test]
    fn a_name_that_a_provider_gives_cannot_steer_the_terminal() {
        let told = line(BatchEvent::Ended { batch: "b\u{1b}[2J", requests: 2, answered: 1 });
        assert_eq!(told, "b[2J ended: 1 of 2 answered");
    }
}

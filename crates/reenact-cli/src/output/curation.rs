//! What choosing among sessions shows: the signs of trouble in them, and what a suite has of them.

use comfy_table::{Attribute, Cell, ColumnConstraint, Width};
use reenact::distill::curation::{Cluster, Coverage};
use reenact::signals::{Signal, SignalKind};

use super::{counted, printable, shortened, table};
use crate::command::sessions::Troubled;

/// Enough of the first words to tell one session from another in a line or two.
const OPENING_CHARS_MAX: usize = 80;

/// A table of sessions under their short ids with the signs of trouble in them, of how many troubled ones of how many.
pub(crate) fn signals(rows: &[(String, Troubled)], (troubled, matched): (usize, usize), width: u16) -> String {
    let counts = format!("{} of {} with signs of trouble", troubled, counted(matched, "session"));
    if rows.is_empty() {
        return format!("{counts}\n");
    }
    let mut table = table::new(width);
    table.set_header(["session", "turns", "signs, with their turns", "first words"].map(dim));
    for (short_id, Troubled { session, signals, .. }) in rows {
        let opening = shortened(&session.opening, OPENING_CHARS_MAX);
        table.add_row([printable(short_id).as_ref(), &session.turns.to_string(), &by_kind(signals), &opening]);
    }
    let part = |percent| ColumnConstraint::UpperBoundary(Width::Percentage(percent));
    table.set_constraints([part(25), ColumnConstraint::Absolute(Width::Fixed(7)), part(40)]);
    let more =
        if rows.len() == troubled { String::new() } else { format!(", {} shown; --limit N shows more", rows.len()) };
    format!("{}\n{counts}{more}\n", table::lines(&table))
}

/// Each kind of sign once, the gravest first, with its turns.
fn by_kind(signals: &[Signal]) -> String {
    let mut kinds: Vec<SignalKind> = signals.iter().map(|signal| signal.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let turns = |kind: SignalKind| {
        let turns = signals.iter().filter(|signal| signal.kind == kind).map(|signal| signal.turn.to_string());
        format!("{kind} {}", turns.collect::<Vec<_>>().join(", "))
    };
    kinds.into_iter().map(turns).collect::<Vec<_>>().join("; ")
}

/// A table of the clusters, those without a case first, and what it amounts to.
pub(crate) fn coverage(coverage: &Coverage, width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["what users want", "sessions", "troubled", "cases", "such as session"].map(dim));
    for cluster in &coverage.clusters {
        let cases = Cell::new(cluster.cases);
        table.add_row([
            Cell::new(name(cluster)),
            Cell::new(cluster.sessions),
            Cell::new(cluster.troubled),
            if cluster.cases == 0 { cases.add_attribute(Attribute::Bold) } else { cases },
            Cell::new(printable(&cluster.example)),
        ]);
    }
    format!("{}\n{}\n", table::lines(&table), lacking(coverage))
}

/// Which part of the clusters the suite lacks, in a sentence.
fn lacking(coverage: &Coverage) -> String {
    let all = coverage.clusters.len();
    let without: Vec<&Cluster> = coverage.clusters.iter().filter(|cluster| cluster.cases == 0).collect();
    let sessions: usize = without.iter().map(|cluster| cluster.sessions).sum();
    let lacks = match without.len() {
        0 => format!("the suite has cases of all {}", counted(all, "cluster")),
        some => format!("the suite lacks {some} of {}, with {}", counted(all, "cluster"), counted(sessions, "session")),
    };
    match coverage.elsewhere {
        0 => lacks,
        elsewhere => format!("{lacks}; {} of it in none of them", counted(elsewhere, "case")),
    }
}

fn name(cluster: &Cluster) -> String {
    cluster.name.as_deref().map_or_else(|| "(unlike the others)".to_owned(), |name| printable(name).into_owned())
}

fn dim(text: &str) -> Cell {
    Cell::new(text).add_attribute(Attribute::Dim)
}

//! Every key that a suite file may have, once: the reader refuses what is not here, and the schema for
//! editors is made from it, so the two cannot drift.

/// Beyond this length, in bytes, a key is no slip of the pen, and comparing it costs time.
pub(super) const KEY_LENGTH_MAX: usize = 60;

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(super) struct Table {
    /// What such a mapping is, as an error names it.
    pub(super) what: &'static str,
    /// Its name in the schema.
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) need: Need,
    pub(super) about: &'static str,
}

/// Whether a mapping can do without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Needed,
    Optional,
}

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Pattern,
    Count,
    TextOrTexts,
    Context,
    Cases,
    Facts,
    Gate,
    Expectations,
    Origin,
    EvidenceList,
    Inputs,
    /// Carried by MLflow's records, and of no use here.
    Ignored,
}

const fn needed(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, need: Need::Needed, about }
}

const fn optional(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, need: Need::Optional, about }
}

const fn ignored(name: &'static str) -> Key {
    Key { name, form: Form::Ignored, need: Need::Optional, about: "Kept by MLflow with a dataset record; not read." }
}

pub(super) const SUITE: Table = Table {
    what: "a suite",
    name: "suite",
    keys: &[
        optional("suite", Form::Text, "The name of the suite."),
        needed("cases", Form::Cases, "The cases, in the order in which they are reported."),
    ],
};

/// The first line of a JSONL suite, where it is no case.
pub(super) const HEADER: Table =
    Table { what: "the header line", name: "header", keys: &[needed("suite", Form::Text, "The name of the suite.")] };

pub(super) const CASE: Table = Table {
    what: "a case",
    name: "case",
    keys: &[
        optional("id", Form::Text, "Unique in its suite; made from the goal where it is left out."),
        needed("goal", Form::Text, "What the user wants, in a sentence or two."),
        optional("persona", Form::Text, "How the user writes and behaves."),
        optional("simulation_guidelines", Form::TextOrTexts, "How to play this user beyond the persona."),
        optional("opening", Form::Text, "The first message, word for word."),
        optional("facts", Form::Facts, "What the user knows, each with when it may be said."),
        optional("patience", Form::Count, "How many asks may stay unanswered before the user gives up."),
        optional("context", Form::Context, "Handed to the agent with every turn, never to the user."),
        optional("expectations", Form::Expectations, "What the agent must do; never shown to the user."),
        optional("origin", Form::Origin, "The recorded session that the case comes from."),
    ],
};

pub(super) const FACT: Table = Table {
    what: "a fact",
    name: "fact",
    keys: &[
        optional("id", Form::Text, "Unique in its case; made from its position where it is left out."),
        needed("text", Form::Text, "What the user knows."),
        optional("gate", Form::Gate, "When it may be said; `open` where it is left out."),
    ],
};

pub(super) const GATE: Table = Table {
    what: "a gate",
    name: "gate",
    keys: &[
        optional("asked", Form::Text, "Said when the agent asks for this topic."),
        optional("after", Form::Text, "Said once the fact with this id has been said."),
        optional("when", Form::Text, "Said when the agent does this."),
    ],
};

pub(super) const EXPECTATION: Table = Table {
    what: "an expectation",
    name: "expectation",
    keys: &[
        optional("id", Form::Text, "Unique in its case; made from its position where it is left out."),
        optional("text", Form::Text, "The statement, for a reader or a judge."),
        optional("contains", Form::Text, "Some message of the agent contains this text, upper and lower case alike."),
        optional("matches", Form::Pattern, "Some message of the agent matches this regular expression."),
        optional("must_not_match", Form::Pattern, "No message of the agent matches this regular expression."),
    ],
};

pub(super) const ORIGIN: Table = Table {
    what: "an origin",
    name: "origin",
    keys: &[
        needed("session", Form::Text, "The id of the recorded session."),
        optional("evidence", Form::EvidenceList, "For each part of the case, the words that it comes from."),
    ],
};

pub(super) const EVIDENCE: Table = Table {
    what: "an evidence entry",
    name: "evidence",
    keys: &[
        needed(
            "field",
            Form::Text,
            "The part: goal, persona, opening, patience, facts.ID, guidelines.N (from 1) or expectations.ID.",
        ),
        needed("turn", Form::Count, "The turn of the session, from 1."),
        needed("quote", Form::Text, "The user's words, verbatim."),
    ],
};

/// A record of an MLflow evaluation dataset.
pub(super) const RECORD: Table = Table {
    what: "a dataset record",
    name: "record",
    keys: &[
        needed("inputs", Form::Inputs, "The case."),
        optional("expectations", Form::Expectations, "What the agent must do; never shown to the user."),
        ignored("outputs"),
        ignored("tags"),
        ignored("source"),
        ignored("source_id"),
        ignored("source_type"),
        ignored("dataset_record_id"),
        ignored("dataset_id"),
        ignored("created_time"),
        ignored("last_update_time"),
        ignored("created_by"),
        ignored("last_updated_by"),
    ],
};

impl Table {
    pub(super) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// The key that somebody meant who wrote this one: one that holds it or that it holds, or one that is
    /// a slip or two away.
    pub(super) fn nearest(&self, written: &str) -> Option<&'static str> {
        if written.len() > KEY_LENGTH_MAX {
            return None;
        }
        let written = written.trim().to_lowercase().replace(['-', ' '], "_");
        let distance = |name: &str| {
            let is_start = written.len() > 2 && name.starts_with(&written);
            let holds = written.len() > 3 && name.len() > 3 && (name.contains(&written) || written.contains(name));
            if is_start || holds { 1 } else { strsim::damerau_levenshtein(&written, name) }
        };
        let close_enough = (written.chars().count() / 3).clamp(1, 3);
        let candidates = self.keys.iter().map(|key| (distance(key.name), key.name));
        candidates.filter(|(distance, _)| *distance <= close_enough).min_by_key(|(d, _)| *d).map(|(_, name)| name)
    }

    /// The names of the keys, as an error lists them.
    pub(super) fn listed(&self) -> String {
        let read = self.keys.iter().filter(|key| key.form != Form::Ignored);
        read.map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
    }
}

//! Every key that a suite file may have, once: the reader refuses what is not here, and the schema for
//! editors is made from it, so the two cannot drift.

/// Beyond this length, in bytes, a key is no slip of the pen, and comparing it costs time.
pub(crate) const KEY_LENGTH_MAX: usize = 60;

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// What such a mapping is, as an error names it.
    pub(crate) what: &'static str,
    /// Its name in the schema.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) need: Need,
    pub(crate) about: &'static str,
}

/// Whether a mapping can do without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Needed,
    Optional,
}

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Pattern,
    Count,
    Money,
    TextOrTexts,
    Context,
    Cases,
    Facts,
    Prefix,
    FirstSpeaker,
    AfterScript,
    Gate,
    Expectations,
    Origin,
    EvidenceList,
    Distilled,
    Inputs,
    Call,
    CallPair,
    JsonPath,
    CallPart,
    Arguments,
    Any,
    Judges,
    ValueType,
    Labels,
    Number,
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

pub(crate) const SUITE: Table = Table {
    what: "a suite",
    name: "suite",
    keys: &[
        optional("suite", Form::Text, "The name of the suite."),
        needed("cases", Form::Cases, "The cases, in the order in which they are reported."),
    ],
};

/// The first line of a JSONL suite, where it is no case.
pub(crate) const HEADER: Table =
    Table { what: "the header line", name: "header", keys: &[needed("suite", Form::Text, "The name of the suite.")] };

pub(crate) const CASE: Table = Table {
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
        optional(
            "prefix",
            Form::Prefix,
            "What the user and the agent said before, each `{ user: … }` or `{ agent: … }`.",
        ),
        optional(
            "first_speaker",
            Form::FirstSpeaker,
            "Who speaks first: `user`, or `agent`; the user where it is left out.",
        ),
        optional("script", Form::TextOrTexts, "The user's messages, word for word."),
        optional(
            "after_script",
            Form::AfterScript,
            "What the user does at its end: `leave`, or `go_on` as a simulated user.",
        ),
        optional("origin", Form::Origin, "The recorded session that the case comes from."),
    ],
};

pub(crate) const FACT: Table = Table {
    what: "a fact",
    name: "fact",
    keys: &[
        optional("id", Form::Text, "Unique in its case; made from its position where it is left out."),
        needed("text", Form::Text, "What the user knows."),
        optional("gate", Form::Gate, "When it may be said; `open` where it is left out."),
    ],
};

pub(crate) const GATE: Table = Table {
    what: "a gate",
    name: "gate",
    keys: &[
        optional("asked", Form::Text, "Said when the agent asks for this topic."),
        optional("after", Form::Text, "Said once the fact with this id has been said."),
        optional("when", Form::Text, "Said when the agent does this."),
    ],
};

pub(crate) const EXPECTATION: Table = Table {
    what: "an expectation",
    name: "expectation",
    keys: &[
        optional("id", Form::Text, "Unique in its case; made from its position where it is left out."),
        optional("text", Form::Text, "The statement, for a reader or a judge."),
        optional("turn", Form::Count, "Only what the agent says and does in this turn counts, from 1."),
        optional("contains", Form::Text, "Some message of the agent contains this text, upper and lower case alike."),
        optional("matches", Form::Pattern, "Some message of the agent matches this regular expression."),
        optional("must_not_match", Form::Pattern, "No message of the agent matches this regular expression."),
        optional("tool_called", Form::Call, "The agent makes such a call."),
        optional("tool_never_called", Form::Call, "The agent makes no such call."),
        optional("called_before", Form::CallPair, "Before the agent makes the second call, it makes the first."),
        optional("json_path", Form::JsonPath, "Some call of a tool has this in its arguments or its result."),
        optional("max_turns", Form::Count, "The user needs no more messages than this."),
        optional("latency_ms", Form::Count, "No reply of the agent takes longer, in milliseconds."),
        optional("cost_usd", Form::Money, "The agent's answers cost no more, all together, in US dollars."),
    ],
};

pub(crate) const CALL: Table = Table {
    what: "a call",
    name: "call",
    keys: &[
        needed("tool", Form::Text, "The name of the tool."),
        optional("arguments", Form::Arguments, "What the arguments hold at least."),
    ],
};

pub(crate) const JSON_PATH: Table = Table {
    what: "a json_path",
    name: "json_path",
    keys: &[
        needed("tool", Form::Text, "The name of the tool."),
        optional("in", Form::CallPart, "Where to look: `arguments`, or `result`; arguments where it is left out."),
        needed("path", Form::Text, "A JSONPath, such as `$.items[0].price`."),
        optional("equals", Form::Any, "One of the values there is this."),
        optional("matches", Form::Pattern, "One of the values there matches this regular expression."),
    ],
};

/// A file of judges.
pub(crate) const JUDGES: Table = Table {
    what: "a file of judges",
    name: "judges",
    keys: &[needed("judges", Form::Judges, "The judges: names of built-in ones, and judges of your own.")],
};

pub(crate) const JUDGE: Table = Table {
    what: "a judge",
    name: "judge",
    keys: &[
        needed("name", Form::Text, "Its name; that of a built-in judge gives that judge."),
        optional("instructions", Form::Text, "What to judge: a template over conversation, expectations and case."),
        optional("value", Form::ValueType, "What it answers: `bool`, `number`, `text`, or a list of labels."),
        optional("passes", Form::Labels, "The values that pass."),
        optional("at_least", Form::Number, "This number and whatever is greater passes."),
        optional("at_most", Form::Number, "This number and whatever is less passes."),
        optional("model", Form::Text, "The model that answers in place of the run's."),
        optional("guidelines", Form::TextOrTexts, "For conversational_guidelines: the guidelines."),
        optional("role", Form::Text, "For conversational_role_adherence: the role."),
    ],
};

pub(crate) const ORIGIN: Table = Table {
    what: "an origin",
    name: "origin",
    keys: &[
        needed("session", Form::Text, "The id of the recorded session."),
        optional("alike", Form::Count, "How many other sessions are nearly the same."),
        optional(
            "distilled",
            Form::Distilled,
            "A mark for each part as it was distilled, to tell what was edited since.",
        ),
        optional("evidence", Form::EvidenceList, "For each part of the case, the words that it comes from."),
        optional("back_test", Form::TextOrTexts, "Why the case plays its own recording poorly, as a back-test found."),
        optional(
            "not_failed",
            Form::TextOrTexts,
            "The expectations that the recorded agent is not seen to have failed.",
        ),
    ],
};

pub(crate) const EVIDENCE: Table = Table {
    what: "an evidence entry",
    name: "evidence",
    keys: &[
        needed(
            "field",
            Form::Text,
            "The part: goal, persona, opening, patience, facts.ID, guidelines.N (from 1), expectations.ID, remark or ending.KIND.",
        ),
        needed("turn", Form::Count, "The turn of the session, from 1."),
        needed("quote", Form::Text, "The user's words, verbatim."),
    ],
};

/// A line of a file of labels.
pub(crate) const LABEL: Table = Table {
    what: "a label",
    name: "label",
    keys: &[
        optional(
            "run",
            Form::Text,
            "The run's id, or the start of it; the run that is calibrated where it is left out.",
        ),
        needed("case", Form::Text, "The case's id."),
        optional("trial", Form::Count, "Which trial of the case, from 1; 1 where it is left out."),
        optional("expectation", Form::Text, "The expectation that a person judged."),
        optional("judge", Form::Text, "The named judge whose question a person answered."),
        needed("verdict", Form::Text, "What the person says: `pass` or `fail`."),
    ],
};

/// A record of an MLflow evaluation dataset.
pub(crate) const RECORD: Table = Table {
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
    pub(crate) fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// The key that somebody meant who wrote this one: one that holds it or that it holds, or one that is
    /// a slip or two away.
    pub(crate) fn nearest(&self, written: &str) -> Option<&'static str> {
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

    /// The names of the keys that say what code decides, for the table of expectations.
    pub(crate) fn checks(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name).filter(|name| !matches!(*name, "id" | "text" | "turn"))
    }

    /// The names of the keys, as an error lists them.
    pub(crate) fn listed(&self) -> String {
        let read = self.keys.iter().filter(|key| key.form != Form::Ignored);
        read.map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
    }
}

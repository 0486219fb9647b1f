//! A file of judges: built-in ones by name, and judges of one's own. Read like a suite, with all its problems at once.

use std::path::Path;

use serde_json::{Number, Value, json};

use super::built_in::BuiltIn;
use super::named::{Asks, JudgeSpec, OwnJudge, Passes, ValueType};
use super::own;
use crate::case::Problem;
use crate::case::fields::{Fields, text_item};
use crate::case::keys::{JUDGE, JUDGES};
use crate::case::source::{self, Kind};
use crate::case::tree::{Content, Fault, Meaning, Node, shown};
use crate::store::near;
use crate::{Error, ErrorKind, Result};

const VALUE_FORMS: &str = "write `bool`, `number`, `text`, or a list of labels such as `[calm, tense, angry]`";

const JUDGES_FILE: Kind<Vec<JudgeSpec>> = Kind {
    what: "a file of judges",
    names: "name a built-in judge, or a file of judges: .yaml or .json",
    start: "start with `judges:` and list the judges below it",
    document,
    lines,
};

/// The judges that a name or a file stands for: a built-in judge, or those of a file.
///
/// ```
/// let judges = reenact::judge::load("user_frustration")?;
/// assert_eq!(judges[0].name, "user_frustration");
/// # Ok::<(), reenact::Error>(())
/// ```
///
/// # Errors
/// Where it is neither, where a built-in judge needs settings, or where anything is wrong with the file: the first
/// problem, and how many more there are. [`check`] lists them all.
pub fn load(name_or_path: &str) -> Result<Vec<JudgeSpec>> {
    if let Some(judge) = BuiltIn::named(name_or_path) {
        return match missing_setting(&judge) {
            None => Ok(vec![JudgeSpec::built_in(judge)]),
            Some(setting) => Err(Error::new(ErrorKind::Usage, format!("the judge `{name_or_path}` needs {setting}"))
                .hint(format!(
                    "write a file with `judges: [{{ name: {name_or_path}, {setting}: … }}]` and name the file"
                ))),
        };
    }
    let path = Path::new(name_or_path);
    if !path.exists() && path.extension().is_none() {
        return Err(no_such_judge(name_or_path));
    }
    source::read(path, &JUDGES_FILE)?.map_err(|problems| source::first_of(&problems, path, "a file of judges"))
}

/// All problems of a file of judges, in the order of its lines; none where [`load`] will read it.
///
/// # Errors
/// Where the file cannot be read at all.
pub fn check(path: &Path) -> Result<Vec<Problem>> {
    Ok(source::read(path, &JUDGES_FILE)?.err().unwrap_or_default())
}

/// Whether a file means to be a file of judges and not a suite: it has the key `judges`.
///
/// # Errors
/// Where the file cannot be read at all.
pub fn is_judges_file(path: &Path) -> Result<bool> {
    let has_key = |node: &Node, _: &mut Vec<Fault>| match &node.content {
        Content::Map(entries) => entries.iter().any(|entry| entry.key == "judges"),
        _ => false,
    };
    let kind =
        Kind { document: has_key, lines: |_, _| false, what: "a file", names: "name a file", start: "write something" };
    Ok(source::read(path, &kind)?.unwrap_or(false))
}

/// The JSON schema of the file of judges, for editors; `docs/schema/judges.json` holds it.
#[must_use]
pub fn file_schema() -> Value {
    crate::case::schema::of_judges_file()
}

fn no_such_judge(name: &str) -> Error {
    let names: Vec<&str> = BuiltIn::all().iter().map(BuiltIn::name).collect();
    let hint = match near::nearest(name, names.iter().copied(), 1).first() {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the built-in judges are {}; any other is named by its file", names.join(", ")),
    };
    Error::new(ErrorKind::Usage, format!("`{name}` is neither a built-in judge nor a file")).hint(hint)
}

/// The setting without which a built-in judge has nothing to judge by.
fn missing_setting(judge: &BuiltIn) -> Option<&'static str> {
    match judge {
        BuiltIn::ConversationalGuidelines { guidelines } if guidelines.is_empty() => Some("guidelines"),
        _ => None,
    }
}

fn document(root: &Node, faults: &mut Vec<Fault>) -> Vec<JudgeSpec> {
    match &root.content {
        Content::Map(entries) => {
            let mut fields = Fields::new(entries, &JUDGES, root.line, faults);
            let nodes = if fields.needs("judges") { fields.list("judges", "judges") } else { &[] };
            judges(nodes, faults)
        }
        _ => {
            let what = format!("expected judges, found {}", root.described());
            faults.push(Fault::new(root.line, what, JUDGES_FILE.start));
            Vec::new()
        }
    }
}

fn lines(nodes: &[Node], faults: &mut Vec<Fault>) -> Vec<JudgeSpec> {
    let line = nodes.first().map_or(1, |node| node.line);
    faults.push(Fault::new(line, "judges are not written as JSON lines", "write them as YAML, or as one JSON object"));
    Vec::new()
}

fn judges(nodes: &[Node], faults: &mut Vec<Fault>) -> Vec<JudgeSpec> {
    let mut judges: Vec<JudgeSpec> = Vec::new();
    for node in nodes {
        let Some(judge) = judge(node, faults) else { continue };
        if judges.iter().any(|earlier| earlier.name == judge.name) {
            let what = format!("two judges have the name `{}`", shown(&judge.name));
            faults.push(Fault::new(node.line, what, "give each judge a name of its own"));
        }
        judges.push(judge);
    }
    if judges.is_empty() && faults.is_empty() {
        faults.push(Fault::new(1, "there are no judges", JUDGES_FILE.start));
    }
    judges
}

fn judge(node: &Node, faults: &mut Vec<Fault>) -> Option<JudgeSpec> {
    let Content::Map(entries) = &node.content else { return by_name(node, faults) };
    let mut fields = Fields::new(entries, &JUDGE, node.line, faults);
    let name = fields.needed_text("name");
    let model = fields.text("model");
    let asks = match BuiltIn::named(&name) {
        Some(judge) => Asks::BuiltIn(built_in(judge, &mut fields)),
        None => Asks::Own(own_judge(&name, &mut fields)?),
    };
    Some(JudgeSpec { name, asks, model })
}

fn by_name(node: &Node, faults: &mut Vec<Fault>) -> Option<JudgeSpec> {
    let name = text_item(node, "a judge", faults);
    let judge = BuiltIn::named(&name);
    let (what, fix) = match &judge {
        Some(judge) => match missing_setting(judge) {
            None => return Some(JudgeSpec::built_in(judge.clone())),
            Some(setting) => {
                (format!("`{name}` needs {setting}"), format!("write `{{ name: {name}, {setting}: [ … ] }}`"))
            }
        },
        None if name.is_empty() => return None,
        None => {
            let error = no_such_judge(&name);
            let fix = error.hint_text().unwrap_or_default().to_owned();
            (format!("`{}` is not a built-in judge", shown(&name)), fix)
        }
    };
    faults.push(Fault::new(node.line, what, fix));
    None
}

/// The keys of judges of one's own, which a built-in judge cannot have.
const OWN_KEYS: [&str; 5] = ["instructions", "value", "passes", "at_least", "at_most"];

fn built_in(judge: BuiltIn, fields: &mut Fields<'_, '_>) -> BuiltIn {
    let name = judge.name();
    let takes: &[&str] = match judge {
        BuiltIn::ConversationalGuidelines { .. } => &["guidelines"],
        BuiltIn::ConversationalRoleAdherence { .. } => &["role"],
        _ => &[],
    };
    let fix = format!("leave it out, or give a judge of your own a name other than `{name}`");
    refuse(fields, OWN_KEYS.iter().chain(&["guidelines", "role"]).filter(|key| !takes.contains(key)), name, &fix);
    match judge {
        BuiltIn::ConversationalGuidelines { .. } => {
            let guidelines = if fields.needs("guidelines") { fields.texts("guidelines") } else { Vec::new() };
            if guidelines.is_empty() && fields.any("guidelines").is_some() {
                let line = fields.line_of("guidelines");
                fields.faults.push(Fault::new(line, "`guidelines` is empty", "write one guideline at least"));
            }
            BuiltIn::ConversationalGuidelines { guidelines }
        }
        BuiltIn::ConversationalRoleAdherence { .. } => {
            BuiltIn::ConversationalRoleAdherence { role: fields.text("role") }
        }
        other => other,
    }
}

fn refuse<'k>(fields: &mut Fields<'_, '_>, keys: impl Iterator<Item = &'k &'k str>, judge: &str, fix: &str) {
    for key in keys {
        if let Some((_, line)) = fields.any(key) {
            fields.faults.push(Fault::new(line, format!("`{}` does not take `{key}`", shown(judge)), fix));
        }
    }
}

fn own_judge(name: &str, fields: &mut Fields<'_, '_>) -> Option<OwnJudge> {
    let fix = "only the built-in judge of that purpose takes it; say it in `instructions`";
    refuse(fields, ["guidelines", "role"].iter(), name, fix);
    if fields.any("instructions").is_none() && !name.is_empty() {
        let error = no_such_judge(name);
        let near = error.hint_text().unwrap_or_default().to_owned();
        let fix = if near.starts_with("did") { near } else { "add `instructions`: what to judge".to_owned() };
        let line = fields.line_of("name");
        let what = format!("`{}` is not a built-in judge and has no `instructions`", shown(name));
        fields.faults.push(Fault::new(line, what, fix));
        return None;
    }
    let instructions = fields.text("instructions").unwrap_or_default();
    check_instructions(&instructions, fields);
    let value = value_type(fields);
    let passes = passes(&value, fields);
    Some(OwnJudge { instructions, value, passes })
}

fn check_instructions(instructions: &str, fields: &mut Fields<'_, '_>) {
    let Some(problem) = own::problem(instructions).filter(|_| !instructions.is_empty()) else { return };
    // Several lines of text begin on the line after their key.
    let offset = if instructions.trim_end().contains('\n') { problem.line } else { 0 };
    fields.faults.push(Fault::new(fields.line_of("instructions") + offset, problem.what, problem.fix));
}

fn value_type(fields: &mut Fields<'_, '_>) -> ValueType {
    if !fields.needs("value") {
        return ValueType::Text;
    }
    let Some((node, line)) = fields.any("value") else { return ValueType::Text };
    match &node.content {
        Content::List(_) => {
            let labels = fields.texts("value");
            if labels.len() < 2 {
                fields.faults.push(Fault::new(line, "`value` has fewer than two labels", VALUE_FORMS));
            }
            ValueType::Labels(labels)
        }
        _ => match fields.text("value").as_deref() {
            Some("bool") => ValueType::Bool,
            Some("number") => ValueType::Number,
            Some("text" | "") | None => ValueType::Text,
            Some(other) => {
                let what = format!("`{}` is not a type of value", shown(other));
                fields.faults.push(Fault::new(line, what, VALUE_FORMS));
                ValueType::Text
            }
        },
    }
}

fn passes(value: &ValueType, fields: &mut Fields<'_, '_>) -> Option<Passes> {
    let given: Vec<&str> =
        ["passes", "at_least", "at_most"].into_iter().filter(|key| fields.any(key).is_some()).collect();
    if given.len() > 1 {
        let what = format!("a judge has both `{}` and `{}`", given[0], given[1]);
        fields.faults.push(Fault::new(fields.line_of(given[1]), what, "keep one of the two"));
    }
    let key = *given.first()?;
    let fits = match value {
        ValueType::Number => key != "passes",
        ValueType::Bool | ValueType::Labels(_) => key == "passes",
        ValueType::Text => false,
    };
    if !fits {
        let fix = match value {
            ValueType::Number => "write `at_least` or `at_most`",
            ValueType::Text => "leave it out: a text is shown and decides nothing; or give labels as `value`",
            ValueType::Bool | ValueType::Labels(_) => "write `passes` with the values that pass",
        };
        fields.faults.push(Fault::new(fields.line_of(key), format!("`{key}` does not fit this `value`"), fix));
        return None;
    }
    match key {
        "passes" => Some(Passes::OneOf(passing(value, fields))),
        "at_least" => number(key, fields).map(Passes::AtLeast),
        _ => number(key, fields).map(Passes::AtMost),
    }
}

/// The values that pass, each one that the judge can give.
fn passing(value: &ValueType, fields: &mut Fields<'_, '_>) -> Vec<Value> {
    let line = fields.line_of("passes");
    let texts = fields.texts("passes");
    let mut passing = Vec::new();
    for text in &texts {
        let one = match value {
            ValueType::Bool => text.parse().ok().map(Value::Bool),
            ValueType::Labels(labels) => labels.contains(text).then(|| json!(text)),
            ValueType::Number | ValueType::Text => None,
        };
        match one {
            Some(one) => passing.push(one),
            None => {
                let what = format!("`{}` is no value of this judge", shown(text));
                fields.faults.push(Fault::new(line, what, possible(value)));
            }
        }
    }
    if texts.is_empty() {
        fields.faults.push(Fault::new(line, "`passes` is empty", possible(value)));
    }
    passing
}

fn possible(value: &ValueType) -> String {
    match value {
        ValueType::Labels(labels) => {
            format!("its values are {}", labels.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", "))
        }
        _ => "its values are `true` and `false`".to_owned(),
    }
}

fn number(key: &'static str, fields: &mut Fields<'_, '_>) -> Option<Number> {
    let (node, line) = fields.any(key)?;
    match &node.content {
        Content::Scalar(scalar) => match &scalar.meaning {
            Meaning::Value(Value::Number(number)) => return Some(number.clone()),
            _ => fields.faults.push(not_a_number(key, &format!("`{}`", shown(&scalar.text)), line)),
        },
        _ => fields.faults.push(not_a_number(key, node.described(), line)),
    }
    None
}

fn not_a_number(key: &str, found: &str, line: u64) -> Fault {
    Fault::new(line, format!("`{key}` is {found}, expected a number"), "write a number such as `0.7`, without quotes")
}

//! What YAML and JSON have in common: one small tree in which every node knows its line.

use serde_json::{Map, Number, Value};

/// How deep lists and mappings may stand in each other; nothing that a person writes comes near it.
pub(crate) const DEPTH_MAX: usize = 128;

/// A value of a file, with its line.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where it begins, from 1.
    pub(crate) line: u64,
    /// What it is.
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Null,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A text as it stands in the file, and what else it stands for.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) meaning: Meaning,
}

#[derive(Debug, Clone)]
pub(crate) enum Meaning {
    /// Nothing but the text.
    Text,
    /// `true`, `false` or a number, written without quotes.
    Value(Value),
    /// A number that JSON cannot hold without losing digits.
    Inexact,
}

/// A key of a mapping, with its line, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) line: u64,
    pub(crate) value: Node,
}

/// What is wrong at a line, and what would be right: a problem before its file is known.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) line: u64,
    pub(crate) what: String,
    pub(crate) fix: String,
}

impl Fault {
    pub(crate) fn new(line: u64, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Fault { line, what: what.into(), fix: fix.into() }
    }

    pub(crate) fn too_deep(line: u64) -> Self {
        let what = format!("lists and mappings stand more than {DEPTH_MAX} deep in each other");
        Fault::new(line, what, "flatten what is nested here")
    }

    pub(crate) fn key_twice(line: u64, key: &str, first: u64) -> Self {
        let what = format!("the key `{}` stands twice in one mapping, first at line {first}", shown(key));
        Fault::new(line, what, "keep one of the two")
    }
}

impl Node {
    /// What it is, as an error names it.
    pub(crate) fn described(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
            Content::Scalar(scalar) => match scalar.meaning {
                Meaning::Text => "text",
                Meaning::Value(Value::Bool(_)) => "true or false",
                Meaning::Value(_) | Meaning::Inexact => "a number",
            },
        }
    }

    /// The value as JSON; what JSON cannot hold is told to `faults`.
    pub(crate) fn to_json(&self, faults: &mut Vec<Fault>) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::List(items) => items.iter().map(|item| item.to_json(faults)).collect(),
            Content::Map(entries) => Value::Object(json_object(entries, faults)),
            Content::Scalar(scalar) => match &scalar.meaning {
                Meaning::Value(value) => value.clone(),
                Meaning::Text => Value::String(scalar.text.clone()),
                Meaning::Inexact => {
                    let what = format!("the number {} cannot be kept as it is written", shown(&scalar.text));
                    faults.push(Fault::new(self.line, what, "put it in quotes, so that it is text"));
                    Value::Null
                }
            },
        }
    }
}

/// A mapping as a JSON object, in the order of the file.
pub(crate) fn json_object(entries: &[Entry], faults: &mut Vec<Fault>) -> Map<String, Value> {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json(faults))).collect()
}

/// What a scalar without quotes stands for, by the core schema of YAML 1.2, with one exception: digits
/// after a leading zero are text, because whoever writes `0042` means those four characters.
pub(crate) fn meaning(plain: &str) -> Meaning {
    match plain {
        "true" | "True" | "TRUE" => return Meaning::Value(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Meaning::Value(Value::Bool(false)),
        _ => {}
    }
    let unsigned = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(plain, ".nan" | ".NaN" | ".NAN") {
        return Meaning::Inexact;
    }
    if let Some(digits) = plain.strip_prefix("0x") {
        return in_radix(digits, 16);
    }
    if let Some(digits) = plain.strip_prefix("0o") {
        return in_radix(digits, 8);
    }
    if is_decimal(unsigned) { number(plain) } else { Meaning::Text }
}

fn in_radix(digits: &str, radix: u32) -> Meaning {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Meaning::Text;
    }
    u64::from_str_radix(digits, radix).map_or(Meaning::Inexact, |n| Meaning::Value(n.into()))
}

/// Digits with at most one point and one exponent, and no leading zero before another digit.
fn is_decimal(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
    digits(whole)
        && digits(fraction)
        && !leads_with_zero
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

/// A decimal number as JSON holds it.
pub(crate) fn number(decimal: &str) -> Meaning {
    let decimal = decimal.strip_prefix('+').unwrap_or(decimal);
    let is_whole = !decimal.contains(['.', 'e', 'E']) && decimal != "-0";
    let exact = if is_whole {
        let signed = decimal.parse::<i64>().map(Number::from);
        signed.or_else(|_| decimal.parse::<u64>().map(Number::from)).ok()
    } else {
        decimal.parse::<f64>().ok().and_then(Number::from_f64)
    };
    exact.map_or(Meaning::Inexact, |number| Meaning::Value(Value::Number(number)))
}

/// A text of somebody's file as an error shows it: on one line, not too long, and without characters that
/// would steer a terminal.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    let shown: String = text.chars().take(SHOWN_MAX).map(escaped).collect();
    if text.chars().nth(SHOWN_MAX).is_some() { format!("{shown}…") } else { shown }
}

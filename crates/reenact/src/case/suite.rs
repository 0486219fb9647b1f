//! The suite file: a file of cases that a person reads, edits and keeps in git.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{amend, save, schema, source, write};
use crate::{Error, ErrorKind, Result, TestCase};

/// A file of cases that a person reads, edits and keeps in git.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Suite {
    /// The suite's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The cases.
    pub cases: Vec<TestCase>,
}

impl Suite {
    /// Reads a suite: YAML, JSON, or JSON lines with one case on each; the extension decides, and the
    /// content where the extension says nothing. Test cases and dataset records that MLflow wrote are read
    /// as they are.
    ///
    /// # Errors
    /// Where the file cannot be read, or where anything is wrong with it: the first problem, and how many
    /// more there are. [`check`](super::check) lists them all.
    pub fn load(path: &Path) -> Result<Suite> {
        source::read(path, &source::SUITE_FILE)?.map_err(|problems| source::first_of(&problems, path, "a suite"))
    }

    /// The suite of what MLflow answers for the records of a dataset; `name` is what errors call it.
    pub(crate) fn of_records(name: &str, records: &str) -> Result<Suite> {
        let path = Path::new(name);
        let mut faults = Vec::new();
        let suite = source::of_text(source::Format::Json, records, &source::SUITE_FILE, &mut faults);
        match faults.first() {
            None => Ok(suite),
            Some(fault) => Err(Error::new(ErrorKind::Input, &fault.what).at(path, None).hint(&fault.fix)),
        }
    }

    /// A suite of cases in the form of the file, which the file of another tool was made into.
    pub(crate) fn of_values(cases: &[serde_json::Value]) -> Result<Suite> {
        let lines: String = cases.iter().map(|case| format!("{case}\n")).collect();
        if lines.is_empty() { Ok(Suite::default()) } else { source::of_lines(&lines) }
    }

    /// The suite as YAML, for people.
    ///
    /// ```
    /// use reenact::{Brief, Suite, TestCase};
    ///
    /// let brief = Brief { goal: "Get my money back".into(), ..Brief::default() };
    /// let case = TestCase { id: "refund".into(), brief, ..TestCase::default() };
    /// let yaml = Suite { name: None, cases: vec![case] }.to_yaml();
    /// assert!(yaml.ends_with("cases:\n  - id: refund\n    goal: Get my money back\n"));
    /// ```
    #[must_use]
    pub fn to_yaml(&self) -> String {
        write::yaml(self)
    }

    /// The suite as JSON lines, for machines: a header with its name where it has one, then a case on each line.
    #[must_use]
    pub fn to_jsonl(&self) -> String {
        write::json_lines(self)
    }

    /// The JSON schema of the suite file, for editors; `docs/schema/suite.json` holds it.
    #[must_use]
    pub fn file_schema() -> serde_json::Value {
        schema::of_suite_file()
    }

    /// Writes the suite, as YAML or as JSON lines by the extension, whole or not at all.
    ///
    /// # Errors
    /// Where the extension is neither `.yaml`, `.yml` nor `.jsonl`, or where the file cannot be written;
    /// a file that was there before is then unchanged.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = match Form::of(path)? {
            Form::Yaml => self.to_yaml(),
            Form::JsonLines => self.to_jsonl(),
        };
        save::whole(path, &text, "the suite")
    }

    /// Writes the suite over the file that `loaded` was read from, whole or not at all. Its cases are those of `loaded` in their order,
    /// and further ones behind them. Only lines of what differs are written anew, so that comments, order and style of the others stay; where the
    /// file's form does not allow that, all of it is.
    ///
    /// # Errors
    /// As for [`Suite::load`] and [`Suite::save`]; or where the file does not hold `loaded` any more. The file is then unchanged.
    pub fn save_over(&self, path: &Path, loaded: &Suite) -> Result<Saved> {
        Form::of(path)?;
        if Suite::load(path)? != *loaded {
            let error = Error::new(ErrorKind::Input, "the file was changed by somebody else meanwhile").at(path, None);
            return Err(error.hint("nothing was changed; do it again"));
        }
        let io = |source| Error::new(ErrorKind::Io, "the file cannot be read").at(path, None).caused_by(source);
        let text = std::fs::read_to_string(path).map_err(io)?;
        match amend::amended(path, &text, loaded, self) {
            Some(amended) => save::whole(path, &amended, "the suite").map(|()| Saved::ChangedLines),
            None => self.save(path).map(|()| Saved::Anew),
        }
    }

    /// Whether [`Suite::save`] has a form for this file's name: known before a distillation is paid for.
    ///
    /// # Errors
    /// Where the extension is neither `.yaml`, `.yml` nor `.jsonl`.
    pub fn check_name(path: &Path) -> Result<()> {
        Form::of(path).map(|_| ())
    }
}

/// How a suite was written over a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// Lines that say the same as before are as they were.
    ChangedLines,
    /// All lines were written anew, and comments are gone.
    Anew,
}

/// The forms that a suite is written in.
enum Form {
    Yaml,
    JsonLines,
}

impl Form {
    fn of(path: &Path) -> Result<Form> {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Ok(Form::Yaml),
            "jsonl" => Ok(Form::JsonLines),
            _ => {
                let message = format!("a suite cannot be written as `.{extension}`");
                let hint = "end the name in `.yaml` or `.yml` for people, or in `.jsonl` for machines";
                Err(Error::new(ErrorKind::Usage, message).at(path, None).hint(hint))
            }
        }
    }
}

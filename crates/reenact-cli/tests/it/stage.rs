//! A folder of its own for one story, and the program played in it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// What is waited for comes within this time even on a busy machine, or it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A suite of one case, which passes where the agent says "on its way".
pub(crate) const PARCEL: &str = r#"
suite: parcels
cases:
  - id: parcel
    goal: find out where my parcel is
    opening: where is my parcel
    facts:
      - { id: number, text: "it is parcel 4711", gate: { asked: parcel number } }
    expectations:
      - { id: says-where, contains: on its way }
"#;

/// An agent that asks for the number first, and adds a line `SESSION TURN ATTEMPT` to the file `calls` for every
/// answer. The environment of the program that starts it says how long it thinks, and which attempt this is.
pub(crate) const COUNTING_AGENT: &str = r#"
while read -r asked; do
  turn=${asked#*'"turn":'}; turn=${turn%%,*}
  sleep "${DELAY:-0}"
  echo "$REENACT_SESSION_ID $turn ${ATTEMPT:-0}" >> calls
  if [ "$turn" = 1 ]; then echo '{"reply": "Which parcel number is it?"}'; else echo '{"reply": "It is on its way."}'; fi
done
"#;

/// A folder with whatever the story needs.
pub(crate) struct Stage(TempDir);

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Told {
    /// Its data.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its answer without the line breaks that a narrow page made.
    pub(crate) fn words(&self) -> String {
        self.out.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Its error, where it refused with the status of usage and said nothing else.
    pub(crate) fn refusal(&self) -> &str {
        assert_eq!((self.status, self.out.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.err.contains("error: "), "{self:?}");
        &self.err
    }
}

impl Stage {
    pub(crate) fn new() -> Stage {
        Stage(tempfile::tempdir().unwrap())
    }

    /// A folder with the suite and the agent above.
    pub(crate) fn with_parcels() -> Stage {
        let stage = Stage::new();
        stage.write("suite.yaml", PARCEL);
        stage.write("agent.sh", COUNTING_AGENT);
        stage
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The lines of a file; none where it is not there yet.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        std::fs::read_to_string(self.path(name)).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The names of the files in a folder of the stage, sorted.
    pub(crate) fn files(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program, not yet started: in the folder, and without what the caller's environment would change.
    pub(crate) fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reenact"));
        for variable in [
            "REENACT_STORE",
            "NO_COLOR",
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "OPENAI_API_KEY",
            "OPENAI_BASE_URL",
            "OTEL_EXPORTER_OTLP_HEADERS",
            "OTEL_EXPORTER_OTLP_PROTOCOL",
        ] {
            command.env_remove(variable);
        }
        command.args(args).current_dir(self.0.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Plays the program to its end.
    pub(crate) fn reenact(&self, args: &[&str]) -> Told {
        told(&mut self.command(args))
    }

    /// Plays the suite against the agent above, with more arguments.
    pub(crate) fn run_parcels(&self, more: &[&str]) -> Told {
        let args = [&["run", "suite.yaml", "--agent", "cmd:sh agent.sh"], more].concat();
        self.reenact(&args)
    }

    /// Waits until a file has this many lines.
    pub(crate) fn wait_for_lines(&self, name: &str, count: usize) {
        self.wait_until(|| self.lines(name).len() >= count);
    }

    /// Waits until something holds.
    #[track_caller]
    pub(crate) fn wait_until(&self, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "it did not come about in {}", self.0.path().display());
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Plays a prepared program to its end.
pub(crate) fn told(command: &mut Command) -> Told {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { status: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The end of a program that was started.
pub(crate) fn end(child: Child) -> Told {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told { status: status.code(), out: text(stdout), err: text(stderr) }
}

/// Asks a program to stop, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

/// A suite like the one above with this many cases, `c1` and on.
pub(crate) fn parcels(cases: usize) -> String {
    let case = PARCEL.split_once("cases:\n").unwrap().1;
    let cases = (1..=cases).map(|number| case.replace("id: parcel\n", &format!("id: c{number}\n")));
    format!("suite: parcels\ncases:\n{}", cases.collect::<String>())
}

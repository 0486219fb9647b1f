//! Child processes: started, spoken to or left to serve, and stopped with all that they started.

use std::collections::VecDeque;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::shorten::shorten;

/// A reply larger than this is a program that writes something else to its stdout.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The end of what was printed says why a program failed; a stack trace fits.
const STDERR_BYTES_KEPT: usize = 4096;

/// Lines of stderr in a fault: the error and what led to it.
const STDERR_LINES_QUOTED: usize = 3;

/// A program that has closed its stdout is about to exit; one that stays is stopped after this time.
const EXIT_GRACE: Duration = Duration::from_secs(2);

/// How long a program may stay when its conversation is over: tracing libraries send what they have at the end.
const LEAVE_GRACE: Duration = Duration::from_secs(3);

/// How often a program that is leaving is looked at while the runtime shuts down.
const LEAVE_POLL: Duration = Duration::from_millis(5);

/// After the program is gone its stderr ends at once, unless something that it started holds it open.
const STDERR_GRACE: Duration = Duration::from_millis(500);

/// Why no line came from the program.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// It closed its stdout.
    Ended,
    /// The line is longer than this many bytes.
    TooLong(u64),
    /// A stream broke.
    Io(std::io::Error),
}

/// A program that waits for the next message, as a conversation holds it. Dropping it ends the conversation:
/// the program gets the time to leave by itself.
pub(super) struct Resting(Option<Process>);

impl Resting {
    pub(super) fn new(process: Process) -> Self {
        Resting(Some(process))
    }

    /// The program, to speak with while it stays.
    pub(super) fn process(&mut self) -> Option<&mut Process> {
        self.0.as_mut()
    }

    pub(super) fn wake(mut self) -> Option<Process> {
        self.0.take()
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            process.leave();
        }
    }
}

/// A running program. Dropping it stops the program and everything that it started, at once.
pub(super) struct Process {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: Tail,
    group: Group,
}

impl Process {
    pub(super) fn start(
        program: &str,
        arguments: &[String],
        variables: Vec<(String, String)>,
    ) -> std::io::Result<Process> {
        let mut command = Command::new(program);
        command.args(arguments).envs(variables).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts can be stopped with it, and so that Ctrl-C at a terminal
        // reaches us alone and conversations can end in order.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let stderr = Tail::listen(child.stderr.take().expect("stderr is piped"));
        Ok(Process { stdin, stdout, stderr, group: Group { leader: child.id(), child, leaves_by: None } })
    }

    /// Sends one line and waits for one.
    pub(super) async fn exchange(&mut self, request: Vec<u8>) -> Result<Vec<u8>, ReadFault> {
        // A program that does not read, or no longer, may have answered nevertheless: its stdout decides, not
        // which of the two of us was faster.
        match self.send(&request).await {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(ReadFault::Io(error)),
            _ => self.next_line().await,
        }
    }

    /// Sends a line.
    pub(super) async fn send(&mut self, request: &[u8]) -> std::io::Result<()> {
        self.stdin.write_all(request).await?;
        self.stdin.flush().await
    }

    /// Waits for the next line that is not blank.
    pub(super) async fn next_line(&mut self) -> Result<Vec<u8>, ReadFault> {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stdout).take(LINE_BYTES_MAX);
            limited.read_until(b'\n', &mut line).await.map_err(ReadFault::Io)?;
            if line.len() as u64 == LINE_BYTES_MAX && !line.ends_with(b"\n") {
                return Err(ReadFault::TooLong(LINE_BYTES_MAX));
            }
            match (line.is_empty(), line.trim_ascii().is_empty()) {
                (true, _) => return Err(ReadFault::Ended),
                (false, true) => {}
                (false, false) => return Ok(line),
            }
        }
    }

    /// How a program that closed its stdout came to its end, and its last words.
    pub(super) async fn ended(mut self) -> (String, String) {
        let how = match tokio::time::timeout(EXIT_GRACE, self.group.child.wait()).await {
            Ok(Ok(status)) => describe(status),
            Ok(Err(error)) => format!("ended ({error})"),
            Err(_) => "closed its stdout".to_owned(),
        };
        (how, self.stop().await)
    }

    /// Stops the program and returns its last words on stderr.
    pub(super) async fn stop(mut self) -> String {
        self.group.kill();
        // Reaped here where it is quick; else the runtime does it when the handle is dropped.
        let _ = tokio::time::timeout(EXIT_GRACE, self.group.child.wait()).await;
        self.stderr.last_words().await
    }

    /// Closes the program's stdin and lets it leave in its own time, within limits: it may have traces to send.
    fn leave(self) {
        let Process { stdin, stdout, stderr, mut group } = self;
        drop(stdin);
        group.leaves_by = Some(Instant::now() + LEAVE_GRACE);
        let leaving = async move {
            // However it went, what is left of the group goes with it.
            let _ = tokio::time::timeout(LEAVE_GRACE, group.child.wait()).await;
            group.leaves_by = None;
            drop((stdout, stderr, group));
        };
        // Without a runtime, or with one that is shutting down, the group waits when it is dropped.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(leaving);
        }
    }
}

/// A program that serves, and says nothing that is an answer. Dropping it asks it to leave, and stops it and everything that it
/// started where it does not.
pub(super) struct Service {
    stdout: Tail,
    stderr: Tail,
    group: Group,
    /// Open as long as we are there: what watches it stops the program however we end.
    _alive: Option<ChildStdin>,
}

/// Starts a program, and stops it when our end of its stdin is closed, which the system does however we end. Then its port is
/// free again for whoever resumes the run. The shell itself leaves when the program has, however often it is asked to.
#[cfg(unix)]
const WATCHED: &str = r#"
    trap : TERM
    exec 3<&0
    (read -r _ <&3; kill -TERM 0) &
    "$@" </dev/null 3<&- & child=$!
    wait $child; status=$?
    while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
    exit $status"#;

impl Service {
    /// Starts a program in a group of its own.
    pub(super) fn start(words: &[String], variables: &[(String, String)]) -> std::io::Result<Service> {
        let mut command = watched(words);
        command.envs(variables.iter().cloned()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn()?;
        let stdout = Tail::listen(child.stdout.take().expect("stdout is piped"));
        let stderr = Tail::listen(child.stderr.take().expect("stderr is piped"));
        let _alive = child.stdin.take();
        Ok(Service { stdout, stderr, group: Group { leader: child.id(), child, leaves_by: None }, _alive })
    }

    /// How it came to its end, if it did.
    pub(super) fn ended(&mut self) -> Option<String> {
        match self.group.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(describe(status)),
            Err(error) => Some(format!("ended ({error})")),
        }
    }

    /// Waits a moment for an end that others have seen already: a connection breaks off before the program is gone.
    pub(super) async fn ended_by_now(&mut self) -> Option<String> {
        let _ = tokio::time::timeout(STDERR_GRACE, self.group.child.wait()).await;
        self.ended()
    }

    /// What it said last so far, on stderr or else on stdout.
    pub(super) fn last_words_so_far(&self) -> String {
        let (stderr, stdout) = (self.stderr.quoted(), self.stdout.quoted());
        if stderr.is_empty() { stdout } else { stderr }
    }

    /// Its last words, on stderr or else on stdout. Only a program that ended says no more.
    pub(super) async fn last_words(&mut self) -> String {
        let (stderr, stdout) = (self.stderr.last_words().await, self.stdout.last_words().await);
        if stderr.is_empty() { stdout } else { stderr }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.group.ask_to_leave();
    }
}

#[cfg(unix)]
fn watched(words: &[String]) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", WATCHED, "sh"]).args(words);
    command
}

#[cfg(not(unix))]
fn watched(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// A program and all that it started. Dropping it stops them; what left the group on its own is not ours to stop.
struct Group {
    /// The program's id, which is the group's, until the group was stopped.
    leader: Option<u32>,
    child: Child,
    /// Until when it may leave by itself.
    leaves_by: Option<Instant>,
}

impl Group {
    /// Stops what is left. Whoever reaps the program calls this at once, while nobody else can have its id.
    #[cfg(unix)]
    fn kill(&mut self) {
        if let Some(group) = self.leader.take().and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
            // Fails where nobody is left, which is what we want.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }

    /// Without process groups only the program itself is stopped.
    #[cfg(not(unix))]
    fn kill(&mut self) {
        if self.leader.take().is_some() {
            // Fails where it is gone, which is what we want.
            let _ = self.child.start_kill();
        }
    }
}

impl Group {
    /// Asks all of it to leave, within limits: it may have traces to send.
    #[cfg(unix)]
    fn ask_to_leave(&mut self) {
        if let Some(group) = self.leader.and_then(|id| rustix::process::Pid::from_raw(id as i32)) {
            // Fails where nobody is left, which is what we want.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        }
        self.leaves_by = Some(Instant::now() + LEAVE_GRACE);
    }

    /// Without signals there is nothing to ask with.
    #[cfg(not(unix))]
    fn ask_to_leave(&mut self) {}
}

impl Drop for Group {
    fn drop(&mut self) {
        let may_stay = |leaves_by: Option<Instant>| leaves_by.is_some_and(|leaves_by| Instant::now() < leaves_by);
        while may_stay(self.leaves_by) && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LEAVE_POLL);
        }
        self.kill();
    }
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "exited".to_owned(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    status.code().map_or_else(|| "exited".to_owned(), |code| format!("exited with status {code}"))
}

/// The end of what a program prints, read all the time so that it never waits for us.
struct Tail {
    kept: Arc<Mutex<VecDeque<u8>>>,
    listener: JoinHandle<()>,
}

impl Tail {
    fn listen(mut stream: impl AsyncRead + Unpin + Send + 'static) -> Tail {
        let kept = Arc::new(Mutex::new(VecDeque::new()));
        let keep = Arc::clone(&kept);
        let listener = tokio::spawn(async move {
            let mut chunk = [0; 1024];
            // A broken stream ends the listening like a closed one: there is no more to quote.
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(&chunk[..count]);
                let excess = kept.len().saturating_sub(STDERR_BYTES_KEPT);
                kept.drain(..excess);
            }
        });
        Tail { kept, listener }
    }

    async fn last_words(&mut self) -> String {
        let _ = tokio::time::timeout(STDERR_GRACE, &mut self.listener).await;
        self.quoted()
    }

    fn quoted(&self) -> String {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.iter().copied().collect::<Vec<u8>>();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
        let last = &lines[lines.len().saturating_sub(STDERR_LINES_QUOTED)..];
        last.iter().map(|line| shorten(line)).collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

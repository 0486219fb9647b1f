//! A headless Chromium, driven over the DevTools protocol on a pipe: no port, no network, no other program.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What a browser does comes within this time even on a busy machine, or it does not come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names under which systems install it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Without sandbox, because a container's root cannot have one; without anything that calls home, and without a network.
const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
];

/// A browser with one page, stopped when it is dropped.
pub(crate) struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Value,
    asked: u64,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with an empty page.
    pub(crate) fn start() -> Browser {
        let profile = tempfile::tempdir().unwrap();
        let mut process = spawn(profile.path());
        let (to, from) = (process.stdin.take().unwrap(), answers(process.stdout.take().unwrap()));
        let mut browser =
            Browser { process, to, from, session: Value::Null, asked: 0, events: Vec::new(), _profile: profile };
        let page = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", &json!({"targetId": page, "flatten": true}));
        browser.session = attached["sessionId"].clone();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.ask(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Opens a file and waits until it is loaded.
    pub(crate) fn open(&mut self, file: &Path) {
        self.visit(&format!("file://{}", file.display()));
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn visit(&mut self, address: &str) {
        self.events.clear();
        let opened = self.ask("Page.navigate", &json!({"url": address}));
        assert_eq!(opened["errorText"], Value::Null, "{opened}");
        self.loaded();
    }

    /// Does something that leads to another page, and waits until it is loaded.
    pub(crate) fn leave(&mut self, how: impl FnOnce(&mut Browser)) {
        self.events.clear();
        how(self);
        self.loaded();
    }

    fn loaded(&mut self) {
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            self.next();
        }
    }

    /// Waits until an expression is true, on this page or on one that it leads to.
    #[track_caller]
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let began = Instant::now();
        while self.evaluate(expression)["result"]["value"] != true {
            assert!(began.elapsed() < PATIENCE, "{expression}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Makes the page one of somebody who likes it `light` or `dark`.
    pub(crate) fn prefers(&mut self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": "reduce"}]);
        self.ask("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Types a text where the focus is.
    pub(crate) fn write(&mut self, text: &str) {
        self.ask("Input.insertText", &json!({"text": text}));
    }

    /// Presses a key: a character, or one by its name.
    pub(crate) fn press(&mut self, key: &str) {
        let (text, code) = match key {
            "Enter" => ("\r", 13),
            "Escape" => ("", 27),
            key => (key, 0),
        };
        let mut event = json!({"type": "keyDown", "key": key, "windowsVirtualKeyCode": code});
        if !text.is_empty() {
            event["text"] = text.into();
        }
        self.ask("Input.dispatchKeyEvent", &event);
        event["type"] = "keyUp".into();
        self.ask("Input.dispatchKeyEvent", &event);
    }

    /// Keeps what is seen of the page as a PNG.
    pub(crate) fn picture(&mut self, file: &Path) {
        let taken = self.ask("Page.captureScreenshot", &json!({"format": "png"}));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, BASE64_STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// Makes the window so many pixels wide and high.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.ask("Emulation.setDeviceMetricsOverride", &size);
    }

    fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        self.ask("Runtime.evaluate", &asked)
    }

    /// The value of an expression in the page; of a promise, what it comes to.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let answer = self.evaluate(expression);
        assert_eq!(answer["exceptionDetails"], Value::Null, "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Clicks where the first element that matches is, as a person with a mouse does.
    pub(crate) fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        let at = self.value(&format!(
            "(() => {{ const e = document.querySelector({selector}); e.scrollIntoView({{block: 'center'}}); \
             const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()"
        ));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({"type": kind, "x": at[0], "y": at[1], "button": "left", "clickCount": 1});
            self.ask("Input.dispatchMouseEvent", &event);
        }
    }

    /// Messages on the console, exceptions and reports of the browser itself since the page was opened.
    pub(crate) fn complaints(&self) -> Vec<&Value> {
        let is_complaint = |event: &&Value| {
            let method = event["method"].as_str().unwrap_or_default();
            ["Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"].contains(&method)
        };
        self.events.iter().filter(is_complaint).collect()
    }

    /// The addresses that were asked for since the page was opened.
    pub(crate) fn requests(&self) -> Vec<&str> {
        let sent = self.events.iter().filter(|event| event["method"] == "Network.requestWillBeSent");
        sent.map(|event| event["params"]["request"]["url"].as_str().unwrap()).collect()
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({"id": self.asked, "method": method, "params": params});
        if !self.session.is_null() {
            message["sessionId"] = self.session.clone();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let answer = self.next();
            if answer["id"] == self.asked {
                assert_eq!(answer["error"], Value::Null, "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }

    /// The next message of the browser; kept where it is an event.
    fn next(&mut self) -> Value {
        let message = self.from.recv_timeout(PATIENCE).expect("the browser answers");
        if message["id"].is_null() {
            self.events.push(message.clone());
        }
        message
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to close it takes its helpers with it, and it may be gone already.
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        while self.from.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The protocol speaks on the file descriptors 3 and 4, which a shell makes of what the program has as 0 and 1.
fn spawn(profile: &Path) -> Child {
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null", &program()]).args(FLAGS);
    shell.arg(format!("--user-data-dir={}", profile.display()));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn program() -> String {
    if let Ok(named) = std::env::var("REENACT_BROWSER") {
        return named;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |name: &&str| std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let found = NAMES.into_iter().find(is_there);
    found.map(str::to_owned).unwrap_or_else(|| {
        panic!("there is no browser here: install Debian's `chromium`, or name a Chromium in REENACT_BROWSER")
    })
}

/// Messages as they come; they end with a zero byte each.
fn answers(from: impl std::io::Read + Send + 'static) -> Receiver<Value> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for message in BufReader::new(from).split(0) {
            let Ok(message) = message else { return };
            if send.send(serde_json::from_slice(&message).unwrap()).is_err() {
                return;
            }
        }
    });
    receive
}

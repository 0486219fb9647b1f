//! A real server of MLflow, with what its own client writes into it and reads from it. `.ci/test` installs both and runs these.

use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crashes;
use crate::model_server::ModelServer;
use crate::stage::{PARCEL, Stage, Told, told};

const NEEDS: &str = "run `.ci/test`, which installs MLflow";

/// A server comes up within ten seconds on a quiet machine, and within minutes on one that compiles.
const PATIENCE: Duration = Duration::from_secs(600);

/// A running server; it and all that it started end with it.
struct Mlflow {
    address: String,
    server: Child,
    folder: TempDir,
}

impl Drop for Mlflow {
    fn drop(&mut self) {
        let group = format!("-{}", self.server.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.server.wait();
    }
}

/// The server that all tests that run at this moment share.
static SERVER: Mutex<Weak<Mlflow>> = Mutex::new(Weak::new());

fn mlflow() -> Arc<Mlflow> {
    let mut shared: MutexGuard<'_, Weak<Mlflow>> = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let started = Arc::new(Mlflow::start());
        *shared = Arc::downgrade(&started);
        started
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A Python with the packages of `tests/mlflow/requirements.txt`.
fn python() -> PathBuf {
    let own = root().join("target/mlflow-venv/bin/python");
    let python = std::env::var("REENACT_MLFLOW_PYTHON").map_or(own, PathBuf::from);
    assert!(python.exists(), "there is no {}: {NEEDS}", python.display());
    python
}

impl Mlflow {
    fn start() -> Mlflow {
        let folder = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = Command::new(python().with_file_name("mlflow"))
            .args(["server", "--host", "127.0.0.1", "--port", &port.to_string(), "--workers", "2"])
            // A worker that is still loading MLflow after five seconds would be killed and started anew.
            .args(["--uvicorn-opts", "--timeout-worker-healthcheck 120"])
            .args(["--backend-store-uri", &format!("sqlite:///{}/mlflow.db", folder.path().display())])
            .args(["--artifacts-destination", &folder.path().join("artifacts").display().to_string()])
            .envs([
                ("MLFLOW_GATEWAY_API_BASE_ALLOWED_SCHEMES", "http,https"),
                ("MLFLOW_GATEWAY_API_BASE_ALLOW_PRIVATE_IPS", "true"),
            ])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .expect(NEEDS);
        let mut started = Mlflow { address: format!("http://127.0.0.1:{port}"), server, folder };
        started.wait_until_healthy();
        started
    }

    fn wait_until_healthy(&mut self) {
        let began = Instant::now();
        while !is_healthy(&self.address) {
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(self.server.try_wait().unwrap().is_none(), "the server ended: {}", log());
            assert!(began.elapsed() < PATIENCE, "the server does not come up: {}", log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What a script of `tests/mlflow` prints.
    fn asks(&self, script: &str, args: &[&str]) -> Value {
        let script = root().join("crates/reenact-cli/tests/mlflow").join(script);
        let mut command = Command::new(python());
        command.arg(script).arg(&self.address).args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        let told = told(&mut command);
        assert_eq!(told.status, Some(0), "{told:?}");
        serde_json::from_str(told.out.lines().last().unwrap()).unwrap_or_else(|error| panic!("{error}: {told:?}"))
    }

    /// Plays the program with this server as that of its environment.
    fn reenact(&self, stage: &Stage, args: &[&str]) -> Told {
        told(stage.command(args).env("MLFLOW_TRACKING_URI", &self.address))
    }

    /// Posts JSON to the server's interface.
    fn post(&self, path: &str, body: &Value) -> Value {
        let code = "import json,sys,urllib.request as u; print(u.urlopen(u.Request(sys.argv[1], sys.argv[2].encode(), {'content-type': 'application/json'})).read().decode())";
        let address = format!("{}/api/3.0/mlflow/{path}", self.address);
        let told = told(Command::new(python()).args(["-c", code, &address, &body.to_string()]));
        assert_eq!(told.status, Some(0), "{told:?}");
        told.json()
    }
}

/// Whether a server says that it is well.
fn is_healthy(address: &str) -> bool {
    use std::io::Write as _;
    let Ok(mut stream) = std::net::TcpStream::connect(address.trim_start_matches("http://")) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

/// Each message of a session, as `sessions show` has it.
fn words(mlflow: &Mlflow, stage: &Stage, session: &str) -> Vec<String> {
    let shown = mlflow.reenact(stage, &["sessions", "show", session, "--json"]).json();
    let messages = shown["messages"].as_array().unwrap_or_else(|| panic!("{shown}"));
    let heard = messages.iter().filter(|message| message["speaker"] == "user" || message["speaker"] == "agent");
    heard.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
#[ignore = "needs MLflow"]
fn what_mlflows_own_client_logged_comes_with_every_message_once_and_in_order() {
    let (mlflow, stage) = (mlflow(), Stage::new());
    let said = mlflow.asks("log_sessions.py", &["import", "12", "4"]);
    let import = ["import", "--mlflow", &mlflow.address, "--experiment", "import"];
    let told = mlflow.reenact(&stage, &import);
    assert_eq!((told.status, told.out.as_str()), (Some(0), "12 sessions: 12 new, 0 grown, 0 unchanged\n"), "{told:?}");
    for (session, expected) in said.as_object().unwrap() {
        let expected: Vec<&str> = expected.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        assert_eq!(words(&mlflow, &stage, session), expected, "{session}");
    }
    let again = mlflow.reenact(&stage, &import);
    assert_eq!(again.out, "12 sessions: 0 new, 0 grown, 12 unchanged\n");
    let found = [&import[..], &["--filter", "tags.team = 'odd'", "--store", "odd.db"]].concat();
    assert_eq!(mlflow.reenact(&stage, &found).out, "6 sessions: 6 new, 0 grown, 0 unchanged\n");
    let elsewhere = mlflow.reenact(&stage, &["import", "--mlflow", "--experiment", "imports"]);
    assert!(elsewhere.refusal().contains("name for instance `import`"), "{elsewhere:?}");
}

#[test]
#[ignore = "needs MLflow"]
fn a_run_stands_there_as_mlflows_own_client_reads_it_and_comes_back_as_it_was_played() {
    let (mlflow, stage) = (mlflow(), Stage::with_parcels());
    stage.write(
        "suite.yaml",
        PARCEL.replace(
            "    expectations:\n",
            "    persona: terse\n    expectations:\n      - { id: polite, text: the agent is polite }\n",
        ),
    );
    let logging = ["--mlflow", &mlflow.address, "--experiment", "runs"];
    let run = stage.run_parcels(&[&["--trials", "2", "--json"][..], &logging].concat());
    let played = run.json();
    let looked = || mlflow.asks("look.py", &["runs"]);
    let seen = looked();
    let logged = &seen["runs"].as_array().unwrap()[0];
    assert_eq!((&logged["status"], &logged["datasets"]), (&json!("FINISHED"), &json!(["parcels"])), "{logged}");
    assert_eq!(logged["tags"]["mlflow.runType"], "genai_evaluate");
    assert_eq!((&logged["metrics"]["trials/inconclusive"], &logged["traces"]), (&json!(2.0), &json!(4)));
    for trial in played["trials"].as_array().unwrap() {
        let session = &seen["sessions"][trial["session_id"].as_str().unwrap()];
        let said: Vec<&Value> =
            trial["conversation"].as_array().unwrap().iter().map(|message| &message["text"]).collect();
        assert_eq!(session["conversation"].as_array().unwrap().iter().collect::<Vec<_>>(), said);
        let traces = session["traces"].as_array().unwrap();
        assert_eq!(traces[0]["metadata"]["mlflow.simulation.goal"], "find out where my parcel is");
        assert_eq!(traces[1]["metadata"]["mlflow.simulation.turn"], "1");
        assert_eq!((&traces[1]["state"], &traces[1]["said"]), (&json!("OK"), &json!("It is on its way.")));
        let judged = |kind: &str, name: &str| {
            let all = traces[0]["assessments"].as_array().unwrap().iter();
            all.clone()
                .find(|one| one["kind"] == kind && one["name"] == name)
                .unwrap_or_else(|| panic!("{name} in {traces:?}"))
                .clone()
        };
        let where_ = judged("feedback", "says-where");
        assert_eq!(
            (&where_["value"], &where_["source"], &where_["session"]),
            (&json!("yes"), &json!("CODE"), &trial["session_id"])
        );
        assert_eq!(
            (&judged("feedback", "polite")["value"], &judged("feedback", "polite")["error"]),
            (&Value::Null, &json!("INCONCLUSIVE"))
        );
        assert_eq!(judged("expectation", "polite")["value"], "the agent is polite");
        assert_eq!(judged("feedback", "passed")["error"], "INCONCLUSIVE");
    }
    let report = mlflow.reenact(&stage, &[&["report", "latest"][..], &logging].concat());
    assert!(report.err.contains("logged to experiment runs"), "{report:?}");
    assert_eq!(looked(), seen, "what is logged again stands there once");
    let told = mlflow.reenact(&stage, &["import", "--mlflow", "--experiment", "runs", "--store", "back.db"]);
    assert_eq!(told.out, "2 sessions: 2 new, 0 grown, 0 unchanged\n", "{told:?}");
}

#[test]
#[ignore = "needs MLflow"]
fn a_server_that_was_not_there_is_caught_up_when_it_is() {
    let (mlflow, stage) = (mlflow(), Stage::with_parcels());
    let run = stage.run_parcels(&["--mlflow", "http://127.0.0.1:1", "--experiment", "late"]);
    assert_eq!(run.status, Some(0), "the result is what it is: {run:?}");
    assert!(run.err.contains("1 conversation could not be exported, and is kept"), "{run:?}");
    let resumed =
        mlflow.reenact(&stage, &["run", "--resume", "latest", "--mlflow", &mlflow.address, "--experiment", "late"]);
    assert!(resumed.err.contains("exported 1 conversation to"), "{resumed:?}");
    let seen = mlflow.asks("look.py", &["late"]);
    assert_eq!((&seen["runs"][0]["status"], seen["sessions"].as_object().unwrap().len()), (&json!("FINISHED"), 1));
}

#[test]
#[ignore = "needs MLflow"]
fn a_suite_goes_to_a_dataset_that_mlflows_simulator_takes_and_comes_back_with_what_was_changed_there() {
    let (mlflow, stage) = (mlflow(), Stage::new());
    stage.write(
        "suite.yaml",
        PARCEL.replace("    opening:", "    persona: terse\n    context: { zone: north }\n    opening:"),
    );
    let copied = mlflow.reenact(&stage, &["copy", "suite.yaml", "mlflow:/datasets/parcels", "--experiment", "sets"]);
    assert_eq!(
        (copied.status, copied.err.trim()),
        (Some(0), "dataset parcels: 1 new, 0 renewed, 0 unchanged"),
        "{copied:?}"
    );
    for (from, to) in [("suite.yaml", "own.yaml"), ("mlflow:/datasets/parcels", "back.yaml")] {
        assert_eq!(mlflow.reenact(&stage, &["copy", from, to]).status, Some(0));
    }
    assert_eq!(stage.read("back.yaml"), stage.read("own.yaml"));
    let seen = mlflow.asks("dataset.py", &["parcels"]);
    let inputs = json!({"goal": "find out where my parcel is", "persona": "terse", "context": {"zone": "north"}});
    assert_eq!(seen["records"][0]["inputs"], inputs);
    assert_eq!(seen["simulated"][0], inputs, "MLflow's simulator plays the same case");
    stage.write("agent.sh", crate::stage::COUNTING_AGENT);
    let run =
        mlflow.reenact(&stage, &["run", "mlflow:/datasets/parcels", "--agent", "cmd:sh agent.sh", "--json"]).json();
    let expectations = run["run"]["suite"]["cases"][0]["expectations"].as_array().unwrap().len();
    assert_eq!(expectations, 2, "the one that was written, and the one that was added in MLflow");
    let distilled = mlflow.reenact(&stage, &["distill", "-o", "mlflow:/datasets/parcels"]);
    assert!(distilled.refusal().contains("the dataset exists, and may hold somebody's edits"), "{distilled:?}");
}

#[test]
#[ignore = "needs MLflow"]
fn models_behind_its_gateway_play_and_judge() {
    let (mlflow, stage, models) = (mlflow(), Stage::new(), ModelServer::start(Duration::from_millis(1)));
    for role in ["user", "judge"] {
        let base = json!({ "api_base": format!("{}/{role}/v1", models.address) });
        let secret = json!({"secret_name": role, "secret_value": {"api_key": "none"}, "provider": "openai", "auth_config": base});
        let secret = mlflow.post("gateway/secrets/create", &secret)["secret"]["secret_id"].clone();
        let model = json!({"name": role, "secret_id": secret, "provider": "openai", "model_name": "m"});
        let model =
            mlflow.post("gateway/model-definitions/create", &model)["model_definition"]["model_definition_id"].clone();
        let configs = json!([{"model_definition_id": model, "linkage_type": "PRIMARY", "weight": 1.0}]);
        mlflow.post("gateway/endpoints/create", &json!({"name": role, "model_configs": configs}));
    }
    stage.write("suite.yaml", crashes::suite(2));
    let agent = format!("{}/agent/v1/chat/completions", models.address);
    let run = [
        "run",
        "suite.yaml",
        "--agent",
        &agent,
        "--user-model",
        "gateway:/user",
        "--judge-model",
        "gateway:/judge",
        "--max-turns",
        "2",
        "--json",
    ];
    let told = mlflow.reenact(&stage, &run);
    let played = told.json();
    let trials = played["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 2);
    for trial in trials {
        assert!(["passed", "failed"].contains(&trial["outcome"].as_str().unwrap()), "{told:?}");
        assert_eq!(trial["assessments"][0]["judge"], "gateway:/judge");
    }
    assert!(models.asked().keys().any(|(_, role, _)| role == "judge"));
}

//! A configuration of promptfoo whose tests are played by its simulated user. The agent under test is named when it is run: `promptfoo eval
//! -c FILE -r PROVIDER`.

use serde_json::{Map, Value, json};

use super::{Counts, count, expected, list, manners, put_expected, put_text, put_turns, scenario, text, turns};
use crate::case;

const USER: &str = "promptfoo:simulated-user";
const HEAD: &str = "# A configuration of promptfoo: `promptfoo eval -c FILE -r PROVIDER` plays it against an agent.\n\
    # The prompt is what promptfoo hands the agent as its system message: put your agent's own there.\n";
/// promptfoo hands its prompt to the agent. It must tell nothing of what the user wants, or the agent has no need to ask.
const AGENTS_PROMPT: &str = "You are a helpful assistant.";
/// promptfoo's own default.
const TURNS_MAX: u32 = 10;

/// Between what the user wants and how the user is, in the one text that there is for both.
const MANNERS: &str = "\n\nThis is how you are:\n";

pub(super) fn write(name: Option<&str>, cases: &[Value]) -> String {
    let mut file = Map::new();
    put_text(&mut file, "description", name);
    file.insert("prompts".to_owned(), json!([AGENTS_PROMPT]));
    file.insert("tests".to_owned(), cases.iter().map(entry).collect());
    format!("{HEAD}{}", case::yaml(&file))
}

pub(super) fn entries(file: &str) -> Option<Vec<Value>> {
    let file: Value = serde_saphyr::from_str(file).ok()?;
    let shared = file.get("defaultTest").cloned().unwrap_or_default();
    let tests = file.get("tests")?.as_array()?;
    // A test has what all tests have unless it says otherwise.
    let whole = |test: &Value| {
        let mut test = test.clone();
        for key in ["provider", "vars", "assert"] {
            if let Some(value) = shared.get(key).filter(|_| test.get(key).is_none()) {
                test[key] = value.clone();
            }
        }
        test
    };
    tests.iter().all(Value::is_object).then(|| tests.iter().map(whole).collect())
}

pub(super) fn entry(case: &Value) -> Value {
    let mut config = json!({ "maxTurns": TURNS_MAX });
    let turns = turns(case);
    if !turns.is_empty() {
        config["initialMessages"] = turns.into();
    }
    let manners = manners(case).map(|manners| format!("{MANNERS}{manners}")).unwrap_or_default();
    let mut test = json!({
        "description": case.get("id"),
        "provider": { "id": USER, "config": config },
        "vars": { "instructions": scenario(case) + &manners },
    });
    let rubric = |text: &str| json!({ "type": "llm-rubric", "value": text });
    let rubrics: Vec<Value> = expected(case).map(rubric).collect();
    if !rubrics.is_empty() {
        test["assert"] = rubrics.into();
    }
    test["metadata"] = json!({ "reenact": case.to_string() });
    test
}

pub(super) fn told(entry: &Value, counts: &mut Counts) -> Map<String, Value> {
    let (none, mut case) = (Value::Null, Map::new());
    let vars = entry.get("vars").unwrap_or(&none);
    let config = entry.get("provider").and_then(|provider| provider.get("config")).unwrap_or(&none);
    put_text(&mut case, "id", text(entry, "description"));
    let own = text(config, "instructions").filter(|instructions| !instructions.contains("{{"));
    if let Some(instructions) = text(vars, "instructions").or(own) {
        let (goal, persona) = instructions.split_once(MANNERS).unwrap_or((instructions, ""));
        put_text(&mut case, "goal", Some(goal));
        put_text(&mut case, "persona", Some(persona));
    }
    let messages = [config, vars].into_iter().find_map(|it| it.get("initialMessages")).and_then(Value::as_array);
    put_turns(messages.map_or(&[], Vec::as_slice), &mut case, counts);
    put_expected(&mut case, list(entry, "assert").filter_map(|assertion| expectation(assertion, counts)).collect());
    let others = vars
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !matches!(key.as_str(), "instructions" | "initialMessages"));
    count(counts, "variables of a prompt are left out", others.count());
    case
}

fn expectation(assertion: &Value, counts: &mut Counts) -> Option<Value> {
    let kind = text(assertion, "type").unwrap_or_default();
    let value = text(assertion, "value");
    let never = |text: &str| json!({ "must_not_match": format!("(?i){}", regex::escape(text)) });
    let expectation = match (kind, value) {
        ("llm-rubric" | "agent-rubric" | "trajectory:goal-success", Some(text)) => text.into(),
        ("contains" | "icontains", Some(text)) => json!({ "contains": text }),
        ("not-contains" | "not-icontains", Some(text)) => never(text),
        ("regex", Some(pattern)) => json!({ "matches": pattern }),
        ("not-regex", Some(pattern)) => json!({ "must_not_match": pattern }),
        _ => {
            count(counts, &format!("assertions of the kind `{kind}` are left out"), 1);
            return None;
        }
    };
    Some(expectation)
}

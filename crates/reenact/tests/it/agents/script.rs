//! Agents whose answers stand in a script.

use super::*;

async fn with_script<T>(script: &str, play: impl AsyncFnOnce(&dyn Agent) -> T) -> T {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), script).unwrap();
    play(&*open_within(&format!("script:{}", file.path().display()), Duration::from_millis(200))).await
}

#[tokio::test]
async fn a_script_calls_tools_answers_and_ends_the_conversation() {
    let script = "
- when: weather
  tool_calls: [{name: look, arguments: {at: Paris}, result: rain}]
  reply: it rains
- {reply: goodbye, end: true}
";
    with_script(script, async |agent| {
        let mut talk = Talk::new();
        assert_eq!(talk.hear(agent, "how is the weather").await, "it rains");
        assert!(talk.say(agent, "thanks").await.unwrap().ended);
        insta::assert_json_snapshot!(talk.conversation);
    })
    .await;
}

#[tokio::test]
async fn a_script_fails_in_every_way_that_an_agent_does() {
    let scripts = [
        "- {fail: not today}",
        "- {fail: {died: out of memory}}",
        "- {reply: hi, delay_ms: 60000}",
        "- {reply: ''}",
        "- {turn: 2, reply: hi}",
        "- {for: judge, reply: hi}",
    ];
    let mut told = String::new();
    for script in scripts {
        let fault = with_script(script, async |agent| fault(agent).await).await;
        let fault = fault.split(": ").map(|part| part.rsplit('/').next().unwrap()).collect::<Vec<_>>().join(": ");
        told.push_str(&format!("{script}\n    {fault}\n"));
    }
    let names_of_temporary_files = regex::Regex::new(r"\.tmp\w+").unwrap();
    insta::assert_snapshot!(names_of_temporary_files.replace_all(&told, "SCRIPT"));
}

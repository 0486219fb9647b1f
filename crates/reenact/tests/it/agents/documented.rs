//! The examples of the pages on agents and scripts work.

use reenact::model::{Engine, ModelSettings};
use reenact::user::model::ModelUser;
use reenact::{Brief, DialogueAct, Disclosure, Leaving, Scene, SimulatedUser, UserAct};

use super::*;

/// The code blocks of a language in a page.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let after = page.split(fence.as_str()).skip(1);
    after.map(|rest| rest.split("```").next().unwrap()).collect()
}

#[cfg(unix)]
#[tokio::test]
async fn the_shell_agent_of_the_page_on_agents_works() {
    let script = blocks(include_str!("../../../../../docs/agents.md"), "sh")[0];
    let agent = open(&format!("cmd:sh -c {}", shell_words::quote(script)));
    let mut talk = Talk::new();
    assert_eq!(talk.hear(&*agent, "hello").await, "Which order is it about?");
    assert!(talk.say(&*agent, "4711").await.unwrap().ended);
}

#[tokio::test]
async fn the_scripts_of_the_page_on_scripts_answer_as_it_says() {
    let scripts = blocks(include_str!("../../../../../docs/script.md"), "yaml");
    let heard = async |script: &str, says: &[&str]| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), script).unwrap();
        let (agent, mut talk) = (open(&format!("script:{}", file.path().display())), Talk::new());
        let mut heard = String::new();
        for text in says {
            heard.push_str(&format!("{}\n", talk.hear(&*agent, text).await));
        }
        heard
    };
    insta::assert_snapshot!(heard(scripts[0], &["hello", "a Refund", "ok", "bye"]).await, @r"
    How can I help?
    Your order was delivered yesterday. I can refund it.
    I see.
    Goodbye.
    ");
    insta::assert_snapshot!(heard(scripts[1], &["hello", "4711"]).await, @r"
    How can I help?
    It is on its way.
    ");
}

#[tokio::test]
async fn the_user_of_the_page_on_scripts_asks_and_leaves() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), blocks(include_str!("../../../../../docs/script.md"), "yaml")[0]).unwrap();
    let engine = Engine::open(&format!("script:{}", file.path().display()), &ModelSettings::default()).unwrap();
    let Engine::Model(model) = engine else { panic!("a script is a model") };
    let (user, brief) = (ModelUser::new(model), Brief { goal: "get a refund".to_owned(), ..Brief::default() });

    let mut heard: Conversation = [Message::user("hello"), Message::agent("How can I help?")].into_iter().collect();
    let act = user.next(Scene::new(&brief, &heard)).await.unwrap();
    assert_eq!(act, UserAct::say(DialogueAct::Request, "I want a refund").telling("goal.1"));

    heard.messages.push(Message::user("I want a refund"));
    heard.messages.push(Message::agent("The refund is on its way."));
    let told = [Disclosure { turn: 2, fact: "goal.1".into(), gate: "open".into(), opened_by: None }];
    let act = user.next(Scene { disclosures: &told, ..Scene::new(&brief, &heard) }).await.unwrap();
    let UserAct::Leave { why, goal: Some(goal), .. } = act else { panic!("{act:?}") };
    assert_eq!((why, goal.parts[0].cited[0].turn), (Leaving::Satisfied, 2));
}

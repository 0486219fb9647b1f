//! Batches by hand: what lies in the folder is all that counts, in any order and under any name.

use std::fs;

use proptest::prelude::*;

use super::*;

/// Asks through a folder; what came of it, or the files that are to be sent.
async fn ask_in(folder: &Path, form: Form, words: &[&str]) -> (std::result::Result<Answers, Vec<String>>, Tally) {
    let batch = Batch::in_folder(folder).unwrap();
    let model = batch.model(form.names("").0, &Environment::default()).unwrap();
    let watch = Watch { stop: &|| false, listen: &|_| {} };
    let finished = in_batches(&batch, &watch, async || Ok(ask(&model, words).await)).await.unwrap();
    let name = |file: &std::path::PathBuf| file.file_name().unwrap().to_string_lossy().into_owned();
    let came = match finished {
        Finished::Whole(answers) => Ok(answers),
        Finished::Waits(files) => Err(files.iter().map(name).collect()),
    };
    (came, batch.tally().unwrap())
}

/// Answers the requests in a folder, each as the function says.
fn answer(folder: &Path, file: &str, form: Form, fate: impl Fn(&str) -> Option<Fate>) {
    let fated = |request: &Value| form.line(request, &fate(&fake::last_words(request))?);
    fs::write(folder.join(file), requests_in(folder).iter().filter_map(fated).collect::<String>()).unwrap();
}

#[tokio::test]
async fn requests_go_out_and_answers_come_in_in_any_order_under_any_name() {
    for form in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made when needed");
        let (waits, tally) = ask_in(&folder, form, &["a", "b", "c", "b"]).await;
        let name =
            if form == Form::OpenAi { "requests-openai-m-1-001.jsonl" } else { "requests-anthropic-m-1-001.jsonl" };
        assert_eq!(waits.unwrap_err(), [name]);
        assert_eq!((tally.asked, tally.waiting), (3, 3), "{tally:?}");

        answer(&folder, "batch_7_output.jsonl", form, |words| (words == "c").then(|| echo(words)));
        answer(&folder, "0 the rest.JSONL", form, |words| (words != "c").then(|| echo(words)));
        let (answers, tally) = ask_in(&folder, form, &["a", "b", "c", "b"]).await;
        assert_eq!(words(&answers.unwrap()), ["a", "b", "c", "b"]);
        assert_eq!(tally, Tally { asked: 3, answered: 3, ..Tally::default() });
    }
}

#[tokio::test]
async fn what_is_written_once_is_not_written_again_while_it_may_be_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    assert_eq!(ask_in(path, Form::OpenAi, &["a", "b"]).await.0.unwrap_err().len(), 1);
    assert_eq!(ask_in(path, Form::OpenAi, &["a", "b"]).await.0.unwrap_err(), Vec::<String>::new());
    answer(path, "part.jsonl", Form::OpenAi, |words| (words == "a").then(|| echo(words)));
    let (waits, tally) = ask_in(path, Form::OpenAi, &["a", "b", "new"]).await;
    assert_eq!(waits.unwrap_err(), ["requests-openai-m-1-002.jsonl"]);
    assert_eq!((tally.asked, tally.answered, tally.waiting), (3, 1, 2));
    let asked: Vec<String> = requests_in(path).iter().map(fake::last_words).collect();
    assert_eq!(asked, ["a", "b", "new"]);
}

#[tokio::test]
async fn what_was_left_undone_goes_out_again_and_comes_to_an_end() {
    for form in FORMS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        for round in 1..=3 {
            let (waits, _) = ask_in(path, form, &["a", "bad", "late"]).await;
            assert_eq!(waits.unwrap_err().len(), 1, "{form:?}, round {round}");
            fs::remove_file(path.join("answers.jsonl")).ok();
            answer(path, "answers.jsonl", form, |words| {
                Some(match words {
                    "late" => Fate::Expired,
                    "bad" => Fate::Status(400, "no such parameter"),
                    _ => echo(words),
                })
            });
        }
        let (answers, tally) = ask_in(path, form, &["a", "bad", "late"]).await;
        let words = words(&answers.unwrap());
        assert!(words[1].ends_with("no such parameter") && words[2].ends_with("(3 attempts)"), "{words:?}");
        assert_eq!((tally.asked, tally.answered, tally.waiting), (3, 1, 0));
        assert_eq!((tally.expired, tally.asked_again, tally.failed.len()), (3, 2, 2), "{tally:?}");
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_goes_out_once_more_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _ = ask_in(path, Form::OpenAi, &["a"]).await;
    answer(path, "one.jsonl", Form::OpenAi, |_| Some(Fate::Says("no JSON".into())));
    assert_eq!(ask_in(path, Form::OpenAi, &["a"]).await.0.unwrap_err(), ["requests-openai-m-1-002.jsonl"]);
    let second = requests_in(path).pop().unwrap();
    assert!(fake::last_words(&second).contains("could not be used (the answer is not JSON"), "{second}");
    fs::write(path.join("two.jsonl"), Form::OpenAi.line(&second, &echo("at last")).unwrap()).unwrap();
    let (answers, tally) = ask_in(path, Form::OpenAi, &["a"]).await;
    assert_eq!((words(&answers.unwrap()), tally.asked_again), (vec!["at last".to_owned()], 1));
}

#[tokio::test]
async fn a_parameter_that_a_model_refuses_by_name_is_left_out_of_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _ = ask_in(path, Form::OpenAi, &["a"]).await;
    let refusal = "Unsupported parameter: response_format";
    answer(path, "refused.jsonl", Form::OpenAi, |_| Some(Fate::Status(400, refusal)));
    assert_eq!(ask_in(path, Form::OpenAi, &["a"]).await.0.unwrap_err().len(), 1);
    let second = requests_in(path).pop().unwrap();
    assert_eq!(second["body"]["response_format"], Value::Null, "{second}");
    fs::write(path.join("taken.jsonl"), Form::OpenAi.line(&second, &echo("taken")).unwrap()).unwrap();
    assert_eq!(words(&ask_in(path, Form::OpenAi, &["a"]).await.0.unwrap()), ["taken"]);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_named_with_its_file_and_the_others_count() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _ = ask_in(path, Form::Anthropic, &["a", "b"]).await;
    answer(path, "answers.jsonl", Form::Anthropic, |words| Some(echo(words)));
    let answers = fs::read_to_string(path.join("answers.jsonl")).unwrap();
    let bad = format!("\u{feff}{}\r\n\n{{\"custom_id\": \"x\"}}\noops\n", answers.replacen('\n', "\r\n\r\n", 1));
    fs::write(path.join("answers.jsonl"), bad + &answers[..30]).unwrap();
    let (answers, tally) = ask_in(path, Form::Anthropic, &["a", "b"]).await;
    assert_eq!(words(&answers.unwrap()), ["a", "b"]);
    let problems: Vec<String> = tally.problems.iter().map(ToString::to_string).collect();
    let problems = problems.join("\n").replace(&path.display().to_string(), "DIR");
    insta::assert_snapshot!(problems, @r"
    DIR/answers.jsonl:6: expected a `response` or an `error` (OpenAI), or a `result` (Anthropic)
    DIR/answers.jsonl:7: expected a JSON object a line (it is not JSON at column 1)
    DIR/answers.jsonl:8: expected a JSON object a line (it breaks off at column 30)
    ");
}

#[tokio::test]
async fn answers_alone_are_enough_and_what_they_are_not_about_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _ = ask_in(path, Form::OpenAi, &["a"]).await;
    answer(path, "answers.jsonl", Form::OpenAi, |words| Some(echo(words)));
    fs::remove_file(path.join("requests-openai-m-1-001.jsonl")).unwrap();
    let other = json!({"custom_id": "somebody-elses"});
    fs::write(path.join("other.jsonl"), Form::OpenAi.line(&other, &Fate::Expired).unwrap()).unwrap();
    fs::write(path.join("notes.txt"), "not looked at").unwrap();
    assert_eq!(words(&ask_in(path, Form::OpenAi, &["a"]).await.0.unwrap()), ["a"]);
}

#[test]
fn a_file_in_the_place_of_the_folder_says_what_to_do() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = told(&Batch::in_folder(file.path()).unwrap_err());
    assert!(error.starts_with("Io: ") && error.contains("--batch-dir"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_stands_between_the_answers_each_of_them_counts(
        garbage in prop::collection::vec(prop::collection::vec(any::<u8>().prop_filter("a line", |b| *b != b'\n'), 0..40), 0..12),
        places in prop::collection::vec(0..12_usize, 5),
        form in prop::sample::select(&FORMS[..]),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let asked = ["a", "b", "c", "d", "e"];
        let _ = runtime.block_on(ask_in(path, form, &asked));
        let mut lines = garbage;
        for (request, place) in requests_in(path).iter().zip(places) {
            let line = form.line(request, &echo(&fake::last_words(request))).unwrap();
            lines.insert(place.min(lines.len()), line.trim_end().as_bytes().to_vec());
        }
        fs::write(path.join("answers.jsonl"), lines.join(&b'\n')).unwrap();
        let (answers, tally) = runtime.block_on(ask_in(path, form, &asked));
        prop_assert_eq!(words(&answers.unwrap()), asked);
        prop_assert_eq!((tally.answered, tally.waiting), (5, 0));
    }
}

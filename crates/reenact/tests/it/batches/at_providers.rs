//! Batches at providers: nothing is asked twice, nothing vanishes, whatever the provider does.

use std::collections::BTreeMap;

use super::fake::{Door, End};
use super::*;

async fn provider(plan: Plan) -> (Store, Fake) {
    (Store::temporary().unwrap(), Fake::start(plan).await)
}

#[tokio::test]
async fn questions_go_into_one_batch_and_their_answers_come_back() {
    for form in FORMS {
        let (store, fake) = provider(Plan::default()).await;
        let (answers, tally) = Asker::new(&store, &fake, form).ask(&["a", "b", "c"]).await.unwrap();
        assert_eq!(words(&answers), ["a", "b", "c"], "{form:?}");
        let batches = fake.batches();
        assert_eq!((batches.len(), batches[0].requests.len()), (1, 3));
        assert_eq!(tally, Tally { asked: 3, answered: 3, ..Tally::default() });
        let key = if form == Form::OpenAi { "Bearer sk-very-secret" } else { "sk-very-secret" };
        assert_eq!(fake.keys(), [key]);
    }
}

#[tokio::test]
async fn the_same_question_is_paid_for_once() {
    let (store, fake) = provider(Plan::default()).await;
    let (answers, _) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a", "a", "a"]).await.unwrap();
    assert_eq!(fake.batches()[0].requests.len(), 1);
    let read: Vec<u64> = answers.iter().map(|answer| answer.as_ref().unwrap().usage.unwrap().input_tokens).collect();
    assert_eq!(read, [7, 0, 0]);
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_with_the_reason() {
    for form in FORMS {
        let (store, fake) = provider(fates(|batch, words, request| match (batch, words) {
            (0, "b" | "c") => Fate::Says("I think so".to_owned()),
            (0, words) => echo(words),
            (_, _) if request.to_string().contains("\"b\"") => echo("b at last"),
            (_, complaint) => Fate::Says(format!("still not: {}", complaint.len())),
        }))
        .await;
        let (answers, tally) = Asker::new(&store, &fake, form).ask(&["a", "b", "c"]).await.unwrap();
        let words = words(&answers);
        assert_eq!(words[..2], ["a", "b at last"], "{form:?}");
        assert!(words[2].starts_with("Malformed: m-1: the answer is not JSON"), "{words:?}");
        assert!(words[2].ends_with("also when asked again"), "{words:?}");
        assert_eq!(answers[1].as_ref().unwrap().usage.unwrap().input_tokens, 14, "both answers are paid for");
        assert_eq!(fake.batches().iter().map(|batch| batch.requests.len()).collect::<Vec<_>>(), [3, 2]);
        assert_eq!((tally.asked, tally.answered, tally.asked_again), (5, 4, 2));
        assert_eq!(tally.failed.values().sum::<u64>(), 1);
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_a_fault_and_what_it_leaves_undone_is_asked_again_at_most_three_times() {
    for form in FORMS {
        let (store, fake) = provider(fates(|batch, words, _| match (words, batch) {
            ("bad", _) => Fate::Status(400, "max_tokens is too large"),
            ("late", 0) => Fate::Expired,
            ("shaky", 0) => Fate::Status(500, "overloaded"),
            ("gone", 0) => Fate::Lost,
            ("never", _) => Fate::Expired,
            _ => echo(words),
        }))
        .await;
        let asked = ["bad", "late", "shaky", "gone", "never", "fine"];
        let (answers, tally) = Asker::new(&store, &fake, form).ask(&asked).await.unwrap();
        let words = words(&answers);
        assert_eq!((&words[1..4], &words[5]), (&["late", "shaky", "gone"].map(str::to_owned)[..], &"fine".to_owned()));
        assert!(words[0].starts_with("Refused: m-1: answered "), "{words:?}");
        assert!(words[0].ends_with("max_tokens is too large"), "{words:?}");
        assert!(words[4].starts_with("Refused: m-1: ") && words[4].ends_with("(3 attempts)"), "{words:?}");
        let sizes: Vec<_> = fake.batches().iter().map(|batch| batch.requests.len()).collect();
        assert_eq!(sizes, [6, 4, 1], "{form:?}");
        assert_eq!((tally.asked, tally.answered, tally.waiting), (6, 4, 0));
        assert_eq!((tally.expired, tally.asked_again, tally.failed.len()), (4, 5, 2), "{tally:?}");
    }
}

#[tokio::test]
async fn a_submission_whose_answer_is_lost_is_found_and_not_made_again() {
    for form in FORMS {
        let (store, fake) = provider(Plan {
            door: Box::new(|n| if n == 0 { Door::LosesTheAnswer } else { Door::Open }),
            ..Plan::default()
        })
        .await;
        let asker = Asker::new(&store, &fake, form);
        let (answers, _) = asker.ask(&["a", "b"]).await.unwrap();
        assert_eq!(words(&answers), ["a", "b"]);
        assert_eq!(fake.batches().len(), 1, "{form:?}");
        assert_eq!(asker.told("Found").len(), 1);
    }
}

#[tokio::test]
async fn a_batch_of_somebody_else_is_not_taken_for_the_one_that_was_lost() {
    for form in FORMS {
        let (store, fake) =
            provider(Plan { door: Box::new(|n| if n == 0 { Door::Shut(500) } else { Door::Open }), ..Plan::default() })
                .await;
        fake.has_another(vec![json!({"custom_id": "x", "params": {}}), json!({"custom_id": "y", "params": {}})]);
        let (answers, _) = Asker::new(&store, &fake, form).ask(&["a", "b"]).await.unwrap();
        assert_eq!(words(&answers), ["a", "b"]);
        assert_eq!(fake.batches().len(), 2, "{form:?}: theirs and ours");
    }
}

#[tokio::test]
async fn a_provider_that_is_busy_is_asked_again_and_one_that_says_no_is_not() {
    let busy = |n| if n < 2 { Door::Shut(429) } else { Door::Open };
    let (store, fake) = provider(Plan { door: Box::new(busy), ..Plan::default() }).await;
    let (answers, _) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a"]).await.unwrap();
    assert_eq!((words(&answers), fake.batches().len()), (vec!["a".to_owned()], 1));

    let closed = |n| if n == 0 { Door::Shut(401) } else { Door::Open };
    let (store, fake) = provider(Plan { door: Box::new(closed), ..Plan::default() }).await;
    let asker = Asker::new(&store, &fake, Form::OpenAi);
    let error = told(&asker.ask(&["a"]).await.unwrap_err());
    assert!(error.starts_with("Model: ") && error.contains("answered 401 Unauthorized: not now"), "{error}");
    assert!(error.contains("run the same command again") && !error.contains("very-secret"), "{error}");
    let (answers, _) = asker.ask(&["a"]).await.unwrap();
    assert_eq!((words(&answers), fake.batches().len()), (vec!["a".to_owned()], 1));
}

#[tokio::test]
async fn work_that_was_stopped_while_its_batch_ran_finds_it_again() {
    for form in FORMS {
        let (store, fake) = provider(Plan { end: Box::new(|_| End::After(1)), ..Plan::default() }).await;
        let asker = Asker::new(&store, &fake, form);
        let stopping = async {
            while fake.batches().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            asker.stop.store(true, Ordering::Relaxed);
        };
        let (stopped, ()) = tokio::join!(asker.ask(&["a", "b"]), stopping);
        assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Interrupted);
        let later = Asker::new(&store, &fake, form);
        let (answers, tally) = later.ask(&["a", "b"]).await.unwrap();
        assert_eq!((words(&answers), tally.answered), (vec!["a".to_owned(), "b".to_owned()], 2));
        assert_eq!(fake.batches().len(), 1, "{form:?}");
    }
}

/// As a kill would: the future is dropped between any two of its exchanges.
#[tokio::test]
async fn work_that_is_cut_off_at_any_moment_submits_nothing_twice() {
    for form in FORMS {
        for exchanges in 0..8 {
            let (store, fake) = provider(fates(|batch, words, _| match (batch, words) {
                (0, "b") => Fate::Expired,
                _ => echo(words),
            }))
            .await;
            let cut = async {
                while fake.asked().len() < exchanges {
                    tokio::task::yield_now().await;
                }
            };
            let asker = Asker::new(&store, &fake, form);
            tokio::select! {
                biased;
                () = cut => {}
                done = asker.ask(&["a", "b"]) => drop(done.unwrap()),
            }
            let (answers, _) = Asker::new(&store, &fake, form).ask(&["a", "b"]).await.unwrap();
            assert_eq!(words(&answers), ["a", "b"], "{form:?} after {exchanges}");
            let mut times: Vec<usize> = fake.times().into_values().collect();
            times.sort_unstable();
            assert_eq!(times, [1, 2], "{form:?} after {exchanges}: {:?}", fake.asked());
        }
    }
}

#[tokio::test]
async fn a_batch_that_somebody_cancelled_ends_the_wait_and_the_same_work_submits_the_rest() {
    for form in FORMS {
        let plan = fates(|batch, words, _| match (batch, words) {
            (0, "b") => Fate::Cancelled,
            _ => echo(words),
        });
        let end = |batch| if batch == 0 { End::Cancelled } else { End::Ends };
        let (store, fake) = provider(Plan { end: Box::new(end), ..plan }).await;
        let asker = Asker::new(&store, &fake, form);
        let error = told(&asker.ask(&["a", "b"]).await.unwrap_err());
        assert!(error.starts_with("Interrupted: batch batch_1 was cancelled at the provider"), "{error}");
        let (answers, _) = asker.ask(&["a", "b"]).await.unwrap();
        assert_eq!(words(&answers), ["a", "b"]);
        assert_eq!(fake.batches().iter().map(|batch| batch.requests.len()).collect::<Vec<_>>(), [2, 1], "{form:?}");
    }
}

#[tokio::test]
async fn a_batch_that_is_too_much_at_once_goes_in_parts_one_after_another() {
    let too_much = json!([{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": null}]);
    let end = move |batch| if batch == 0 { End::Fails(too_much.clone()) } else { End::Ends };
    let (store, fake) = provider(Plan { end: Box::new(end), ..Plan::default() }).await;
    let (answers, tally) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a", "b", "c", "d"]).await.unwrap();
    assert_eq!(words(&answers), ["a", "b", "c", "d"]);
    assert_eq!(fake.batches().iter().map(|batch| batch.requests.len()).collect::<Vec<_>>(), [4, 2, 2]);
    assert_eq!((tally.answered, tally.asked_again), (4, 0));
}

#[tokio::test]
async fn a_single_request_that_is_too_much_comes_to_an_end() {
    let too_much = json!([{"code": "token_limit_exceeded", "message": "Enqueued token limit reached", "line": null}]);
    let end = move |_| End::Fails(too_much.clone());
    let (store, fake) = provider(Plan { end: Box::new(end), ..Plan::default() }).await;
    let (answers, tally) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a"]).await.unwrap();
    assert!(words(&answers)[0].contains("token_limit_exceeded Enqueued token limit reached (3 attempts)"));
    assert_eq!((fake.batches().len(), tally.waiting), (3, 0));
}

#[tokio::test]
async fn a_batch_that_never_began_blames_the_requests_that_the_provider_names() {
    let errors = json!([{"code": "invalid_request", "message": "messages is missing", "line": 2}]);
    let end = move |batch| if batch == 0 { End::Fails(errors.clone()) } else { End::Ends };
    let (store, fake) = provider(Plan { end: Box::new(end), ..Plan::default() }).await;
    let (answers, _) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a", "b", "c"]).await.unwrap();
    let words = words(&answers);
    assert_eq!((words[0].as_str(), words[2].as_str()), ("a", "c"));
    assert!(words[1].ends_with("the provider refused the request: invalid_request messages is missing"), "{words:?}");

    let errors = json!([{"code": "model_not_found", "message": "no model m-1", "line": null}]);
    let end = move |_| End::Fails(errors.clone());
    let (store, fake) = provider(Plan { end: Box::new(end), ..Plan::default() }).await;
    let (answers, tally) = Asker::new(&store, &fake, Form::OpenAi).ask(&["a", "b"]).await.unwrap();
    assert!(self::words(&answers).iter().all(|it| it.ends_with("model_not_found no model m-1")));
    assert_eq!(tally.failed.into_values().collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_and_the_others_count() {
    for form in FORMS {
        let (store, fake) = provider(fates(|batch, words, _| match (batch, words) {
            (0, "b") => Fate::Garbage("<html>503</html>"),
            _ => echo(words),
        }))
        .await;
        let asker = Asker::new(&store, &fake, form);
        let (answers, _) = asker.ask(&["a", "b", "c"]).await.unwrap();
        assert_eq!(words(&answers), ["a", "b", "c"]);
        assert_eq!(fake.batches()[1].requests.len(), 1, "only what was not answered is asked again");
        let told = asker.told("Trouble");
        assert!(told[0].contains("line 2 of the answers: expected a JSON object a line"), "{told:?}");
    }
}

#[tokio::test]
async fn two_who_ask_the_same_at_once_are_kept_apart() {
    let (store, fake) = provider(Plan::default()).await;
    let first = Batch::at_providers(&store, SCOPE).unwrap();
    let error = told(&Asker::new(&store, &fake, Form::OpenAi).ask(&["a"]).await.unwrap_err());
    assert!(error.contains("another process is waiting for the same batches"), "{error}");
    drop(first);
    assert!(Asker::new(&store, &fake, Form::OpenAi).ask(&["a"]).await.is_ok());
}

#[tokio::test]
async fn what_nobody_wants_any_more_is_not_submitted() {
    let closed = |n| if n == 0 { Door::Shut(401) } else { Door::Open };
    let (store, fake) = provider(Plan { door: Box::new(closed), ..Plan::default() }).await;
    {
        let batch = Batch::at_providers(&store, SCOPE).unwrap();
        let model = Form::OpenAi.model(&batch, &fake.address);
        batch.begin().unwrap();
        ask(&model, &["old"]).await;
    }
    let asker = Asker::new(&store, &fake, Form::OpenAi);
    assert!(asker.ask(&["new"]).await.is_err());
    let (answers, _) = asker.ask(&["new", "newer"]).await.unwrap();
    assert_eq!(words(&answers), ["new", "newer"]);
    let asked: BTreeMap<String, usize> = fake.times();
    assert_eq!(asked.len(), 2, "{asked:?}");
}

#[test]
fn a_model_that_no_batch_takes_says_what_does() {
    let store = Store::temporary().unwrap();
    let at_provider = Batch::at_providers(&store, SCOPE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let in_folder = Batch::in_folder(folder.path()).unwrap();
    let key = [("GEMINI_API_KEY", "k"), ("MISTRAL_API_KEY", "k")].into_iter().collect();
    let refused = |batch: &Batch, name: &str| format!("{name}: {}\n", told(&batch.model(name, &key).unwrap_err()));
    let names = ["offline", "script:x.yaml", "gemini:/g", "mistral:/m"];
    let by_provider = names.map(|name| refused(&at_provider, name)).concat();
    let by_hand = ["offline", "gemini:/g"].map(|name| refused(&in_folder, name)).concat();
    insta::assert_snapshot!(format!("--batch\n{by_provider}--batch-dir\n{by_hand}"));
    assert!(in_folder.model("mistral:/m", &Environment::default()).is_ok(), "no key is needed to write a file");
}

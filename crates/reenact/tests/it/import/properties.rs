//! What holds for any input.

use proptest::prelude::*;
use reenact::import::{Fragment, read};

use super::*;

const FILES: [&str; 6] = [
    "chat.jsonl",
    "sharegpt.json",
    "otlp_genai.jsonl",
    "otlp_genai_structured.jsonl",
    "otlp_openinference.json",
    "mlflow.jsonl",
];

const LINES: [&str; 4] = ["chat.jsonl", "otlp_genai.jsonl", "otlp_genai_structured.jsonl", "mlflow.jsonl"];

/// Every session without its source, which names the file that it was first met in.
fn sessions(store: &Store) -> Vec<Session> {
    all(store).into_iter().map(|session| Session { source: String::new(), ..session }).collect()
}

fn lines_of(name: &str) -> Vec<String> {
    fixture_text(name).lines().map(str::to_owned).collect()
}

/// The session ids that are read, without a store.
fn ids_read(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut each = |fragment: Fragment| {
        ids.extend(fragment.session);
        Ok(())
    };
    read(vec![stream(bytes)], None, &mut each).unwrap();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_import_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        ids_read(&bytes);
    }

    #[test]
    fn no_damage_to_a_file_makes_the_import_panic(
        file in 0..FILES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = fixture_text(FILES[file]).into_bytes();
        for (position, byte) in damages {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        ids_read(&bytes);
    }

    #[test]
    fn a_damaged_line_never_costs_its_neighbours(
        file in 0..LINES.len(),
        position in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
        byte in any::<u8>().prop_filter("a line stays a line", |byte| *byte != b'\n'),
    ) {
        let mut bad = lines_of(LINES[file])[0].clone().into_bytes();
        let position = position.index(bad.len());
        bad[position] = byte;
        bad.truncate(1 + cut.index(bad.len()));
        let neighbours = [chat("before", &["hi", "ho"]), chat("after", &["hi", "ho"])];
        // The neighbours are chats, so they count only where chats are what the file holds.
        let bytes = [neighbours[0].as_bytes(), &bad, neighbours[1].as_bytes()].join(&b'\n');
        let ids = ids_read(&bytes);
        prop_assert!(ids.contains(&"before".to_owned()) && ids.contains(&"after".to_owned()), "{ids:?}");
    }

    #[test]
    fn a_damaged_first_line_never_costs_the_lines_after_it(cut in any::<prop::sample::Index>()) {
        let whole = chat("first", &["hi {[", "ho \" \\", "bye"]);
        let first = &whole[..1 + cut.index(whole.len() - 1)];
        let ids = ids_read(format!("{first}\n{}\n{}\n", chat("second", &["hi"]), chat("third", &["hi"])));
        prop_assert!(ids.contains(&"second".to_owned()) && ids.contains(&"third".to_owned()), "{ids:?}");
    }
}

proptest! {
    // Each case makes stores of its own, and each store is a file.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_damaged_file_gives_the_second_import_changes_nothing(
        file in 0..FILES.len(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..12),
    ) {
        let mut bytes = fixture_text(FILES[file]).into_bytes();
        for (from, to) in damages {
            // Bytes of the file itself keep more of it alive than bytes from anywhere.
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes[to] = bytes[from];
        }
        let (store, _) = imported(&bytes);
        let before = all(&store);
        let again = import_into(&store, stream(&bytes));
        prop_assert_eq!((again.sessions_new, again.sessions_grown), (0, 0));
        prop_assert_eq!(all(&store), before);
    }

    #[test]
    fn the_order_of_traces_in_a_file_does_not_matter(
        file in 1..LINES.len(),
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let lines = lines_of(LINES[file]);
        let (expected, _) = imported(lines.join("\n"));
        let shuffled: Vec<_> = order.iter().filter_map(|at| lines.get(*at)).cloned().collect();
        prop_assert_eq!(shuffled.len(), lines.len());
        let (store, _) = imported(shuffled.join("\n"));
        prop_assert_eq!(sessions(&store), sessions(&expected));
    }

    #[test]
    fn it_does_not_matter_where_a_file_is_split_in_two(file in 0..LINES.len(), at in any::<prop::sample::Index>()) {
        let lines = lines_of(LINES[file]);
        let (expected, _) = imported(lines.join("\n"));
        let (first, second) = lines.split_at(at.index(lines.len() + 1));
        let parts = || [first, second].into_iter().filter(|part| !part.is_empty());
        let together = Store::temporary().unwrap();
        let inputs = parts().map(|part| stream(part.join("\n"))).collect();
        import(inputs, &Options::default(), &together, &mut |_| {}).unwrap();
        prop_assert_eq!(sessions(&together), sessions(&expected));
        let apart = Store::temporary().unwrap();
        parts().for_each(|part| drop(import_into(&apart, stream(part.join("\n")))));
        prop_assert_eq!(sessions(&apart), sessions(&expected));
    }

    #[test]
    fn turns_of_an_agent_that_keeps_its_history_itself_come_in_the_order_of_time(
        turns in proptest::collection::vec("(yes|no|ok)", 1..8),
        order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let trace = |(n, words): (usize, &String)| format!(
            r#"{{"info": {{"trace_id": "t{n}", "trace_metadata": {{"mlflow.trace.session": "s"}}}}, "data": {{"spans": [{{"span_id": "a",
            "start_time_unix_nano": {}, "end_time_unix_nano": {}, "attributes": {{"mlflow.spanInputs": "\"{words}\"", "mlflow.spanOutputs": "\"done\""}}}}]}}}}"#,
            (n + 1) * 1_000, (n + 1) * 1_000 + 500).replace('\n', " ");
        let traces: Vec<_> = turns.iter().enumerate().map(trace).collect();
        let shuffled: Vec<_> = order.iter().filter_map(|at| traces.get(*at)).cloned().collect();
        let (store, _) = imported(shuffled.join("\n"));
        let said: Vec<_> = store.session("s").unwrap().conversation.by(Speaker::User).map(|m| m.text.clone()).collect();
        prop_assert_eq!(said, turns);
    }
}

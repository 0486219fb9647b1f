//! Every problem is told at its line, with what would be right; all of them at once.

use reenact::{ErrorKind, Suite};

use super::{EXAMPLE, file, problems, told};

/// The problems of a case whose keys, after its goal, are these lines.
fn of_case(lines: &str) -> String {
    told(&problems("s.yaml", format!("cases:\n  - goal: refund\n{lines}")))
}

#[test]
fn everything_wrong_at_once() {
    insta::assert_snapshot!(told(&problems("s.yaml", include_str!("everything-wrong.yaml"))));
}

#[test]
fn a_good_file_has_none() {
    assert_eq!(told(&problems("s.yaml", EXAMPLE)), "");
}

#[test]
fn an_unknown_key_names_the_nearest_one_and_is_not_called_missing_as_well() {
    insta::assert_snapshot!(told(&problems("s.yaml", "cases:\n  - gaol: refund\n    guidelines: x\n    zzz: 1\n")), @"
    2: `gaol` is not a key of a case → did you mean `goal`?
    3: `guidelines` is not a key of a case → did you mean `simulation_guidelines`?
    4: `zzz` is not a key of a case → its keys are `id`, `goal`, `persona`, `simulation_guidelines`, `opening`, `facts`, `patience`, `context`, `expectations`, `prefix`, `first_speaker`, `script`, `after_script`, `origin`
    ");
}

#[test]
fn a_case_without_a_goal_has_a_problem() {
    insta::assert_snapshot!(told(&problems("s.yaml", "- id: a\n- goal: \"  \"\n- goal:\n- goal: [x]\n- 7\n")), @"
    1: a case has no `goal` → add `goal`: what the user wants, in a sentence or two
    2: `goal` is empty → fill in `goal`: what the user wants, in a sentence or two
    3: `goal` is empty → fill in `goal`: what the user wants, in a sentence or two
    4: `goal` is a list, expected text → write one text; one with `: ` or ` #` in it goes in quotes
    5: expected a case, found a number → write the case as a mapping with a `goal`
    ");
}

#[test]
fn reserved_context_keys_are_refused() {
    insta::assert_snapshot!(of_case("    context:\n      input: 1\n      ok: 2\n      session_id: x\n"), @"
    4: `input` is a reserved key of `context` → rename it: the agent has an argument of that name already
    6: `session_id` is a reserved key of `context` → rename it: the agent has an argument of that name already
    ");
}

#[test]
fn ids_are_unique_and_the_first_one_is_named() {
    let cases = "- { id: a, goal: x }\n- { id: b, goal: x }\n- { id: a, goal: x }\n";
    insta::assert_snapshot!(told(&problems("s.yaml", cases)), @"
    3: the case id `a` is taken, first at line 1 → give each its own id
    ");
    let lines = "    facts:\n      - { id: f, text: x }\n      - { id: f, text: y }\n    expectations:\n      - { id: e, text: x }\n      - { id: e, text: y }\n";
    insta::assert_snapshot!(of_case(lines), @"
    5: the fact id `f` is taken, first at line 4 → give each its own id
    8: the expectation id `e` is taken, first at line 7 → give each its own id
    ");
}

#[test]
fn a_bad_pattern_says_why_in_one_line() {
    insta::assert_snapshot!(of_case("    expectations:\n      - matches: '(open'\n      - must_not_match: '*'\n      - matches: '(\\w{1000}){1000}'\n"), @r"
    4: `matches` is not a usable regular expression: unclosed group → mend the pattern; a character meant as itself takes a `\` before it
    5: `must_not_match` is not a usable regular expression: repetition operator missing expression → mend the pattern; a character meant as itself takes a `\` before it
    6: `matches` is not a usable regular expression: it takes more than 10485760 bytes → ask for fewer repetitions
    ");
}

#[test]
fn gates_have_their_forms_and_wait_for_facts_that_there_are() {
    let lines = "    facts:
      - { id: one, text: x, gate: sometimes }
      - { id: two, text: x, gate: { ask: price } }
      - { id: three, text: x, gate: { after: tow } }
      - { id: four, text: x, gate: { after: five } }
      - { id: five, text: x, gate: { after: four } }
      - { id: six, text: x, gate: { after: six } }
      - { id: seven, text: x, gate: { after: four } }
      - { id: eight, text: x, gate: { after: four, when: y } }
      - { id: nine, text: x, gate: [open] }
";
    insta::assert_snapshot!(of_case(lines), @"
    4: `sometimes` is not a gate → write `open`, `never`, `{ asked: TOPIC }`, `{ after: FACT-ID }` or `{ when: WHAT THE AGENT DOES }`
    5: `ask` is not a gate → did you mean `asked`?
    6: no fact has the id `tow` → did you mean `two`?
    7: these facts wait for each other: `four` after `five` after `four` → give one of them another gate, so that it can be said first
    9: these facts wait for each other: `six` after `six` → give one of them another gate, so that it can be said first
    11: `gate` is not one condition → write `open`, `never`, `{ asked: TOPIC }`, `{ after: FACT-ID }` or `{ when: WHAT THE AGENT DOES }`
    12: `gate` is a list → write `open`, `never`, `{ asked: TOPIC }`, `{ after: FACT-ID }` or `{ when: WHAT THE AGENT DOES }`
    ");
}

#[test]
fn thousands_of_facts_that_wait_for_each_other_are_one_problem() {
    let fact = |n: u32| format!("      - {{ id: f{n}, text: x, gate: {{ after: f{} }} }}\n", (n + 1) % 20_000);
    let lines = format!("    facts:\n{}", (0..20_000).map(fact).collect::<String>());
    insta::assert_snapshot!(of_case(&lines), @"
    4: these facts wait for each other: `f0` after `f1` after `f2` after `f3` after `f4` after `f5` after `f6` after `f7` after … → give one of them another gate, so that it can be said first
    ");
}

#[test]
fn numbers_are_whole_and_from_one() {
    for patience in ["0", "-1", "1.5", "\"2\"", "many", "4294967296", "[1]"] {
        let told = of_case(&format!("    patience: {patience}\n"));
        assert!(told.starts_with("3: `patience` is ") && told.contains("expected a whole number from 1 →"), "{told}");
    }
}

#[test]
fn an_expectation_has_a_text_or_one_check() {
    insta::assert_snapshot!(of_case("    expectations:\n      - id: a\n      - { contains: x, matches: y }\n      - ''\n      - 5\n"), @"
    4: an expectation has neither a text nor a check → add `text` for a judge, or one of `contains`, `matches`, `must_not_match`, `tool_called`, `tool_never_called`, `called_before`, `json_path`, `max_turns`, `latency_ms`, `cost_usd`
    5: an expectation has 2 checks, expected one → split it into one expectation for each check
    6: an expectation is empty → write a text, or leave it out
    ");
}

#[test]
fn evidence_cites_a_turn_and_a_part_that_there_are() {
    let lines = "    origin:
      session: s
      evidence:
        - { field: facts.x, turn: 1, quote: q }
        - { field: persona, turn: 0, quote: q }
        - { field: guidelines.1, turn: 1 }
        - { field: goal, turn: 1, quote: q }
        - goal
";
    insta::assert_snapshot!(of_case(lines), @r#"
    6: `facts.x` is no part of this case → cite `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N` (from 1), `expectations.ID`, `remark` or `ending.KIND`
    7: `turn` is `0`, expected a whole number from 1 → write a number such as `2`, without quotes
    7: `persona` is no part of this case → cite `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N` (from 1), `expectations.ID`, `remark` or `ending.KIND`
    8: an evidence entry has no `quote` → add `quote`: the user's words, verbatim
    8: `guidelines.1` is no part of this case → cite `goal`, `persona`, `opening`, `patience`, `facts.ID`, `guidelines.N` (from 1), `expectations.ID`, `remark` or `ending.KIND`
    10: expected an evidence entry, found text → write `{ field: goal, turn: 1, quote: "…" }`
    "#);
}

#[test]
fn a_wrong_form_says_what_was_expected_and_what_was_found() {
    let lines = "    persona: { a: b }\n    facts: 3\n    context: [x]\n    expectations: yes\n    origin: s\n    simulation_guidelines: { a: b }\n";
    insta::assert_snapshot!(of_case(lines), @"
    3: `persona` is a mapping, expected text → write one text; one with `: ` or ` #` in it goes in quotes
    4: `facts` is a number, expected a list of facts → write a list of facts below `facts`
    5: `context` is a list, expected a mapping of names to values → write a mapping of names to values below `context`
    6: `expectations` is text, expected a list of expectations → write a list of expectations below `expectations`
    7: `origin` is text, expected a mapping with a `session` → write a mapping with a `session` below `origin`
    8: `simulation_guidelines` is a mapping, expected a list of texts → write a list of texts below `simulation_guidelines`
    ");
}

#[test]
fn a_number_that_json_cannot_hold_is_not_rounded_in_silence() {
    insta::assert_snapshot!(of_case("    context: { card: 123456789012345678901234567890, x: .nan, y: 1e999 }\n"), @"
    3: the number 123456789012345678901234567890 cannot be kept as it is written → put it in quotes, so that it is text
    3: the number .nan cannot be kept as it is written → put it in quotes, so that it is text
    3: the number 1e999 cannot be kept as it is written → put it in quotes, so that it is text
    ");
}

#[test]
fn a_file_without_cases_has_a_problem() {
    for (name, content) in [
        ("s.yaml", ""),
        ("s.yaml", " \n"),
        ("s.yaml", "# nothing\n"),
        ("s.yaml", "suite: s\n"),
        ("s.yaml", "cases:\n"),
        ("s.yaml", "cases: []\n"),
        ("s.yaml", "hello\n"),
        ("s.json", "[]"),
        ("s.json", "{}"),
        ("s.json", "5"),
        ("s.jsonl", "{\"suite\": \"s\"}\n"),
        ("s.jsonl", "\n"),
    ] {
        let problems = problems(name, content);
        assert_eq!(problems.len(), 1, "{name} {content:?}: {}", told(&problems));
    }
}

#[test]
fn what_is_shown_of_a_file_cannot_steer_a_terminal() {
    let told = of_case("    \"\\e[31m\\nx\": 1\n    ? \"k\"\n    : 1\n");
    assert!(told.starts_with(r"3: `\u{1b}[31m\nx` is not a key of a case"), "{told}");
}

#[test]
fn a_single_case_at_the_top_is_told_where_cases_go() {
    insta::assert_snapshot!(told(&problems("s.yaml", "goal: refund\n")), @"
    1: this is a case, expected a suite → put it into a list: `cases:` on a line of its own, and below it the case after `- `
    ");
}

#[test]
fn bad_yaml_is_told_at_its_line() {
    insta::assert_snapshot!(told(&problems("s.yaml", "cases:\n  - goal: \"refund\n")), @"
    2: not valid YAML: while scanning a quoted scalar, found unexpected end of stream → compare the indentation, quotes and brackets with the lines above
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases:\n  - goal: a: b\n")), @"
    2: not valid YAML: mapping values are not allowed in this context → compare the indentation, quotes and brackets with the lines above
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases:\n\t- goal: refund\n")), @"
    2: this line is indented with a tab → indent with spaces
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases:\n  - goal: refund\n    goal: refund\n")), @"
    3: the key `goal` stands twice in one mapping, first at line 2 → keep one of the two
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases: [{ goal: !secret x }]\n")), @"
    1: the YAML tag `!secret` means nothing here → leave the tag out; text that starts with `!` goes in quotes
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases: [{ goal: x }]\n---\ncases: []\n")), @"
    2: a second YAML document starts here → keep one document in a file, without `---`
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases: [{ goal: x, ? [a] : b }]\n")), @"
    1: a key is a list, expected text → write the key as text
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases: [{ goal: *nobody }]\n")), @"
    1: not valid YAML: while parsing node, found unknown anchor → compare the indentation, quotes and brackets with the lines above
    ");
}

#[test]
fn bad_json_is_told_at_its_line_and_other_lines_are_read() {
    insta::assert_snapshot!(told(&problems("s.jsonl", "{\"goal\": \"x\"}\n{\"goal\": \n\n{\"gaol\": \"x\"}\n{\"goal\": \"x\", \"goal\": \"y\"}\n{\"suite\": \"late\"}")), @"
    2: not valid JSON: EOF while parsing a value (column 9) → compare the quotes, commas and brackets with the text before it
    4: `gaol` is not a key of a case → did you mean `goal`?
    5: the key `goal` stands twice in one mapping, first at line 5 → keep one of the two
    6: `suite` is not a key of a case → its keys are `id`, `goal`, `persona`, `simulation_guidelines`, `opening`, `facts`, `patience`, `context`, `expectations`, `prefix`, `first_speaker`, `script`, `after_script`, `origin`
    6: a case has no `goal` → add `goal`: what the user wants, in a sentence or two
    ");
    insta::assert_snapshot!(told(&problems("s.json", "{\"cases\": [\n{\"goal\": \"x\",}]}")), @"
    2: not valid JSON: key must be a string (column 14) → compare the quotes, commas and brackets with the text before it
    ");
    insta::assert_snapshot!(told(&problems("s.json", "{\"goal\": \"x\"}\n{\"goal\": \"x\"}")), @"
    2: not valid JSON: trailing characters (column 1) → keep one value; a file with one case on each line is named `.jsonl`
    ");
    insta::assert_snapshot!(told(&problems("s.json", "{\"cases\": [\n{\"goal\":\n\"\\ud83d\"}]}")), @"
    3: not valid JSON: unexpected end of hex escape (column 8) → compare the quotes, commas and brackets with the text before it
    ");
}

#[test]
fn expectations_of_a_record_that_stand_twice_are_not_dropped() {
    let record =
        |inner: &str, outer: &str| format!("{{\"inputs\": {{\"goal\": \"g\"{inner}}}, \"expectations\": {outer}}}");
    let inner = ", \"expectations\": {\"a\": \"b\"}";
    assert_eq!(told(&problems("s.jsonl", record(inner, "{}"))), "");
    assert_eq!(told(&problems("s.jsonl", record("", "{\"a\": \"b\"}"))), "");
    insta::assert_snapshot!(told(&problems("s.jsonl", record(inner, "{\"c\": \"d\"}"))), @"
    1: `expectations` stands both in `inputs` and beside it → join them in one place
    ");
    insta::assert_snapshot!(told(&problems("s.jsonl", "{\"inputs\": {\"question\": \"q\"}}\n{\"inputs\": 3}")), @"
    1: `question` is not a key of a case → its keys are `id`, `goal`, `persona`, `simulation_guidelines`, `opening`, `facts`, `patience`, `context`, `expectations`, `prefix`, `first_speaker`, `script`, `after_script`, `origin`
    1: a case has no `goal` → add `goal`: what the user wants, in a sentence or two
    2: `inputs` is a number, expected a mapping → write the case's `goal` below `inputs`
    ");
}

#[test]
fn lines_are_counted_where_they_end_as_on_windows() {
    assert!(told(&problems("s.yaml", "cases:\r\n  - goal: x\r\n    zzz: 1\r\n")).starts_with("3: `zzz`"));
    assert!(told(&problems("s.jsonl", "{\"goal\": \"x\"}\r\n\r\n{\"zzz\": 1}\r\n")).starts_with("3: `zzz`"));
}

#[test]
fn invalid_utf8_is_told_at_its_line() {
    insta::assert_snapshot!(told(&problems("s.yaml", b"cases:\n  - goal: caf\xe9\n")), @"
    2: this line is not valid UTF-8 → save the file as UTF-8
    ");
}

#[test]
fn a_bomb_does_not_go_off() {
    let bomb = (1..20).fold("a0: &a0 x\n".to_owned(), |text, n| {
        let inside = format!("*a{}", n - 1);
        format!("{text}a{n}: &a{n} [{}]\n", [inside.as_str(); 10].join(", "))
    });
    insta::assert_snapshot!(told(&problems("s.yaml", bomb)), @"
    6: anchors and aliases unfold to more than 100000 values → write the values out instead of referring to them
    ");
    insta::assert_snapshot!(told(&problems("s.yaml", "cases: &a [*a]\n")), @"
    1: this alias stands inside what it refers to → write the value out
    ");
}

#[test]
fn what_is_nested_too_deep_is_told() {
    for (name, content) in [
        ("s.yaml", "[".repeat(100_000)),
        ("s.yaml", "{a: ".repeat(100_000)),
        ("s.yaml", "- ".repeat(100_000)),
        ("s.json", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
        ("s.jsonl", format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000))),
    ] {
        let told = told(&problems(name, content));
        assert!(told.contains("deep") || told.contains("recursion limit"), "{name}: {told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_an_error_with_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Suite::load(&folder.path().join("s.yaml")).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Io);
    assert!(missing.to_string().ends_with("s.yaml: there is no such file") && missing.hint_text().is_some());
    let a_folder = Suite::load(folder.path()).unwrap_err();
    assert!(a_folder.to_string().ends_with("this is a folder, expected a suite file"));
}

#[test]
fn loading_names_the_first_problem_and_how_many_more_there_are() {
    let file = file("s.yaml", "cases:\n  - gaol: x\n    patience: 0\n    zzz: 1\n");
    let error = Suite::load(&file.path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input);
    assert!(error.to_string().ends_with("s.yaml:2: `gaol` is not a key of a case (and 2 more problems)"), "{error}");
    assert!(error.hint_text().unwrap().starts_with("did you mean `goal`?; run `reenact check "));
}

//! A run as Markdown, read by a parser as the page of a CI job reads it.

use pulldown_cmark::{Event as Part, Options, Parser, Tag};

use super::*;

fn parts(text: &str) -> Vec<Part<'_>> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).collect()
}

/// What a reader sees.
fn read(text: &str) -> String {
    let words = parts(text).into_iter().map(|part| match part {
        Part::Text(text) | Part::Code(text) => text.to_string(),
        Part::End(_) => " ".to_owned(),
        _ => String::new(),
    });
    words.collect()
}

#[test]
fn the_summary_has_the_verdict_the_rate_what_did_not_pass_and_where_it_comes_from() {
    insta::assert_snapshot!(report::markdown(&market()));
}

#[test]
fn a_run_that_passed_needs_no_table() {
    let passed = trial("a", 1, Ending::Satisfied, vec![assessment(Verdict::Pass, "said", &[])], &[]);
    let text = report::markdown(&RunOutput::new(run(1, vec![case("a", "g")]), vec![passed]));
    assert!(text.starts_with("## The one case passed.\n") && !text.contains('|'), "{text}");
}

#[test]
fn nothing_said_in_a_conversation_is_a_mark_in_the_summary() {
    let hostile_text =
        "<script>x</script> ![i](http://h/x.png) [a](javascript:b) **c** `d` | e\n# f\n- www.g.h \u{202e} $i$ ~~j~~";
    let (output, _) = hostile(hostile_text);
    let text = report::markdown(&output);
    let is_foreign = |part: &Part<'_>| match part {
        Part::Start(tag) => {
            matches!(tag, Tag::Link { .. } | Tag::Image { .. } | Tag::Emphasis | Tag::Strong | Tag::Strikethrough)
        }
        Part::Html(html) | Part::InlineHtml(html) => !matches!(html.trim(), "<sub>" | "</sub>"),
        Part::Code(_) => true,
        _ => false,
    };
    let foreign: Vec<_> = parts(&text).into_iter().filter(is_foreign).collect();
    assert!(foreign.is_empty(), "{foreign:?}\n{text}");
    assert_eq!(parts(&text).iter().filter(|part| matches!(part, Part::Start(Tag::List(_)))).count(), 1, "{text}");
    assert!(
        read(&text).contains(
            "<script>x</script> ![i](http://h/x.png) [a](javascript:b) **c** `d` | e # f - www.g.h \u{fffd} $i$ ~~j~~"
        ),
        "{}",
        read(&text)
    );
    // A page makes links of bare addresses, which this parser does not.
    assert!(!text.contains("http://") && !text.contains("www."), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), 2, "{text}");
}

#[test]
fn a_long_suite_is_cut_with_a_mark() {
    let cases = (0..80).map(|n| case(&format!("case-{n}"), "g")).collect();
    let text = report::markdown(&RunOutput::new(run(1, cases), Vec::new()));
    assert!(text.contains("30 more cases that did not pass are not listed here."), "{text}");
}

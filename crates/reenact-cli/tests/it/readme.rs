//! The walks through the README and through the page on judges, walked: their files are written, its commands are run, and what they print is what it shows.
//!
//! A fence with a file's name (```` ```yaml parcels.yaml ````) is that file. A `console` fence holds commands, each after `$ `,
//! and below each what it prints, on either stream. With `UPDATE_README` set the page is rewritten instead.

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// The pages that hold a walk.
const PAGES: [&str; 5] = ["README.md", "docs/judges.md", "docs/batch.md", "docs/cassettes.md", "docs/privacy.md"];

#[test]
fn what_the_readme_shows_is_what_happens() {
    for name in PAGES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
        let page = fs::read_to_string(&path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let walked = walk(&page, folder.path());
        if std::env::var_os("UPDATE_README").is_some() {
            fs::write(&path, walked).unwrap();
        } else {
            let how = "if it should, look at what `UPDATE_README=1 cargo test -p reenact-cli readme` changes";
            assert_eq!(nameless(&walked), nameless(&page), "{name} shows something else; {how}");
        }
    }
}

/// The page as it should be: every file and text as it stands, every command with what it prints here.
fn walk(page: &str, folder: &Path) -> String {
    let mut walked = String::new();
    let mut parts = page.split_inclusive("```\n");
    while let Some(part) = parts.next() {
        let Some((before, fence)) = opening(part) else {
            walked.push_str(part);
            continue;
        };
        let body = if fence.1.is_empty() { parts.next().unwrap_or_default() } else { fence.1 };
        walked.push_str(before);
        walked.push_str(&filled(fence.0, body, folder));
    }
    walked
}

/// The text before a fence and up to its first line, the fence's words, and its body.
fn opening(part: &str) -> Option<(&str, (&str, &str))> {
    let at = part.find("```")? + 3;
    let (words, _) = part[at..].split_once('\n')?;
    let body = at + words.len() + 1;
    (!words.is_empty()).then(|| (&part[..body], (words, &part[body..])))
}

fn filled(words: &str, body: &str, folder: &Path) -> String {
    match words.split_once(' ') {
        Some((_, name)) => fs::write(folder.join(name), body.trim_end_matches("```\n")).unwrap(),
        None if words == "console" => return console(body, folder),
        None => {}
    }
    body.to_owned()
}

/// Runs the commands of a fence.
fn console(body: &str, folder: &Path) -> String {
    let commands = body.lines().filter_map(|line| line.strip_prefix("$ "));
    let printed: Vec<String> = commands.map(|line| format!("$ {line}\n{}", print(line, folder))).collect();
    printed.join("\n") + "```\n"
}

/// What a command prints, as it would stand on a screen that is as wide as a terminal was for long.
fn print(line: &str, folder: &Path) -> String {
    let programs = Path::new(env!("CARGO_BIN_EXE_reenact")).parent().unwrap().display();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env_remove("REENACT_STORE")
        .env_remove("REENACT_MASK_KEY");
    let output = shell.env_remove("COLUMNS").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The text without what differs each time: the ids of runs and of simulated sessions, and when a run began.
fn nameless(text: &str) -> String {
    let ids =
        Regex::new("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|sim-[0-9a-f]{16}|\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d UTC")
            .unwrap();
    ids.replace_all(text, "ID").into_owned()
}

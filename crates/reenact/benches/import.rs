//! How fast recorded conversations are read and stored, and in how much memory.
//!
//! ```text
//! cargo bench -p reenact --bench import -- FILE_OR_FOLDER...
//! ```
//!
//! Every file in a known format is made 20 times larger by repeating it under new ids. Parsing and
//! import into a store on disk (with its search index) are timed on the large file; each import runs in
//! a process of its own, whose peak memory the system tells (on Linux).

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use reenact::Store;
use reenact::import::{Input, Options, import, read};

const TIMES_LARGER: usize = 20;

type AnyError = Box<dyn std::error::Error>;

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match &arguments[..] {
        [verb, file, store] if verb == "measure" => return measure(Path::new(file), Path::new(store)),
        [] => return Err("name the files or folders to read".into()),
        _ => {}
    }
    println!(
        "{:30} {:>8} {:>12} {:>12} {:>14} {:>10} {:>10}",
        "file", "MB", "parse MB/s", "store MB/s", "sessions/s", "peak MB", "of 1/20"
    );
    for path in arguments.iter().map(Path::new) {
        for file in files(path)? {
            line(&file)?;
        }
    }
    Ok(())
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    Ok(files)
}

fn line(file: &Path) -> Result<(), AnyError> {
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("large.jsonl");
    if enlarge(file, &large)? == 0 {
        return Ok(());
    }
    let megabytes = std::fs::metadata(&large)?.len() as f64 / 1e6;
    let begun = Instant::now();
    read(vec![Input::from(large.as_path())], None, &mut |_| Ok(()))?;
    let parse_seconds = begun.elapsed().as_secs_f64();
    let small = imported_by_child(file, &folder.path().join("small.db"))?;
    let stored = imported_by_child(&large, &folder.path().join("large.db"))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    println!(
        "{name:30} {megabytes:8.1} {:12.0} {:12.0} {:14.0} {:>10} {:>10}",
        megabytes / parse_seconds,
        megabytes / stored.seconds,
        stored.sessions as f64 / stored.seconds,
        stored.peak,
        small.peak
    );
    Ok(())
}

/// Repeats a file of JSON lines, each copy under ids of its own; the number of conversations in it.
fn enlarge(file: &Path, large: &Path) -> Result<usize, AnyError> {
    let mut ids: std::collections::BTreeMap<u64, Vec<String>> = std::collections::BTreeMap::new();
    read(vec![Input::from(file)], None, &mut |fragment| {
        ids.entry(fragment.line).or_default().extend(fragment.session.into_iter().chain(fragment.trace));
        Ok(())
    })?;
    let mut out = BufWriter::new(File::create(large)?);
    for copy in 0..TIMES_LARGER {
        for (line, number) in BufReader::new(File::open(file)?).lines().zip(1u64..) {
            let Some(ids) = ids.get(&number) else { continue };
            let line = line?;
            if ids.is_empty() {
                writeln!(out, "{}", line.replacen('{', &format!("{{\"id\":\"{copy}-{number}\","), 1))?;
            } else {
                let line = ids.iter().fold(line, |line, id| line.replace(id.as_str(), &format!("{copy}-{id}")));
                writeln!(out, "{line}")?;
            }
        }
    }
    out.flush()?;
    Ok(ids.len())
}

struct Measured {
    seconds: f64,
    sessions: u64,
    peak: String,
}

fn imported_by_child(file: &Path, store: &Path) -> Result<Measured, AnyError> {
    let output = Command::new(std::env::current_exe()?).arg("measure").arg(file).arg(store).output()?;
    let told = String::from_utf8(output.stdout)?;
    let mut fields = told.split_whitespace();
    let mut field = || fields.next().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned());
    Ok(Measured { seconds: field()?.parse()?, sessions: field()?.parse()?, peak: field()?.to_owned() })
}

/// What the child does: imports, and prints seconds, sessions and peak memory in MB.
fn measure(file: &Path, store: &Path) -> Result<(), AnyError> {
    let store = Store::open(store)?;
    let begun = Instant::now();
    let imported = import(vec![Input::from(file)], &Options::default(), &store, &mut |_| {})?;
    let seconds = begun.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    let peak = peak.map_or_else(|| "unknown".to_owned(), |kilobytes| format!("{:.0}", kilobytes / 1024.0));
    println!("{seconds} {} {peak}", imported.sessions());
    Ok(())
}

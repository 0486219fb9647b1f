//! The providers of models, and how one of them answered.

use reenact::Usage;
use reenact::model::Setting;

use super::{printable, table};
use crate::command::models::{Asked, Listed};

/// A line for each provider: its names, what it reads from the environment, and what of that is missing.
pub(crate) fn table(providers: &[Listed], width: u16) -> String {
    let mut table = table::new(width);
    table.set_header(["PROVIDER", "NAMES", "READS", "STATE"]);
    for provider in providers {
        let reads = provider.settings.iter().filter(|it| it.is_needed || it.found.is_some()).map(reads);
        let reads: Vec<String> = reads.collect();
        table.add_row([provider.provider.to_owned(), provider.name.clone(), reads.join("\n"), state(provider)]);
    }
    let others = "\nBesides: `http(s)://HOST/v1#MODEL` for anything that speaks chat completions (REENACT_API_KEY), `script:FILE`, \
        `replay:FILE`, `offline`.\n`reenact models NAME` asks one model a small question.\n";
    table::lines(&table) + others
}

/// The variable that is set, or those that would do.
fn reads(setting: &Setting) -> String {
    setting.found.clone().unwrap_or_else(|| setting.variables.join(" or "))
}

fn state(provider: &Listed) -> String {
    let missing = provider.settings.iter().filter(|it| it.is_needed && it.found.is_none()).map(|it| it.what);
    match missing.collect::<Vec<_>>().as_slice() {
        [] if provider.settings.iter().any(|it| it.what == "key" && it.found.is_some()) => "key found".to_owned(),
        [] => "needs no key".to_owned(),
        missing => format!("no {}", missing.join(", no ")),
    }
}

/// How long a model took and what it counted.
pub(crate) fn answered(asked: &Asked) -> String {
    let seconds = asked.latency_ms as f64 / 1000.0;
    let tokens = asked.usage.map_or_else(|| "its provider counts no tokens".to_owned(), |usage| tokens(&usage));
    format!("{} answers: {seconds:.2} s; {tokens}\n", printable(&asked.name))
}

fn tokens(usage: &Usage) -> String {
    let Usage { input_tokens, cached_tokens, output_tokens, .. } = usage;
    format!("{input_tokens} tokens read ({cached_tokens} from a cache), {output_tokens} written")
}

//! The two programs that the load benchmark measures a run against; `benchmarks/load.py` starts them.
//!
//! ```text
//! load serve DELAY_MS [KEEP]            a model server that answers every call after so many milliseconds
//! load floor KEEP ADDRESS CONVERSATIONS the smallest program that makes the calls of so many conversations
//! ```
//!
//! The floor makes the very calls that a run makes: the server keeps in the folder `KEEP` what one conversation asked it,
//! request by request, and the floor asks that again for each of its conversations, with the same HTTP client.

mod floor;
mod request;
mod server;

use std::path::Path;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["serve", delay_ms] => server::serve(delay_ms.parse()?, None),
        ["serve", delay_ms, keep] => server::serve(delay_ms.parse()?, Some(Path::new(keep))),
        ["floor", keep, address, conversations] => floor::hold(Path::new(keep), address, conversations.parse()?),
        _ => Err("expected `serve DELAY_MS [KEEP]` or `floor KEEP ADDRESS CONVERSATIONS`".into()),
    }
}

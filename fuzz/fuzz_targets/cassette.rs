//! Any text as a cassette: what is read is written and read again as it was.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use reenact::Cassette;

fuzz_target!(|text: &str| {
    if let Ok(cassette) = Cassette::parse(text, Path::new("fuzz")) {
        let written = cassette.to_string();
        assert_eq!(Cassette::parse(&written, Path::new("fuzz")).unwrap(), cassette);
    }
});

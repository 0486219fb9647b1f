//! The files of other tools, each reader on the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::interchange::{Peer, read, write};

fuzz_target!(|text: &str| {
    for peer in Peer::all() {
        if let Ok(told) = read(text, peer) {
            let written = write(&told.suite, peer);
            assert_eq!(read(&written.text, peer).unwrap().suite, told.suite);
        }
    }
});

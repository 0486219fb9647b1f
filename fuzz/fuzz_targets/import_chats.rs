//! The formats whose records are whole sessions, each forced on the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::import::{Format, Input, read};

const FORMATS: [Format; 3] = [Format::OpenAiChat, Format::ShareGpt, Format::Reenact];

fuzz_target!(|given: (u8, &[u8])| {
    let format = FORMATS[usize::from(given.0) % FORMATS.len()];
    let input = Input::Stream("fuzz".to_owned(), Box::new(std::io::Cursor::new(given.1.to_vec())));
    read(vec![input], Some(format), &mut |_| Ok(())).unwrap();
});

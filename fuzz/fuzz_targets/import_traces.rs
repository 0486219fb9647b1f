//! The formats of traces, each forced on the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::import::{Format, Input, read};

const FORMATS: [Format; 5] = [Format::Otlp, Format::Mlflow, Format::LangSmith, Format::Langfuse, Format::Phoenix];

fuzz_target!(|given: (u8, &[u8])| {
    let format = FORMATS[usize::from(given.0) % FORMATS.len()];
    let input = Input::Stream("fuzz".to_owned(), Box::new(std::io::Cursor::new(given.1.to_vec())));
    read(vec![input], Some(format), &mut |_| Ok(())).unwrap();
});

//! Any bytes: compression, layout and format are told by the content.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::import::{Input, read};

fuzz_target!(|bytes: &[u8]| {
    let input = Input::Stream("fuzz".to_owned(), Box::new(std::io::Cursor::new(bytes.to_vec())));
    read(vec![input], None, &mut |_| Ok(())).unwrap();
});

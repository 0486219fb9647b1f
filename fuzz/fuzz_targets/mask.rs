//! Any texts as a session: what is masked holds nothing that was found, and is masked the same way again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reenact::mask::{MaskKey, Masker};
use reenact::{Message, Session, Speaker};

fuzz_target!(|text: &str| {
    let speakers = [Speaker::User, Speaker::Agent, Speaker::Tool, Speaker::Operator];
    let said = text.split('\0').zip(speakers.into_iter().cycle()).map(|(text, speaker)| Message::new(speaker, text));
    let session = Session::new("fuzz", said.collect());
    let masker = Masker::new(MaskKey::from_bytes([7; 32]));
    let masked = masker.mask(&session);
    assert_eq!(masked.originals.leaks_in(&masked.session.conversation), []);
    assert_eq!(masker.mask(&session).session, masked.session);
    assert_eq!(masker.mask(&masked.session).session, masked.session);
});

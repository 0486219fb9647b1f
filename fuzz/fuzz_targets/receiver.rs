//! What somebody sends to the receiver: taken, and read as far as it was taken.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reenact::Store;
use reenact::import::receiver::{Encoding, Receiver};
use tokio::runtime::Runtime;

static RECEIVING: OnceLock<(Runtime, Receiver)> = OnceLock::new();

fn receiving() -> (Runtime, Receiver) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    (runtime, Receiver::start(&Store::temporary().unwrap()).unwrap())
}

fuzz_target!(|given: (bool, &[u8])| {
    let (runtime, receiver) = RECEIVING.get_or_init(receiving);
    let encoding = if given.0 { Encoding::Json } else { Encoding::Protobuf };
    runtime.block_on(async {
        let room = receiver.room(given.1.len()).unwrap();
        if let Ok(receipt) = receiver.take(given.1.to_vec().into(), encoding, room).await
            && receipt.accepted > 0
        {
            receiver.settle().await.unwrap();
            assert!(receiver.standing().unwrap().fault.is_none());
        }
    });
});

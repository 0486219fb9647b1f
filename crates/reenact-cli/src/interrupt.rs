//! Ctrl-C: the first one stops cleanly, the second one at once. Nothing is lost either way.

use reenact::run::Stop;

use crate::{exit, output};

/// Lets Ctrl-C ask for a stop while `work` goes on.
pub(crate) async fn stopping<T>(stop: &Stop, work: impl Future<Output = T>) -> T {
    let listener = tokio::spawn(listen(stop.clone()));
    let done = work.await;
    listener.abort();
    done
}

async fn listen(stop: Stop) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.request();
        output::note("\nstopping: the calls on their way are waited for (Ctrl-C again to leave at once)");
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(exit::UNDECIDED.into());
    }
}

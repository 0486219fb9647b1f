//! A future on a task of its own, so that many go on at the same time on as many threads as there are.

use tokio::task::JoinHandle;

/// Runs a future on a task of its own and waits for it. The task ends with whoever waits: dropped, it is dropped too.
pub(super) async fn run<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let mut task = Task(tokio::spawn(future));
    match (&mut task.0).await {
        Ok(done) => done,
        // Only the drop below aborts a task, and then nobody waits here.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

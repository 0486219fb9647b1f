//! A future on a task of its own, so that many go on at the same time on as many threads as there are.

use tokio::task::JoinHandle;

/// Begins a future on a task of its own and waits for it. The task ends with whoever waits: dropped, it is dropped too.
///
/// It begins at once, so that whoever waits holds a handle, and not room for the future.
pub(super) fn run<T, F>(future: F) -> impl Future<Output = T> + use<T, F>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut task = Task(tokio::spawn(future));
    async move {
        match (&mut task.0).await {
            Ok(done) => done,
            // Only the drop below aborts a task, and then nobody waits here.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

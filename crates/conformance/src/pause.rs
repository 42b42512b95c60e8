//! An await point at which other tasks may run, and at which the task may be dropped.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

thread_local! {
    static PAUSED: Cell<bool> = const { Cell::new(false) };
}

/// Lets other tasks run first: under tokio any that is ready, in the simulator a random one.
pub(crate) async fn pause() {
    let mut done = false;
    poll_fn(|cx| {
        if done {
            return Poll::Ready(());
        }
        done = true;
        PAUSED.set(true);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Returns whether a future that was polled on this thread since the last call stopped at its own pause, and not to
/// wait for a thread of the store.
pub(crate) fn paused() -> bool {
    PAUSED.take()
}

//! An await point where others may go first, and where the one who awaits may be dropped.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::Poll;

thread_local! {
    static PAUSED: Cell<bool> = const { Cell::new(false) };
}

/// Lets others go first: under tokio whoever is ready, in the simulator whoever its dice choose.
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

/// Returns whether a future that was polled on this thread since the last call stopped at a pause of its own, and not to
/// wait for a thread of the store.
pub(crate) fn paused() -> bool {
    PAUSED.take()
}

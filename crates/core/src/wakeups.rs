//! Wake-ups inside a process: who waits for work or for news hears of it at once, and a wake-up is never lost.

use tokio::sync::watch;

/// Three bells that a store rings: *work* when a job may be claimed, *news* when a job's status changed, *cancels* when a
/// running job was called off.
///
/// A store rings for what it did itself and for what it hears from other processes. A bell is a hint: whoever hears it
/// looks, and whoever looks must bear to find nothing.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let wakeups = longshore_core::Wakeups::default();
/// let mut ear = wakeups.work();
/// wakeups.ring_work();
/// ear.heard().await; // at once: it rang after `work()` was called
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Wakeups {
    work: watch::Sender<()>,
    news: watch::Sender<()>,
    cancels: watch::Sender<()>,
}

impl Wakeups {
    /// Says that a job may have become claimable.
    pub fn ring_work(&self) {
        self.work.send_replace(());
    }

    /// Says that some job's status has changed.
    pub fn ring_news(&self) {
        self.news.send_replace(());
    }

    /// Says that a running job was called off.
    pub fn ring_cancels(&self) {
        self.cancels.send_replace(());
    }

    /// Starts listening for work.
    pub fn work(&self) -> Ear {
        Ear(self.work.subscribe())
    }

    /// Starts listening for news.
    pub fn news(&self) -> Ear {
        Ear(self.news.subscribe())
    }

    /// Starts listening for running jobs that are called off.
    pub fn cancels(&self) -> Ear {
        Ear(self.cancels.subscribe())
    }
}

/// Hears every ring since it was made or last heard one.
#[derive(Debug)]
pub struct Ear(watch::Receiver<()>);

impl Ear {
    /// Waits for the next ring; returns at once if it rang since the last call. Safe to drop at any time.
    pub async fn heard(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await; // the store is gone, and so will be whoever waits
        }
    }

    /// Forgets rings so far, for somebody who is about to look anyway.
    pub fn forget(&mut self) {
        self.0.mark_unchanged();
    }
}

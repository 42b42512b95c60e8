//! Watching jobs. All watchers in a process share one read per change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::{JobId, News, Status, Store, limits};

/// Changes within this time are read together.
const SPACING: Duration = Duration::from_millis(5);
/// The longest time between two reads without a notification, in case one was lost.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Follows the status of one job. Dropping it ends the watch.
///
/// # Examples
///
/// ```no_run
/// # async fn follow(backend: longshore_core::Backend, id: longshore_core::JobId) {
/// let mut watch = backend.watch(id);
/// while let Some(status) = watch.next().await {
///     println!("{}", status.state);
///     if status.state.is_final() {
///         break;
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Watch {
    seen: watch::Receiver<Seen>,
}

/// The latest status that a watcher has read.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Nothing,
    Unknown,
    Status(Status),
}

impl Watch {
    /// Waits for the next change and returns the new status.
    ///
    /// Returns `None` if the job is not found, for example because it was deleted. The first call returns as soon as
    /// the job has been read. The call keeps waiting while the store cannot be reached. Safe to drop at any time.
    pub async fn next(&mut self) -> Option<Status> {
        loop {
            if self.seen.changed().await.is_err() {
                return None;
            }
            match &*self.seen.borrow_and_update() {
                Seen::Nothing => continue,
                Seen::Unknown => return None,
                Seen::Status(status) => return Some(status.clone()),
            }
        }
    }
}

/// Reads job statuses for all watches of a process.
pub(crate) struct Watcher {
    hub: Arc<Hub>,
}

struct Hub {
    store: Arc<dyn Store>,
    jobs: Mutex<Jobs>,
    added: Notify,
}

#[derive(Default)]
struct Jobs {
    watched: HashMap<JobId, Vec<Watcher_>>,
    reading: bool,
    /// The number of reads that have started.
    reads: u64,
}

/// Marks reading as ended when it is dropped, also if its task ends with its runtime. The next watch then starts it
/// again.
struct ReadingEnds<'a>(Option<&'a Hub>);

impl Drop for ReadingEnds<'_> {
    fn drop(&mut self) {
        if let Some(hub) = self.0 {
            hub.jobs().reading = false;
        }
    }
}

/// A watch. It accepts only reads that started after the watch: the result of an earlier read may be outdated.
struct Watcher_ {
    since: u64,
    /// Whether a read has started since the watch was created.
    read: bool,
    publisher: watch::Sender<Seen>,
}

impl Watcher {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Watcher { hub: Arc::new(Hub { store, jobs: Mutex::default(), added: Notify::new() }) }
    }

    pub(crate) fn watch(&self, id: JobId) -> Watch {
        let mut jobs = self.hub.jobs();
        let (publisher, seen) = watch::channel(Seen::Nothing);
        let since = jobs.reads;
        jobs.watched.entry(id).or_default().push(Watcher_ { since, read: false, publisher });
        self.hub.added.notify_one();
        if !jobs.reading {
            jobs.reading = true;
            tokio::spawn(Arc::clone(&self.hub).read());
        }
        Watch { seen }
    }
}

impl Hub {
    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads watched jobs after each notification, until no watch is left.
    async fn read(self: Arc<Self>) {
        let mut reading = ReadingEnds(Some(&self));
        let mut news = self.store.notifications().subscribe_news();
        let (mut about, mut poll_at) = (News::All, tokio::time::Instant::now() + POLL_INTERVAL);
        while let Some((read, ids)) = self.watched(&about) {
            for batch in ids.chunks(limits::BATCH) {
                match self.store.status(batch.to_vec()).await {
                    Ok(statuses) => self.publish(read, batch, statuses),
                    Err(e) => tracing::warn!(error = %e, "cannot read watched jobs; will try again"),
                }
            }
            tokio::time::sleep(SPACING).await;
            about = tokio::select! {
                news = news.recv() => news,
                () = self.added.notified() => News::default(),
                () = tokio::time::sleep_until(poll_at) => News::All,
            };
            if about == News::All {
                poll_at = tokio::time::Instant::now() + POLL_INTERVAL;
            }
        }
        reading.0 = None; // already marked under the lock; another task may read by now
    }

    /// Starts a read. Returns its number and the jobs to read: watched jobs that the news name or that were not read
    /// before. If there is no watch, marks reading as ended under the same lock.
    fn watched(&self, news: &News) -> Option<(u64, Vec<JobId>)> {
        let mut jobs = self.jobs();
        jobs.watched.retain(|_, watches| {
            watches.retain(|watched| watched.publisher.receiver_count() > 0);
            !watches.is_empty()
        });
        jobs.reads += 1;
        let any = !jobs.watched.is_empty();
        jobs.reading = any;
        let reads = jobs.reads;
        let mut ids = Vec::new();
        for (id, watches) in &mut jobs.watched {
            let mut is_new = false;
            for watched in watches {
                is_new |= !std::mem::replace(&mut watched.read, true);
            }
            if is_new || news.is_about(id) {
                ids.push(*id);
            }
        }
        any.then_some((reads, ids))
    }

    fn publish(&self, read: u64, ids: &[JobId], statuses: Vec<Option<Status>>) {
        let jobs = self.jobs();
        for (id, status) in ids.iter().zip(statuses) {
            let new = status.map_or(Seen::Unknown, Seen::Status);
            for watched in jobs.watched.get(id).into_iter().flatten().filter(|watched| watched.since < read) {
                watched.publisher.send_if_modified(|seen| {
                    let changed = *seen != new;
                    seen.clone_from(&new);
                    changed
                });
            }
        }
    }
}

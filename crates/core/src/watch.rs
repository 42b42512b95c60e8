//! Watching jobs: any number of watchers in a process cost one read a change, not one each.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::{JobId, News, Status, Store, limits};

/// Changes that come faster than this are read together.
const SPACING: Duration = Duration::from_millis(5);
/// A look without having heard anything, for news that got lost between processes.
const LOOK_ANYWAY: Duration = Duration::from_secs(1);

/// Follows one job. Dropping it ends the watch.
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

/// The newest a watcher has read.
#[derive(Clone, Debug, PartialEq)]
enum Seen {
    Nothing,
    Unknown,
    Status(Status),
}

impl Watch {
    /// Waits for the next change and returns it; `None` means that nobody knows the job (any more). The first call answers
    /// as soon as the job has been read. A store that cannot be reached makes it wait. Safe to drop at any time.
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

/// Reads for all watches of a process.
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
    watched: HashMap<JobId, Vec<Watched>>,
    reading: bool,
    /// How many reads have begun.
    reads: u64,
}

/// Says that reading has ended, also where its task was dropped with its runtime: the next watch starts it again.
struct Ends<'a>(Option<&'a Hub>);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        if let Some(hub) = self.0 {
            hub.jobs().reading = false;
        }
    }
}

/// One watch, which hears of reads that began after it did: what was read before may be older than what its maker has done.
struct Watched {
    since: u64,
    /// Whether a read began since then.
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
        jobs.watched.entry(id).or_default().push(Watched { since, read: false, publisher });
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

    /// Reads watched jobs with each news until nobody watches any more.
    async fn read(self: Arc<Self>) {
        let mut ends = Ends(Some(&self));
        let mut news = self.store.notifications().subscribe_news();
        let (mut about, mut look_at) = (News::All, tokio::time::Instant::now() + LOOK_ANYWAY);
        while let Some((read, ids)) = self.watched(&about) {
            for batch in ids.chunks(limits::BATCH) {
                match self.store.status(batch.to_vec()).await {
                    Ok(statuses) => self.tell(read, batch, statuses),
                    Err(e) => tracing::warn!(error = %e, "cannot read watched jobs; will try again"),
                }
            }
            tokio::time::sleep(SPACING).await;
            about = tokio::select! {
                news = news.recv() => news,
                () = self.added.notified() => News::default(),
                () = tokio::time::sleep_until(look_at) => News::All,
            };
            if about == News::All {
                look_at = tokio::time::Instant::now() + LOOK_ANYWAY;
            }
        }
        ends.0 = None; // said already, under the lock; by now another may be reading
    }

    /// Begins a read: returns its number, and those of the jobs somebody still watches that the news are about, or that were not read
    /// before. With nobody watching, says under the same lock that reading has ended.
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

    fn tell(&self, read: u64, ids: &[JobId], statuses: Vec<Option<Status>>) {
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

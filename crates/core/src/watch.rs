//! Watching jobs. All watchers in a process share one read per change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::{JobId, News, Status, Store, limits};

/// Changes within this time are read together.
const SPACING: Duration = Duration::from_millis(5);
/// The time after the first read of a job, or after its last change, until it is read again without a notification, in
/// case one was lost. It doubles with each such read that finds no change.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// The longest time between two reads of a job.
const LONGEST_LOOK: Duration = Duration::from_secs(10);
/// Jobs whose next reads are this close together are read together.
const LOOK_TOGETHER: Duration = Duration::from_millis(500);

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
    watched: HashMap<JobId, Watched>,
    reading: bool,
    /// The number of reads that have started.
    reads: u64,
}

/// The watches of one job, and when it is read again without a notification.
struct Watched {
    watches: Vec<Publisher>,
    look: Duration,
    look_at: Instant,
}

/// A watch. It accepts only reads that started after the watch: the result of an earlier read may be outdated.
struct Publisher {
    since: u64,
    /// Whether a read has started since the watch was created.
    read: bool,
    publisher: watch::Sender<Seen>,
}

/// A read that starts now.
#[derive(Debug, PartialEq)]
struct Read {
    number: u64,
    jobs: Vec<JobId>,
}

impl Jobs {
    fn add(&mut self, id: JobId, publisher: watch::Sender<Seen>, now: Instant) {
        let watched = self.watched.entry(id).or_insert_with(|| Watched {
            watches: Vec::new(),
            look: SHORTEST_LOOK,
            look_at: now,
        });
        watched.watches.push(Publisher { since: self.reads, read: false, publisher });
    }

    /// Starts a read of the watched jobs that the news name, that were not read before, or that are due for another
    /// read. Returns `None` if there is no watch.
    fn read(&mut self, news: &News, now: Instant) -> Option<Read> {
        self.watched.retain(|_, watched| {
            watched.watches.retain(|watch| watch.publisher.receiver_count() > 0);
            !watched.watches.is_empty()
        });
        self.reads += 1;
        let mut jobs = Vec::new();
        for (id, watched) in &mut self.watched {
            let mut is_new = false;
            for watch in &mut watched.watches {
                is_new |= !std::mem::replace(&mut watch.read, true);
            }
            let is_due = watched.look_at <= now + LOOK_TOGETHER;
            if is_new || is_due || news.is_about(id) {
                watched.look_at = now + watched.look;
                if is_due {
                    watched.look = (watched.look * 2).min(LONGEST_LOOK);
                }
                jobs.push(*id);
            }
        }
        (!self.watched.is_empty()).then_some(Read { number: self.reads, jobs })
    }

    /// Returns when to read next without a notification.
    fn next_look(&self) -> Option<Instant> {
        self.watched.values().map(|watched| watched.look_at).min()
    }

    /// Publishes what the read of that number has found.
    fn publish(&mut self, number: u64, ids: &[JobId], statuses: Vec<Option<Status>>, now: Instant) {
        for (id, status) in ids.iter().zip(statuses) {
            let Some(watched) = self.watched.get_mut(id) else { continue };
            let new = status.map_or(Seen::Unknown, Seen::Status);
            let mut any = false;
            for watch in watched.watches.iter().filter(|watch| watch.since < number) {
                any |= watch.publisher.send_if_modified(|seen| {
                    let changed = *seen != new;
                    seen.clone_from(&new);
                    changed
                });
            }
            if any {
                (watched.look, watched.look_at) = (SHORTEST_LOOK, now + SHORTEST_LOOK);
            }
        }
    }
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

impl Watcher {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Watcher { hub: Arc::new(Hub { store, jobs: Mutex::default(), added: Notify::new() }) }
    }

    pub(crate) fn watch(&self, id: JobId) -> Watch {
        let mut jobs = self.hub.jobs();
        let (publisher, seen) = watch::channel(Seen::Nothing);
        jobs.add(id, publisher, Instant::now());
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

    /// Reads watched jobs after each notification, and now and then without one, until no watch is left.
    async fn read(self: Arc<Self>) {
        let mut reading = ReadingEnds(Some(&self));
        let mut news = self.store.notifications().subscribe_news();
        let mut about = News::All;
        while let Some(read) = self.start(&about) {
            for batch in read.jobs.chunks(limits::BATCH) {
                match self.store.status(batch.to_vec()).await {
                    Ok(statuses) => self.jobs().publish(read.number, batch, statuses, Instant::now()),
                    Err(e) => tracing::warn!(error = %e, "cannot read watched jobs; will try again"),
                }
            }
            tokio::time::sleep(SPACING).await;
            let next_look = self.jobs().next_look().unwrap_or_else(Instant::now);
            about = tokio::select! {
                news = news.recv() => news,
                () = self.added.notified() => News::default(),
                () = tokio::time::sleep_until(next_look) => News::default(),
            };
        }
        reading.0 = None; // already marked under the lock; another task may read by now
    }

    /// Starts a read. If there is no watch, marks reading as ended under the same lock.
    fn start(&self, news: &News) -> Option<Read> {
        let mut jobs = self.jobs();
        let read = jobs.read(news, Instant::now());
        jobs.reading = read.is_some();
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{QueueName, State};

    const SEC: Duration = Duration::from_secs(1);

    struct Bench {
        jobs: Jobs,
        ids: Vec<JobId>,
        watches: Vec<watch::Receiver<Seen>>,
        began: Instant,
    }

    /// Watches that many jobs, which have been read once.
    fn setup(n: usize) -> Bench {
        let (mut jobs, mut watches, began) = (Jobs::default(), Vec::new(), Instant::now());
        let ids: Vec<_> = (0..n).map(|_| JobId::new(&QueueName::default())).collect();
        for id in &ids {
            let (publisher, seen) = watch::channel(Seen::Nothing);
            jobs.add(*id, publisher, began);
            watches.push(seen);
        }
        assert_eq!(jobs.read(&News::default(), began).unwrap().jobs.len(), n, "new watches are read");
        let mut bench = Bench { jobs, ids, watches, began };
        bench.publish(State::Ready, began);
        bench
    }

    impl Bench {
        fn publish(&mut self, state: State, now: Instant) {
            let status = |id: &JobId| {
                let (progress, reason, message) = (None, None, None);
                Some(Status { id: *id, state, attempt: 0, max_attempts: 1, progress, reason, message, version: 0 })
            };
            let (number, ids) = (self.jobs.reads, self.ids.clone());
            self.jobs.publish(number, &ids, ids.iter().map(status).collect(), now);
        }

        fn read(&mut self, news: &News, after: Duration) -> Read {
            self.jobs.read(news, self.began + after).expect("jobs are watched")
        }
    }

    #[test]
    fn news_of_a_job_read_that_job_only() {
        let mut bench = setup(3);
        let one = bench.ids[1];
        assert_eq!(bench.read(&News::of(one), SEC / 10).jobs, [one]);
        assert!(bench.read(&News::of(JobId::new(&QueueName::default())), SEC / 10).jobs.is_empty());
        assert_eq!(bench.read(&News::All, SEC / 10).jobs.len(), 3, "a notification may have been missed");
    }

    #[test]
    fn job_that_does_not_change_is_read_less_and_less_often() {
        let mut bench = setup(1);
        let (mut at, mut looks) = (Duration::ZERO, Vec::new());
        for _ in 0..6 {
            bench.read(&News::default(), at);
            let next = bench.jobs.next_look().unwrap() - bench.began;
            looks.push((next - at).as_secs());
            at = next;
            bench.publish(State::Ready, bench.began + at);
        }
        assert_eq!(looks, [1, 1, 2, 4, 8, 10]);
        bench.read(&News::default(), at);
        bench.publish(State::Running, bench.began + at);
        assert_eq!(bench.jobs.next_look(), Some(bench.began + at + SEC), "it may change again soon");
    }

    #[test]
    fn watch_that_ended_is_read_no_more() {
        let mut bench = setup(2);
        bench.watches.pop();
        assert_eq!(bench.read(&News::All, SEC).jobs, bench.ids[..1]);
        bench.watches.clear();
        assert_eq!(bench.jobs.read(&News::All, bench.began + SEC), None);
    }
}

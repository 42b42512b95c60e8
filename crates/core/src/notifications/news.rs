//! News: jobs whose status has changed, and their watchers.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::{alive, lock};
use crate::JobId;

/// The jobs whose status has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// These jobs.
    Jobs(HashSet<JobId>),
    /// Possibly any job: too many have changed to list them, or a notification may have been missed.
    All,
}

/// A process receives news for this long after its last watcher has ended, because another one may follow soon.
const LINGER: Duration = Duration::from_secs(10);

/// The largest number of listed jobs. More become [`News::All`].
const MOST_NAMED: usize = 1_000;

impl Default for News {
    /// Returns news without jobs.
    fn default() -> Self {
        News::Jobs(HashSet::new())
    }
}

impl News {
    /// Returns news of one job.
    pub fn of(id: JobId) -> Self {
        News::Jobs(HashSet::from([id]))
    }

    /// Adds a job.
    pub fn add(&mut self, id: JobId) {
        self.add_all([id]);
    }

    /// Adds jobs.
    pub fn add_all(&mut self, ids: impl IntoIterator<Item = JobId>) {
        let News::Jobs(named) = self else { return };
        named.extend(ids);
        if named.len() > MOST_NAMED {
            *self = News::All;
        }
    }

    /// Adds the jobs of other news.
    pub fn merge(&mut self, other: News) {
        match other {
            News::Jobs(ids) => self.add_all(ids),
            News::All => *self = News::All,
        }
    }

    /// Returns whether no job has changed.
    pub fn is_empty(&self) -> bool {
        matches!(self, News::Jobs(named) if named.is_empty())
    }

    /// Returns whether that job may have changed.
    pub fn is_about(&self, id: &JobId) -> bool {
        match self {
            News::Jobs(named) => named.contains(id),
            News::All => true,
        }
    }
}

/// The watchers of jobs.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    receivers: Mutex<Vec<Weak<NewsReceiver>>>,
    count: watch::Sender<usize>,
}

impl Watchers {
    pub(super) fn notify(&self, news: &News) {
        if news.is_empty() || *self.count.borrow() == 0 {
            return;
        }
        for receiver in alive(&self.receivers) {
            lock(&receiver.waiting).merge(news.clone());
            receiver.wake.notify_one();
        }
    }

    pub(super) fn subscribe(self: &Arc<Self>) -> NewsSubscription {
        let receiver = Arc::new(NewsReceiver { waiting: Mutex::default(), wake: Notify::new() });
        lock(&self.receivers).push(Arc::downgrade(&receiver));
        self.count.send_modify(|watchers| *watchers += 1);
        NewsSubscription { receiver, watchers: Arc::clone(self) }
    }

    pub(super) fn watched(&self) -> Watched {
        Watched { watchers: self.count.subscribe(), receives: false, end_at: None }
    }
}

/// Tells a store whether to receive news from other processes: while this process watches jobs, and for ten seconds
/// afterwards, because another watcher may follow soon.
///
/// A store starts without receiving news, also after each new connection.
///
/// # Examples
///
/// ```
/// use longshore_core::{Notifications, Reception};
/// use std::time::{Duration, Instant};
///
/// let (notifications, now) = (Notifications::default(), Instant::now());
/// let mut watched = notifications.watched();
/// assert_eq!(watched.next(now), None);
///
/// let watcher = notifications.subscribe_news();
/// assert_eq!(watched.next(now), Some(Reception::Begin));
/// drop(watcher);
/// assert_eq!(watched.next(now), None, "the next watcher may come soon");
/// assert_eq!(watched.next(now + Duration::from_secs(10)), Some(Reception::End));
/// ```
#[derive(Debug)]
pub struct Watched {
    watchers: watch::Receiver<usize>,
    receives: bool,
    end_at: Option<Instant>,
}

/// What a store must do about news from other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// Start to receive news, and notify all watchers once of all jobs, because earlier news were not received.
    Begin,
    /// Stop receiving news.
    End,
}

impl Watched {
    /// Returns what to do now. Each change is returned once.
    pub fn next(&mut self, now: Instant) -> Option<Reception> {
        let watched = *self.watchers.borrow_and_update() > 0;
        self.end_at = (self.receives && !watched).then(|| self.end_at.unwrap_or(now + LINGER));
        let receives = watched || self.end_at.is_some_and(|end_at| end_at > now);
        if receives == self.receives {
            return None;
        }
        (self.receives, self.end_at) = (receives, None);
        Some(if receives { Reception::Begin } else { Reception::End })
    }

    /// Returns when to call [`Watched::next`] again even if nothing has [changed](Watched::changed).
    pub fn end_at(&self) -> Option<Instant> {
        self.end_at
    }

    /// Waits until the number of watchers may have changed. Safe to drop at any time.
    pub async fn changed(&mut self) {
        if self.watchers.changed().await.is_err() {
            pending::<()>().await; // the store is gone
        }
    }
}

#[derive(Debug)]
struct NewsReceiver {
    waiting: Mutex<News>,
    wake: Notify,
}

/// Receives news of jobs. Dropping it ends the subscription.
#[derive(Debug)]
pub struct NewsSubscription {
    receiver: Arc<NewsReceiver>,
    watchers: Arc<Watchers>,
}

impl NewsSubscription {
    /// Waits for the next news and returns all news since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) -> News {
        loop {
            let news = std::mem::take(&mut *lock(&self.receiver.waiting));
            if !news.is_empty() {
                return news;
            }
            self.receiver.wake.notified().await;
        }
    }

    /// Discards all news so far, for a receiver that is about to read the jobs anyway.
    pub fn forget(&mut self) {
        *lock(&self.receiver.waiting) = News::default();
    }
}

impl Drop for NewsSubscription {
    fn drop(&mut self) {
        self.watchers.count.send_modify(|watchers| *watchers -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Notifications, QueueName};

    #[tokio::test]
    async fn news_are_merged_until_they_are_received() {
        let notifications = Notifications::default();
        let ids: Vec<JobId> = (0..MOST_NAMED + 1).map(|_| JobId::new(&QueueName::default())).collect();
        let named = |ids: &[JobId]| News::Jobs(ids.iter().copied().collect());
        notifications.notify_news(&News::All);
        let mut news = notifications.subscribe_news();
        notifications.notify_news(&named(&ids[..1]));
        notifications.notify_news(&named(&ids[1..2]));
        assert_eq!(news.recv().await, named(&ids[..2]), "what was told before is not heard");
        notifications.notify_news(&named(&ids));
        notifications.notify_news(&named(&ids[..1]));
        assert_eq!(news.recv().await, News::All, "too many to be named");
    }

    #[test]
    fn news_are_received_while_there_are_watchers_and_ten_seconds_longer() {
        let (notifications, start) = (Notifications::default(), Instant::now());
        let mut watched = notifications.watched();
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!((watched.next(start), watched.end_at()), (None, None));
        let first = notifications.subscribe_news();
        let second = notifications.subscribe_news();
        assert_eq!(watched.next(start), Some(Reception::Begin));
        drop(first);
        assert_eq!((watched.next(after(20)), watched.end_at()), (None, None), "one is left");
        drop(second);
        assert_eq!((watched.next(after(20)), watched.end_at()), (None, Some(after(30))));
        let third = notifications.subscribe_news();
        assert_eq!((watched.next(after(29)), watched.end_at()), (None, None), "it came soon enough");
        drop(third);
        assert_eq!((watched.next(after(40)), watched.next(after(49))), (None, None));
        assert_eq!((watched.next(after(50)), watched.end_at()), (Some(Reception::End), None));
        assert_eq!((watched.next(after(90)), watched.end_at()), (None, None));
    }
}

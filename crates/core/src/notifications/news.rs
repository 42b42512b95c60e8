//! News: jobs whose status has changed, and whoever watches them.

use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::{alive, lock};
use crate::JobId;

/// Which jobs' status has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// These.
    Jobs(HashSet<JobId>),
    /// Perhaps any: too many have changed to name them, or something may have been missed.
    All,
}

/// A process receives news for this long after its last watcher is gone: the next may come soon.
const LINGER: Duration = Duration::from_secs(10);

/// So many jobs are named at most; news of more are news of all.
const MOST_NAMED: usize = 1_000;

impl Default for News {
    /// Names nobody.
    fn default() -> Self {
        News::Jobs(HashSet::new())
    }
}

impl News {
    /// Names one job.
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

    /// Adds what other news name.
    pub fn merge(&mut self, other: News) {
        match other {
            News::Jobs(ids) => self.add_all(ids),
            News::All => *self = News::All,
        }
    }

    /// Returns whether nobody is named.
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

/// Whoever watches jobs.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    places: Mutex<Vec<Weak<NewsPlace>>>,
    count: watch::Sender<usize>,
}

impl Watchers {
    pub(super) fn tell(&self, news: &News) {
        if news.is_empty() || *self.count.borrow() == 0 {
            return;
        }
        for place in alive(&self.places) {
            lock(&place.waiting).merge(news.clone());
            place.wake.notify_one();
        }
    }

    pub(super) fn subscribe(self: &Arc<Self>) -> NewsSubscription {
        let place = Arc::new(NewsPlace { waiting: Mutex::default(), wake: Notify::new() });
        lock(&self.places).push(Arc::downgrade(&place));
        self.count.send_modify(|watchers| *watchers += 1);
        NewsSubscription { place, watchers: Arc::clone(self) }
    }

    pub(super) fn watched(&self) -> Watched {
        Watched { watchers: self.count.subscribe(), receives: false, end_at: None }
    }
}

/// Follows whether a store is to receive news from other processes: while somebody here watches jobs, and for ten seconds afterwards,
/// because the next may come soon. A store begins without receiving them, after each new connection as well.
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

/// What a store is to do about news from other processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// Receive them from now on, and tell all watchers once of all jobs, for what came before.
    Begin,
    /// Receive none any more.
    End,
}

impl Watched {
    /// Returns what is to be done now; it is returned once, and counts as done.
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

    /// Returns when [`Watched::next`] is to be called again even if nothing has [changed](Watched::changed).
    pub fn end_at(&self) -> Option<Instant> {
        self.end_at
    }

    /// Waits until watchers may have come or gone. Safe to drop at any time.
    pub async fn changed(&mut self) {
        if self.watchers.changed().await.is_err() {
            pending::<()>().await; // the store is gone
        }
    }
}

#[derive(Debug)]
struct NewsPlace {
    waiting: Mutex<News>,
    wake: Notify,
}

/// Receives news of jobs. Dropping it ends that.
#[derive(Debug)]
pub struct NewsSubscription {
    place: Arc<NewsPlace>,
    watchers: Arc<Watchers>,
}

impl NewsSubscription {
    /// Waits for the next news and returns all since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) -> News {
        loop {
            let news = std::mem::take(&mut *lock(&self.place.waiting));
            if !news.is_empty() {
                return news;
            }
            self.place.wake.notified().await;
        }
    }

    /// Forgets news so far, for somebody who is about to look anyway.
    pub fn forget(&mut self) {
        *lock(&self.place.waiting) = News::default();
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
    async fn news_are_gathered_until_somebody_listens() {
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
    fn news_of_others_are_received_while_somebody_watches_and_a_while_longer() {
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

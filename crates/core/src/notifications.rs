//! Notifications within a process: of jobs that may be claimed, of jobs that have changed, of running jobs that were
//! cancelled.
//!
//! Design: docs/design/notifications.md
//!
//! A notification is a hint. Its receiver may find nothing. A notification may be lost, so every receiver also polls
//! from time to time.

mod news;
mod work;

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

pub use self::news::{News, NewsSubscription, Reception, Watched};
pub use self::work::{Work, WorkSubscription};
use crate::{Kind, QueueName};

/// The notifications of a change, collected until the change is committed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Notices {
    /// Jobs that may be claimed now or will be due.
    pub work: Vec<Work>,
    /// Whether any job may be claimable now, for example because a pause has ended.
    pub all_work: bool,
    /// Jobs whose status has changed.
    pub news: News,
    /// Whether cancellation of a running job was requested.
    pub cancels: bool,
}

impl Notices {
    /// Returns notices that cover any change, for receivers that were not connected for a while.
    pub fn of_everything() -> Self {
        Notices::without_names(true, true, true)
    }

    /// Returns notices of jobs that have changed.
    pub fn of_news(news: News) -> Self {
        Notices { news, ..Notices::default() }
    }

    /// Returns notices that any job may be claimable now.
    pub fn of_all_work() -> Self {
        Notices { all_work: true, ..Notices::default() }
    }

    /// Returns notices without names of queues and jobs, for short notifications from other processes.
    pub fn without_names(all_work: bool, all_news: bool, cancels: bool) -> Self {
        let news = if all_news { News::All } else { News::default() };
        Notices { work: Vec::new(), all_work, news, cancels }
    }

    /// Adds a job that may be claimed now or will be due.
    pub fn add_work(&mut self, queue: &QueueName, kind: &Kind) {
        match self.work.iter_mut().find(|work| work.queue == *queue && work.kind == *kind) {
            Some(work) => work.jobs += 1,
            None => self.work.push(Work::new(queue.clone(), kind.clone(), 1)),
        }
    }
}

/// Notifies receivers in this process. Cheap to clone.
///
/// Stores send notifications about their own changes and about those that other processes report. Notifications that
/// were not received yet are merged into one. All methods may be called from anywhere at any time, and a repeated
/// notification is harmless.
///
/// # Examples
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use longshore_core::{Notifications, QueueName, notifications::Work};
///
/// let notifications = Notifications::default();
/// let mut work = notifications.subscribe_work(vec![QueueName::default()], vec!["thumbnail".parse().unwrap()]);
/// work.set_capacity(1, vec![]);
/// let left = notifications.notify_work(Work::new(QueueName::default(), "thumbnail".parse().unwrap(), 3));
/// assert_eq!(left.unwrap().jobs, 2, "for others: there was room for one");
/// work.recv().await;
/// # });
/// ```
#[derive(Clone, Debug, Default)]
pub struct Notifications {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    workers: work::Workers,
    watchers: Arc<news::Watchers>,
    cancels: watch::Sender<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the receivers that still exist, and removes the others.
fn alive<T>(receivers: &Mutex<Vec<Weak<T>>>) -> Vec<Arc<T>> {
    let mut alive = Vec::new();
    lock(receivers).retain(|receiver| {
        let receiver = receiver.upgrade();
        alive.extend(receiver.clone());
        receiver.is_some()
    });
    alive
}

impl Notifications {
    /// Notifies receivers of jobs that may be claimed, as many as have room for them. Returns the jobs for which no
    /// receiver here has room.
    #[must_use = "notify other processes of the returned work"]
    pub fn notify_work(&self, work: Work) -> Option<Work> {
        self.inner.workers.notify(work)
    }

    /// Notifies every receiver that any job may be claimable now.
    pub fn notify_all_work(&self) {
        self.inner.workers.notify_all();
    }

    /// Notifies watchers that these jobs have changed.
    pub fn notify_news(&self, news: &News) {
        self.inner.watchers.notify(news);
    }

    /// Notifies workers that cancellation of a running job was requested.
    pub fn notify_cancels(&self) {
        self.inner.cancels.send_replace(());
    }

    /// Sends all collected notifications. Returns the work for which no receiver here has room.
    #[must_use = "notify other processes of the returned work"]
    pub fn notify(&self, notices: &Notices) -> Vec<Work> {
        let left = notices.work.iter().cloned().filter_map(|work| self.notify_work(work)).collect();
        if notices.all_work {
            self.notify_all_work();
        }
        self.notify_news(&notices.news);
        if notices.cancels {
            self.notify_cancels();
        }
        left
    }

    /// Subscribes to notifications of jobs of these kinds in these queues. The subscription has
    /// [room](WorkSubscription::set_capacity) for none at first.
    pub fn subscribe_work(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.inner.workers.subscribe(queues, kinds)
    }

    /// Subscribes to notifications of changed jobs.
    pub fn subscribe_news(&self) -> NewsSubscription {
        self.inner.watchers.subscribe()
    }

    /// Subscribes to notifications of cancelled running jobs.
    pub fn subscribe_cancels(&self) -> CancelSubscription {
        CancelSubscription(self.inner.cancels.subscribe())
    }

    /// Returns a value that tells a store whether to receive news from other processes.
    pub fn watched(&self) -> Watched {
        self.inner.watchers.watched()
    }

    /// Returns whether a receiver here has room for work.
    pub fn has_room(&self) -> bool {
        self.inner.workers.have_room()
    }
}

/// Receives notifications of cancelled running jobs.
#[derive(Debug)]
pub struct CancelSubscription(watch::Receiver<()>);

impl CancelSubscription {
    /// Waits for the next notification. Returns at once if there was one since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await; // the store was dropped
        }
    }
}

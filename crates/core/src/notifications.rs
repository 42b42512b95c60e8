//! Notifications inside a process: of jobs that may be claimed, of jobs that have changed, of running jobs that were called off.
//!
//! Design: docs/design/notifications.md
//!
//! A notification is a hint: who receives one may find nothing, and everybody also looks without one now and then, because one may be lost.

mod news;
mod work;

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::watch;

pub use self::news::{News, NewsSubscription, Reception, Watched};
pub use self::work::{Work, WorkSubscription};
use crate::{Kind, QueueName};

/// What is to be notified of a change, gathered until it is committed.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Notices {
    /// Jobs that may be claimed, or will be due.
    pub work: Vec<Work>,
    /// Any job may be claimable now, for example because a pause has ended.
    pub all_work: bool,
    /// Jobs whose status has changed.
    pub news: News,
    /// A running job was called off.
    pub cancels: bool,
}

impl Notices {
    /// Returns notices that cover any change: for whoever was not connected for a while.
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

    /// Returns notices that name no queue and no job: of what another process told in one word.
    pub fn without_names(all_work: bool, all_news: bool, cancels: bool) -> Self {
        let news = if all_news { News::All } else { News::default() };
        Notices { work: Vec::new(), all_work, news, cancels }
    }

    /// Adds a job that may be claimed, or will be due.
    pub fn add_work(&mut self, queue: &QueueName, kind: &Kind) {
        match self.work.iter_mut().find(|work| work.queue == *queue && work.kind == *kind) {
            Some(work) => work.jobs += 1,
            None => self.work.push(Work::new(queue.clone(), kind.clone(), 1)),
        }
    }
}

/// Tells whoever waits in this process; cheap to clone.
///
/// Stores notify for what they did themselves and for what they hear from other processes. Notifications that were not received yet are
/// merged into one. All methods may be called from anywhere at any time; a notification that is repeated does no harm.
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

/// Returns those that are still there, and forgets the others.
fn alive<T>(places: &Mutex<Vec<Weak<T>>>) -> Vec<Arc<T>> {
    let mut alive = Vec::new();
    lock(places).retain(|place| {
        let place = place.upgrade();
        alive.extend(place.clone());
        place.is_some()
    });
    alive
}

impl Notifications {
    /// Tells of jobs that may be claimed, as many receivers as have room for them; returns those for which nobody here has room.
    #[must_use = "other processes are to be notified of the rest"]
    pub fn notify_work(&self, work: Work) -> Option<Work> {
        self.inner.workers.tell(work)
    }

    /// Tells every receiver that any job may be claimable now.
    pub fn notify_all_work(&self) {
        self.inner.workers.tell_all();
    }

    /// Tells whoever watches jobs that these have changed.
    pub fn notify_news(&self, news: &News) {
        self.inner.watchers.tell(news);
    }

    /// Tells workers that a running job was called off.
    pub fn notify_cancels(&self) {
        self.inner.cancels.send_replace(());
    }

    /// Tells of all that was gathered; returns the work for which nobody here has room.
    #[must_use = "other processes are to be notified of the rest"]
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

    /// Starts to receive notifications of jobs of these kinds in these queues. There is [room](WorkSubscription::set_capacity) for none at first.
    pub fn subscribe_work(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        self.inner.workers.subscribe(queues, kinds)
    }

    /// Starts to receive news.
    pub fn subscribe_news(&self) -> NewsSubscription {
        self.inner.watchers.subscribe()
    }

    /// Starts to receive notifications of running jobs that are called off.
    pub fn subscribe_cancels(&self) -> CancelSubscription {
        CancelSubscription(self.inner.cancels.subscribe())
    }

    /// Starts to follow whether a store is to receive news from other processes.
    pub fn watched(&self) -> Watched {
        self.inner.watchers.watched()
    }

    /// Returns whether somebody here has room for work.
    pub fn has_room(&self) -> bool {
        self.inner.workers.have_room()
    }
}

/// Receives notifications of running jobs that were called off.
#[derive(Debug)]
pub struct CancelSubscription(watch::Receiver<()>);

impl CancelSubscription {
    /// Waits for the next; returns at once if there was one since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await; // the store is gone, and so will be whoever waits
        }
    }
}

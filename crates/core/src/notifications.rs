//! Notifications inside a process: of jobs that may be claimed, of jobs that have changed, of running jobs that were called off.
//!
//! A notification is a hint: who receives one may find nothing, and everybody also looks without one now and then, because one may be lost.

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Notify, watch};

use crate::{JobId, Kind, QueueName};

/// Jobs of one kind in one queue that may be claimed, or will be due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Their queue.
    pub queue: QueueName,
    /// Their kind.
    pub kind: Kind,
    /// How many there are.
    pub jobs: usize,
}

impl Work {
    /// Names so many jobs.
    pub fn new(queue: QueueName, kind: Kind, jobs: usize) -> Self {
        Work { queue, kind, jobs }
    }
}

/// Which jobs' status has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum News {
    /// These.
    Jobs(HashSet<JobId>),
    /// Perhaps any: too many have changed to name them, or something may have been missed.
    All,
}

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
        Notices { work: Vec::new(), all_work: true, news: News::All, cancels: true }
    }

    /// Returns notices of jobs that have changed.
    pub fn of_news(news: News) -> Self {
        Notices { news, ..Notices::default() }
    }

    /// Returns notices that any job may be claimable now.
    pub fn of_all_work() -> Self {
        Notices { all_work: true, ..Notices::default() }
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
    work: Mutex<Vec<Weak<WorkPlace>>>,
    /// Whose turn is first.
    turn: AtomicUsize,
    news: Mutex<Vec<Weak<NewsPlace>>>,
    /// How many wait for news.
    watchers: watch::Sender<usize>,
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
    pub fn notify_work(&self, mut work: Work) -> Option<Work> {
        let mut places = alive(&self.inner.work);
        if !places.is_empty() {
            let first = self.inner.turn.fetch_add(1, Ordering::Relaxed) % places.len();
            places.rotate_left(first);
        }
        for place in places {
            if work.jobs == 0 {
                break;
            }
            work.jobs -= place.take(&work);
        }
        (work.jobs > 0).then_some(work)
    }

    /// Tells every receiver that any job may be claimable now.
    pub fn notify_all_work(&self) {
        alive(&self.inner.work).iter().for_each(|place| place.look());
    }

    /// Tells whoever watches jobs that these have changed.
    pub fn notify_news(&self, news: &News) {
        if news.is_empty() || *self.inner.watchers.borrow() == 0 {
            return;
        }
        for place in alive(&self.inner.news) {
            let mut waiting = lock(&place.waiting);
            waiting.merge(news.clone());
            place.wake.notify_one();
        }
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
        let place = Arc::new(WorkPlace { queues, kinds, state: Mutex::default(), wake: Notify::new() });
        lock(&self.inner.work).push(Arc::downgrade(&place));
        WorkSubscription { place }
    }

    /// Starts to receive news.
    pub fn subscribe_news(&self) -> NewsSubscription {
        let place = Arc::new(NewsPlace { waiting: Mutex::default(), wake: Notify::new() });
        lock(&self.inner.news).push(Arc::downgrade(&place));
        self.inner.watchers.send_modify(|watchers| *watchers += 1);
        NewsSubscription { place, inner: Arc::clone(&self.inner) }
    }

    /// Starts to receive notifications of running jobs that are called off.
    pub fn subscribe_cancels(&self) -> CancelSubscription {
        CancelSubscription(self.inner.cancels.subscribe())
    }

    /// Starts to follow whether somebody here watches jobs: stores receive news of others only then.
    pub fn watched(&self) -> Watched {
        Watched(self.inner.watchers.subscribe())
    }

    /// Returns whether somebody here has room for work.
    pub fn has_room(&self) -> bool {
        alive(&self.inner.work).iter().any(|place| lock(&place.state).room > 0)
    }
}

/// Follows whether somebody watches jobs.
#[derive(Debug)]
pub struct Watched(watch::Receiver<usize>);

impl Watched {
    /// Returns whether somebody does now.
    pub fn now(&mut self) -> bool {
        *self.0.borrow_and_update() > 0
    }

    /// Waits until that may have changed. Safe to drop at any time.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            pending::<()>().await; // the store is gone
        }
    }
}

#[derive(Debug)]
struct WorkPlace {
    queues: Vec<QueueName>,
    kinds: Vec<Kind>,
    state: Mutex<Room>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Room {
    /// How many jobs more there is room for.
    room: usize,
    /// How many more of some kinds there is room for; of the others there is room for as many as fit.
    of_kinds: Vec<(Kind, usize)>,
    notified: bool,
    /// What it was notified of and has not looked for yet.
    taken: Vec<Work>,
    /// Whether there was no room for something.
    missed: bool,
}

impl WorkPlace {
    /// Takes as many of these jobs as there is room for; returns how many.
    fn take(&self, work: &Work) -> usize {
        if !self.queues.contains(&work.queue) || !self.kinds.contains(&work.kind) {
            return 0;
        }
        let mut state = lock(&self.state);
        let of_kind = state.of_kinds.iter().find(|(kind, _)| *kind == work.kind).map_or(usize::MAX, |(_, room)| *room);
        let taken = work.jobs.min(state.room).min(of_kind);
        state.missed |= state.room == 0;
        if taken > 0 {
            state.room -= taken;
            state.of_kinds.iter_mut().filter(|(kind, _)| *kind == work.kind).for_each(|(_, room)| *room -= taken);
            state.notified = true;
            match state.taken.iter_mut().find(|known| known.queue == work.queue && known.kind == work.kind) {
                Some(known) => known.jobs += taken,
                None => state.taken.push(Work { jobs: taken, ..work.clone() }),
            }
            self.wake.notify_one();
        }
        taken
    }

    fn look(&self) {
        lock(&self.state).notified = true;
        self.wake.notify_one();
    }
}

/// Receives notifications of work as far as it has room for it. Dropping it ends that.
#[derive(Debug)]
pub struct WorkSubscription {
    place: Arc<WorkPlace>,
}

impl WorkSubscription {
    /// Says for how many jobs there is room now, and for how many of some kinds; what was said before is forgotten. Where there was no
    /// room for anything until now, and something came, this is notified.
    pub fn set_capacity(&self, room: usize, of_kinds: Vec<(Kind, usize)>) {
        let mut state = lock(&self.place.state);
        (state.room, state.of_kinds) = (room, of_kinds);
        if room > 0 && std::mem::take(&mut state.missed) {
            state.notified = true;
            self.place.wake.notify_one();
        }
    }

    /// Waits for the next notification; returns at once if there was one since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) {
        while !lock(&self.place.state).look() {
            self.place.wake.notified().await;
        }
    }

    /// Takes no more, and returns what it was notified of and has not looked for: it is for others.
    pub fn close(&mut self) -> Vec<Work> {
        let mut state = lock(&self.place.state);
        (state.room, state.notified) = (0, false);
        std::mem::take(&mut state.taken)
    }

    /// Forgets notifications so far, for somebody who is about to look anyway.
    pub fn forget(&mut self) {
        lock(&self.place.state).look();
    }
}

impl Room {
    /// Returns whether there was a notification, and forgets it.
    fn look(&mut self) -> bool {
        self.taken.clear();
        std::mem::take(&mut self.notified)
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
    inner: Arc<Inner>,
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
        self.inner.watchers.send_modify(|watchers| *watchers -= 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn work(kind: &str, jobs: usize) -> Work {
        Work::new(QueueName::default(), kind.parse().unwrap(), jobs)
    }

    fn receiver(notifications: &Notifications, room: usize, kinds: &[&str]) -> WorkSubscription {
        let kinds = kinds.iter().map(|kind| kind.parse().unwrap()).collect();
        let receiver = notifications.subscribe_work(vec![QueueName::default()], kinds);
        receiver.set_capacity(room, vec![]);
        receiver
    }

    #[test]
    fn who_ends_gives_back_what_it_has_not_looked_for() {
        let notifications = Notifications::default();
        let mut receiver = receiver(&notifications, 3, &["a"]);
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert_eq!(receiver.close(), [work("a", 2)]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        assert_eq!(receiver.close(), []);
    }

    fn is_notified(receiver: &WorkSubscription) -> bool {
        lock(&receiver.place.state).notified
    }

    #[test]
    fn one_job_notifies_one_of_those_with_room_for_it() {
        let notifications = Notifications::default();
        let full = receiver(&notifications, 0, &["a"]);
        let other = receiver(&notifications, 5, &["other"]);
        let (one, two) = (receiver(&notifications, 1, &["a"]), receiver(&notifications, 1, &["a"]));
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert!(is_notified(&one) != is_notified(&two));
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert!(is_notified(&one) && is_notified(&two) && !is_notified(&full) && !is_notified(&other));
        assert_eq!(notifications.notify_work(work("a", 2)), Some(work("a", 2)), "for other processes");
    }

    #[test]
    fn other_queues_are_nobodys_business() {
        let notifications = Notifications::default();
        let receiver = receiver(&notifications, 1, &["a"]);
        let elsewhere = Work::new("elsewhere".parse().unwrap(), "a".parse().unwrap(), 1);
        assert_eq!(notifications.notify_work(elsewhere.clone()), Some(elsewhere));
        receiver.set_capacity(1, vec![]);
        assert!(!is_notified(&receiver), "nothing was missed");
    }

    #[test]
    fn who_had_no_room_looks_as_soon_as_there_is_some() {
        let notifications = Notifications::default();
        let receiver = receiver(&notifications, 0, &["a"]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        receiver.set_capacity(0, vec![]);
        assert!(!is_notified(&receiver));
        receiver.set_capacity(1, vec![]);
        assert!(is_notified(&receiver));
    }

    #[test]
    fn kind_that_is_full_is_for_others_until_it_is_not() {
        let notifications = Notifications::default();
        let mut receiver = receiver(&notifications, 3, &["a", "b"]);
        receiver.set_capacity(3, vec![("a".parse().unwrap(), 0)]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        assert!(!is_notified(&receiver));
        receiver.set_capacity(3, vec![("a".parse().unwrap(), 1)]);
        assert!(!is_notified(&receiver), "whoever frees the kind looks anyway");
        assert_eq!(notifications.notify_work(work("a", 3)), Some(work("a", 2)));
        receiver.forget();
        assert_eq!(notifications.notify_work(work("b", 1)), None);
        assert!(is_notified(&receiver));
    }

    #[tokio::test]
    async fn news_are_gathered_until_somebody_listens() {
        let notifications = Notifications::default();
        let ids: Vec<JobId> = (0..MOST_NAMED + 1).map(|_| JobId::new(&QueueName::default())).collect();
        let named = |ids: &[JobId]| News::Jobs(ids.iter().copied().collect());
        notifications.notify_news(&News::All);
        let mut news = notifications.subscribe_news();
        assert!(notifications.watched().now());
        notifications.notify_news(&named(&ids[..1]));
        notifications.notify_news(&named(&ids[1..2]));
        assert_eq!(news.recv().await, named(&ids[..2]), "what was told before is not heard");
        notifications.notify_news(&named(&ids));
        notifications.notify_news(&named(&ids[..1]));
        assert_eq!(news.recv().await, News::All, "too many to be named");
        drop(news);
        assert!(!notifications.watched().now());
    }
}

//! Work: jobs that may be claimed, and receivers with room for them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::{alive, lock};
use crate::{Kind, QueueName};

/// Jobs of one kind in one queue that may be claimed now or will be due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Their queue.
    pub queue: QueueName,
    /// Their kind.
    pub kind: Kind,
    /// The number of jobs.
    pub jobs: usize,
}

impl Work {
    /// Creates a notification of this many jobs.
    pub fn new(queue: QueueName, kind: Kind, jobs: usize) -> Self {
        Work { queue, kind, jobs }
    }
}

/// The receivers of notifications of work.
#[derive(Debug, Default)]
pub(super) struct Workers {
    receivers: Mutex<Vec<Weak<WorkReceiver>>>,
    /// The receiver that is notified first next time.
    next: AtomicUsize,
}

impl Workers {
    /// Notifies as many receivers as have room for these jobs. Returns the jobs for which no receiver has room.
    pub(super) fn notify(&self, mut work: Work) -> Option<Work> {
        let mut receivers = alive(&self.receivers);
        if !receivers.is_empty() {
            let first = self.next.fetch_add(1, Ordering::Relaxed) % receivers.len();
            receivers.rotate_left(first);
        }
        for receiver in receivers {
            if work.jobs == 0 {
                break;
            }
            work.jobs -= receiver.take(&work);
        }
        (work.jobs > 0).then_some(work)
    }

    pub(super) fn notify_all(&self) {
        alive(&self.receivers).iter().for_each(|receiver| receiver.notify_any());
    }

    pub(super) fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        let receiver = Arc::new(WorkReceiver { queues, kinds, state: Mutex::default(), wake: Notify::new() });
        lock(&self.receivers).push(Arc::downgrade(&receiver));
        WorkSubscription { receiver }
    }

    pub(super) fn have_room(&self) -> bool {
        alive(&self.receivers).iter().any(|receiver| lock(&receiver.state).room > 0)
    }
}

#[derive(Debug)]
struct WorkReceiver {
    queues: Vec<QueueName>,
    kinds: Vec<Kind>,
    state: Mutex<Room>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Room {
    /// The number of jobs that there is room for.
    room: usize,
    /// The room for some kinds. Other kinds are limited only by the total.
    of_kinds: Vec<(Kind, usize)>,
    notified: bool,
    /// Work that it was notified of and has not looked for yet.
    taken: Vec<Work>,
    /// Whether there was a notification while there was no room.
    missed: bool,
}

impl WorkReceiver {
    /// Accepts as many of these jobs as there is room for. Returns the number.
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

    fn notify_any(&self) {
        lock(&self.state).notified = true;
        self.wake.notify_one();
    }
}

/// Receives notifications of work, as far as it has room. Dropping it ends the subscription.
#[derive(Debug)]
pub struct WorkSubscription {
    receiver: Arc<WorkReceiver>,
}

impl WorkSubscription {
    /// Sets for how many jobs there is room now, in total and of some kinds. Replaces the earlier values.
    ///
    /// If there was no room until now and a notification was missed, the subscription is notified.
    pub fn set_capacity(&self, room: usize, of_kinds: Vec<(Kind, usize)>) {
        let mut state = lock(&self.receiver.state);
        (state.room, state.of_kinds) = (room, of_kinds);
        if room > 0 && std::mem::take(&mut state.missed) {
            state.notified = true;
            self.receiver.wake.notify_one();
        }
    }

    /// Waits for the next notification. Returns at once if there was one since the last call. Safe to drop at any time.
    pub async fn recv(&mut self) {
        while !lock(&self.receiver.state).take_notified() {
            self.receiver.wake.notified().await;
        }
    }

    /// Accepts no more work. Returns the work that it was notified of and has not looked for, which other receivers
    /// should get.
    pub fn close(&mut self) -> Vec<Work> {
        let mut state = lock(&self.receiver.state);
        (state.room, state.notified) = (0, false);
        std::mem::take(&mut state.taken)
    }

    /// Discards all notifications so far, for a receiver that is about to claim anyway.
    pub fn forget(&mut self) {
        lock(&self.receiver.state).take_notified();
    }
}

impl Room {
    /// Returns whether there was a notification, and clears it.
    fn take_notified(&mut self) -> bool {
        self.taken.clear();
        std::mem::take(&mut self.notified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Notifications;

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
    fn closed_receiver_returns_work_it_has_not_looked_for() {
        let notifications = Notifications::default();
        let mut receiver = receiver(&notifications, 3, &["a"]);
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert_eq!(notifications.notify_work(work("a", 1)), None);
        assert_eq!(receiver.close(), [work("a", 2)]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        assert_eq!(receiver.close(), []);
    }

    fn is_notified(receiver: &WorkSubscription) -> bool {
        lock(&receiver.receiver.state).notified
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
    fn receiver_gets_no_work_of_other_queues() {
        let notifications = Notifications::default();
        let receiver = receiver(&notifications, 1, &["a"]);
        let elsewhere = Work::new("elsewhere".parse().unwrap(), "a".parse().unwrap(), 1);
        assert_eq!(notifications.notify_work(elsewhere.clone()), Some(elsewhere));
        receiver.set_capacity(1, vec![]);
        assert!(!is_notified(&receiver), "nothing was missed");
    }

    #[test]
    fn receiver_without_room_is_notified_once_it_has_room() {
        let notifications = Notifications::default();
        let receiver = receiver(&notifications, 0, &["a"]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        receiver.set_capacity(0, vec![]);
        assert!(!is_notified(&receiver));
        receiver.set_capacity(1, vec![]);
        assert!(is_notified(&receiver));
    }

    #[test]
    fn work_of_a_full_kind_goes_to_others_until_there_is_room() {
        let notifications = Notifications::default();
        let mut receiver = receiver(&notifications, 3, &["a", "b"]);
        receiver.set_capacity(3, vec![("a".parse().unwrap(), 0)]);
        assert_eq!(notifications.notify_work(work("a", 1)), Some(work("a", 1)));
        assert!(!is_notified(&receiver));
        receiver.set_capacity(3, vec![("a".parse().unwrap(), 1)]);
        assert!(!is_notified(&receiver), "the worker that frees the kind claims anyway");
        assert_eq!(notifications.notify_work(work("a", 3)), Some(work("a", 2)));
        receiver.forget();
        assert_eq!(notifications.notify_work(work("b", 1)), None);
        assert!(is_notified(&receiver));
    }
}

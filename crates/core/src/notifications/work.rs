//! Work: jobs that may be claimed, and whoever has room for some.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;

use super::{alive, lock};
use crate::{Kind, QueueName};

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

/// Whoever receives notifications of work.
#[derive(Debug, Default)]
pub(super) struct Workers {
    places: Mutex<Vec<Weak<WorkPlace>>>,
    /// Whose turn is first.
    turn: AtomicUsize,
}

impl Workers {
    /// Tells as many as have room for these jobs; returns those for which nobody has room.
    pub(super) fn tell(&self, mut work: Work) -> Option<Work> {
        let mut places = alive(&self.places);
        if !places.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % places.len();
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

    pub(super) fn tell_all(&self) {
        alive(&self.places).iter().for_each(|place| place.look());
    }

    pub(super) fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription {
        let place = Arc::new(WorkPlace { queues, kinds, state: Mutex::default(), wake: Notify::new() });
        lock(&self.places).push(Arc::downgrade(&place));
        WorkSubscription { place }
    }

    pub(super) fn have_room(&self) -> bool {
        alive(&self.places).iter().any(|place| lock(&place.state).room > 0)
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
}

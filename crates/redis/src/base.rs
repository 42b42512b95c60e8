//! State that all verbs share: the connection, the names of keys, and the queues that this process has noted.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{Error, JobId, Notifications, QueueName, Settings, WorkerId};
use redis::Value;

use crate::call::Call;
use crate::clocks::Clocks;
use crate::copies::{Copies, on_each};
use crate::keys::{self, Keys};
use crate::library::{self, Function};
use crate::link::Link;
use crate::shared::{NOTE_EVERY, bounded};
use crate::unreachable::Unreachable;
use crate::upkeep::NothingKeptDue;

/// After this many milliseconds a process notes again that it uses a queue.
const USED: i64 = 60_000;
/// The same if a copy of the whole store's data did not answer.
const USED_NOT_EVERYWHERE: i64 = 10_000;
/// The maximum number of remembered pairs of a worker and a queue that it claimed from.
const CLAIMED_KEPT: usize = 10_000;

/// The state that calls share.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) link: Link,
    /// Set if a push must wait for replicas.
    pub(crate) replicated: Option<Replicated>,
    pub(crate) keys: Keys,
    pub(crate) copies: Copies,
    pub(crate) settings: Settings,
    pub(crate) notifications: Notifications,
    /// The id of this process in notifications: 16 hex digits.
    pub(crate) me: String,
    /// Queues that this process has noted, and until when the note is valid.
    used: Mutex<HashMap<QueueName, i64>>,
    /// Workers of this process and the queues that they claimed from, after a check that they were not released.
    claimed: Mutex<HashSet<(WorkerId, QueueName)>>,
    /// When a claim last noted the kinds of a group, for each queue and group.
    noted: Mutex<HashMap<(QueueName, String), i64>>,
    pub(crate) clocks: Clocks,
    /// Servers that calls skip for a while.
    pub(crate) unreachable: Unreachable,
    /// What upkeep need not check.
    pub(crate) nothing_kept_due: NothingKeptDue,
}

/// A connection for pushes only, and the number of replicas that must have a push. It is separate, because waiting for replicas
/// blocks all later calls on the same connection.
#[derive(Debug)]
pub(crate) struct Replicated {
    pub(crate) link: Link,
    pub(crate) replicas: u8,
}

impl Base {
    pub(crate) fn new(link: Link, keys: Keys, settings: Settings) -> Self {
        Base {
            copies: Copies::new(&keys, link.is_cluster()),
            link,
            replicated: None,
            keys,
            settings,
            notifications: Notifications::default(),
            me: format!("{:016x}", fastrand::u64(..)),
            used: Mutex::default(),
            claimed: Mutex::default(),
            noted: Mutex::default(),
            clocks: Clocks::default(),
            unreachable: Unreachable::default(),
            nothing_kept_due: NothingKeptDue::default(),
        }
    }

    /// Begins a call of a function on keys with this prefix.
    pub(crate) fn call(&self, function: &'static Function, root: &str) -> Call<'_> {
        Call::new(self, function, root)
    }

    /// Begins a call of a function that needs a frame: it uses the clock, notifies processes, or sets how long jobs are kept.
    pub(crate) fn framed(&self, function: &'static Function, root: &str) -> Call<'_> {
        let (wall, lease) = self.settings.clock.shift();
        let mut frame = Vec::with_capacity(64);
        let latest = self.clocks.latest(self.link.shards.of(root), &self.settings.clock);
        let (keep_finished, keep_dead) = (bounded(self.settings.keep_finished), bounded(self.settings.keep_dead));
        for number in [wall, lease, latest, keep_finished, keep_dead] {
            frame.extend(number.to_le_bytes());
        }
        frame.extend(self.me.as_bytes());
        // In a cluster, PUBLISH counts only the subscribers of one node.
        frame.push(u8::from(!self.link.is_cluster()));
        frame.extend(self.keys.of_channels().as_bytes());
        self.call(function, root).arg(frame)
    }

    /// Returns the answer of a queue, or `None` if its server in a cluster does not answer, so that a list can say so.
    pub(crate) fn within_reach<T>(&self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Err(e) if self.link.is_cluster() && e.is_retryable() => {
                tracing::debug!(error = %e, "a list is incomplete: the server of a queue does not answer");
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// Notes that this process uses queues. This must happen before the first write to a queue, so that upkeep and lists find it.
    /// A process repeats the note every minute while it uses the queue, because a queue that is unused for a day is forgotten.
    pub(crate) async fn use_queues<'a>(&self, queues: impl Iterator<Item = &'a QueueName>) -> Result<(), Error> {
        let now = self.settings.clock.now().as_millis();
        let new: HashSet<&QueueName> = {
            let used = self.used();
            queues.filter(|queue| used.get(*queue).is_none_or(|until| !(now..=now + USED).contains(until))).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let names = || new.iter().map(|queue| queue.as_str());
        let (_, incomplete) = on_each(self, |root| self.framed(&library::NOTE_QUEUES, root).args(names())).await?;
        let until = now + if incomplete { USED_NOT_EVERYWHERE } else { USED };
        self.used().extend(new.into_iter().map(|queue| (queue.clone(), until)));
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, HashMap<QueueName, i64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the queues that a worker is about to claim from, and returns whether it may claim. This notes the queues first and then
    /// checks for a release; a release marks the worker first and then lists the queues. So at least one of them sees the other.
    pub(crate) async fn admit(&self, worker: WorkerId, queues: &[&QueueName]) -> Result<bool, Error> {
        self.use_queues(queues.iter().copied()).await?;
        let claimed = || self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let places = || queues.iter().map(|queue| (worker, (*queue).clone()));
        if places().all(|place| claimed().contains(&place)) {
            return Ok(true);
        }
        let is_released = |root: &str| self.call(&library::IS_RELEASED, root).arg(worker.as_bytes());
        if on_each(self, is_released).await?.0.contains(&Value::Int(1)) {
            return Ok(false);
        }
        let mut claimed = claimed();
        if claimed.len() > CLAIMED_KEPT {
            claimed.clear(); // costs one more check for each
        }
        claimed.extend(places());
        Ok(true)
    }

    /// Returns whether a claim must note the kinds of a group that waits for jobs of a queue. This is so once a minute. If the claim
    /// then fails, the caller must call [`Base::forget_note`].
    pub(crate) fn takes_note(&self, queue: &QueueName, group: &str) -> bool {
        let now = self.settings.clock.now().as_millis();
        let place = (queue.clone(), group.to_owned());
        let mut noted = self.noted();
        // A note in the future counts as old, because the clock may have been set back.
        let is_fresh = |at: i64| at <= now && now - at < NOTE_EVERY;
        if noted.get(&place).is_some_and(|at| is_fresh(*at)) {
            return false;
        }
        noted.retain(|_, at| is_fresh(*at));
        noted.insert(place, now);
        true
    }

    /// Lets the next claim note the kinds of a group again.
    pub(crate) fn forget_note(&self, queue: &QueueName, group: &str) {
        self.noted().remove(&(queue.clone(), group.to_owned()));
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<(QueueName, String), i64>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the key of a job's record; `root` is the prefix of its queue's keys.
pub(crate) fn job_key(root: &str, id: JobId) -> Vec<u8> {
    [root.as_bytes(), keys::JOB.as_bytes(), id.as_bytes()].concat()
}

//! What all verbs use: the connection, the names of keys, and which queues this process has noted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use longshore_core::{Error, JobId, Notifications, QueueName, Settings, StepWatch, WorkerId};
use redis::Value;

use crate::away::Away;
use crate::call::Call;
use crate::copies::{Copies, on_each};
use crate::keys::{self, Keys};
use crate::library::{self, Function};
use crate::link::Link;
use crate::shared::{NOTE_EVERY, bounded};

/// How long a process goes without noting again that it uses a queue.
const USED: i64 = 60_000;
/// The same where a copy of what concerns all queues did not answer.
const USED_NOT_EVERYWHERE: i64 = 10_000;
/// How many pairs of a worker and a queue that it claimed from are remembered.
const CLAIMED_KEPT: usize = 10_000;

/// Everything that calls need.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) link: Link,
    /// Where pushes are answered when replicas have them.
    pub(crate) replicated: Option<Replicated>,
    pub(crate) keys: Keys,
    pub(crate) copies: Copies,
    pub(crate) settings: Settings,
    pub(crate) notifications: Notifications,
    /// Names this process in notifications: 16 hex digits.
    pub(crate) me: String,
    /// Queues that this process has noted, and until when that is enough.
    used: Mutex<HashMap<QueueName, i64>>,
    /// Queues that workers here have claimed from, not being marked as gone.
    claimed: Mutex<HashSet<(WorkerId, QueueName)>>,
    /// When a claim on a queue last noted the kinds of a group.
    noted: Mutex<HashMap<(QueueName, String), i64>>,
    /// What is known of the clocks of servers, by shard.
    pub(crate) watches: Mutex<BTreeMap<Option<u16>, StepWatch>>,
    /// Servers that are not asked for a while.
    pub(crate) away: Away,
}

/// A connection for pushes alone, because whoever waits for replicas there holds up what comes after; and how many must have a push.
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
            watches: Mutex::default(),
            away: Away::default(),
        }
    }

    /// Begins a call of a function on what those keys begin with.
    pub(crate) fn call(&self, function: &'static Function, root: &str) -> Call<'_> {
        Call::new(self, function, root)
    }

    /// Begins a call of a function that reads the clock, tells processes, or keeps finished jobs.
    pub(crate) fn framed(&self, function: &'static Function, root: &str) -> Call<'_> {
        let (wall, lease) = self.settings.clock.shift();
        let mut frame = Vec::with_capacity(64);
        for number in [wall, lease, bounded(self.settings.keep_finished), bounded(self.settings.keep_dead)] {
            frame.extend(number.to_le_bytes());
        }
        frame.extend(self.me.as_bytes());
        // In a cluster PUBLISH counts the listeners of one node only.
        frame.push(u8::from(!self.link.is_cluster()));
        frame.extend(self.keys.of_channels().as_bytes());
        self.call(function, root).arg(frame)
    }

    /// Leaves what a queue answered out of a list where its server does not answer and there are others.
    pub(crate) fn within_reach<T>(&self, answer: Result<T, Error>) -> Result<Option<T>, Error> {
        match answer {
            Err(e) if self.link.is_cluster() && e.is_retryable() => {
                tracing::warn!(error = %e, "a queue is missing from a list: its server does not answer");
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    /// Notes that this process uses queues, before anything of them is written, so that upkeep and lists find them. A process notes
    /// it every minute while it does: a queue that nobody uses for a day is forgotten.
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

    /// Notes the queues that a worker is about to claim from; returns whether it may. A release marks the worker first, then looks for
    /// queues; so that whichever is first, one sees the other.
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
            claimed.clear(); // they are only looked at once more
        }
        claimed.extend(places());
        Ok(true)
    }

    /// Returns whether a claim is to note which kinds are of a group that waits for jobs of a queue: once a minute. Whoever is told so
    /// says by [`Base::forget_note`] that it came to nothing.
    pub(crate) fn takes_note(&self, queue: &QueueName, group: &str) -> bool {
        let now = self.settings.clock.now().as_millis();
        let place = (queue.clone(), group.to_owned());
        let mut noted = self.noted();
        // A clock that was set back would otherwise silence the notes until it has caught up.
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

/// Returns what a job's record is called, where all keys of its slot begin with `root`.
pub(crate) fn job_key(root: &str, id: JobId) -> Vec<u8> {
    [root.as_bytes(), keys::JOB.as_bytes(), id.as_bytes()].concat()
}

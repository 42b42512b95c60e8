//! What is known about every job of a run from answers and reads. A contradiction is a bug of the store.

use std::collections::{BTreeMap, HashMap, HashSet};

use longshore_core::state::{Event, Facts, step};
use longshore_core::{
    BootTime, JobId, Label, NewJob, Nonce, Pushed, QueueName, QueueStats, Settings, Snapshot, State, Timestamp, Token,
    WorkerId, limits,
};

/// The ledger of a run.
pub(super) struct Ledger {
    pub(super) settings: Settings,
    entries: Vec<Entry>,
    index: HashMap<JobId, usize>,
    /// The latest time that the wall clock ever had.
    pub(super) latest: Timestamp,
    /// The highest number of any token.
    pub(super) newest_token: u64,
    /// Each worker's newest claim that returned jobs.
    pub(super) claims: HashMap<WorkerId, Nonce>,
    pub(super) released: HashSet<WorkerId>,
    /// The answers to requests with an idempotency key, and the fingerprint of the first.
    pub(super) requests: HashMap<(QueueName, Label), ([u8; 32], Pushed)>,
    /// Paused queues, and until when.
    pub(super) paused: BTreeMap<QueueName, Option<Timestamp>>,
}

/// What is known about one job.
pub(super) struct Entry {
    pub(super) new: NewJob,
    /// Whether its push was answered.
    pub(super) acknowledged: bool,
    /// Its record at the last read; `None` before it was stored and after it was deleted.
    pub(super) seen: Option<Snapshot>,
    /// Whether it existed and was deleted at its time.
    pub(super) gone: bool,
    /// Whether a person requested its deletion.
    pub(super) deleted: bool,
    /// Its present claim.
    pub(super) held: Option<Held>,
    /// The token of the newest claim, held or not.
    pub(super) newest: Option<Token>,
    /// Tokens whose settle was accepted.
    pub(super) accepted: HashSet<Token>,
}

/// A held claim.
#[derive(Clone, Copy)]
pub(super) struct Held {
    pub(super) token: Token,
    pub(super) worker: WorkerId,
    pub(super) nonce: Nonce,
    /// The times between which its lease ends.
    pub(super) ends: (BootTime, BootTime),
}

/// The record of a job before and after a call.
pub(super) struct Change {
    pub(super) id: JobId,
    pub(super) before: Option<Snapshot>,
    pub(super) after: Option<Snapshot>,
}

impl Ledger {
    pub(super) fn new(settings: Settings) -> Self {
        Ledger {
            settings,
            entries: Vec::new(),
            index: HashMap::new(),
            latest: Timestamp::from_millis(0),
            newest_token: 0,
            claims: HashMap::new(),
            released: HashSet::new(),
            requests: HashMap::new(),
            paused: BTreeMap::new(),
        }
    }

    /// Adds a job that is about to be pushed.
    pub(super) fn register(&mut self, new: &NewJob) {
        self.index.insert(new.id, self.entries.len());
        self.entries.push(Entry {
            new: new.clone(),
            acknowledged: false,
            seen: None,
            gone: false,
            deleted: false,
            held: None,
            newest: None,
            accepted: HashSet::new(),
        });
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn id(&self, index: usize) -> JobId {
        self.entries[index].new.id
    }

    pub(super) fn entry(&mut self, id: JobId) -> &mut Entry {
        let index = *self.index.get(&id).unwrap_or_else(|| panic!("nobody ever pushed job {id}"));
        &mut self.entries[index]
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Returns a name that is the same in every run of a seed.
    pub(super) fn name(&self, id: JobId) -> String {
        self.index.get(&id).map_or_else(|| "an unknown job".into(), |index| format!("#{index}"))
    }

    /// Returns the jobs that existed at the last read, in the order of pushes.
    pub(super) fn known(&self, wanted: impl Fn(&Snapshot) -> bool) -> Vec<JobId> {
        self.entries.iter().filter(|entry| entry.seen.as_ref().is_some_and(&wanted)).map(|entry| entry.new.id).collect()
    }

    /// Returns the live jobs that hold a unique key.
    pub(super) fn holders(&self, queue: &QueueName, key: &Label) -> Vec<JobId> {
        let holds = |entry: &&Entry| {
            entry.seen.as_ref().is_some_and(|job| !job.state.is_final() && job.queue == *queue)
                && entry.new.unique.as_ref().is_some_and(|unique| unique.key == *key)
        };
        self.entries.iter().filter(holds).map(|entry| entry.new.id).collect()
    }

    /// Records the present state of jobs. Returns the changes.
    pub(super) fn look(&mut self, ids: Vec<JobId>, seen: Vec<Option<Snapshot>>) -> Vec<Change> {
        assert_eq!(ids.len(), seen.len(), "a read answers for each job");
        ids.into_iter()
            .zip(seen)
            .map(|(id, after)| {
                let entry = self.entry(id);
                let before = std::mem::replace(&mut entry.seen, after.clone());
                entry.check_bounds();
                Change { id, before, after }
            })
            .collect()
    }

    /// Asserts that a list and the counts agree with the ledger.
    pub(super) fn audit(&mut self, listed: &[Snapshot], queues: &[QueueStats], now: Timestamp) {
        for job in listed {
            let name = self.name(job.id);
            let entry = self.entry(job.id);
            assert_eq!(Some(job), entry.seen.as_ref(), "{name} changed, and no call did it");
        }
        let there = self.entries.iter().filter(|entry| entry.seen.is_some()).count();
        assert_eq!(listed.len(), there, "a job is not in the list");
        for stats in queues {
            let count = |state: State| {
                listed.iter().filter(|job| job.queue == stats.queue && job.state == state).count() as u64
            };
            assert_eq!(stats.counts, State::ALL.map(count), "counts of queue {}", stats.queue);
            let paused = self.paused.get(&stats.queue).is_some_and(|until| until.is_none_or(|until| until > now));
            assert_eq!(stats.paused().is_some(), paused, "queue {} is paused", stats.queue);
        }
        for entry in &self.entries {
            if let Some(unique) = &entry.new.unique {
                let holders = self.holders(&entry.new.queue, &unique.key);
                assert!(holders.len() <= 1, "{} live jobs hold the key {}", holders.len(), unique.key);
            }
        }
    }
}

impl Entry {
    fn check_bounds(&self) {
        let Some(job) = &self.seen else { return };
        assert!(job.attempt <= job.max_attempts, "attempt {} of {}", job.attempt, job.max_attempts);
        assert!(job.crashes <= limits::CRASHES && job.failures.len() <= limits::FAILURES_KEPT);
        assert_eq!(job.finished_at.is_some(), job.state.is_final(), "a {} job", job.state);
        assert_eq!(job.reason.is_some(), job.state == State::Dead, "a {} job", job.state);
    }
}

impl Change {
    /// Asserts that the call did not change the job.
    pub(super) fn is_none(&self, why: &str) {
        assert_eq!(self.after, self.before, "a call changed a job: {why}");
    }

    /// Asserts that the call did not change the job, except that it may have become due.
    pub(super) fn is_due_at_most(&self, now: Timestamp, why: &str) {
        if self.after == self.before {
            return;
        }
        let due = self.before.as_ref().is_some_and(|job| job.run_at <= now);
        assert!(due && self.is(&[&[Event::Due]]), "{why}, yet {:?} became {:?}", self.before, self.after);
    }

    /// Asserts that one of these sequences of events happened to the job.
    pub(super) fn must_be(&self, chains: &[&[Event<'_>]], why: &str) {
        assert!(self.is(chains), "{why}: {:?} became {:?}", self.before, self.after);
    }

    pub(super) fn is(&self, chains: &[&[Event<'_>]]) -> bool {
        let (Some(before), Some(after)) = (&self.before, &self.after) else { return false };
        let follow = |chain: &&[Event<'_>]| {
            let start = Some((facts(before), None));
            let end =
                chain.iter().fold(start, |at, event| step(at?.0, event.clone()).map(|next| (next.facts, next.reason)));
            end == Some((facts(after), after.reason)) && after.version > before.version
        };
        chains.iter().any(follow)
    }
}

pub(super) fn facts(job: &Snapshot) -> Facts {
    Facts {
        state: job.state,
        attempt: job.attempt,
        crashes: job.crashes,
        interruptions: job.interruptions,
        outages: job.outages,
        cancel_asked: job.cancel_asked,
    }
}

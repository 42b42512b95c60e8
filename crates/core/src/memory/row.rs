//! The row of a job.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::state::Facts;
use crate::{
    BootTime, Claimed, Failure, FailureClass, KindLimits, Moved, NewJob, Progress, Reuse, Snapshot, State, Timestamp,
    Token, Unique, limits, name::cut,
};

/// A job: its public record and internal values.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) job: Snapshot,
    /// The attempts and the time-out that the job asks for, before a worker's limits apply.
    pub(super) asked: (Option<u16>, Option<Duration>),
    /// When the first of the present series of outages ended.
    pub(super) outage_since: Option<Timestamp>,
    pub(super) reuse: Option<Reuse>,
    pub(super) unique: Option<Unique>,
    pub(super) lease: Option<(Token, BootTime)>,
    /// The number of the newest claim.
    pub(super) claim: Option<u64>,
    pub(super) settled: Option<Token>,
    pub(super) keep_until: Option<Timestamp>,
    /// The logs, by the number of their claim.
    pub(super) logs: BTreeMap<u64, String>,
}

impl Row {
    pub(super) fn new(new: NewJob, now: Timestamp) -> Row {
        let run_at = new.when.resolve(now);
        let job = Snapshot {
            id: new.id,
            queue: new.queue,
            kind: new.kind,
            payload: new.payload,
            state: if run_at > now { State::Scheduled } else { State::Ready },
            priority: new.priority,
            key: new.key,
            unique_key: new.unique.as_ref().map(|unique| unique.key.clone()),
            reuse_key: new.reuse.as_ref().map(|reuse| reuse.key.clone()),
            alias: new.alias,
            tags: new.tags,
            attempt: 0,
            max_attempts: KindLimits::default().attempts(new.max_attempts),
            crashes: 0,
            interruptions: 0,
            outages: 0,
            timeout: KindLimits::default().timeout(new.timeout),
            deadline: new.deadline.map(|when| when.resolve(now)),
            created_at: now,
            run_at: run_at.max(now),
            started_at: None,
            finished_at: None,
            worker: None,
            cancel_asked: false,
            progress: None,
            reason: None,
            result: None,
            failures: Vec::new(),
            version: 1,
        };
        Row {
            job,
            asked: (new.max_attempts, new.timeout),
            outage_since: None,
            reuse: new.reuse,
            unique: new.unique,
            lease: None,
            claim: None,
            settled: None,
            keep_until: None,
            logs: BTreeMap::new(),
        }
    }

    pub(super) fn facts(&self) -> Facts {
        Facts {
            state: self.job.state,
            attempt: self.job.attempt,
            crashes: self.job.crashes,
            interruptions: self.job.interruptions,
            outages: self.job.outages,
            cancel_asked: self.job.cancel_asked,
        }
    }

    pub(super) fn holds(&self, token: Token) -> bool {
        self.lease.is_some_and(|(held, _)| held == token)
    }

    pub(super) fn claimed(&self, token: Token, now: Timestamp) -> Claimed {
        let job = &self.job;
        Claimed {
            id: job.id,
            token,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            key: job.key.clone(),
            payload: job.payload.clone(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            timeout: job.timeout,
            crashes: job.crashes,
            outages: job.outages,
            outage_for: self.outage_since.map_or(Duration::ZERO, |since| now.since(since)),
            waited: job.started_at.map_or(Duration::ZERO, |started| started.since(job.run_at)),
        }
    }

    pub(super) fn moved(&self) -> Moved {
        let job = &self.job;
        Moved {
            id: job.id,
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            worker: job.worker,
            attempt: job.attempt,
            crashes: job.crashes,
            state: job.state,
            reason: job.reason,
            death: None,
        }
    }

    /// Adds a failure, and drops the oldest if there are too many.
    pub(super) fn note_failure(&mut self, class: FailureClass, message: &str, now: Timestamp) {
        let job = &mut self.job;
        let running = job.state == State::Running;
        job.failures.push(Failure {
            at: now,
            started_at: job.started_at.filter(|_| running),
            class,
            attempt: job.attempt,
            claim: self.claim.filter(|_| running),
            worker: job.worker,
            message: cut(message, limits::FAILURE_BYTES).to_owned(),
        });
        let surplus = job.failures.len().saturating_sub(limits::FAILURES_KEPT);
        job.failures.drain(..surplus);
    }

    /// Replaces the log of the newest claim, and deletes the logs of earlier claims whose failures are not kept.
    pub(super) fn write_log(&mut self, claim: u64, text: String) {
        let failures = &self.job.failures;
        self.logs.retain(|log, _| failures.iter().any(|failure| failure.claim == Some(*log)));
        self.logs.insert(claim, text);
    }

    /// Records the handler's progress.
    pub(super) fn note(&mut self, progress: Progress) {
        self.job.progress = Some(progress);
        self.job.version += 1;
    }
}

//! Outcomes on their way to the store. They wait in memory, and none is dropped before the store has answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Answers, Claimed, Error, Outcome, Settled, Settlement, limits};

use super::fetch::Backoff;

/// An ended attempt and its settlement.
pub(super) struct Done {
    pub(super) job: Arc<Claimed>,
    pub(super) settlement: Settlement,
    pub(super) ran: Duration,
}

/// The result of one settle.
pub(super) enum Verdict {
    /// The store answered.
    Settled(Settled),
    /// The outcome can never be written. The lease will end.
    GivenUp(Error),
}

/// Waiting outcomes and those in the running settle. At most one settle runs at a time: an idle worker settles at once,
/// and a busy one in batches.
pub(super) struct Settling {
    waiting: Vec<Done>,
    under_way: Vec<Done>,
    retry: Backoff,
    one_by_one: bool,
}

impl Settling {
    pub(super) fn new() -> Self {
        Settling { waiting: Vec::new(), under_way: Vec::new(), retry: Backoff::default(), one_by_one: false }
    }

    pub(super) fn add(&mut self, done: Done) {
        self.waiting.push(done);
    }

    /// Returns the number of outcomes without an answer.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the last settle failed.
    pub(super) fn has_failed(&self) -> bool {
        self.retry.has_failed()
    }

    /// Returns when to settle next without an event, or `None` if there is nothing to settle or a settle is running.
    pub(super) fn wake_at(&self, now: Instant, hold_back: bool) -> Option<Instant> {
        let any = self.waiting.iter().any(|done| !could_be_claimed_again(done, hold_back));
        (any && self.under_way.is_empty()).then(|| self.retry.until(now))
    }

    /// Takes the settlements to send now; empty if there are none or a settle is running.
    ///
    /// With `hold_back`, releases wait: a running claim that must not return more jobs could return the released ones
    /// again.
    pub(super) fn next(&mut self, hold_back: bool) -> Vec<Settlement> {
        if !self.under_way.is_empty() || !self.retry.is_over(Instant::now()) {
            return Vec::new();
        }
        let most = if self.one_by_one { 1 } else { limits::BATCH };
        let (mut held, mut batch): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|done| could_be_claimed_again(done, hold_back));
        self.waiting = batch.split_off(batch.len().min(most));
        self.waiting.append(&mut held);
        self.one_by_one &= !self.waiting.is_empty();
        self.under_way = batch;
        self.under_way.iter().map(|done| done.settlement.clone()).collect()
    }

    /// Records the answers to the running settle. Returns the finished jobs, and the error if others must be retried.
    pub(super) fn answered(&mut self, answers: Answers<Settled>) -> (Vec<(Done, Verdict)>, Option<Error>) {
        let batch = std::mem::take(&mut self.under_way);
        let alone = batch.len() == 1;
        let (mut verdicts, mut again, mut failed) = (Vec::with_capacity(batch.len()), Vec::new(), None);
        for (done, answer) in batch.into_iter().zip(answers) {
            match answer {
                Ok(answer) => verdicts.push((done, Verdict::Settled(answer))),
                Err(e) if !e.is_retryable() && alone => verdicts.push((done, Verdict::GivenUp(e))),
                Err(e) => {
                    // An outcome that can never be written must not block the others: from now on they are sent one by
                    // one.
                    self.one_by_one |= !e.is_retryable();
                    again.push(done);
                    failed = Some(e);
                }
            }
        }
        again.append(&mut self.waiting);
        self.waiting = again;
        match &failed {
            Some(_) => self.retry.failed(Instant::now()),
            None => self.retry = Backoff::default(),
        }
        (verdicts, failed)
    }
}

/// Returns whether this is a release that a running claim could return again.
fn could_be_claimed_again(done: &Done, hold_back: bool) -> bool {
    hold_back && matches!(done.settlement.outcome, Outcome::Release)
}

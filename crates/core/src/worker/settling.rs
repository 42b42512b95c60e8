//! Outcomes on their way to the store: they wait in memory, and none is dropped before it was answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{Answers, Claimed, Error, Outcome, Settled, Settlement, limits};

use super::fetch::Backoff;

/// An attempt that is over, and what is to be settled.
pub(super) struct Done {
    pub(super) job: Arc<Claimed>,
    pub(super) settlement: Settlement,
    pub(super) ran: Duration,
}

/// What became of one settle.
pub(super) enum Verdict {
    /// It was answered.
    Settled(Settled),
    /// It can never be written: its lease will end.
    GivenUp(Error),
}

/// The outcomes that wait, and those under way. At most one settle is under way at a time: an idle worker settles at once, and a busy
/// one in batches.
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

    /// Returns how many outcomes are not answered yet.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the newest settle failed, and none succeeded since.
    pub(super) fn has_failed(&self) -> bool {
        self.retry.has_failed()
    }

    /// Returns when to settle next without any event; `None` where there is nothing to be done, or a settle is under way.
    pub(super) fn wake_at(&self, now: Instant, hold_back: bool) -> Option<Instant> {
        let any = self.waiting.iter().any(|done| !comes_back(done, hold_back));
        (any && self.under_way.is_empty()).then(|| self.retry.until(now))
    }

    /// Takes what is to be settled now; empty where there is nothing, or a settle is under way.
    ///
    /// With `hold_back`, those that are handed back wait: a claim under way that is to bring no more jobs could bring them right back.
    pub(super) fn next(&mut self, hold_back: bool) -> Vec<Settlement> {
        if !self.under_way.is_empty() || !self.retry.is_over(Instant::now()) {
            return Vec::new();
        }
        let most = if self.one_by_one { 1 } else { limits::BATCH };
        let (mut held, mut batch): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|done| comes_back(done, hold_back));
        self.waiting = batch.split_off(batch.len().min(most));
        self.waiting.append(&mut held);
        self.one_by_one &= !self.waiting.is_empty();
        self.under_way = batch;
        self.under_way.iter().map(|done| done.settlement.clone()).collect()
    }

    /// Takes the answers to the settle under way; returns those jobs that are settled, and why others are to be tried again.
    pub(super) fn answered(&mut self, answers: Answers<Settled>) -> (Vec<(Done, Verdict)>, Option<Error>) {
        let batch = std::mem::take(&mut self.under_way);
        let alone = batch.len() == 1;
        let (mut verdicts, mut again, mut failed) = (Vec::with_capacity(batch.len()), Vec::new(), None);
        for (done, answer) in batch.into_iter().zip(answers) {
            match answer {
                Ok(answer) => verdicts.push((done, Verdict::Settled(answer))),
                Err(e) if !e.is_retryable() && alone => verdicts.push((done, Verdict::GivenUp(e))),
                Err(e) => {
                    // One that can never be settled must not hold up the others: from now on they go one by one.
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

/// Returns whether a job is to be handed back that a claim under way could bring right back.
fn comes_back(done: &Done, hold_back: bool) -> bool {
    hold_back && matches!(done.settlement.outcome, Outcome::Release)
}

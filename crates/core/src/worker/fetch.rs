//! When a worker claims next: at once while there is more, when a bell rings, and now and then anyway.

use std::time::{Duration, Instant};

use crate::state::runs_alone;
use crate::{Claim, Claims};

/// The first look without having heard anything comes after this; each that finds nothing doubles it.
pub(super) const SHORTEST_LOOK: Duration = Duration::from_millis(250);
/// The longest time without a look.
pub(super) const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// A worker that claims nothing, because it is full or quiet, shows itself this often.
pub(super) const SHOW_EVERY: Duration = Duration::from_secs(60);
/// A job that must run alone and has waited this long makes a worker claim nothing else, even if there is enough.
pub(super) const ALONE_PATIENCE: Duration = Duration::from_secs(5);
/// How long a worker does so before it works on for as long, give or take a half.
pub(super) const YIELD: Duration = Duration::from_secs(30);

/// When to claim next, and how.
pub(super) struct Fetch {
    pub(super) under_way: bool,
    /// A claim whose answer was lost, to be repeated under its nonce.
    pub(super) unanswered: Option<Claim>,
    /// Whether a try of that claim may have taken effect.
    pub(super) perhaps_done: bool,
    /// There may be more than was claimed last.
    pub(super) hungry: bool,
    pub(super) look_at: Instant,
    pub(super) look_every: Duration,
    /// Since when claims have said that a job waits which must run alone.
    pub(super) alone_since: Option<Instant>,
    /// Claims nothing until then, so that what runs can end and such a job can be had.
    pub(super) yield_until: Option<Instant>,
    /// When the next yield may begin: others wait for this worker too.
    pub(super) yield_from: Instant,
    /// When to let the store know at the latest that this worker is there, and knows its kinds.
    pub(super) show_at: Instant,
    /// Whether a running job was called off since the claim was sent.
    pub(super) cancel_rang: bool,
    pub(super) retry: Backoff,
}

impl Fetch {
    /// Begins hungry.
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Fetch {
            under_way: false,
            unanswered: None,
            perhaps_done: false,
            hungry: true,
            look_at: now,
            look_every: SHORTEST_LOOK,
            alone_since: None,
            yield_until: None,
            yield_from: now,
            show_at: now + SHOW_EVERY,
            cancel_rang: false,
            retry: Backoff::new(),
        }
    }

    /// Decides whether to hold back, from what a claim has said.
    pub(super) fn note_alone(&mut self, claims: &Claims) {
        let now = Instant::now();
        if self.yield_until.is_some_and(|until| now >= until) {
            self.yield_until = None;
            self.yield_from = now + YIELD.mul_f64(0.5 + fastrand::f64());
        }
        if !claims.alone_waits || claims.jobs.iter().any(|job| runs_alone(job.crashes)) {
            (self.alone_since, self.yield_until) = (None, None);
            return;
        }
        let since = *self.alone_since.get_or_insert(now);
        let patient = !claims.jobs.is_empty() && since.elapsed() < ALONE_PATIENCE;
        if self.yield_until.is_none() && now >= self.yield_from && !patient {
            self.yield_until = Some(now + YIELD);
        }
    }
}

/// Grows with each failure, with jitter; and forgets with a success.
pub(super) struct Backoff {
    pub(super) not_before: Instant,
    wait: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Backoff { not_before: Instant::now(), wait: Duration::ZERO }
    }

    pub(super) fn failed(&mut self) {
        self.wait = (self.wait * 2).clamp(Duration::from_millis(50), LONGEST_LOOK);
        self.not_before = Instant::now() + self.wait.mul_f64(0.5 + fastrand::f64() / 2.0);
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.wait.is_zero()
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.not_before
    }
}

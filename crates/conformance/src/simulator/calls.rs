//! The calls of a run: how each is made, which jobs it may change, and how. One file per verb.

mod act;
mod claim;
mod lose;
mod push;
mod renew;
mod settle;

use std::sync::Arc;

use longshore_core::{BootTime, Error, JobId, Store, Timestamp};

use super::ledger::{Change, Ledger};

pub(super) use act::{Act, PauseQueue, ResumeQueue};
pub(super) use claim::Ask;
pub(super) use lose::{KeepUp, Release};
pub(super) use push::Push;
pub(super) use renew::Renew;
pub(super) use settle::Settle;

/// One call, which may be made any number of times.
pub(super) trait Call: Clone + 'static {
    type Answer;

    /// Whether the network may deliver it again, much later. A late claim is a new claim and costs the job a lease,
    /// which would only hide errors.
    const MAY_BE_LATE: bool;

    fn make(self, store: &Arc<dyn Store>) -> impl Future<Output = Result<Self::Answer, Error>>;

    /// Returns the jobs that it may change.
    fn touches(&self, ledger: &Ledger) -> Vec<JobId>;

    /// Panics if the answer or the new state of a job is wrong. Records the changes.
    fn check(&self, ledger: &mut Ledger, answer: &Result<Self::Answer, Error>, changes: &[Change], times: &Times);

    /// Returns a description for the log, the same in each run of a seed.
    fn words(&self, ledger: &Ledger) -> String;

    /// Returns a description of the answer.
    fn say(ledger: &Ledger, answer: &Result<Self::Answer, Error>) -> String;
}

/// A moment by both clocks.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) wall: Timestamp,
    /// The time up to which deadlines and retention have surely ended: earlier than `wall` if the wall clock was ever set ahead.
    pub(super) certain: Timestamp,
    pub(super) boot: BootTime,
}

/// The moments between which a call happened.
pub(super) struct Times {
    pub(super) before: Moment,
    pub(super) after: Moment,
}

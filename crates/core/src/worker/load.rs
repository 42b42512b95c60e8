//! The running jobs of a worker and their slots.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::state::is_isolated;
use crate::{Claimed, JobId, Kind, KnownKind, Token};

use super::attempt::Stop;

/// The running jobs and their slots. A slot is used until its handler has really returned.
pub(super) struct Load {
    slots: usize,
    taken: usize,
    taken_by_kind: HashMap<Kind, usize>,
    running: HashMap<Token, Running>,
}

/// A running job.
struct Running {
    job: Arc<Claimed>,
    started: Instant,
    /// `None` after the attempt was told to stop.
    stop: Option<oneshot::Sender<Stop>>,
}

impl Load {
    pub(super) fn new(slots: usize) -> Self {
        Load { slots, taken: 0, taken_by_kind: HashMap::new(), running: HashMap::new() }
    }

    /// Records a started attempt and uses a slot.
    pub(super) fn start(&mut self, job: Arc<Claimed>, stop: oneshot::Sender<Stop>) {
        self.taken += 1;
        *self.taken_by_kind.entry(job.kind.clone()).or_default() += 1;
        self.running.insert(job.token, Running { job, started: Instant::now(), stop: Some(stop) });
    }

    /// Records that an attempt has ended; its handler may still run. Returns the job and how long the attempt took.
    pub(super) fn attempt_ended(&mut self, token: Token) -> Option<(Arc<Claimed>, Duration)> {
        self.running.remove(&token).map(|running| (running.job, running.started.elapsed()))
    }

    /// Records that a handler of that kind has returned.
    pub(super) fn free(&mut self, kind: &Kind) {
        self.taken -= 1;
        if let Some(taken) = self.taken_by_kind.get_mut(kind) {
            *taken -= 1;
            if *taken == 0 {
                self.taken_by_kind.remove(kind);
            }
        }
    }

    /// Tells an attempt to stop. Returns its job if it runs.
    pub(super) fn stop(&mut self, token: Token, why: Stop) -> Option<&Arc<Claimed>> {
        let running = self.running.get_mut(&token)?;
        if let Some(stop) = running.stop.take() {
            let _ = stop.send(why); // an attempt that has ended needs no stop
        }
        Some(&running.job)
    }

    pub(super) fn tokens(&self) -> Vec<Token> {
        self.running.keys().copied().collect()
    }

    pub(super) fn jobs(&self) -> Vec<JobId> {
        self.running.values().map(|running| running.job.id).collect()
    }

    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    pub(super) fn taken(&self) -> usize {
        self.taken
    }

    /// Returns whether one more handler of that kind may run, under the limits of each kind.
    pub(super) fn has_room_for(&self, kind: &Kind, kinds: &[(KnownKind, Option<usize>)]) -> bool {
        let is_full = |(full, room): (Kind, usize)| full == *kind && room == 0;
        self.taken < self.slots && !self.room_of_bounded(kinds).into_iter().any(is_full)
    }

    /// Returns the number of slots held by handlers that have not returned although their attempts have ended.
    pub(super) fn stuck(&self) -> usize {
        self.taken.saturating_sub(self.running.len())
    }

    /// Returns the kinds of such handlers, sorted by name.
    pub(super) fn stuck_kinds(&self) -> Vec<&Kind> {
        let running = |kind: &Kind| self.running.values().filter(|running| running.job.kind == *kind).count();
        let stuck = self.taken_by_kind.iter().filter(|(kind, taken)| **taken > running(kind));
        let mut kinds: Vec<_> = stuck.map(|(kind, _)| kind).collect();
        kinds.sort_by_key(|kind| kind.as_str());
        kinds
    }

    /// Returns whether all slots are held by such handlers.
    pub(super) fn is_all_stuck(&self) -> bool {
        self.stuck() >= self.slots
    }

    pub(super) fn is_idle(&self) -> bool {
        self.taken == 0 && self.running.is_empty()
    }

    /// Returns whether a job runs that must run isolated.
    pub(super) fn runs_isolated(&self) -> bool {
        self.running.values().any(|running| is_isolated(running.job.crashes))
    }

    /// Returns how many more jobs may run. Up to `unsettled_allowed` finished jobs may wait to be settled without using
    /// a slot; beyond that, each uses one.
    pub(super) fn free_slots(&self, unsettled: usize, unsettled_allowed: usize) -> usize {
        let too_many = unsettled.saturating_sub(unsettled_allowed);
        self.slots.saturating_sub(self.taken.max(self.running.len() + too_many))
    }

    /// Returns how many more jobs may run of each kind that has a limit.
    pub(super) fn room_of_bounded(&self, kinds: &[(KnownKind, Option<usize>)]) -> Vec<(Kind, usize)> {
        let taken = |kind| self.taken_by_kind.get(kind).copied().unwrap_or(0);
        let bounded = kinds.iter().filter_map(|(known, most)| most.map(|most| (&known.kind, most)));
        bounded.map(|(kind, most)| (kind.clone(), most.saturating_sub(taken(kind)))).collect()
    }

    /// Returns for each kind how many more jobs may run.
    pub(super) fn wanted(&self, kinds: &[(KnownKind, Option<usize>)]) -> Vec<KnownKind> {
        let wanted = |(known, most): &(KnownKind, Option<usize>)| {
            let taken = || self.taken_by_kind.get(&known.kind).copied().unwrap_or(0);
            let wanted = most.map_or(usize::MAX, |most| most.saturating_sub(taken()));
            KnownKind { wanted, ..known.clone() }
        };
        kinds.iter().map(wanted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(kind: &str, number: u64) -> Arc<Claimed> {
        Arc::new(Claimed { token: Token::new(number), ..Claimed::example(kind) })
    }

    fn load(jobs: &[Arc<Claimed>]) -> Load {
        let mut load = Load::new(2);
        jobs.iter().for_each(|job| load.start(Arc::clone(job), oneshot::channel().0));
        load
    }

    #[test]
    fn slot_is_taken_until_its_handler_has_returned() {
        let (one, two) = (job("a", 1), job("b", 2));
        let mut load = load(&[Arc::clone(&one), two]);
        assert_eq!((load.free_slots(0, 2), load.stuck()), (0, 0));
        load.attempt_ended(one.token);
        assert_eq!((load.free_slots(0, 2), load.stuck(), load.is_all_stuck()), (0, 1, false));
        assert_eq!(load.stuck_kinds(), [&one.kind]);
        load.free(&one.kind);
        assert_eq!((load.free_slots(0, 2), load.stuck()), (1, 0));
        assert_eq!((load.free_slots(2, 2), load.free_slots(3, 2)), (1, 0), "too many outcomes wait");
    }

    #[test]
    fn full_kind_is_not_wanted() {
        let a = job("a", 1);
        let load = load(&[Arc::clone(&a)]);
        let kinds = |most| vec![(KnownKind::from(a.kind.clone()), most)];
        let wanted = |most| load.wanted(&kinds(most))[0].wanted;
        assert_eq!((wanted(Some(1)), wanted(Some(3)), wanted(None)), (0, 2, usize::MAX));
        let has_room = |kind, most| load.has_room_for(kind, &kinds(most));
        assert!(!has_room(&a.kind, Some(1)), "not even for one that a repeated claim brings");
        assert!(has_room(&a.kind, Some(2)) && has_room(&a.kind, None) && has_room(&job("b", 2).kind, Some(1)));
    }
}

//! What we aim at on each engine, printed beside the figures; a goal that is missed fails nothing.
//!
//! Speed differs between machines, and on one machine between hours, so a goal about speed is a ratio to the baseline, to a peer,
//! or to another figure of the same run. Absolute goals are left where a user feels the number itself and where it hardly
//! depends on the speed of the machine: the latency of the slowest pick-ups, and the memory of an idle worker.

use std::fmt;

use crate::store::Engine;

/// The limit that a figure or a ratio should keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Returns `reached` or `missed`; a figure that is not a number misses.
    pub fn verdict(self, figure: f64) -> &'static str {
        let is_reached = match self {
            Bound::AtLeast(bound) => figure >= bound,
            Bound::AtMost(bound) => figure <= bound,
        };
        if is_reached { "reached" } else { "missed" }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::AtLeast(bound) => write!(f, "≥ {bound}"),
            Bound::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

/// A figure that has a goal, or that a goal is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Jobs a second of the raw engine with three writes a job, in batches of that many.
    Raw(usize),
    /// Jobs a second, pushed by that many producers and worked at the same time by one worker.
    Both(usize),
    /// Jobs a second, worked off a full queue with as many slots as the largest batch.
    Drain,
    /// Milliseconds from the answer of a push to its handler, at 200 jobs a second.
    PickUpP99,
    /// CPU time of a job with the most jobs waiting, divided by that with the fewest.
    Depth,
    /// Server CPU time of a push beside many idle processes, divided by that beside none.
    Crowd,
    /// MiB of a worker that has nothing to do.
    IdleMemory,
}

impl Figure {
    /// Returns the limit, and what the figure is divided by before it is compared: nothing, or a figure of the baseline.
    fn goal(self, engine: Engine) -> Option<(Bound, Option<Figure>)> {
        use Bound::{AtLeast, AtMost};
        use Engine::{Postgres, Redis, Sqlite};
        let (bound, of) = match (self, engine) {
            (Figure::Both(1), Sqlite) => (AtLeast(0.8), Some(Figure::Raw(1))),
            (Figure::Both(64), Sqlite) => (AtLeast(0.35), Some(Figure::Raw(64))),
            (Figure::Both(64), Redis) => (AtLeast(0.5), Some(Figure::Raw(64))),
            (Figure::Both(64), Postgres) => (AtLeast(0.6), Some(Figure::Raw(64))),
            (Figure::Drain, Postgres) => (AtLeast(0.8), Some(Figure::Raw(1000))),
            (Figure::PickUpP99, Redis) => (AtMost(2.0), None),
            (Figure::PickUpP99, Sqlite | Postgres) => (AtMost(5.0), None),
            (Figure::Depth, _) => (AtMost(1.2), None),
            (Figure::Crowd, Redis) => (AtMost(1.5), None),
            (Figure::IdleMemory, _) => (AtMost(20.0), None),
            (Figure::Raw(_) | Figure::Both(_) | Figure::Drain | Figure::Crowd, _) => return None,
        };
        Some((bound, of))
    }

    /// Says what we aim at and whether `value` reaches it. Returns nothing where there is no goal, and where the figure that it
    /// is relative to was not measured in this run.
    pub fn judge(self, value: f64, engine: Engine, measured: impl Fn(Figure) -> Option<f64>) -> Option<String> {
        let (bound, of) = self.goal(engine)?;
        let Some(of) = of else {
            return Some(format!("{bound}: {}", bound.verdict(value)));
        };
        let ratio = value / measured(of)?;
        Some(format!("{bound} × {of}: {}, {ratio:.2}", bound.verdict(ratio)))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Figure::Raw(batch) => write!(f, "raw in batches of {batch}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// A figure of a job system on Redis that has a goal relative to BullMQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideBullmq {
    /// Jobs a second, pushed by many producers of one process and worked at the same time.
    Both,
    /// CPU time of the server a job, with that many producer processes.
    ServerCpu(usize),
}

impl BesideBullmq {
    /// What our figure divided by theirs, from one run, should keep.
    pub const GOALS: [(BesideBullmq, Bound); 3] = [
        (BesideBullmq::Both, Bound::AtLeast(4.0)),
        (BesideBullmq::ServerCpu(1), Bound::AtMost(0.85)),
        (BesideBullmq::ServerCpu(16), Bound::AtMost(0.7)),
    ];
}

impl fmt::Display for BesideBullmq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BesideBullmq::Both => f.write_str("both at once, jobs/s"),
            BesideBullmq::ServerCpu(producers) => write!(f, "many processes, {producers} producing: server CPU a job"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goal_is_reached_at_its_bound() {
        assert_eq!(Bound::AtLeast(10.0).verdict(10.0), "reached");
        assert_eq!(Bound::AtLeast(10.0).verdict(9.9), "missed");
        assert_eq!(Bound::AtMost(2.0).verdict(2.0), "reached");
        assert_eq!(Bound::AtMost(2.0).verdict(2.1), "missed");
        assert_eq!(Bound::AtMost(2.0).verdict(f64::NAN), "missed");
    }

    #[test]
    fn goal_is_relative_to_the_baseline_of_the_same_run() {
        let raw = |figure| (figure == Figure::Raw(64)).then_some(100_000.0);
        let judged = Figure::Both(64).judge(35_000.0, Engine::Sqlite, raw).unwrap();
        assert_eq!(judged, "≥ 0.35 × raw in batches of 64: reached, 0.35");
        let judged = Figure::Both(64).judge(22_000.0, Engine::Sqlite, raw).unwrap();
        assert_eq!(judged, "≥ 0.35 × raw in batches of 64: missed, 0.22");
    }

    #[test]
    fn goal_without_its_baseline_is_not_judged() {
        assert_eq!(Figure::Both(64).judge(35_000.0, Engine::Sqlite, |_| None), None);
        assert!(Figure::IdleMemory.judge(4.0, Engine::Sqlite, |_| None).is_some());
    }
}

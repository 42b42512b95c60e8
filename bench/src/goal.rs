//! Goals for each engine, printed beside the results. A missed goal is not an error.
//!
//! Speed differs between machines, and on one machine between hours. So a goal about speed is a ratio to the baseline,
//! to a peer, or to another result of the same run. Absolute goals exist only where users notice the number itself and
//! it hardly depends on the machine: the latency of the slowest pick-ups, and the memory of an idle worker.

use std::fmt;

use crate::store::Engine;

/// The limit of a result or a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// Returns `reached` or `missed`. A result that is not a number misses the goal.
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

/// A result that has a goal, or that a goal is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Jobs per second of the raw engine with three writes per job, in batches of this size.
    Raw(usize),
    /// Jobs per second, pushed by this number of producers and run at the same time by one worker.
    Both(usize),
    /// Jobs per second from a full queue, with as many slots as the largest batch.
    Drain,
    /// Milliseconds from the answer of a push to the start of its handler, at 200 jobs per second.
    PickUpP99,
    /// CPU time per job with the most waiting jobs, divided by that with the fewest.
    Depth,
    /// Server CPU time of a push beside many idle processes, divided by that beside none.
    Crowd,
    /// Memory of a worker that has nothing to do, in MiB.
    IdleMemory,
}

impl Figure {
    /// Returns the limit, and the baseline result by which the result is divided before the comparison, if any.
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

    /// Returns the goal and whether `value` reaches it. Returns `None` if there is no goal, or if the result that it is
    /// relative to was not measured in this run.
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

/// A result of a job system on Redis that has a goal relative to BullMQ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BesideBullmq {
    /// Jobs per second, pushed by many producers of one process and run at the same time.
    Both,
    /// Server CPU time per job, with this number of producer processes.
    ServerCpu(usize),
}

impl BesideBullmq {
    /// The limits of longshore's result divided by BullMQ's, from one run.
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

//! What we aim at on each engine, told beside the figures; nothing fails when a goal is missed.

use std::fmt;

use crate::store::Engine;

/// A bound that a figure should keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub fn is_reached(self, figure: f64) -> bool {
        match self {
            Goal::AtLeast(bound) => figure >= bound,
            Goal::AtMost(bound) => figure <= bound,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goal::AtLeast(bound) => write!(f, "≥ {bound}"),
            Goal::AtMost(bound) => write!(f, "≤ {bound}"),
        }
    }
}

/// A figure that may have a goal.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    /// Jobs a second, pushed by 64 producers and worked at the same time.
    Both,
    /// Jobs a second, worked off a full queue.
    Drain,
    /// Milliseconds from the answer of a push to its handler, at 200 jobs a second.
    PickUpP99,
    /// Microseconds of CPU a job, of producers and workers together, without the server.
    OwnCpu,
    /// How many times dearer a job is with the most jobs waiting than with the fewest.
    Depth,
    /// MiB of a worker that has nothing to do.
    IdleMemory,
}

impl Figure {
    /// Returns what we aim at.
    pub fn goal(self, engine: Engine) -> Option<Goal> {
        use Engine::{Postgres, Redis, Sqlite};
        Some(match (self, engine) {
            (Figure::Both, Sqlite) => Goal::AtLeast(25_000.0),
            (Figure::Both, Redis) => Goal::AtLeast(40_000.0),
            (Figure::Both, Postgres) => Goal::AtLeast(15_000.0),
            (Figure::Drain, Postgres) => Goal::AtLeast(40_000.0),
            (Figure::PickUpP99, Redis) => Goal::AtMost(2.0),
            (Figure::PickUpP99, Postgres) => Goal::AtMost(5.0),
            (Figure::OwnCpu, Redis | Postgres) => Goal::AtMost(25.0),
            (Figure::Depth, _) => Goal::AtMost(1.2),
            (Figure::IdleMemory, _) => Goal::AtMost(20.0),
            (Figure::Drain | Figure::PickUpP99 | Figure::OwnCpu, _) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goal_is_reached_at_its_bound() {
        assert!(Goal::AtLeast(10.0).is_reached(10.0) && !Goal::AtLeast(10.0).is_reached(9.9));
        assert!(Goal::AtMost(2.0).is_reached(2.0) && !Goal::AtMost(2.0).is_reached(2.1));
        assert!(!Goal::AtMost(2.0).is_reached(f64::NAN));
    }
}

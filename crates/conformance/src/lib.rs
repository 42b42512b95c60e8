//! The suite that every longshore store passes: one list of cases, one named test a case.
//!
//! A store's test file says how to open a fresh store and names it to [`conformance!`]; it cannot leave a case out. What the
//! macro makes of that is more than the cases:
//!
//! | what | test names | what it shows |
//! |---|---|---|
//! | cases | `settled_once::…`, `acting::…`, … | each rule that keeps jobs safe, in the words of [`CASES`] |
//! | faults | `faults::{not_done, answer_lost, twice}::…` | the same cases when calls get lost, and are repeated |
//! | simulator | `simulator::…` | a fleet in which anything may go wrong, by the thousand steps |
//! | mutants | in this crate: `tests/mutants.rs` | that the suite can fail: stores with a bug each are caught |
//!
//! **A case** works on a `Bench`: a fresh store, a clock that it moves, and the verbs in one word each. It never sleeps: it waits
//! for signals, and moves time. To add one, write a function in the module of its rule and a line in `list.rs`.
//!
//! **Faults.** Every call passes through a layer that lets it happen [in one of three ways](Fault) other than it should, and a
//! caller that repeats it with the same ids, nonce and token until it is answered. A case must not notice. A case or a rule that
//! would, because it looks at what a repeat need not say, has `once "why"` in the list, and [`Case::once`] tells.
//!
//! **The simulator** runs workers, producers, people, supervisors and upkeep in one thread and in virtual time. Its dice choose
//! who goes next; calls are lost, doubled and late; anybody may be dropped at any await point, or stopped and go on much later;
//! the machine reboots, and its wall clock is stepped. After each call the jobs it may have touched are held against a ledger,
//! which knows by [`longshore_core::state::step`] where they may be: a stale token changes nothing, a claim is settled once,
//! nothing starts before its time, attempts, crashes and interruptions are exactly what happened, and counts are what lists hold.
//! In the end healthy workers drain the store: every push that was answered for has come to its end.
//!
//! **Mutants** are the reference store with one bug each, of the kind that queues have had; see [`mutants`](mod@mutants).
//!
//! # Repeating a run
//!
//! Whatever throws dice prints its seed when it fails, the simulator with the end of its story. The seed repeats it:
//!
//! ```text
//! LONGSHORE_SEED=1846192505462584665 cargo test -p longshore-conformance --test suite simulator::fleet_that_crashes
//! ```
//!
//! In the simulator that is the same story, call by call, but on a server, whose clock and load have a say in it. Cases whose tasks race get the same dice, but not the same race.
//!
//! `LONGSHORE_LONG=10`, which `./test --long` sets, makes ten times as many runs of whatever throws dice.
//!
//! # Reading order
//!
//! [`Fixture`] (what a store must provide), `bench` (what cases work with), `case` (a case and its tests), `list` (the one list),
//! a module a rule; then `through` and `faults`, `simulator` (`world` who goes next, `net` how calls go wrong, `calls` what each
//! may do, `ledger` what is known), and [`mutants`](mod@mutants).
//!
//! # Examples
//!
//! The whole test file of a store:
//!
//! ```
//! use std::sync::Arc;
//!
//! use longshore_conformance::{Fixture, async_trait, conformance};
//! use longshore_core::{Artifacts, Memory, Settings, Store, artifact::InMemory};
//!
//! struct InThisProcess {
//!     store: Arc<Memory>,
//!     artifacts: Arc<InMemory>,
//! }
//!
//! #[async_trait]
//! impl Fixture for InThisProcess {
//!     async fn open(settings: Settings) -> Self {
//!         InThisProcess { store: Arc::new(Memory::new(settings)), artifacts: Arc::default() }
//!     }
//!
//!     fn store(&self) -> Arc<dyn Store> {
//!         self.store.clone()
//!     }
//!
//!     fn artifacts(&self) -> Arc<dyn Artifacts> {
//!         self.artifacts.clone()
//!     }
//!
//!     async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
//!         Err("it ends with its process")
//!     }
//! }
//!
//! conformance!(InThisProcess);
//! # fn main() {}
//! ```

#![deny(missing_docs)]

mod fixture;
mod bench;
#[macro_use]
mod case;
mod list;
pub mod seeds;

mod settled_once;
mod push_is_kept;
mod claims_are_disjoint;
mod leases;
mod deaths;
mod bounded;
mod repeats;
mod keys;
mod idempotency;
mod retention;
mod artifacts;
mod unknown_and_expired;
mod outages;
mod notifications;
mod states;
mod walk;
mod reading;
mod acting;
mod pausing;
mod ruling;
mod outcomes;
mod registry;
mod repairing;
mod running;
mod stopping;

mod network;
mod transfers;
mod upgraded;
mod through;
mod faults;
mod pause;
mod simulator;
pub mod mutants;

pub use async_trait::async_trait;
pub use case::Case;
pub use faults::Fault;
pub use fixture::Fixture;
pub use list::CASES;
pub use network::Networked;
pub use upgraded::Said;

#[doc(hidden)]
pub use case::run;
#[doc(hidden)]
pub use network::run_networked;

/// Makes one named test for each of [`CASES`], over the fixture of that type; and one more for each [`Fault`], in `mod faults`.
#[macro_export]
macro_rules! conformance {
    ($fixture:ty) => {
        $crate::each_case! { [$crate::a_test_each] [$fixture] }
    };
}

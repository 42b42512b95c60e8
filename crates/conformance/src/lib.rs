//! The suite that every longshore store passes: one list of cases, and one named test per case.
//!
//! The test file of a store says how to open a new store and passes it to [`conformance!`]. It cannot leave a case out.
//! The macro creates more tests than the cases:
//!
//! | what | test names | what it shows |
//! |---|---|---|
//! | cases | `settled_once::…`, `acting::…`, … | each rule that keeps jobs safe, as described in [`CASES`] |
//! | faults | `faults::{not_done, answer_lost, twice}::…` | the same cases with calls that are lost and repeated |
//! | simulator | `simulator::…` | thousands of steps of many workers, in which anything may fail |
//! | mutants | in this crate: `tests/mutants.rs` | that the suite can fail: stores with one bug each are caught |
//!
//! **A case** works on a `Bench`: a new store, a clock that it moves, and short functions for the verbs. It never
//! sleeps: it waits for signals and moves time. To add a case, write a function in the module of its rule and a line in
//! `list.rs`.
//!
//! **Faults.** Every call passes through a layer that makes it fail [in one of three ways](Fault), and through a caller
//! that repeats it with the same ids, nonce and token until it is answered. The result of a case must not change. A
//! case or rule whose result would change, because it checks answers that may differ in a repeat, has `once "why"` in
//! the list; see [`Case::once`].
//!
//! **The simulator** runs workers, producers, people, supervisors and upkeep in one thread and in virtual time. Random
//! numbers choose who runs next. Calls are lost, doubled and late; any task may be dropped at any await point, or
//! suspended and resumed much later; the machine reboots, and its wall clock changes. After each call, the jobs that it
//! may have changed are compared with a ledger, which computes their possible states with
//! [`longshore_core::state::step`]: a stale token changes nothing, a claim is settled once, nothing starts before its
//! time, attempts, crashes and interruptions are exact, and counts equal lists. At the end, healthy workers drain the
//! store, and every acknowledged push must be finished.
//!
//! **Mutants** are the reference store with one bug each, of a kind that real queues have had; see
//! [`mutants`](mod@mutants).
//!
//! # Repeating a run
//!
//! Every randomised test prints its seed when it fails; the simulator also prints the end of its log. The seed repeats
//! it:
//!
//! ```text
//! LONGSHORE_SEED=1846192505462584665 cargo test -p longshore-conformance --test suite simulator::fleet_that_crashes
//! ```
//!
//! In the simulator this is the same run, call by call, except on a server, whose clock and load affect it. Cases with
//! racing tasks get the same random numbers, but not the same race.
//!
//! `LONGSHORE_LONG=10`, which `./test --long` sets, does ten times as many runs of randomised tests.
//!
//! # Reading order
//!
//! [`Fixture`] (what a store must provide), `bench` (the environment of cases), `case` (a case and its tests), `list`
//! (the list of cases), one module per rule; then `through` and `faults`, `simulator` (`world` chooses who runs next,
//! `net` makes calls fail, `calls` says what each may do, `ledger` records what is known), and
//! [`mutants`](mod@mutants).
//!
//! # Examples
//!
//! The complete test file of a store:
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

/// Creates one named test for each of [`CASES`], over a fixture of that type; and one more for each [`Fault`], in `mod
/// faults`.
#[macro_export]
macro_rules! conformance {
    ($fixture:ty) => {
        $crate::each_case! { [$crate::a_test_each] [$fixture] }
    };
}

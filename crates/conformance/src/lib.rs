//! The suite that every longshore store passes: one list of cases, one named test a case.
//!
//! A store's test file says how to open a fresh store and names it to [`conformance!`]; it cannot leave a case out. The cases
//! are named after the rules that keep jobs safe, and [`CASES`] lists them with a sentence each. In reading order: [`Fixture`]
//! (what a store must provide), `bench` (what cases work with), `list` (the one list), then a module a rule.
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
mod list;

mod rule_1_settled_once;
mod rule_2_push_is_kept;
mod rule_3_claims_are_disjoint;
mod rule_4_leases;
mod rule_5_deaths;
mod rule_6_bounded;
mod rule_7_repeats;
mod rule_8_keys;
mod rule_8_idempotency;
mod rule_10_retention;
mod rule_11_unknown_and_expired;
mod rule_12_outages;
mod shaky;
mod rule_14_wakeups;
mod states;
mod walk;
mod reading;
mod acting;
mod pausing;
mod running;
mod stopping;

pub use async_trait::async_trait;
pub use fixture::Fixture;
pub use list::{CASES, Case};

#[doc(hidden)]
pub use list::run;

/// Makes one named test for each of [`CASES`], over the fixture of that type.
#[macro_export]
macro_rules! conformance {
    ($fixture:ty) => {
        $crate::each_case! { [$crate::a_test_each] [$fixture] }
    };
}

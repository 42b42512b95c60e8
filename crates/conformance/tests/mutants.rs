//! The suite can fail: a case catches every reference store with a bug, and none fails for the store without one.

mod memory;

use longshore_conformance::mutants;
use memory::InThisProcess;

mutants!(InThisProcess);

/// The wrapper without a bug passes every case that should catch a mutant.
#[test]
fn healthy_store_raises_no_alarm() {
    mutants::raises_no_alarm::<InThisProcess>();
}

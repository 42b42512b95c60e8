//! The suite can fail: every reference store with a bug is caught by a case with a name, and the same store without one by none.

mod memory;

use longshore_conformance::mutants;
use memory::InThisProcess;

mutants!(InThisProcess);

/// The wrapper without a bug passes every case that is to catch a mutant.
#[test]
fn healthy_store_raises_no_alarm() {
    mutants::raises_no_alarm::<InThisProcess>();
}

//! The reference store passes the suite.

mod memory;

use longshore_conformance::conformance;
use memory::InThisProcess;

conformance!(InThisProcess);

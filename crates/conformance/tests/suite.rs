//! The reference store passes the suite that it is the model of.

mod memory;

use longshore_conformance::conformance;
use memory::InThisProcess;

conformance!(InThisProcess);

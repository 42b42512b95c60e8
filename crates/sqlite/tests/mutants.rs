//! The suite catches bugs on SQLite as on the reference store.

mod disk;

use disk::OnDisk;
use longshore_conformance::mutants;

mutants!(OnDisk);

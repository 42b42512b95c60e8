//! Bugs are caught on SQLite as they are on the reference store.

mod disk;

use disk::OnDisk;
use longshore_conformance::mutants;

mutants!(OnDisk);

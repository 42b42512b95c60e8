//! SQLite on disk passes the suite.

mod disk;

use disk::OnDisk;
use longshore_conformance::conformance;

conformance!(OnDisk);

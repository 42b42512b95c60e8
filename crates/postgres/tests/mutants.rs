//! Bugs are caught on PostgreSQL as they are on the reference store.

mod schema;

use longshore_conformance::mutants;
use schema::Direct;

mutants!(Direct);

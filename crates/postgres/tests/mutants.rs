//! Bugs are caught on PostgreSQL as they are on the reference store.

mod schema;

use schema::Direct;
use longshore_conformance::mutants;

mutants!(Direct);

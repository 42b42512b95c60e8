//! PostgreSQL passes the suite.

mod schema;

use longshore_conformance::conformance;
use schema::Direct;

conformance!(Direct);

//! One Redis passes the suite.

mod server;

use longshore_conformance::conformance;
use server::OneServer;

conformance!(OneServer);

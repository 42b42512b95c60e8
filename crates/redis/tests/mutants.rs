//! Bugs are caught on Redis as they are on the reference store.

mod server;

use longshore_conformance::mutants;
use server::OneServer;

mutants!(OneServer);

//! Bugs are caught on Redis as they are on the reference store.

mod server;

use server::OneServer;
use longshore_conformance::mutants;

mutants!(OneServer);

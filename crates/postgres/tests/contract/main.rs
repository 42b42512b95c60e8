//! PostgreSQL passes the suite, directly and through a pooler, and the suite catches all bugs there.

mod pooled;
mod schema;

mod direct {
    use crate::schema::{Place, Schema};

    pub struct Direct;

    impl Place for Direct {
        const POOL: usize = 2;
        const SEEDS: usize = 3;
        const MANY: usize = 20_000;

        fn url() -> String {
            longshore_testbed::Postgres::shared().url()
        }
    }

    mod suite {
        use super::{Direct, Schema};

        longshore_conformance::conformance!(Schema<Direct>);
    }

    mod bugs {
        use super::{Direct, Schema};

        longshore_conformance::mutants!(Schema<Direct>);
    }
}

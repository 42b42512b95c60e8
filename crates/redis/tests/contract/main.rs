//! One server and a real cluster of three pass the suite, and on neither a bug slips through it.

mod keys;

mod one_server {
    use crate::keys::{Keys, OneServer};

    mod suite {
        use super::{Keys, OneServer};

        longshore_conformance::conformance!(Keys<OneServer>);
    }

    mod bugs {
        use super::{Keys, OneServer};

        longshore_conformance::mutants!(Keys<OneServer>);
    }
}

mod cluster {
    use crate::keys::{Cluster, Keys};

    mod suite {
        use super::{Cluster, Keys};

        longshore_conformance::conformance!(Keys<Cluster>);
    }

    mod bugs {
        use super::{Cluster, Keys};

        longshore_conformance::mutants!(Keys<Cluster>);
    }
}

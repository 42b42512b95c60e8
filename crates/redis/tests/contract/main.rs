//! The conformance suite passes on one server, on a cluster of three, and on Valkey, and finds every seeded bug on each of them.

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

mod valkey {
    use crate::keys::{Keys, Valkey};

    mod suite {
        use super::{Keys, Valkey};

        longshore_conformance::conformance!(Keys<Valkey>);
    }

    mod bugs {
        use super::{Keys, Valkey};

        longshore_conformance::mutants!(Keys<Valkey>);
    }
}

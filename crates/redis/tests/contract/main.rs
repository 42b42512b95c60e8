//! One server, a real cluster of three, and Valkey pass the suite, and on none of them a bug slips through it.

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

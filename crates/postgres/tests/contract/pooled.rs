//! The suite through PgBouncer in transaction mode, where each statement may run in another session.

use std::sync::OnceLock;

use longshore_conformance::{CASES, run};
use longshore_testbed::PgBouncer;

use crate::schema::{Place, Schema};

struct Pooled;

impl Place for Pooled {
    const POOL: usize = 4;
    const SEEDS: usize = 1;
    const MANY: usize = 3_000;

    fn url() -> String {
        static POOLER: OnceLock<PgBouncer> = OnceLock::new();
        POOLER.get_or_init(|| PgBouncer::start(longshore_testbed::Postgres::shared())).url()
    }
}

/// Cases about notifications of other processes: behind a pooler, processes poll.
const ACROSS: &[&str] = &[
    "push_of_one_process_wakes_another",
    "news_and_cancels_of_one_process_are_heard_in_another",
    "one_job_wakes_one_process",
    "process_that_knows_the_kind_is_woken",
    "process_that_has_no_room_any_more_wakes_another",
];

/// Runs the cases of these rules, one after the other.
fn cases(rules: &[&str]) {
    for case in CASES.iter().filter(|case| rules.contains(&case.rule) && !ACROSS.contains(&case.name)) {
        println!("{}::{}", case.rule, case.name);
        run::<Schema<Pooled>>(case.rule, case.name, None);
    }
}

macro_rules! rules {
    ($($test:ident: $($rule:literal)*;)*) => {
        $(
            #[test]
            fn $test() {
                cases(&[$($rule),*]);
            }
        )*

        #[test]
        fn no_rule_is_left_out() {
            let run: Vec<&str> = vec![$($($rule),*),*];
            let left: Vec<_> = CASES.iter().map(|case| case.rule).filter(|rule| !run.contains(rule)).collect();
            assert!(left.is_empty(), "{left:?}");
            assert_eq!(CASES.iter().filter(|case| ACROSS.contains(&case.name)).count(), ACROSS.len());
        }
    };
}

rules! {
    claims_are_settled_once: "settled_once" "repeats";
    pushes_are_kept: "push_is_kept" "keys" "idempotency";
    claims_are_disjoint: "claims_are_disjoint" "leases" "deaths";
    work_is_bounded: "bounded" "retention" "unknown_and_expired";
    outages_are_borne: "outages" "notifications";
    people_read_and_act: "reading" "acting" "pausing" "ruling" "registry" "repairing";
    workers_run_and_stop: "running" "stopping" "outcomes";
    large_results_stream: "artifacts";
    model_agrees: "states";
    simulator: "simulator";
}

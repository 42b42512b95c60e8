//! The suite through PgBouncer in transaction mode, where a session may be another's with the next statement.

use std::sync::{Arc, OnceLock};

use longshore_conformance::{CASES, Fixture, async_trait, run};
use longshore_core::{Artifacts, Settings, Store};
use longshore_postgres::{Options, Postgres};
use longshore_testbed::PgBouncer;

struct Pooled {
    url: String,
    settings: Settings,
    store: Arc<Postgres>,
}

async fn connect(url: &str, settings: &Settings) -> Arc<Postgres> {
    let store = Postgres::open(url, Options::with(settings.clone())).await;
    Arc::new(store.expect("the pooler takes us"))
}

fn pooler() -> &'static PgBouncer {
    static POOLER: OnceLock<PgBouncer> = OnceLock::new();
    POOLER.get_or_init(|| PgBouncer::start(longshore_testbed::Postgres::shared()))
}

#[async_trait]
impl Fixture for Pooled {
    async fn open(settings: Settings) -> Self {
        let url = format!("{}?schema=pooled_{:016x}&fsync=accept&pool=4", pooler().url(), fastrand::u64(..));
        let store = connect(&url, &settings).await;
        Pooled { url, settings, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        Arc::new(self.store.artifacts())
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(connect(&self.url, &self.settings).await)
    }

    fn many(&self) -> usize {
        3_000
    }

    fn seeds(&self) -> usize {
        1
    }
}

/// Cases about bells of other processes: behind a pooler each looks by itself.
const ACROSS: &[&str] = &["push_of_one_process_rings_in_another", "news_and_cancels_of_one_process_ring_in_another"];

/// Runs the cases of these rules, one after the other.
fn cases(rules: &[&str]) {
    for case in CASES.iter().filter(|case| rules.contains(&case.rule) && !ACROSS.contains(&case.name)) {
        println!("{}::{}", case.rule, case.name);
        run::<Pooled>(case.rule, case.name, None);
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
    claims_are_settled_once: "rule_1_settled_once" "rule_7_repeats";
    pushes_are_kept: "rule_2_push_is_kept" "rule_8_keys" "rule_8_idempotency";
    claims_are_disjoint: "rule_3_claims_are_disjoint" "rule_4_leases" "rule_5_deaths";
    work_is_bounded: "rule_6_bounded" "rule_10_retention" "rule_11_unknown_and_expired";
    outages_are_borne: "rule_12_outages" "rule_14_wakeups";
    people_read_and_act: "reading" "acting" "pausing";
    workers_run_and_stop: "running" "stopping";
    model_agrees: "states";
    simulator: "simulator";
}

//! The dead rows of claims are removed before later claims must scan many of them.

use longshore_core::{Jobs, WorkerSecret};

use crate::common::{Schema, all, connect, job, take};

#[tokio::test]
async fn many_claims_bring_a_vacuum_about() {
    let schema = Schema::new().await; // its server runs no autovacuum
    let client = connect(&schema.server).await;
    let vacuums = schema.sql(
        "SELECT sum(vacuum_count)::bigint FROM pg_stat_user_tables
         WHERE relid IN ('longshore.waiting'::regclass, 'longshore.running'::regclass)",
    );
    let worker = WorkerSecret::new();
    for round in 0.. {
        assert!(round < 200, "no vacuum after {} jobs", round * 1000);
        all(schema.store.push((0..1000).map(|_| job()).collect()).await);
        assert_eq!(take(&schema.store, &worker, 1000).await.len(), 1000);
        // The vacuum runs in the background, and the server reports dead rows once a second, so check several times.
        if client.query_one(&vacuums, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            break;
        }
    }
}

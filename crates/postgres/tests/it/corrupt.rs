//! Corrupt rows: the job is dead with a reason, and it neither blocks other jobs nor causes a loop.

use longshore_core::{Jobs, Logs, Moved, Page, Reason, State, WorkerSecret};

use crate::common::{Schema, all, ask, connect, job, push, take};

#[tokio::test]
async fn constraints_keep_most_nonsense_out() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    push(&schema.store, job()).await;
    for wrong in [
        "state = 7",
        "state = 2",
        "attempt = -1",
        "max_attempts = 0",
        "crashes = 9",
        "rank = 101",
        "timeout_ms = 0",
        "queue = NULL",
        "payload = repeat('x', 300000)",
        "interruptions = -1",
        "outages = -1",
        "granted_attempts = 0",
        "granted_timeout_ms = 0",
        "reuse_ms = -1",
        "unique_scope = -1",
        "failures = '{}'",
    ] {
        let sql = schema.sql(&format!("UPDATE longshore.waiting SET {wrong}"));
        assert!(client.batch_execute(&sql).await.is_err(), "{wrong}");
    }
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 10).await.len(), 1);
}

#[tokio::test]
async fn row_that_makes_no_sense_is_dead_and_stops_nobody() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let sql =
        "ALTER TABLE longshore.waiting DROP CONSTRAINT waiting_timeout_ms_check, ALTER COLUMN outages DROP NOT NULL,
                   ALTER COLUMN payload DROP NOT NULL";
    client.batch_execute(&schema.sql(sql)).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(push(&schema.store, job()).await);
    }
    let [no_time, no_count, no_payload, good] = ids.try_into().expect("four were pushed");
    client
        .batch_execute(&schema.sql(&format!(
            "UPDATE longshore.waiting SET timeout_ms = 0 WHERE id = '{no_time}';
         UPDATE longshore.waiting SET outages = NULL WHERE id = '{no_count}';
         UPDATE longshore.waiting SET payload = NULL WHERE id = '{no_payload}'"
        )))
        .await
        .unwrap();

    let claims = schema.store.claim(ask(&WorkerSecret::new(), 10)).await.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [good], "the others do not stand in its way");
    let told = |moved: &Moved| (moved.id, moved.state, moved.reason);
    let mut told: Vec<_> = claims.buried.iter().map(told).collect();
    told.sort_by_key(|(id, ..)| *id);
    let mut unfit = [no_time, no_count, no_payload];
    unfit.sort();
    assert_eq!(told, unfit.map(|id| (id, State::Dead, Some(Reason::Corrupt))));
    let dead = schema.store.status(vec![no_time, no_count, no_payload]).await.unwrap();
    for status in dead.into_iter().map(|status| status.expect("it is known")) {
        assert_eq!((status.state, status.reason), (State::Dead, Some(Reason::Corrupt)));
        assert!(status.message.is_some_and(|message| message.contains("is corrupt")));
    }
    assert!(take(&schema.store, &WorkerSecret::new(), 10).await.is_empty(), "they do not come again");
    let listed = schema.store.list(Default::default(), Page::first(10)).await.unwrap();
    assert_eq!(
        listed.jobs.iter().map(|job| job.id).collect::<Vec<_>>(),
        [good, no_time],
        "what cannot be read hides no other job"
    );
}

#[tokio::test]
async fn running_row_that_makes_no_sense_is_dead_when_it_would_come_back_and_stops_nobody() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let wrongs = [
        "seq = NULL",
        "run_at = NULL",
        "created_at = NULL",
        "version = 9223372036854775807",
        "unique_scope = -1",
        "reuse_ms = 9223372036854775807",
        "timeout_ms = 0",
        "interruptions = -1",
        "outages = -1",
        "granted_attempts = 0",
        "granted_timeout_ms = 0",
        "rank = 101",
        "attempt = NULL",
        "max_attempts = 0",
        "crashes = -1",
        "kind = NULL",
        "payload = repeat('x', 300000)",
        "failures = '{}'",
    ];
    all(schema.store.push(wrongs.iter().map(|_| job()).chain([job()]).collect()).await);
    let worker = WorkerSecret::new();
    let claimed = take(&schema.store, &worker, 100).await;
    let (good, damaged) = claimed.split_last().unwrap();
    for (wrong, job) in wrongs.iter().zip(damaged) {
        client
            .batch_execute(&schema.sql(&format!("UPDATE longshore.running SET {wrong} WHERE id = '{}'", job.id)))
            .await
            .unwrap_or_else(|e| panic!("{wrong}: {e:?}"));
    }
    let taken = schema.store.release(worker, longshore_core::Death::Crashed.into()).await.unwrap().len();
    assert_eq!(taken, claimed.len() - 1, "all but the one that has no kind are told of");
    let ids = damaged.iter().map(|job| job.id).collect();
    for (wrong, status) in wrongs.iter().zip(schema.store.status(ids).await.unwrap()) {
        let status = status.unwrap_or_else(|| panic!("{wrong}: the job is known"));
        assert_eq!((status.state, status.reason), (State::Dead, Some(Reason::Corrupt)), "{wrong}");
    }
    let again = take(&schema.store, &WorkerSecret::new(), 100).await;
    assert_eq!(again.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
}

#[tokio::test]
async fn job_of_a_queue_that_cannot_be_hides_nothing() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    let (strange, good) = (push(&schema.store, job()).await, push(&schema.store, job()).await);
    client.batch_execute(&schema.sql(&format!(
        "UPDATE longshore.waiting SET queue = 'no good', tags = '{{\"a\": 1}}', progress = 'no JSON' WHERE id = '{strange}'"))).await.unwrap();
    let got = schema.store.get(vec![strange, good]).await.unwrap();
    assert!(got[0].is_none() && got[1].is_some());
    let listed = schema.store.list(Default::default(), Page::first(10)).await.unwrap();
    assert_eq!(listed.jobs.len(), 1);
    assert_eq!(take(&schema.store, &WorkerSecret::new(), 10).await.len(), 1);
}

#[tokio::test]
async fn text_with_the_one_character_that_cannot_be_kept_is_kept_without_it() {
    let schema = Schema::new().await;
    push(&schema.store, job()).await;
    let claimed = take(&schema.store, &WorkerSecret::new(), 1).await.remove(0);
    assert!(schema.store.write_log(claimed.id, claimed.token, "a\0b\n".into()).await.unwrap());
    let outcome = longshore_core::Outcome::Bury { reason: Reason::Fatal, message: "null: \0!".into() };
    let progress = Some(longshore_core::Progress::from_message("so\0far"));
    let settlement = longshore_core::Settlement::new(claimed.id, claimed.token, outcome).progress(progress);
    let done = all(schema.store.settle(vec![settlement]).await);
    assert_eq!(done, [longshore_core::Settled::Done]);
    let job = schema.store.get(vec![claimed.id]).await.unwrap().remove(0).unwrap();
    assert_eq!(job.failures[0].message, "null: \u{fffd}!");
    assert_eq!(schema.store.log(claimed.id, None).await.unwrap().as_deref(), Some("a\u{fffd}b\n"));
    assert_eq!(job.progress.unwrap().message, "so\0far");
}

//! Claims: settles in the same round trip, limits of a kind, burials.

use std::time::Duration;

use longshore_core::{
    Claimed, Death, Jobs, Kind, KnownKind, NewJob, Outcome, Queues, Reason, Settled, Settlement, State, Token, When,
    WorkerSecret, limits,
};

use crate::common::{Schema, all, ask, connect, job, job_of, take};

fn settlement(id: longshore_core::JobId, token: Token, outcome: Outcome) -> Settlement {
    Settlement::new(id, token, outcome)
}

#[tokio::test]
async fn settles_and_a_claim_go_together_and_the_claim_sees_what_they_freed() {
    let schema = Schema::new().await;
    let worker = WorkerSecret::new();
    all(schema.store.push(vec![job(), job()]).await);
    let first: Vec<Claimed> = take(&schema.store, &worker, 2).await;
    let settlements = vec![
        settlement(first[0].id, first[0].token, Outcome::Release),
        settlement(job().id, first[0].token, Outcome::Release),
        settlement(first[1].id, first[1].token, Outcome::Succeed { result: None }),
    ];
    let (settled, claims) = schema.store.settle_and_claim(settlements, ask(&worker, 5)).await;
    assert_eq!(all(settled), [Settled::Done, Settled::Lost, Settled::Done]);
    let claims = claims.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [first[0].id]);

    // Duplicate settles in a batch are done one after the other.
    let again = settlement(first[0].id, claims.jobs[0].token, Outcome::Release);
    let (settled, claims) = schema.store.settle_and_claim(vec![again.clone(), again], ask(&worker, 5)).await;
    assert_eq!((all(settled), claims.unwrap().jobs.len()), (vec![Settled::Done; 2], 1));

    // A claim that is refused does not undo the settles.
    all(schema.store.push(vec![job()]).await);
    let other = WorkerSecret::new();
    let held = take(&schema.store, &other, 1).await.remove(0);
    assert_eq!(schema.store.release(worker.clone(), Death::Interrupted.into()).await.unwrap().len(), 1);
    let done = settlement(held.id, held.token, Outcome::Succeed { result: None });
    let (settled, claims) = schema.store.settle_and_claim(vec![done], ask(&worker, 5)).await;
    assert_eq!(all(settled), [Settled::Done]);
    assert_eq!(claims.expect_err("it was released").kind(), longshore_core::ErrorKind::Refused);
}

#[tokio::test]
async fn kinds_are_handed_out_no_more_often_than_each_is_wanted() {
    let schema = Schema::new().await;
    let kinds = ["a", "b", "c"].map(|kind| kind.parse::<Kind>().unwrap());
    let jobs = kinds.iter().flat_map(|kind| {
        (0..30).map(move |n: i16| NewJob {
            priority: n % 3,
            ..job_of(if n % 2 == 0 { "default" } else { "mail" }, kind.as_str())
        })
    });
    all(schema.store.push(jobs.collect()).await);
    let known = |place: usize, wanted| KnownKind::from(kinds[place].clone()).wanted(wanted);
    let queues = vec!["default".parse().unwrap(), "mail".parse().unwrap()];
    let mut counts = Vec::new();
    for _ in 0..3 {
        let kinds_known = vec![known(0, 7), known(1, 0), known(2, 20)];
        let claim = ask(&WorkerSecret::new(), 25).kinds(kinds_known).queues(queues.clone());
        let jobs = schema.store.claim(claim).await.unwrap().jobs;
        counts.push(kinds.each_ref().map(|kind| jobs.iter().filter(|job| job.kind == *kind).count()));
    }
    for count in &counts {
        assert!(count[0] <= 7 && count[1] == 0 && count[2] <= 20, "{counts:?}");
    }
    assert_eq!(counts[0].iter().sum::<usize>(), 25, "{counts:?}");
    assert_eq!(counts.iter().map(|count| count[2]).sum::<usize>(), 30, "{counts:?}");
    let one_kind = ask(&WorkerSecret::new(), 25).kinds(vec![known(1, 2)]).queues(queues);
    assert_eq!(schema.store.claim(one_kind).await.unwrap().jobs.len(), 2);
}

#[tokio::test]
async fn claim_buries_no_more_than_one_call_may_and_says_that_there_is_more() {
    let schema = Schema::new().await;
    let late = || NewJob { deadline: Some(When::In(limits::LEASE)), priority: 1, ..job() };
    for _ in 0..2 {
        all(schema.store.push((0..600).map(|_| late()).collect()).await);
    }
    all(schema.store.push(vec![NewJob { queue: "mail".parse().unwrap(), ..late() }, job()]).await);
    schema.settings.clock.advance(limits::LEASE);
    let claim = || ask(&WorkerSecret::new(), 2).queues(vec!["default".parse().unwrap(), "mail".parse().unwrap()]);
    let mut buried = Vec::new();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        let claims = schema.store.claim(claim()).await.unwrap();
        assert_eq!(claims.buried.len(), limits::UPKEEP_ROWS);
        assert_eq!(claims.look_again, Some(Duration::ZERO), "there is more behind it");
        buried.extend(claims.buried);
        jobs.extend(claims.jobs);
    }
    let last = schema.store.claim(claim()).await.unwrap();
    assert_eq!((last.buried.len(), last.look_again), (201, None));
    buried.extend(last.buried);
    jobs.extend(last.jobs);
    assert_eq!(jobs.len(), 1, "the one behind all of them");
    assert!(buried.iter().all(|moved| (moved.state, moved.reason) == (State::Dead, Some(Reason::Expired))));
    let dead: u64 = schema.store.queues(None, 10).await.unwrap().iter().map(|queue| queue.count(State::Dead)).sum();
    assert_eq!((dead, buried.len()), (1_201, 1_201));
}

#[tokio::test]
async fn row_of_a_claim_that_is_no_job_holds_no_payload() {
    let schema = Schema::new().await;
    let client = connect(&schema.server).await;
    all(schema.store.push(vec![job()]).await);
    let sql = schema.sql(
        "SELECT id IS NULL, payload IS NULL FROM longshore.claim(
             gen_random_uuid(), 7, 1, '{default}', '{work}', '{}', '{}', '{}', '{}', 1, 30000, true, 1, 1, false, 0, 0, 9223372036854775807, 1000, NULL)",
    );
    let rows = client.query(&sql, &[]).await.unwrap();
    let rows: Vec<(bool, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(rows, [(false, false), (true, true)], "the largest payload is not sent twice");
}

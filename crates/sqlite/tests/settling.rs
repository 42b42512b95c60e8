//! Settles and the next claim share a transaction.

use longshore_core::{
    Claim, ErrorKind, Jobs, NewJob, Nonce, Outcome, Payload, Settled, Settlement, State, WorkerSecret,
};
use longshore_sqlite::{Options, Sqlite};
use rusqlite::Connection;

#[tokio::test]
async fn claim_that_fails_undoes_no_settle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.db");
    let store = Sqlite::open(&path, Options::default()).unwrap();
    let job = || NewJob::new("default".parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
    let jobs = [job(), job()];
    let claim = Claim::new(WorkerSecret::new().id(), vec![jobs[0].queue.clone()], vec![jobs[0].kind.clone().into()]);
    assert!(store.push(jobs.to_vec()).await.iter().all(Result::is_ok));
    let job = store.claim(claim.clone()).await.unwrap().jobs.remove(0);
    // Simulates damage to the file.
    let no_claims = "CREATE TRIGGER no_claims BEFORE UPDATE OF state ON job WHEN new.state = 2
                     BEGIN SELECT raise(ABORT, 'no claims today'); END";
    Connection::open(&path).unwrap().execute_batch(no_claims).unwrap();
    let outcome = Outcome::Succeed { result: None };
    let settlement = Settlement::new(job.id, job.token, outcome);
    let next = claim.nonce(Nonce::new());
    let (mut settled, claims) = store.settle_and_claim(vec![settlement.clone()], next.clone()).await;
    assert_eq!(settled.remove(0).unwrap(), Settled::Done);
    let error = claims.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no claims today"), "{error}");
    let states = store.status(vec![job.id, jobs[1].id]).await.unwrap();
    let states: Vec<_> = states.into_iter().map(|status| status.expect("it is known").state).collect();
    assert_eq!(states, [State::Succeeded, State::Ready]);

    Connection::open(&path).unwrap().execute_batch("DROP TRIGGER no_claims").unwrap();
    let (mut settled, claims) = store.settle_and_claim(vec![settlement], next).await;
    assert_eq!(settled.remove(0).unwrap(), Settled::Done, "a repeat");
    assert_eq!(claims.unwrap().jobs[0].id, jobs[1].id);
}

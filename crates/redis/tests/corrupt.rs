//! Damaged records and payloads never block a worker: a corrupt job is dead with a reason, and an id without a record is removed.

use longshore_core::{
    Claimed, Death, Filter, Jobs, NewJob, Outcome, Page, Payload, Queues, Reason, Settlement, State, Upkeep, When,
    WorkerSecret, limits,
};
use longshore_redis::keys;

mod each;
mod jobs;
mod raw;

use each::All;
use jobs::{ask, job, success};
use raw::Bench;

impl Bench {
    async fn push(&self, new: NewJob) -> NewJob {
        self.store.push(vec![new.clone()]).await.all().unwrap();
        new
    }

    /// Runs a command on a key of a job, directly on the server.
    async fn change(&mut self, command: &str, kind: &str, job: &NewJob, rest: &[&[u8]]) {
        let root = format!("{}:{{{:04x}}}:{kind}", self.prefix, job.queue.tag());
        let mut command = redis::cmd(command);
        command.arg([root.as_bytes(), job.id.as_bytes()].concat()).arg(rest);
        command.query_async::<redis::Value>(&mut self.raw).await.unwrap();
    }

    async fn take(&self, limit: usize) -> Vec<Claimed> {
        self.take_as(&WorkerSecret::new(), limit).await
    }

    async fn take_as(&self, worker: &WorkerSecret, limit: usize) -> Vec<Claimed> {
        self.store.claim(ask(limit).worker(worker.id())).await.unwrap().jobs
    }

    async fn upkeep(&self) -> longshore_core::UpkeepReport {
        self.store.upkeep(Upkeep::new(500, true)).await.unwrap()
    }

    async fn is_dead(&self, job: &NewJob) {
        let job = self.store.get(vec![job.id]).await.unwrap().remove(0).expect("the job can be read");
        assert_eq!((job.state, job.reason), (State::Dead, Some(Reason::Corrupt)));
        assert_eq!(job.failures.len(), 1, "the failure has a reason");
        let filter = Filter { state: Some(State::Dead), ..Filter::default() };
        let dead = self.store.list(filter, Page::first(10)).await.unwrap().jobs;
        assert!(dead.iter().any(|dead| dead.id == job.id));
    }
}

fn later() -> NewJob {
    NewJob { when: When::In(limits::LEASE), ..job() }
}

#[tokio::test]
async fn corrupt_record_of_a_ready_job_is_dead_and_blocks_no_worker() {
    // No record, an empty one, an unknown version, an unknown state, and names that are longer than the record.
    for (command, rest) in [
        ("SET", &[&b"nonsense"[..]][..]),
        ("SET", &[b""]),
        ("SETRANGE", &[b"0", &[77]]),
        ("SETRANGE", &[b"1", &[77]]),
        ("SETRANGE", &[b"19", &[255, 255]]),
        // Running without a run, and with the flag of a unique key that it does not have.
        ("SETRANGE", &[b"1", &[2]]),
        ("SETRANGE", &[b"2", &[128]]),
    ] {
        let mut bench = Bench::open().await;
        let (bad, good) = (bench.push(job()).await, bench.push(job()).await);
        bench.change(command, keys::JOB, &bad, rest).await;
        let claims = bench.store.claim(ask(10)).await.unwrap();
        assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
        let buried: Vec<_> = claims.buried.iter().map(|moved| (moved.id, moved.reason)).collect();
        assert_eq!(buried, [(bad.id, Some(Reason::Corrupt))]);
        bench.is_dead(&bad).await;
        assert!(bench.take(10).await.is_empty());
        let counts = bench.store.queues(None, 10).await.unwrap().remove(0).counts;
        assert_eq!(counts, [0, 0, 1, 0, 1, 0]);
        bench.settings.clock.advance(limits::KEEP_DEAD);
        bench.upkeep().await;
        assert_eq!(bench.store.get(vec![bad.id]).await.unwrap(), [None]);
    }
}

#[tokio::test]
async fn corrupt_record_of_a_scheduled_job_is_dead_when_it_is_due() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(later()).await, bench.push(later()).await);
    bench.change("SET", keys::JOB, &bad, &[b""]).await;
    bench.settings.clock.advance(limits::LEASE);
    let claims = bench.store.claim(ask(10)).await.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
    assert_eq!(claims.buried.iter().map(|moved| moved.id).collect::<Vec<_>>(), [bad.id]);
    bench.is_dead(&bad).await;
}

#[tokio::test]
async fn record_that_only_the_worker_cannot_read_is_dead_and_stops_nobody() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(job()).await, bench.push(job()).await);
    // The first letter of the queue's name, behind head and 31 bytes of body.
    bench.change("SETRANGE", keys::JOB, &bad, &[b"61", b"\xff"]).await;
    let claims = bench.store.claim(ask(10)).await.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
    let buried: Vec<_> = claims.buried.iter().map(|moved| (moved.id, moved.reason)).collect();
    assert_eq!(buried, [(bad.id, Some(Reason::Corrupt))]);
    assert!(bench.take(10).await.is_empty());
}

#[tokio::test]
async fn job_that_is_ready_by_mistake_is_not_handed_out_twice() {
    let mut bench = Bench::open().await;
    let held = bench.push(job()).await;
    let worker = WorkerSecret::new();
    let token = bench.take_as(&worker, 1).await[0].token;
    let root = format!("{}:{{{:04x}}}:", bench.prefix, held.queue.tag());
    let running = format!("{root}{}{}", keys::RUNNING, held.queue);
    let member: Vec<Vec<u8>> =
        redis::cmd("ZRANGE").arg(running).arg(0).arg(0).query_async(&mut bench.raw).await.unwrap();
    let ready = format!("{root}{}{}:{}", keys::READY, held.queue, held.kind);
    let _: i64 = redis::cmd("ZADD").arg(ready).arg(0).arg(&member[0]).query_async(&mut bench.raw).await.unwrap();
    assert!(bench.take(10).await.is_empty());
    let again = bench.store.get(vec![held.id]).await.unwrap().remove(0).unwrap();
    assert_eq!((again.state, again.attempt, again.worker), (State::Running, 1, Some(worker.id())));
    let settled = bench
        .store
        .settle(vec![Settlement::new(held.id, token, Outcome::Succeed { result: None })])
        .await
        .all()
        .unwrap();
    assert_eq!(settled, [longshore_core::Settled::Done]);
}

#[tokio::test]
async fn corrupt_record_of_a_running_job_is_dead_when_its_worker_is_gone() {
    for released in [true, false] {
        let mut bench = Bench::open().await;
        let jobs = [bench.push(job()).await, bench.push(job()).await, bench.push(job()).await];
        let worker = WorkerSecret::new();
        assert_eq!(bench.take_as(&worker, 1).await.len() + bench.take_as(&worker, 2).await.len(), 3);
        for bad in &jobs[..2] {
            bench.change("SET", keys::JOB, bad, &[b"nonsense"]).await;
        }
        if released {
            assert_eq!(bench.store.release(worker, Death::Interrupted.into()).await.unwrap().len(), 1);
        } else {
            bench.settings.clock.advance(limits::LEASE);
            assert_eq!(bench.upkeep().await.rescued.len(), 1);
        }
        bench.is_dead(&jobs[0]).await;
        bench.is_dead(&jobs[1]).await;
        let counts = bench.store.queues(None, 10).await.unwrap().remove(0).counts;
        assert_eq!(counts, [0, 1, 0, 0, 2, 0]);
    }
}

#[tokio::test]
async fn job_with_a_missing_or_binary_payload_is_dead() {
    let mut bench = Bench::open().await;
    // Large payloads have their own keys.
    let payload = Payload::parse(&format!("\"{}\"", "x".repeat(1_000))).unwrap();
    let large = || NewJob { payload: payload.clone(), ..job() };
    let (gone, binary, good) = (bench.push(large()).await, bench.push(large()).await, bench.push(large()).await);
    bench.change("DEL", keys::PAYLOAD, &gone, &[]).await;
    bench.change("SET", keys::PAYLOAD, &binary, &[&[0xff, 0xfe]]).await;
    let claims = bench.store.claim(ask(10)).await.unwrap();
    assert_eq!(claims.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
    assert_eq!(claims.buried.iter().map(|moved| moved.id).collect::<Vec<_>>(), [gone.id, binary.id]);
    bench.is_dead(&gone).await;
    bench.is_dead(&binary).await;
}

#[tokio::test]
async fn id_without_a_record_is_removed_from_its_set() {
    let mut bench = Bench::open().await;
    let due = Some(When::In(limits::LEASE));
    let lost =
        [bench.push(job()).await, bench.push(later()).await, bench.push(NewJob { deadline: due, ..job() }).await];
    for job in &lost {
        bench.change("DEL", keys::JOB, job, &[]).await;
    }
    bench.settings.clock.advance(limits::LEASE);
    assert!(bench.take(10).await.is_empty());
    let stats = bench.store.queues(None, 10).await.unwrap().remove(0);
    assert_eq!((&stats.counts[..2], stats.oldest_ready), (&[0, 0][..], None));
    assert!(bench.store.list(Filter::default(), Page::first(10)).await.unwrap().jobs.is_empty());

    let ended = bench.push(job()).await;
    let claimed = bench.take(1).await.remove(0);
    let _settled = bench.store.settle(vec![success(&claimed)]).await.all().unwrap();
    bench.change("DEL", keys::JOB, &ended, &[]).await;
    bench.settings.clock.advance(limits::KEEP_FINISHED);
    bench.upkeep().await;
    assert_eq!(bench.upkeep().await, longshore_core::UpkeepReport::default(), "nothing is left to do");
}

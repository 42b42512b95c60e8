//! What a foreign hand did to our keys stops nobody, and loops nowhere: a job that makes no sense is dead, or gone.

use std::time::Duration;

use longshore_core::{
    Claim, Claimed, Death, Error, Filter, NewJob, Page, Payload, Queue, QueueName, Reason, State, Store, Upkeep, When,
    WorkerSecret, limits,
};
use longshore_redis::keys;

mod by_hand;
mod jobs;

use by_hand::Bench;
use jobs::{ask, job, success};

impl Bench {
    async fn push(&self, new: NewJob) -> NewJob {
        self.store.push(vec![new.clone()]).await.unwrap();
        new
    }

    /// Pushes jobs together.
    async fn push_many(&self, n: usize) -> Vec<NewJob> {
        let jobs: Vec<NewJob> = (0..n).map(|_| job()).collect();
        self.store.push(jobs.clone()).await.unwrap();
        jobs
    }

    /// Returns the name of a key of the default queue.
    fn of_queue(&self, kind: &str, rest: &str) -> Vec<u8> {
        let queue = QueueName::default();
        format!("{}:{{{:04x}}}:{kind}{queue}{rest}", self.prefix, queue.tag()).into_bytes()
    }

    fn key(&self, kind: &str, job: &NewJob) -> Vec<u8> {
        let root = format!("{}:{{{:04x}}}:{kind}", self.prefix, job.queue.tag());
        [root.as_bytes(), job.id.as_bytes()].concat()
    }

    async fn by_hand(&mut self, command: &str, key: Vec<u8>, rest: &[&[u8]]) {
        let mut command = redis::cmd(command);
        command.arg(key).arg(rest);
        command.query_async::<redis::Value>(&mut self.by_hand).await.unwrap();
    }

    async fn take(&self, limit: usize) -> Vec<Claimed> {
        self.take_as(&WorkerSecret::new(), limit).await
    }

    async fn take_as(&self, worker: &WorkerSecret, limit: usize) -> Vec<Claimed> {
        self.ask(worker, &["work"], limit).await.unwrap()
    }

    async fn ask(&self, worker: &WorkerSecret, kinds: &[&str], limit: usize) -> Result<Vec<Claimed>, Error> {
        let kinds = kinds.iter().map(|kind| kind.parse().unwrap()).collect();
        let claim = Claim { worker: worker.id(), kinds, ..ask(limit) };
        Ok(self.store.claim(claim).await?.jobs)
    }

    async fn upkeep(&self) -> longshore_core::Kept {
        self.store.upkeep(Upkeep { limit: 500, rescue: true }).await.unwrap()
    }

    async fn is_dead(&self, job: &NewJob) {
        let job = self.store.get(vec![job.id]).await.unwrap().remove(0).expect("it can be looked at");
        assert_eq!((job.state, job.reason), (State::Dead, Some(Reason::Corrupt)));
        assert_eq!(job.failures.len(), 1, "it says why");
        let filter = Filter { state: Some(State::Dead), ..Filter::default() };
        let dead = self.store.list(filter, Page { after: None, limit: 10 }).await.unwrap().jobs;
        assert!(dead.iter().any(|dead| dead.id == job.id));
    }
}

fn later() -> NewJob {
    NewJob { when: When::In(limits::LEASE), ..job() }
}

#[tokio::test]
async fn record_that_makes_no_sense_is_dead_and_stops_nobody() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(job()).await, bench.push(job()).await);
    bench.by_hand("SET", bench.key(keys::RECORD, &bad), &[b"nonsense"]).await;
    let claimed = bench.take(10).await;
    assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
    bench.is_dead(&bad).await;
    assert!(bench.take(10).await.is_empty());
    bench.settings.clock.advance(limits::KEEP_DEAD);
    assert_eq!(bench.upkeep().await.pruned, 1);
    assert_eq!(bench.store.get(vec![bad.id]).await.unwrap(), [None]);
}

#[tokio::test]
async fn scheduled_record_that_makes_no_sense_is_dead_when_it_is_due() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(later()).await, bench.push(later()).await);
    bench.by_hand("SET", bench.key(keys::RECORD, &bad), &[b""]).await;
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(bench.take(10).await[0].id, good.id);
    bench.is_dead(&bad).await;
}

#[tokio::test]
async fn payload_that_is_gone_or_no_text_is_dead_and_stops_nobody() {
    let mut bench = Bench::open().await;
    // Large ones lie beside their records.
    let payload = Payload::parse(&format!("\"{}\"", "x".repeat(1_000))).unwrap();
    let large = || NewJob { payload: payload.clone(), ..job() };
    let (gone, binary, good) = (bench.push(large()).await, bench.push(large()).await, bench.push(large()).await);
    bench.by_hand("DEL", bench.key(keys::PAYLOAD, &gone), &[]).await;
    bench.by_hand("SET", bench.key(keys::PAYLOAD, &binary), &[&[0xff, 0xfe]]).await;
    assert_eq!(bench.take(10).await.iter().map(|job| job.id).collect::<Vec<_>>(), [good.id]);
    bench.is_dead(&gone).await;
    bench.is_dead(&binary).await;
}

#[tokio::test]
async fn keys_of_another_type_stop_nobody() {
    let mut bench = Bench::open().await;
    let payload = Payload::parse(&format!("\"{}\"", "x".repeat(1_000))).unwrap();
    let bad = bench.push(NewJob { payload, ..job() }).await;
    let good = [bench.push(job()).await, bench.push(job()).await];
    for kind in [keys::PAYLOAD, keys::FAILURES] {
        bench.by_hand("DEL", bench.key(kind, &bad), &[]).await;
        bench.by_hand("SADD", bench.key(kind, &bad), &[b"something else"]).await;
    }
    let claimed: Vec<_> = bench.take(10).await.iter().map(|job| job.id).collect();
    assert_eq!(claimed, good.map(|job| job.id));
    let job = bench.store.get(vec![bad.id]).await.unwrap().remove(0).expect("it can be looked at");
    assert_eq!((job.state, job.reason, job.failures.len()), (State::Dead, Some(Reason::Corrupt), 0));
}

#[tokio::test]
async fn record_in_no_state_that_there_is_is_dead() {
    let mut bench = Bench::open().await;
    let (bad, good) = (bench.push(job()).await, bench.push(job()).await);
    bench.by_hand("SETRANGE", bench.key(keys::RECORD, &bad), &[b"0", &[77]]).await;
    assert_eq!(bench.take(10).await[0].id, good.id);
    bench.is_dead(&bad).await;
}

#[tokio::test]
async fn release_gets_over_what_is_left_of_jobs() {
    let mut bench = Bench::open().await;
    let jobs = [bench.push(job()).await, bench.push(job()).await, bench.push(job()).await];
    let secret = WorkerSecret::new();
    assert_eq!(bench.take_as(&secret, 3).await.len(), 3);
    bench.by_hand("DEL", bench.key(keys::RECORD, &jobs[0]), &[]).await;
    bench.by_hand("SET", bench.key(keys::RECORD, &jobs[1]), &[b"nonsense"]).await;
    assert_eq!(bench.store.release_worker(secret, Death::Interrupted).await.unwrap(), 1);
    bench.is_dead(&jobs[1]).await;
    let counts = bench.store.queues().await.unwrap().remove(0).counts;
    assert_eq!(
        State::ALL.map(|state| (state, counts[state as usize])).into_iter().filter(|(_, n)| *n > 0).collect::<Vec<_>>(),
        [(State::Ready, 1), (State::Dead, 1)]
    );
}

#[tokio::test]
async fn member_without_a_record_is_dropped() {
    let mut bench = Bench::open().await;
    let lost = [bench.push(job()).await, bench.push(later()).await];
    for job in &lost {
        bench.by_hand("DEL", bench.key(keys::RECORD, job), &[]).await;
    }
    bench.settings.clock.advance(limits::LEASE);
    assert!(bench.take(10).await.is_empty());
    let stats = bench.store.queues().await.unwrap().remove(0);
    assert_eq!((stats.counts, stats.oldest_ready), ([0; 6], None));
    assert!(bench.store.list(Filter::default(), Page { after: None, limit: 10 }).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn upkeep_gets_over_what_is_left_of_jobs() {
    let mut bench = Bench::open().await;
    let deadline = Some(When::In(limits::LEASE));
    let waits = bench.push(NewJob { deadline, ..job() }).await;
    bench.by_hand("DEL", bench.key(keys::RECORD, &waits), &[]).await;
    bench.take(1).await;
    let runs = [bench.push(job()).await, bench.push(job()).await];
    assert_eq!(bench.take(2).await.len(), 2);
    bench.by_hand("DEL", bench.key(keys::RECORD, &runs[0]), &[]).await;
    bench.by_hand("SET", bench.key(keys::RECORD, &runs[1]), &[b"\x02"]).await;
    let ended = bench.push(job()).await;
    let claimed = bench.take(1).await.remove(0);
    assert_eq!(claimed.id, ended.id);
    let _settled = bench.store.settle(vec![success(&claimed)]).await.unwrap();
    bench.by_hand("DEL", bench.key(keys::RECORD, &ended), &[]).await;

    bench.settings.clock.advance(limits::KEEP_FINISHED);
    assert_eq!(bench.upkeep().await.rescued, 0);
    bench.is_dead(&runs[1]).await;
    assert_eq!(bench.upkeep().await, longshore_core::Kept::default(), "nothing is left to do");
}

#[tokio::test]
async fn job_of_one_queue_in_a_set_of_another_is_not_handed_out_twice() {
    let mut bench = Bench::open().await;
    let new = bench.push(job()).await;
    let claimed = bench.take(1).await;
    assert_eq!(claimed.len(), 1);
    // Somebody puts a running job back among the ready ones.
    let member = [&0_i64.to_be_bytes()[..], new.id.as_bytes()].concat();
    bench.by_hand("ZADD", bench.of_queue(keys::READY, ":work"), &[b"0", &member]).await;
    assert!(bench.take(10).await.is_empty());
    assert_eq!(bench.store.get(vec![new.id]).await.unwrap()[0].as_ref().unwrap().state, State::Running);
}

/// Entries that are no member, nor several.
const STRANGE: [&[u8]; 5] = [b"", b"x", b"garbage", &[7; 30], &[0; 71]];

#[tokio::test]
async fn what_else_lies_among_ready_jobs_stops_none_of_them() {
    for (kinds, strange) in
        [&["work"][..], &["work", "other"]].into_iter().flat_map(|kinds| STRANGE.map(|it| (kinds, it)))
    {
        let mut bench = Bench::open().await;
        let jobs = bench.push_many(40).await;
        bench.by_hand("ZADD", bench.of_queue(keys::READY, ":work"), &[b"0", strange]).await;
        let mut claimed = Vec::new();
        for limit in [1, 1, 3, 1, 50, 50] {
            claimed.extend(bench.ask(&WorkerSecret::new(), kinds, limit).await.unwrap());
        }
        let expected: Vec<_> = jobs.iter().map(|job| job.id).collect();
        assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), expected, "beside {strange:?}, for {kinds:?}");
    }
}

#[tokio::test]
async fn job_that_stands_twice_among_ready_ones_is_handed_out_once() {
    let mut bench = Bench::open().await;
    let jobs = bench.push_many(3).await;
    let ready = bench.of_queue(keys::READY, ":work");
    let entries: Vec<Vec<u8>> =
        redis::cmd("ZRANGE").arg(&ready).arg(0).arg(-1).query_async(&mut bench.by_hand).await.unwrap();
    assert_eq!(entries.len(), 1, "what is pushed together is one entry");
    bench.by_hand("ZADD", ready, &[b"0", &entries[0][24..48]]).await;
    let claimed: Vec<_> = bench.take(10).await.iter().map(|job| job.id).collect();
    assert_eq!(claimed, [jobs[1].id, jobs[0].id, jobs[2].id]);
    assert!(bench.take(10).await.is_empty());
}

#[tokio::test]
async fn dead_job_keeps_its_place_among_those_it_was_pushed_with() {
    let mut bench = Bench::open().await;
    let jobs = bench.push_many(10).await;
    bench.by_hand("SET", bench.key(keys::RECORD, &jobs[4]), &[b"nonsense"]).await;
    let claimed = bench.take(10).await;
    assert_eq!(claimed.len(), 9);
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = bench.store.list(Filter::default(), Page { after, limit: 2 }).await.unwrap();
        listed.extend(page.jobs.into_iter().map(|job| job.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let newest_first: Vec<_> = jobs.iter().rev().map(|job| job.id).collect();
    assert_eq!(listed, newest_first);
    // Whoever is deleted leaves no trace among all.
    bench.store.settle(claimed.iter().map(success).collect()).await.unwrap();
    bench.settings.clock.advance(limits::KEEP_DEAD + limits::KEEP_FINISHED);
    while bench.upkeep().await.more {}
    let left: usize =
        redis::cmd("ZCARD").arg(bench.of_queue(keys::ALL, "")).query_async(&mut bench.by_hand).await.unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn keys_of_a_queue_of_another_type_lose_no_job() {
    let mut bench = Bench::open().await;
    bench.push_many(5).await;
    let grants = bench.of_queue(keys::GRANTS, "");
    bench.by_hand("SET", grants.clone(), &[b"something else"]).await;
    let worker = WorkerSecret::new();
    bench.ask(&worker, &["work"], 10).await.expect_err("there is something else where grants are");
    bench.by_hand("DEL", grants, &[]).await;
    let claimed = bench.take_as(&worker, 10).await;
    assert_eq!(claimed.len(), 5, "nothing had been taken out");

    // Nor does upkeep forget what it could not delete.
    bench.store.settle(claimed.iter().map(success).collect()).await.unwrap();
    let all = bench.of_queue(keys::ALL, "");
    bench.settings.clock.advance(limits::KEEP_FINISHED);
    let away = [&all[..], b".away"].concat();
    bench.by_hand("RENAME", all.clone(), &[&away]).await;
    bench.by_hand("SET", all.clone(), &[b"something else"]).await;
    bench
        .store
        .upkeep(Upkeep { limit: 500, rescue: true })
        .await
        .expect_err("there is something else where all jobs are");
    bench.by_hand("RENAME", away, &[&all]).await;
    assert_eq!(bench.upkeep().await.pruned, 5);
}

#[tokio::test]
async fn many_foreign_entries_before_a_job_go_bit_by_bit_and_count_as_nothing() {
    let mut bench = Bench::open().await;
    let entries: Vec<Vec<u8>> = (0..5_000).map(|n| format!("foreign {n}").into_bytes()).collect();
    for chunk in entries.chunks(500) {
        let scored: Vec<&[u8]> = chunk.iter().flat_map(|entry| [&b"0"[..], entry]).collect();
        bench.by_hand("ZADD", bench.of_queue(keys::READY, ":work"), &scored).await;
    }
    let job = bench.push(job()).await;
    let mut looks = 0;
    let claimed = loop {
        looks += 1;
        let answer = bench.store.claim(ask(1)).await.unwrap();
        if let [claimed] = &answer.jobs[..] {
            break claimed.clone();
        }
        assert_eq!(answer.next_due, Some(Duration::ZERO), "there is more behind them");
    };
    assert_eq!(claimed.id, job.id);
    assert!((5..20).contains(&looks), "bounded, and not for ever: {looks}");
    assert_eq!(bench.store.queues().await.unwrap()[0].counts, [0, 0, 1, 0, 0, 0]);
}

#[tokio::test]
async fn settle_that_fails_half_way_counts_nothing_down() {
    let mut bench = Bench::open().await;
    bench.push_many(8).await;
    let claimed = bench.take(8).await;
    bench.by_hand("SET", bench.of_queue(keys::FINAL, ""), &[b"foreign"]).await;
    for _ in 0..2 {
        bench.store.settle(claimed[..4].iter().map(success).collect()).await.unwrap_err();
    }
    bench.by_hand("DEL", bench.of_queue(keys::FINAL, ""), &[]).await;
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(bench.upkeep().await.rescued, 8, "nobody has settled them");
}

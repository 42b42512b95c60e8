//! If a part of upkeep fails, the other parts and the other queues still get their upkeep.

use longshore_core::{Jobs, NewJob, Payload, QueueName, State, Upkeep, When, limits};
use longshore_redis::keys;

mod jobs;
mod raw;

use jobs::{ask, job, success};
use raw::Bench;

#[tokio::test]
async fn failing_part_of_upkeep_stops_no_other_part_or_queue() {
    let mut bench = Bench::open().await;
    let elsewhere: QueueName = "elsewhere".parse().unwrap();
    let there = NewJob::new(elsewhere.clone(), "work".parse().unwrap(), Payload::parse("1").unwrap());
    let lost = [job(), there];
    assert!(bench.store.push(lost.to_vec()).await.iter().all(Result::is_ok));
    for queue in [QueueName::default(), elsewhere] {
        let claim = ask(1).queues(vec![queue]);
        assert_eq!(bench.store.claim(claim).await.unwrap().jobs.len(), 1);
    }
    assert!(bench.store.push(vec![job()]).await[0].is_ok());
    let claimed = bench.store.claim(ask(1)).await.unwrap().jobs.remove(0);
    assert!(bench.store.settle(vec![success(&claimed)]).await[0].is_ok());
    let late = NewJob { deadline: Some(When::In(limits::LEASE)), ..job() };
    assert!(bench.store.push(vec![late]).await[0].is_ok());

    let queue = QueueName::default();
    let deadlines = format!("{}:{{{:04x}}}:{}{queue}", bench.prefix, queue.tag(), keys::DEADLINE);
    let away = format!("{deadlines}.away");
    let mut raw = async |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query_async::<redis::Value>(&mut bench.raw).await.unwrap();
    };
    raw(&["RENAME", &deadlines, &away]).await;
    raw(&["SET", &deadlines, "something else"]).await;
    bench.settings.clock.advance(limits::KEEP_FINISHED);
    let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
    let kept = bench.store.upkeep(upkeep).await.expect("the other parts succeed");
    assert_eq!(kept.failed.iter().map(|failure| failure.part).collect::<Vec<_>>(), ["deadlines"]);
    assert!(kept.failed[0].message.starts_with("queue `default`: "), "{}", kept.failed[0]);
    assert_eq!(kept.pruned, 1);
    let jobs = lost.iter().map(|job| job.id).collect();
    for status in bench.store.status(jobs).await.unwrap() {
        assert_eq!(status.expect("the job exists").state, State::Ready, "the job was rescued");
    }
    raw(&["DEL", &deadlines]).await;
    raw(&["RENAME", &away, &deadlines]).await;
    let kept = bench.store.upkeep(upkeep).await.unwrap();
    assert_eq!((kept.buried.len(), kept.failed), (1, vec![]));
}

#[tokio::test]
async fn another_process_is_elected_after_the_first_is_gone() {
    let bench = Bench::open().await;
    let url = format!("{}?prefix={}", longshore_testbed::Redis::shared().url(), bench.prefix);
    let other = longshore_redis::Redis::open(&url, bench.settings.clone()).await.unwrap();
    assert!(bench.store.push(vec![job()]).await[0].is_ok());
    let worker = longshore_core::WorkerSecret::new();
    let short = |claim: longshore_core::Claim| claim.lease(*limits::LEASES.start());
    assert_eq!(bench.store.claim(short(ask(1)).worker(worker.id())).await.unwrap().jobs.len(), 1);
    let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true).elected_for(std::time::Duration::from_secs(60));
    assert_eq!(bench.store.upkeep(upkeep).await.unwrap().rescued.len(), 0);
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(other.upkeep(upkeep).await.unwrap().rescued.len(), 0, "the first is elected");
    assert_eq!(bench.store.upkeep(upkeep).await.unwrap().rescued.len(), 1);
    // Deleting the key ends the election of the first process.
    let mut raw = bench.raw.clone();
    let root = format!("{}:{{all}}:", bench.prefix);
    redis::cmd("DEL").arg(format!("{root}{}", keys::UPKEEP)).exec_async(&mut raw).await.unwrap();
    assert_eq!(bench.store.claim(short(ask(1))).await.unwrap().jobs.len(), 1);
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(other.upkeep(upkeep).await.unwrap().rescued.len(), 1);
    // A process that may not rescue does no upkeep beside an elected one, and gives way to one that may.
    let mut no_rescue = upkeep;
    no_rescue.rescue = false;
    assert!(bench.store.push(vec![NewJob { deadline: Some(When::In(limits::LEASE)), ..job() }]).await[0].is_ok());
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(bench.store.upkeep(no_rescue).await.unwrap().buried.len(), 0, "the other is elected");
    assert_eq!(other.upkeep(no_rescue).await.unwrap().buried.len(), 1, "it stays elected");
    assert!(bench.store.push(vec![NewJob { deadline: Some(When::In(limits::LEASE)), ..job() }]).await[0].is_ok());
    bench.settings.clock.advance(limits::LEASE);
    assert_eq!(bench.store.upkeep(upkeep).await.unwrap().buried.len(), 1, "it may rescue");
    // A call without an election always does upkeep.
    assert_eq!(bench.store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().failed, []);
}

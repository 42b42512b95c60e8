//! A part of upkeep that fails stops no other part, and no other queue.

use longshore_core::{Claim, NewJob, Queue, QueueName, State, Store, Upkeep, When, limits};
use longshore_redis::keys;

mod raw;
mod jobs;

use jobs::{ask, job, success};
use raw::Bench;

#[tokio::test]
async fn part_that_fails_stops_no_other_part_and_no_other_queue() {
    let mut bench = Bench::open().await;
    let elsewhere: QueueName = "elsewhere".parse().unwrap();
    let lost = [job(), NewJob { queue: elsewhere.clone(), ..job() }];
    bench.store.push(lost.to_vec()).await.unwrap();
    for queue in [QueueName::default(), elsewhere] {
        let claim = Claim { queues: vec![queue], ..ask(1) };
        assert_eq!(bench.store.claim(claim).await.unwrap().jobs.len(), 1);
    }
    let done = job();
    bench.store.push(vec![done.clone()]).await.unwrap();
    let claimed = bench.store.claim(ask(1)).await.unwrap().jobs.remove(0);
    let _settled = bench.store.settle(vec![success(&claimed)]).await.unwrap();
    let late = NewJob { deadline: Some(When::In(limits::LEASE)), ..job() };
    bench.store.push(vec![late.clone()]).await.unwrap();

    let queue = QueueName::default();
    let over = format!("{}:{{{:04x}}}:{}{queue}", bench.prefix, queue.tag(), keys::FINAL);
    let away = format!("{over}.away");
    let mut raw = async |words: &[&str]| {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]).query_async::<redis::Value>(&mut bench.raw).await.unwrap();
    };
    raw(&["RENAME", &over, &away]).await;
    raw(&["SET", &over, "something else"]).await;
    bench.settings.clock.advance(limits::KEEP_FINISHED);
    let kept = bench.store.upkeep(Upkeep { limit: 500, rescue: true }).await.expect("the other parts are done");
    assert_eq!(kept.failed.iter().map(|failure| failure.part).collect::<Vec<_>>(), ["prune"]);
    assert!(kept.failed[0].message.starts_with("queue `default`: "), "{}", kept.failed[0]);
    let jobs = lost.iter().map(|job| job.id).collect();
    for status in bench.store.status(jobs).await.unwrap() {
        assert_eq!(status.expect("it is known").state, State::Ready, "it was rescued");
    }
    raw(&["DEL", &over]).await;
    raw(&["RENAME", &away, &over]).await;
    let kept = bench.store.upkeep(Upkeep { limit: 500, rescue: true }).await.unwrap();
    assert_eq!((kept.pruned, kept.failed), (1, vec![]));
}

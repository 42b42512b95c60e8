//! A master that dies, and a replica in its place: jobs go on there by themselves.

use std::future::Future;
use std::time::{Duration, Instant};

use longshore_core::{Claimed, Error, NewJob, Queue, QueueName, Settings, Settled, State, Store};
use longshore_redis::Redis;
use longshore_testbed::{Redis as Server, RedisCluster, Sentinel};

mod jobs;

use jobs::{ask, job, success};

async fn claim(store: &Redis, limit: usize) -> Vec<Claimed> {
    store.claim(ask(limit)).await.unwrap().jobs
}

/// Repeats a call for as long as the store says that it may be repeated, as `Backend` does.
async fn until_answered<T, F: Future<Output = Result<T, Error>>>(call: impl Fn() -> F) -> T {
    let patience = Instant::now() + Duration::from_secs(60);
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(e) if e.is_retryable() && Instant::now() < patience => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            Err(e) => panic!("{e}"),
        }
    }
}

/// Pushes and claims jobs, lets the master fail, and sees that all of them go on.
async fn goes_on(store: &Redis, fail: impl FnOnce()) {
    let jobs: Vec<NewJob> = (0..5).map(|_| job()).collect();
    store.push(jobs.clone()).await.unwrap();
    let held = claim(store, 3).await;
    assert_eq!(store.settle(vec![success(&held[0])]).await.unwrap(), [Settled::Done]);
    fail();

    let late = job();
    until_answered(|| store.push(vec![late.clone()])).await;
    assert_eq!(
        until_answered(|| store.settle(vec![success(&held[1])])).await,
        [Settled::Done],
        "a claim is held there, too"
    );
    assert_eq!(until_answered(|| store.settle(vec![success(&held[1])])).await, [Settled::Done], "and settled once");
    let others = claim(store, 10).await;
    assert_eq!(others.iter().map(|job| job.id).collect::<Vec<_>>(), [jobs[3].id, jobs[4].id, late.id]);
    let ids = jobs.iter().map(|job| job.id).chain([late.id]).collect();
    let states: Vec<State> = store.get(ids).await.unwrap().into_iter().map(|job| job.unwrap().state).collect();
    let (done, running) = (State::Succeeded, State::Running);
    assert_eq!(states, [done, done, running, running, running, running]);
    let rest: Vec<_> = others.iter().chain(&held[2..]).map(success).collect();
    assert_eq!(store.settle(rest).await.unwrap(), [Settled::Done; 4]);
}

#[tokio::test]
async fn sentinels_put_a_replica_in_place_of_a_dead_master() {
    let master = Server::start(&[]);
    let replica = master.replica();
    let sentinel = Sentinel::start(&master, "main");
    let store = Redis::open(&format!("redis+sentinel://{}/main", sentinel.addr()), Settings::default()).await.unwrap();
    goes_on(&store, || {
        replica.catch_up(&master);
        master.kill();
    })
    .await;
}

#[tokio::test]
async fn cluster_puts_a_replica_in_place_of_a_dead_node() {
    let cluster = RedisCluster::start(&[("cluster-node-timeout", "1000")]);
    let tag = format!("{{{:04x}}}", QueueName::default().tag());
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", &tag]);
    let slot: usize = slot.strip_prefix(':').and_then(|slot| slot.parse().ok()).expect("a slot is a number");
    let node = slot / 5461;
    let replica = cluster.replica(node);
    let addrs: Vec<_> = cluster.addrs().iter().map(ToString::to_string).collect();
    let store = Redis::open(&format!("redis+cluster://{}", addrs.join(",")), Settings::default()).await.unwrap();
    goes_on(&store, || {
        replica.catch_up(&cluster.nodes()[node]);
        cluster.nodes()[node].kill();
    })
    .await;
}

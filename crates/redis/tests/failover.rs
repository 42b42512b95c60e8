//! A replica takes over from a dead master, and jobs go on there.

use std::time::{Duration, Instant};

use longshore_core::{
    Claimed, Effect, Error, ErrorKind, Filter, HeldBackReason, Jobs, NewJob, Page, QueueName, Queues, Settings,
    Settled, State, Upkeep, WorkerSecret, Workers, limits,
};
use longshore_redis::Redis;
use longshore_testbed::{Redis as Server, RedisCluster, Sentinel};

mod each;
mod jobs;

use each::All;
use jobs::{ask, job, success};

async fn claim(store: &Redis, limit: usize) -> Vec<Claimed> {
    store.claim(ask(limit)).await.unwrap().jobs
}

/// Repeats a call while its error is retryable, as `Backend` does.
async fn until_answered<T>(call: impl AsyncFn() -> Result<T, Error>) -> T {
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

/// Pushes and claims jobs, lets the master fail, and checks that all jobs go on.
async fn goes_on(store: &Redis, fail: impl FnOnce()) {
    let jobs: Vec<NewJob> = (0..5).map(|_| job()).collect();
    store.push(jobs.clone()).await.all().unwrap();
    let held = claim(store, 3).await;
    assert_eq!(store.settle(vec![success(&held[0])]).await.all().unwrap(), [Settled::Done]);
    fail();

    let late = job();
    until_answered(async || store.push(vec![late.clone()]).await.all()).await;
    assert_eq!(
        until_answered(async || store.settle(vec![success(&held[1])]).await.all()).await,
        [Settled::Done],
        "the replica knows the claim"
    );
    let again = until_answered(async || store.settle(vec![success(&held[1])]).await.all()).await;
    assert_eq!(again, [Settled::Done], "a repeat is answered in the same way");
    let others = claim(store, 10).await;
    assert_eq!(others.iter().map(|job| job.id).collect::<Vec<_>>(), [jobs[3].id, jobs[4].id, late.id]);
    let ids = jobs.iter().map(|job| job.id).chain([late.id]).collect();
    let states: Vec<State> = store.get(ids).await.unwrap().into_iter().map(|job| job.unwrap().state).collect();
    let (done, running) = (State::Succeeded, State::Running);
    assert_eq!(states, [done, done, running, running, running, running]);
    let rest: Vec<_> = others.iter().chain(&held[2..]).map(success).collect();
    assert_eq!(store.settle(rest).await.all().unwrap(), [Settled::Done; 4]);
}

#[tokio::test]
async fn sentinels_replace_a_dead_master_by_a_replica() {
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
async fn push_waits_for_a_replica() {
    let master = Server::start(&[]);
    let replica = master.replica();
    replica.catch_up(&master);
    let store = Redis::open(&format!("{}?replicas=1", master.url()), Settings::default()).await.unwrap();
    store.push(vec![job()]).await.all().unwrap();
    let held = claim(&store, 1).await;
    replica.kill();

    let late = job();
    let error = store.push(vec![late.clone()]).await.all().unwrap_err();
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Unavailable, Effect::PerhapsDone), "{error}");
    assert!(error.to_string().contains("0 of the 1 replicas"), "{error}");
    assert_eq!(
        store.settle(vec![success(&held[0])]).await.all().unwrap(),
        [Settled::Done],
        "running jobs can be settled"
    );
    let _another = master.replica();
    until_answered(async || store.push(vec![late.clone()]).await.all()).await;
    assert_eq!(claim(&store, 10).await.len(), 1, "it was pushed once");
}

/// Returns which of the three nodes has the keys with this tag.
fn node_of(cluster: &RedisCluster, tag: &str) -> usize {
    let slot = cluster.nodes()[0].command(&["CLUSTER", "KEYSLOT", &format!("{{{tag}}}")]);
    let slot: usize = slot.strip_prefix(':').and_then(|slot| slot.parse().ok()).expect("a slot is a number");
    (slot / 5461).min(2)
}

#[tokio::test]
async fn cluster_replaces_a_dead_node_by_a_replica() {
    let cluster = RedisCluster::start(&[("cluster-node-timeout", "1000")]);
    let node = node_of(&cluster, &format!("{:04x}", QueueName::default().tag()));
    let replica = cluster.replica(node);
    let addrs: Vec<_> = cluster.addrs().iter().map(ToString::to_string).collect();
    let store = Redis::open(&format!("redis+cluster://{}", addrs.join(",")), Settings::default()).await.unwrap();
    goes_on(&store, || {
        replica.catch_up(&cluster.nodes()[node]);
        cluster.nodes()[node].kill();
    })
    .await;
}

/// Returns the name of a queue on this node.
fn queue_on(cluster: &RedisCluster, node: usize) -> QueueName {
    let mut names = (0..).map(|n| format!("q{n}").parse::<QueueName>().unwrap());
    names.find(|queue| node_of(cluster, &format!("{:04x}", queue.tag())) == node).expect("some queue is on each node")
}

/// Opens a store on a cluster of three masters without replicas. Each master continues if another one fails.
async fn three_masters(settings: &Settings) -> (RedisCluster, Redis) {
    let cluster = RedisCluster::start(&[("cluster-require-full-coverage", "no"), ("cluster-node-timeout", "1000")]);
    let store = Redis::open(&url_of(&cluster), settings.clone()).await.unwrap();
    (cluster, store)
}

fn url_of(cluster: &RedisCluster) -> String {
    let addrs: Vec<_> = cluster.addrs().iter().map(ToString::to_string).collect();
    format!("redis+cluster://{}", addrs.join(","))
}

#[tokio::test]
async fn program_of_an_older_layout_does_not_start_on_a_new_cluster() {
    let (cluster, _store) = three_masters(&Settings::default()).await;
    // Programs of an older layout read the version here.
    let node = &cluster.nodes()[node_of(&cluster, "all")];
    assert_eq!(node.command(&["GET", "longshore:{all}:layout"]), "7");
}

fn to(queue: &QueueName) -> NewJob {
    let mut new = job();
    new.move_to(queue.clone());
    new
}

#[tokio::test]
async fn unreachable_node_of_a_cluster_stops_only_its_own_queues() {
    let (cluster, store) = three_masters(&Settings::default()).await;
    let (away, alive) = (queue_on(&cluster, 0), queue_on(&cluster, 1));
    store.push(vec![to(&away), to(&alive), to(&away), to(&alive)]).await.all().unwrap();
    let ask = || ask(2).queues(vec![away.clone(), alive.clone()]);
    let of_each = [away.clone(), alive.clone()].map(|queue| ask().queues(vec![queue]).limit(1));
    let [from_away, from_alive] = of_each.map(async |claim| store.claim(claim).await.unwrap().jobs.remove(0));
    let held = [from_away.await, from_alive.await];
    cluster.nodes()[0].kill();

    let settled = store.settle(held.iter().map(success).collect()).await;
    assert_eq!(settled[0].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(*settled[1].as_ref().unwrap(), Settled::Done);
    let pushed = store.push(vec![to(&alive), to(&away)]).await;
    assert!(pushed[0].is_ok());
    assert_eq!(pushed[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);

    // The first claim asks the dead node, the second one skips it.
    for _ in 0..2 {
        let claims = store.claim(ask().limit(1)).await.unwrap();
        assert_eq!(claims.jobs.iter().map(|job| &job.queue).collect::<Vec<_>>(), [&alive]);
        let held_back: Vec<_> = claims.held_back.iter().map(|held| (&held.queue, held.why)).collect();
        assert_eq!(held_back, [(&away, HeldBackReason::Unreachable)]);
    }
    let away_only = ask().queues(vec![away.clone()]);
    assert_eq!(store.claim(away_only).await.unwrap_err().kind(), ErrorKind::Unavailable);

    // A release continues after a queue that cannot be reached.
    let worker = WorkerSecret::new();
    store.push(vec![to(&alive)]).await.all().unwrap();
    let claimed = store.claim(ask().worker(worker.id()).queues(vec![alive.clone()])).await.unwrap().jobs;
    let error = store.release(worker, longshore_core::Death::Interrupted.into()).await.unwrap_err();
    assert_eq!(error.effect(), longshore_core::Effect::PerhapsDone);
    let released = store.get(vec![claimed[0].id]).await.unwrap().remove(0).expect("the job exists");
    assert_eq!(released.state, State::Ready);
}

#[tokio::test]
async fn data_of_the_whole_store_survives_any_one_node() {
    for node in 0..3 {
        let settings = Settings::default();
        let (cluster, store) = three_masters(&settings).await;
        let url = url_of(&cluster);
        let (alive, new) = (queue_on(&cluster, (node + 1) % 3), queue_on(&cluster, (node + 2) % 3));
        let away = queue_on(&cluster, node);
        store.push(vec![to(&away), to(&alive)]).await.all().unwrap();
        let held = store.claim(ask(1).queues(vec![alive.clone()])).await.unwrap().jobs.remove(0);
        cluster.nodes()[node].kill();

        let worker = WorkerSecret::new().id();
        let note = longshore_core::WorkerNote::of_this_process();
        store.note_worker(worker, note).await.unwrap();
        assert_eq!(store.workers(None, 10).await.unwrap().iter().map(|seen| seen.id).collect::<Vec<_>>(), [worker]);
        // A process that starts now works too.
        let another = until_answered(async || Redis::open(&url, settings.clone()).await).await;
        another.push(vec![to(&alive)]).await.all().unwrap();
        // A new worker claims from a new queue.
        store.push(vec![to(&new)]).await.all().unwrap();
        assert_eq!(store.claim(ask(1).worker(worker).queues(vec![new.clone()])).await.unwrap().jobs.len(), 1);
        let queues = store.queues(None, 10).await.unwrap();
        let reached: Vec<_> = queues.iter().filter(|stats| !stats.is_unreachable).map(|stats| &stats.queue).collect();
        assert!(reached.len() == 2 && reached.contains(&&alive) && reached.contains(&&new), "{reached:?}");
        assert_eq!(queues.iter().find(|stats| stats.is_unreachable).map(|stats| &stats.queue), Some(&away));
        let listed = store.list(Filter::default(), Page::first(10)).await.unwrap();
        assert_eq!((listed.jobs.len(), listed.unreachable), (3, vec![away]), "a list says what is missing");
        assert!(store.now().await.is_ok());
        settings.clock.advance(limits::LEASE);
        let rescued = until_answered(async || {
            let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await?;
            match kept.rescued.is_empty() {
                true => Err(Error::new(ErrorKind::Unavailable, "no job was rescued yet")),
                false => Ok(kept.rescued),
            }
        })
        .await;
        assert!(rescued.iter().any(|moved| moved.id == held.id), "the job on a live node is rescued");
    }
}

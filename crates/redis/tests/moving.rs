//! A slot moves to another node with its jobs. Meanwhile calls fail, and never answer as if the jobs did not exist.

use std::net::SocketAddr;

use longshore_core::{ErrorKind, Jobs, QueueName, Settings, Settled, State};
use longshore_redis::Redis;
use longshore_testbed::RedisCluster;
use redis::{Connection, FromRedisValue};

mod each;
mod jobs;

use each::All;
use jobs::{ask, job, success};

/// A node of the cluster, with a connection for cluster commands.
struct Node {
    addr: SocketAddr,
    id: String,
    connection: Connection,
}

impl Node {
    fn of(addr: SocketAddr) -> Node {
        let mut connection = redis::Client::open(format!("redis://{addr}")).unwrap().get_connection().unwrap();
        let id = redis::cmd("CLUSTER").arg("MYID").query(&mut connection).unwrap();
        Node { addr, id, connection }
    }

    fn cluster<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        redis::cmd("CLUSTER").arg(words).query(&mut self.connection).unwrap()
    }

    fn keys(&mut self, slot: &str) -> Vec<Vec<u8>> {
        self.cluster(&["GETKEYSINSLOT", slot, "1000"])
    }
}

#[tokio::test]
async fn jobs_of_a_moving_slot_are_neither_lost_nor_duplicated() {
    let addrs = RedisCluster::shared().addrs();
    let mut nodes: Vec<Node> = addrs.iter().copied().map(Node::of).collect();
    let list: Vec<_> = addrs.iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", list.join(","));
    let store = Redis::open(&url, Settings::default()).await.unwrap();
    let (first, second) = (job(), job());
    store.push(vec![first.clone()]).await.all().unwrap();
    let claimed = store.claim(ask(1)).await.unwrap().jobs.remove(0);
    let settlement = success(&claimed);

    let tag = format!("{{{:04x}}}", QueueName::default().tag());
    let slot: u16 = nodes[0].cluster(&["KEYSLOT", &tag]);
    let slot = &slot.to_string();
    let from = (0..3).find(|at| !nodes[*at].keys(slot).is_empty()).expect("a node has the queue");
    let to = (from + 1) % 3;
    let (from_id, to_id) = (nodes[from].id.clone(), nodes[to].id.clone());
    nodes[to].cluster::<()>(&["SETSLOT", slot, "IMPORTING", &from_id]);
    nodes[from].cluster::<()>(&["SETSLOT", slot, "MIGRATING", &to_id]);

    // While the slot moves, calls get a retryable error.
    let refused = store.settle(vec![settlement.clone()]).await.all().expect_err("the slot is moving");
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    let refused = store.push(vec![second.clone()]).await.all().expect_err("the slot is moving");
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    assert!(nodes[to].keys(slot).is_empty(), "nothing was written to a node with a part of the slot");

    let keys = nodes[from].keys(slot);
    let target = nodes[to].addr;
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg(target.ip().to_string()).arg(target.port()).arg("").arg(0).arg(5000).arg("KEYS").arg(keys);
    migrate.query::<()>(&mut nodes[from].connection).unwrap();
    for at in [to, from, (to + 1) % 3] {
        nodes[at].cluster::<()>(&["SETSLOT", slot, "NODE", &to_id]);
    }

    assert_eq!(store.settle(vec![settlement]).await.all().unwrap(), [Settled::Done]);
    store.push(vec![second.clone()]).await.all().unwrap();
    let jobs = store.get(vec![first.id, second.id]).await.unwrap();
    let states: Vec<_> = jobs.into_iter().map(|job| job.map(|job| job.state)).collect();
    assert_eq!(states, [Some(State::Succeeded), Some(State::Ready)]);
}

//! Opening a store: every form of a URL, and the servers that are refused with a hint.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::{
    Backend, Capabilities, Claim, Durability, Error, ErrorKind, Filter, Jobs, NewJob, Notifier, Outcome, Output, Page,
    Payload, Queues, Settings, Settled, Settlement, State, Store, Stored, Upkeep, WorkerSecret, limits,
};
use longshore_redis::Redis;
use longshore_testbed::{Certificates, Redis as Server, RedisCluster, Sentinel};

mod each;
mod jobs;

use each::All;
use jobs::{ask, job, success};

async fn open(url: &str) -> Result<Arc<Redis>, Error> {
    Redis::open(url, Settings::default()).await.map(Arc::new)
}

fn refused(opened: Result<Arc<Redis>, Error>) -> String {
    let error = opened.expect_err("it must be refused");
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
    error.to_string()
}

/// Pushes, claims, settles and reads a job.
async fn works(store: &Redis) {
    let new = job();
    let id = new.id;
    store.push(vec![new]).await.all().unwrap();
    let claimed = store.claim(ask(1)).await.unwrap().jobs.remove(0);
    assert_eq!(claimed.id, id);
    let result = Stored::Inline(Output::new("text/plain", "done"));
    let settlement = Settlement::new(claimed.id, claimed.token, Outcome::Succeed { result: Some(result) });
    assert_eq!(store.settle(vec![settlement]).await.all().unwrap(), [Settled::Done]);
    assert_eq!(store.get(vec![id]).await.unwrap()[0].as_ref().unwrap().state, State::Succeeded);
}

#[tokio::test]
async fn invalid_url_is_an_error() {
    for url in ["redis://h?prefx=a", "redis://h/x", "redis+ring://h", "unix:redis.sock"] {
        assert_eq!(open(url).await.unwrap_err().kind(), ErrorKind::Invalid, "{url}");
    }
}

#[tokio::test]
async fn unreachable_server_is_named_in_a_retryable_error() {
    for url in
        ["redis://app:s3cret@127.0.0.1:1", "redis+cluster://:s3cret@127.0.0.1:1", "redis+sentinel://127.0.0.1:1/main"]
    {
        let error = open(url).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("127.0.0.1:1") && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn server_without_persistence_is_refused_unless_accepted() {
    let server = Server::start(&[("appendonly", "no")]);
    let said = refused(open(&server.url()).await);
    assert!(said.contains("CONFIG SET appendonly yes") && said.contains("persistence=accept"), "{said}");
    let store = open(&format!("{}?persistence=accept", server.url())).await.unwrap();
    assert_eq!(store.capabilities().durability, Durability::Nothing);
    works(&store).await;
}

#[tokio::test]
async fn server_that_evicts_is_refused_unless_accepted() {
    let server = Server::start(&[("maxmemory-policy", "allkeys-lru")]);
    let said = refused(open(&server.url()).await);
    assert!(said.contains("CONFIG SET maxmemory-policy noeviction") && said.contains("eviction=accept"), "{said}");
    open(&format!("{}?eviction=accept", server.url())).await.unwrap();
}

#[tokio::test]
async fn each_node_of_a_cluster_is_checked() {
    let cluster = RedisCluster::start(&[]);
    let nodes: Vec<_> = cluster.addrs().iter().map(ToString::to_string).collect();
    let url = format!("redis+cluster://{}", nodes[0]);
    open(&url).await.expect("one node leads to the others");
    cluster.nodes()[2].command(&["CONFIG", "SET", "appendonly", "no"]);
    assert!(refused(open(&url).await).contains("appendonly yes"));
    let store = open(&format!("{url}?persistence=accept")).await.unwrap();
    assert_eq!(store.capabilities().durability, Durability::Nothing);
}

#[tokio::test]
async fn durability_follows_the_sync_policy_of_the_server() {
    for (policy, durability) in
        [("always", Durability::PowerLoss), ("everysec", Durability::TwoSeconds), ("no", Durability::Kill)]
    {
        let server = Server::start(&[("appendfsync", policy)]);
        let Capabilities { engine, durability: said, version, .. } = open(&server.url()).await.unwrap().capabilities();
        assert_eq!((engine, said), ("redis", durability));
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
    }
}

#[tokio::test]
async fn valkey_is_reported_by_name() {
    let store = open(&Server::shared_valkey().url()).await.unwrap();
    assert!(store.capabilities().version.starts_with("valkey "), "{}", store.capabilities().version);
}

#[tokio::test]
async fn password_and_user_are_needed_and_not_shown() {
    let server = Server::start(&[("requirepass", "s3cret")]);
    let addr = server.addr();
    for wrong in [format!("redis://{addr}"), format!("redis://:wr0ng@{addr}"), format!("redis://app:wr0ng@{addr}")] {
        let said = refused(open(&wrong).await);
        assert!(!said.contains("wr0ng"), "{said}");
    }
    works(&open(&format!("redis://:s3cret@{addr}")).await.unwrap()).await;
}

#[tokio::test]
async fn user_needs_no_more_than_the_documented_permissions() {
    let server = Server::start(&[]);
    let user = ["ACL", "SETUSER", "app", "on", ">p@ss", "~jobs:*", "&jobs:*", "+@read", "+@write", "+@scripting"];
    let rest = ["+@connection", "+@pubsub", "+info", "+time", "+cluster"];
    assert_eq!(server.command(&[&user[..], &rest[..]].concat()), "+OK");
    let url = format!("redis://app:p@ss@{}", server.addr());
    let store = open(&format!("{url}?prefix=jobs")).await.unwrap();
    works(&store).await;
    store.upkeep(Upkeep::new(500, true)).await.unwrap();
    let elsewhere = refused(open(&format!("{url}?prefix=other")).await);
    assert!(elsewhere.contains("may not"), "{elsewhere}");
}

#[tokio::test]
async fn tls_checks_certificates_and_trusts_the_given_authority() {
    let certificates = Certificates::new();
    let authority = certificates.authority().display().to_string();
    let server = Server::start_with_tls(&certificates, &[]);
    let url = format!("rediss://{}", server.addr());
    works(&open(&format!("{url}?ca={authority}")).await.unwrap()).await;
    works(&open(&format!("rediss://localhost:{}?ca={authority}", server.addr().port())).await.unwrap()).await;
    assert!(open(&url).await.is_err(), "the certificate is not trusted");
    let missing = refused(open(&format!("{url}?ca=/nowhere.pem")).await);
    assert!(missing.contains("/nowhere.pem"), "{missing}");
}

#[tokio::test]
async fn tls_works_with_every_node_of_a_cluster() {
    let certificates = Certificates::new();
    let authority = certificates.authority().display().to_string();
    let cluster = RedisCluster::start_with_tls(&certificates);
    let url = format!("rediss+cluster://{}", cluster.addrs()[0]);
    let store = open(&format!("{url}?ca={authority}")).await.unwrap();
    works(&store).await;
    for queue in ["a", "b", "c", "d", "e", "f"] {
        let new = NewJob::new(queue.parse().unwrap(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
        store.push(vec![new]).await.all().unwrap();
    }
    assert_eq!(store.queues(None, 10).await.unwrap().len(), 7, "the queues are on all nodes");
    let other = open(&format!("{url}?ca={authority}")).await.unwrap();
    let mut work = other.subscribe(vec![job().queue], vec![job().kind]);
    work.set_capacity(1, vec![]);
    let kinds = vec![job().kind.into()];
    let claim = Claim::new(WorkerSecret::new().id(), vec![job().queue], kinds).limit(10);
    other.claim(claim).await.expect("the claim succeeds, and its worker waits");
    store.push(vec![job()]).await.all().unwrap();
    tokio::time::timeout(Duration::from_secs(20), work.recv()).await.expect("notifications come through TLS");
    assert!(open(&url).await.is_err(), "the certificate is not trusted");
    assert!(open(&format!("redis+cluster://{}", cluster.addrs()[0])).await.is_err(), "the nodes accept only TLS");
}

#[tokio::test]
async fn tls_works_with_sentinels_and_their_master() {
    let certificates = Certificates::new();
    let authority = certificates.authority().display().to_string();
    let master = Server::start_with_tls(&certificates, &[]);
    let sentinel = Sentinel::start_with_tls(&master, "main", &certificates);
    let url = format!("rediss+sentinel://{}/main", sentinel.addr());
    works(&open(&format!("{url}?ca={authority}")).await.unwrap()).await;
    assert!(open(&url).await.is_err(), "the certificate is not trusted");
}

#[tokio::test]
async fn socket_and_database_number_lead_to_the_same_server() {
    let server = Server::start(&[("unixsocket", "{folder}/redis.sock")]);
    let socket = format!("unix:{}", server.folder().join("redis.sock").display());
    let (first, second) = (open(&socket).await.unwrap(), open(&format!("{}/3", server.url())).await.unwrap());
    works(&first).await;
    assert!(second.queues(None, 10).await.unwrap().is_empty(), "another database");
    works(&second).await;
    let same = open(&format!("{socket}?db=3")).await.unwrap();
    assert_eq!(same.queues(None, 10).await.unwrap().len(), 1);
    let other = open(&format!("{socket}?prefix=other")).await.unwrap();
    assert!(other.queues(None, 10).await.unwrap().is_empty(), "another prefix");
}

#[tokio::test]
async fn sentinels_find_the_master() {
    let server = Server::start(&[]);
    let sentinel = Sentinel::start(&server, "main");
    // The first sentinel does not exist.
    let url = format!("redis+sentinel://127.0.0.1:1,{}", sentinel.addr());
    works(&open(&format!("{url}/main")).await.unwrap()).await;
    let unknown = open(&format!("{url}/other")).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Unavailable, "{unknown}");
}

#[tokio::test]
async fn replica_is_refused_as_unavailable() {
    let master = Server::start(&[]);
    let replica = Server::start(&[]);
    replica.command(&["REPLICAOF", "127.0.0.1", &master.addr().port().to_string()]);
    let error = open(&replica.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("replica"), "{error}");
}

#[tokio::test]
async fn server_that_becomes_a_replica_is_unavailable_until_it_is_a_master_again() {
    let server = Server::start(&[]);
    let store = open(&server.url()).await.unwrap();
    works(&store).await;
    server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = store.push(vec![job()]).await.all().unwrap_err();
    assert!(error.is_retryable(), "{error}");
    server.command(&["REPLICAOF", "NO", "ONE"]);
    works(&store).await;
}

#[tokio::test]
async fn jobs_of_another_layout_are_refused() {
    let server = Server::start(&[]);
    open(&server.url()).await.unwrap();
    for earlier in ["1", "5"] {
        assert_eq!(server.command(&["SET", "longshore:{all}:layout", earlier]), "+OK");
        let said = refused(open(&server.url()).await);
        assert!(said.contains(&format!("version {earlier},")) && said.contains("version 7"), "{said}");
    }
}

#[tokio::test]
async fn full_server_refuses_pushes_and_lets_running_jobs_end() {
    let server = Server::start(&[]);
    let store = open(&server.url()).await.unwrap();
    let jobs: Vec<NewJob> = (0..10).map(|_| job()).collect();
    store.push(jobs).await.all().unwrap();
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "1"]), "+OK");
    let refused = job();
    let error = store.push(vec![refused.clone()]).await.all().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    let mut elsewhere = job();
    elsewhere.move_to("elsewhere".parse().unwrap());
    assert_eq!(store.push(vec![elsewhere]).await.all().unwrap_err().kind(), ErrorKind::Full, "also into a new queue");
    assert_eq!(store.get(vec![refused.id]).await.unwrap(), [None], "nothing was written");

    let claimed = store.claim(ask(10)).await.unwrap().jobs;
    assert_eq!(claimed.len(), 10);
    let settlements: Vec<_> = claimed
        .iter()
        .map(|job| {
            Settlement::new(
                job.id,
                job.token,
                Outcome::Succeed { result: Some(Stored::Inline(Output::new("text/plain", "x".repeat(1000)))) },
            )
        })
        .collect();
    assert!(store.settle(settlements).await.all().unwrap().iter().all(|settled| *settled == Settled::Done));
    store.upkeep(Upkeep::new(500, true)).await.unwrap();
    let fresh = open(&server.url()).await.expect("a store opens on a full server");
    assert_eq!(fresh.queues(None, 10).await.unwrap()[0].count(State::Succeeded), 10);

    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "0"]), "+OK");
    store.push(vec![refused]).await.all().unwrap();
}

#[tokio::test]
async fn missing_library_is_loaded_again() {
    let server = Server::start(&[]);
    let store = open(&server.url()).await.unwrap();
    for _ in 0..2 {
        works(&store).await;
        assert_eq!(server.command(&["FUNCTION", "FLUSH"]), "+OK");
    }
}

#[tokio::test]
async fn new_node_of_a_cluster_gets_the_library() {
    let cluster = RedisCluster::start(&[]);
    let addrs: Vec<_> = cluster.addrs().iter().map(ToString::to_string).collect();
    let store = open(&format!("redis+cluster://{}", addrs.join(","))).await.unwrap();
    for node in cluster.nodes() {
        assert_eq!(node.command(&["FUNCTION", "FLUSH"]), "+OK");
        for n in 0..20 {
            let mut new = job();
            new.move_to(format!("q{n}").parse().unwrap());
            store.push(vec![new]).await.all().unwrap();
        }
    }
}

#[tokio::test]
async fn library_of_another_version_is_kept() {
    let server = Server::start(&[]);
    let other = "#!lua name=longshore_0123456789ab\nredis.register_function('longshore_push_0123456789ab', function() return 1 end)";
    let client = redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    redis::cmd("FUNCTION").arg("LOAD").arg(other).exec_async(&mut raw).await.unwrap();
    let store = open(&server.url()).await.unwrap();
    works(&store).await;
    let answer: i64 =
        redis::cmd("FCALL").arg("longshore_push_0123456789ab").arg(0).query_async(&mut raw).await.unwrap();
    assert_eq!(answer, 1);
}

#[tokio::test]
async fn user_that_may_not_load_the_library_uses_a_loaded_one() {
    let server = Server::start(&[]);
    let rights = ["~longshore:*", "&longshore:*", "+@all", "-@dangerous", "+info", "-function|load"];
    let words = [&["ACL", "SETUSER", "app", "on", ">pw"][..], &rights].concat();
    assert_eq!(server.command(&words), "+OK");
    let url = format!("redis://app:pw@{}", server.addr());
    let said = refused(open(&url).await);
    assert!(said.contains("function|load"), "{said}");
    works(&open(&server.url()).await.unwrap()).await;
    works(&open(&url).await.unwrap()).await;
}

#[tokio::test]
async fn claim_gets_jobs_released_in_the_same_call_even_without_a_library() {
    let server = Server::start(&[]);
    let store = open(&server.url()).await.unwrap();
    for _ in 0..2 {
        store.push(vec![job()]).await.all().unwrap();
        let held = store.claim(ask(1)).await.unwrap().jobs.remove(0);
        let release = Settlement::new(held.id, held.token, Outcome::Release);
        let (settled, claims) = store.settle_and_claim(vec![release], ask(9)).await;
        assert_eq!(settled.all().unwrap(), [Settled::Done]);
        let claimed = claims.unwrap().jobs;
        assert_eq!(claimed.iter().map(|job| job.id).collect::<Vec<_>>(), [held.id]);
        assert_eq!(store.settle(vec![success(&claimed[0])]).await.all().unwrap(), [Settled::Done]);
        assert_eq!(server.command(&["FUNCTION", "FLUSH"]), "+OK");
    }
}

#[tokio::test]
async fn queue_missing_on_the_server_is_noted_again() {
    let server = Server::start(&[]);
    let settings = Settings::default();
    let store = Arc::new(Redis::open(&server.url(), settings.clone()).await.unwrap());
    works(&store).await;
    server.command(&["FLUSHALL"]);
    settings.clock.advance(Duration::from_secs(60));
    store.push(vec![job()]).await.all().unwrap();
    let other = open(&server.url()).await.unwrap();
    assert_eq!(other.queues(None, 10).await.unwrap()[0].count(State::Ready), 1);
}

#[tokio::test]
async fn lists_and_counts_agree_after_mixed_calls() {
    let server = Server::start(&[]);
    let store = open(&server.url()).await.unwrap();
    let backend = Backend::new(store.clone(), store.clone());
    for round in 0..60_u64 {
        let mut new = job();
        new.tags = vec![format!("tag {}", round % 3).parse().unwrap()];
        new.alias = Some(format!("alias {round}").parse().unwrap());
        new.key = Some("k".parse().unwrap());
        backend.push(vec![new]).await.unwrap().all().unwrap();
        if round % 2 == 0 {
            let claimed = backend.claim(ask(1)).await.unwrap().jobs.remove(0);
            let message = "no".to_owned();
            let outcome = match round % 6 {
                0 => Outcome::Succeed { result: None },
                2 => Outcome::Bury { reason: longshore_core::Reason::Fatal, message },
                _ => Outcome::Retry { delay: limits::LEASE, message },
            };
            let settlement = Settlement::new(claimed.id, claimed.token, outcome);
            backend.settle(vec![settlement]).await.all().unwrap();
        }
    }
    backend.claim(ask(5)).await.unwrap();
    let stats = backend.queues(None, 10).await.unwrap().remove(0);
    for state in State::ALL {
        for tag in [None, Some("tag 1".parse().unwrap())] {
            let filter = Filter { state: Some(state), tag: tag.clone(), ..Filter::default() };
            let listed = backend.list(filter, Page::first(200)).await.unwrap();
            assert!(listed.jobs.iter().all(|job| job.state == state) && listed.next.is_none());
            if tag.is_none() {
                assert_eq!(listed.jobs.len() as u64, stats.count(state), "{state}");
            }
            let ids: Vec<_> = listed.jobs.iter().map(|job| job.id).collect();
            let statuses = backend.status(ids).await.unwrap();
            assert!(statuses.iter().flatten().all(|status| status.state == state));
        }
    }
    assert!(stats.oldest_ready.is_some());
    let found = backend.find("alias 7".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(backend.log(found, None).await.unwrap(), Some(String::new()));
    assert!(!backend.upkeep().await.unwrap().more);
}

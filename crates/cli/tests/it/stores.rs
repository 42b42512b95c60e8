//! The commands work the same on every store: the same tests run on each, with `LONGSHORE_STORE` or `--store`.

use std::sync::atomic::{AtomicU32, Ordering};

use longshore_testbed::{Postgres, Redis, RedisCluster};

use crate::program::Home;

/// Creates a test for each function on every store.
macro_rules! on_every_store {
    ($($test:ident),* $(,)?) => {
        mod on_sqlite {
            $( #[test] fn $test() { super::$test(crate::program::Home::new()); } )*
        }
        mod on_redis {
            $( #[test] fn $test() { super::$test(crate::program::Home::on(crate::stores::redis())); } )*
        }
        mod on_redis_cluster {
            $( #[test] fn $test() { super::$test(crate::program::Home::on(crate::stores::redis_cluster())); } )*
        }
        mod on_postgres {
            $( #[test] fn $test() { super::$test(crate::program::Home::on(crate::stores::postgres())); } )*
        }
    };
}
pub(crate) use on_every_store;

/// Returns a unique name for a new namespace on a shared server.
fn fresh() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Returns the URL of a new store on the shared Redis.
pub fn redis() -> String {
    format!("{}?prefix={}", Redis::shared().url(), fresh())
}

/// Returns the URL of a new store on the shared cluster.
pub fn redis_cluster() -> String {
    let nodes: Vec<_> = RedisCluster::shared().addrs().iter().map(ToString::to_string).collect();
    format!("redis+cluster://{}?prefix={}", nodes.join(","), fresh())
}

/// Returns the URL of a new store on the shared PostgreSQL, which does not wait for the disk.
pub fn postgres() -> String {
    format!("{}?schema={}&fsync=accept", Postgres::shared().url(), fresh())
}

on_every_store! { demo_draws_an_image, check_prints_the_durability_of_the_store }

fn demo_draws_an_image(home: Home) {
    let told = home.ok(&["demo", "hello_world"]);
    assert!(told.contains("an acknowledged job survives"), "{told}");
    assert!(std::fs::read(home.path().join("hello_world.gif")).unwrap().starts_with(b"GIF89a"));
}

fn check_prints_the_durability_of_the_store(home: Home) {
    home.create_store();
    let told = home.ok(&["check", "--listen", "127.0.0.1:0"]);
    assert!(told.contains("an acknowledged job survives"), "{told}");
}

#[test]
fn an_unreachable_store_is_reported_without_its_password() {
    let home = Home::new();
    for url in ["redis://app:s3cret@127.0.0.1:1", "postgres://app:s3cret@127.0.0.1:1/jobs"] {
        for command in
            [&["work", "--pace", "0s", "--store", url][..], &["serve", "--store", url], &["queues", "--store", url]]
        {
            let complaint = home.fails(69, command);
            assert!(complaint.contains("127.0.0.1:1"), "{complaint}");
            assert!(!complaint.contains("s3cret"), "{complaint}");
        }
    }
}

#[test]
fn the_password_of_the_store_is_not_logged() {
    let redis = Redis::start(&[("requirepass", "s3cret")]);
    let home = Home::on(format!("redis://:s3cret@{}", redis.addr()));
    std::fs::write(home.path().join("longshore.toml"), "log = \"trace\"\n").expect("the folder can be written");
    let (server, _) = home.serve(&["serve"]);
    server.signal(rustix::process::Signal::TERM);
    let (status, log) = server.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("store opened"), "{log}");
    assert!(!log.contains("s3cret"), "{log}");
}

#[test]
fn redis_that_would_lose_jobs_is_refused_with_a_hint() {
    let redis = Redis::start(&[("appendonly", "no")]);
    let home = Home::new();
    let complaint = home.fails(69, &["queues", "--store", &redis.url()]);
    assert!(complaint.contains("appendonly yes") && complaint.contains("persistence=accept"), "{complaint}");
    home.ok(&["queues", "--store", &format!("{}?persistence=accept", redis.url())]);
}

#[test]
fn postgres_that_would_lose_jobs_is_refused_with_a_hint() {
    let postgres = Postgres::start(&[("synchronous_commit", "off"), ("fsync", "off")]);
    let home = Home::new();
    let complaint = home.fails(69, &["queues", "--store", &postgres.url()]);
    assert!(complaint.contains("synchronous_commit"), "{complaint}");
}

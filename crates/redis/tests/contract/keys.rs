//! Every case has its own keys. A second store on the same keys acts as another process.

use std::marker::PhantomData;
use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Settings, Store};
use longshore_redis::Redis;
use longshore_testbed::RedisCluster;

/// The server or cluster that has the keys.
pub trait Place: Send + Sync + 'static {
    const SEEDS: usize;

    fn url() -> String;
}

pub struct OneServer;

impl Place for OneServer {
    const SEEDS: usize = 10;

    fn url() -> String {
        longshore_testbed::Redis::shared().url()
    }
}

pub struct Valkey;

impl Place for Valkey {
    const SEEDS: usize = 5;

    fn url() -> String {
        longshore_testbed::Redis::shared_valkey().url()
    }
}

pub struct Cluster;

impl Place for Cluster {
    const SEEDS: usize = 5;

    fn url() -> String {
        let nodes: Vec<_> = RedisCluster::shared().addrs().iter().map(ToString::to_string).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }
}

pub struct Keys<P> {
    url: String,
    settings: Settings,
    store: Arc<Redis>,
    place: PhantomData<P>,
}

async fn connect(url: &str, settings: &Settings) -> Arc<Redis> {
    Arc::new(Redis::open(url, settings.clone()).await.expect("a store on a shared server opens"))
}

#[async_trait]
impl<P: Place> Fixture for Keys<P> {
    async fn open(settings: Settings) -> Self {
        let url = format!("{}?prefix=case-{:016x}", P::url(), fastrand::u64(..));
        let store = connect(&url, &settings).await;
        Keys { url, settings, store, place: PhantomData }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.store.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(connect(&self.url, &self.settings).await)
    }

    fn seeds(&self) -> usize {
        P::SEEDS
    }
}

//! A real cluster of three passes the suite; another store on the same keys stands for another process.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait, conformance};
use longshore_core::{Artifacts, Settings, Store};
use longshore_redis::Redis;
use longshore_testbed::RedisCluster;

struct Cluster {
    url: String,
    settings: Settings,
    store: Arc<Redis>,
}

impl Cluster {
    async fn connect(url: &str, settings: &Settings) -> Arc<Redis> {
        Arc::new(Redis::open(url, settings.clone()).await.expect("a store on the shared cluster can be opened"))
    }
}

#[async_trait]
impl Fixture for Cluster {
    async fn open(settings: Settings) -> Self {
        let nodes = RedisCluster::shared().addrs().iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let url = format!("redis+cluster://{nodes}?prefix=case-{:016x}", fastrand::u64(..));
        let store = Cluster::connect(&url, &settings).await;
        Cluster { url, settings, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.store.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(Cluster::connect(&self.url, &self.settings).await)
    }

    fn seeds(&self) -> usize {
        5
    }
}

conformance!(Cluster);

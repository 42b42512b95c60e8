//! One Redis as the suite takes it; another store on the same keys stands for another process.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Settings, Store};
use longshore_redis::Redis;

pub struct OneServer {
    url: String,
    settings: Settings,
    store: Arc<Redis>,
}

impl OneServer {
    async fn connect(url: &str, settings: &Settings) -> Arc<Redis> {
        Arc::new(Redis::open(url, settings.clone()).await.expect("a store on the shared server can be opened"))
    }
}

#[async_trait]
impl Fixture for OneServer {
    async fn open(settings: Settings) -> Self {
        let url = format!("{}?prefix=case-{:016x}", longshore_testbed::Redis::shared().url(), fastrand::u64(..));
        let store = OneServer::connect(&url, &settings).await;
        OneServer { url, settings, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.store.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(OneServer::connect(&self.url, &self.settings).await)
    }

    fn seeds(&self) -> usize {
        10
    }
}

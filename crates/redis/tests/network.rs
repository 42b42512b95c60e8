//! The conformance cases for network failures and server restarts: a proxy in front of a separate server that syncs every write.

use std::sync::Arc;

use longshore_conformance::{Networked, async_trait, network_conformance};
use longshore_core::{Artifacts, Settings, Store};
use longshore_redis::Redis;
use longshore_testbed::{Proxy, Server};

struct BehindAProxy {
    server: longshore_testbed::Redis,
    proxy: Proxy,
    settings: Settings,
    store: Arc<Redis>,
}

async fn open(url: String, settings: &Settings) -> Arc<Redis> {
    Arc::new(Redis::open(&url, settings.clone()).await.expect("the store opens"))
}

#[async_trait]
impl Networked for BehindAProxy {
    async fn open(settings: Settings) -> Self {
        let start = || {
            let server = longshore_testbed::Redis::start(&[("appendfsync", "always")]);
            let proxy = Proxy::start(server.addr());
            (server, proxy)
        };
        let (server, proxy) = tokio::task::spawn_blocking(start).await.expect("the server starts");
        let store = open(format!("redis://{}", proxy.addr()), &settings).await;
        BehindAProxy { server, proxy, settings, store }
    }

    async fn reopen(&self, through_the_proxy: bool) -> Arc<dyn Store> {
        let addr = if through_the_proxy { self.proxy.addr() } else { self.server.addr() };
        open(format!("redis://{addr}"), &self.settings).await
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.store.clone()
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn server(&self) -> &Server {
        &self.server
    }
}

network_conformance!(BehindAProxy);

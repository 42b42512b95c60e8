//! Faults of the connection and the server: behind a proxy, on a separate server that keeps acknowledged data.

use std::sync::Arc;

use longshore_conformance::{Networked, async_trait, network_conformance};
use longshore_core::{Artifacts, Settings, Store};
use longshore_postgres::{Options, Postgres};
use longshore_testbed::{Proxy, Server};

struct BehindAProxy {
    server: longshore_testbed::Postgres,
    proxy: Proxy,
    settings: Settings,
    store: Arc<Postgres>,
}

async fn open(addr: std::net::SocketAddr, settings: &Settings) -> Arc<Postgres> {
    let url = format!("postgres://postgres@{addr}/postgres");
    Arc::new(Postgres::open(&url, Options::with(settings.clone())).await.expect("a store can be opened"))
}

#[async_trait]
impl Networked for BehindAProxy {
    async fn open(settings: Settings) -> Self {
        let start = || {
            let server = longshore_testbed::Postgres::start(&[]);
            let proxy = Proxy::start(server.addr());
            (server, proxy)
        };
        let (server, proxy) = tokio::task::spawn_blocking(start).await.expect("a server starts");
        let store = open(proxy.addr(), &settings).await;
        BehindAProxy { server, proxy, settings, store }
    }

    async fn reopen(&self, through_the_proxy: bool) -> Arc<dyn Store> {
        let addr = if through_the_proxy { self.proxy.addr() } else { self.server.addr() };
        open(addr, &self.settings).await
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        Arc::new(self.store.artifacts())
    }

    fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    fn server(&self) -> &Server {
        &self.server
    }
}

network_conformance!(BehindAProxy);

//! A schema of PostgreSQL as the suite takes it; another store on it stands for another process.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Settings, Store};
use longshore_postgres::{Options, Postgres};

pub struct Direct {
    url: String,
    settings: Settings,
    store: Arc<Postgres>,
}

async fn connect(url: &str, settings: &Settings) -> Arc<Postgres> {
    let store = Postgres::open(url, Options::with(settings.clone())).await;
    Arc::new(store.expect("the server takes us"))
}

#[async_trait]
impl Fixture for Direct {
    async fn open(settings: Settings) -> Self {
        let schema = format!("case_{:016x}", fastrand::u64(..));
        let url = format!("{}?schema={schema}&fsync=accept&pool=2", longshore_testbed::Postgres::shared().url());
        let store = connect(&url, &settings).await;
        Direct { url, settings, store }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        Arc::new(self.store.artifacts())
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(connect(&self.url, &self.settings).await)
    }

    fn seeds(&self) -> usize {
        3
    }
}

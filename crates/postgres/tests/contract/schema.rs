//! A separate schema for every case. Another store on it acts as another process.

use std::marker::PhantomData;
use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Settings, Store};
use longshore_postgres::{Options, Postgres};

/// The location of the schemas.
pub trait Place: Send + Sync + 'static {
    const POOL: usize;
    const SEEDS: usize;
    const MANY: usize;

    fn url() -> String;
}

pub struct Schema<P> {
    url: String,
    settings: Settings,
    store: Arc<Postgres>,
    place: PhantomData<P>,
}

async fn connect(url: &str, settings: &Settings) -> Arc<Postgres> {
    let store = Postgres::open(url, Options::with(settings.clone())).await;
    Arc::new(store.expect("the server takes us"))
}

#[async_trait]
impl<P: Place> Fixture for Schema<P> {
    async fn open(settings: Settings) -> Self {
        let (name, pool) = (fastrand::u64(..), P::POOL);
        let url = format!("{}?schema=case_{name:016x}&fsync=accept&pool={pool}", P::url());
        let store = connect(&url, &settings).await;
        Schema { url, settings, store, place: PhantomData }
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

    fn many(&self) -> usize {
        P::MANY
    }

    fn seeds(&self) -> usize {
        P::SEEDS
    }
}

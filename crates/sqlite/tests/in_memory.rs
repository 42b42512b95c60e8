//! SQLite in memory passes the suite.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait, conformance};
use longshore_core::{Artifacts, Settings, Store, artifact::InMemory};
use longshore_sqlite::{Options, Sqlite};

struct InProcess {
    store: Arc<Sqlite>,
    artifacts: Arc<InMemory>,
}

#[async_trait]
impl Fixture for InProcess {
    async fn open(settings: Settings) -> Self {
        let store = Sqlite::in_memory(Options::with(settings)).expect("memory can be had");
        InProcess { store: Arc::new(store), artifacts: Arc::default() }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.artifacts.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Err("it ends with its process")
    }

    fn seeds(&self) -> usize {
        24
    }
}

conformance!(InProcess);

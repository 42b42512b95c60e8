//! The reference store as a fixture of the suite.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Memory, Settings, Store, artifact::InMemory};

pub struct InThisProcess {
    store: Arc<Memory>,
    artifacts: Arc<InMemory>,
}

#[async_trait]
impl Fixture for InThisProcess {
    async fn open(settings: Settings) -> Self {
        InThisProcess { store: Arc::new(Memory::new(settings)), artifacts: Arc::default() }
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
}

//! SQLite on disk as a fixture of the suite. Another store on the same file acts as another process.

use std::sync::Arc;

use longshore_conformance::{Fixture, async_trait};
use longshore_core::{Artifacts, Settings, Store, artifact::Folder};
use longshore_sqlite::{Options, Sqlite};

pub struct OnDisk {
    folder: tempfile::TempDir,
    settings: Settings,
    store: Arc<Sqlite>,
    artifacts: Arc<Folder>,
}

impl OnDisk {
    fn connect(folder: &tempfile::TempDir, settings: &Settings) -> Arc<Sqlite> {
        let store = Sqlite::open(folder.path().join("jobs.db"), Options::with(settings.clone()));
        Arc::new(store.expect("a fresh database can be opened"))
    }
}

#[async_trait]
impl Fixture for OnDisk {
    async fn open(settings: Settings) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        let store = OnDisk::connect(&folder, &settings);
        let artifacts = Arc::new(Folder::new(folder.path().join("artifacts")));
        OnDisk { folder, settings, store, artifacts }
    }

    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn artifacts(&self) -> Arc<dyn Artifacts> {
        self.artifacts.clone()
    }

    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str> {
        Ok(OnDisk::connect(&self.folder, &self.settings))
    }

    fn seeds(&self) -> usize {
        10
    }
}

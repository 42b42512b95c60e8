//! What a store must provide to be tested.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::{Artifacts, Settings, Store};

/// A new, empty store, and everything that must live as long as it: a folder, a server, a schema.
///
/// Every case opens its own fixture, and many run at the same time: fixtures must not see each other's jobs. Dropping a
/// fixture may delete all its data.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// Opens a new, empty store with these settings, whose clock the case moves.
    async fn open(settings: Settings) -> Self
    where
        Self: Sized;

    /// Returns the store.
    fn store(&self) -> Arc<dyn Store>;

    /// Returns the storage for results that do not fit a row.
    fn artifacts(&self) -> Arc<dyn Artifacts>;

    /// Opens the same data again with the same settings, like another process would; or returns why that is not
    /// possible.
    ///
    /// Cases that need it print the reason; other cases use only one store.
    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str>;

    /// Returns how many rows are used in cases about bounded work. Defaults to 20,000.
    ///
    /// Fewer than 2,000 show nothing, because upkeep changes 500 per call.
    fn many(&self) -> usize {
        20_000
    }

    /// Returns how many short runs the simulator does per case. Defaults to 60, which take a second or two in memory.
    fn seeds(&self) -> usize {
        60
    }
}

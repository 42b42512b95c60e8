//! What a store must provide to be put to the test.

use std::sync::Arc;

use async_trait::async_trait;
use longshore_core::{Artifacts, Settings, Store};

/// A fresh, empty store, and whatever must live as long as it: a folder, a server, a schema.
///
/// Every case opens its own, and many run at the same time: fixtures must not see each other's jobs. Dropping one may delete all
/// its data.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// Opens a fresh, empty store with these settings, whose clock the case moves.
    async fn open(settings: Settings) -> Self
    where
        Self: Sized;

    /// Returns the store.
    fn store(&self) -> Arc<dyn Store>;

    /// Returns where results go that don't fit a row.
    fn artifacts(&self) -> Arc<dyn Artifacts>;

    /// Opens the same data once more with the same settings, as another process would; or says why that cannot be.
    ///
    /// Cases that need it print the reason, and those that are better with it do with one store.
    async fn reopen(&self) -> Result<Arc<dyn Store>, &'static str>;

    /// Returns how many rows are many, for the cases about bounded work. Defaults to 20,000.
    ///
    /// Fewer than 2,000 show nothing: upkeep touches 500 a call.
    fn many(&self) -> usize {
        20_000
    }

    /// Returns how many short runs the simulator makes a case. Defaults to 60, a second or two in memory.
    fn seeds(&self) -> usize {
        60
    }
}

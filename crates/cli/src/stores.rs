//! The stores that a command has opened. `main` closes them when the command ends, however it ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use longshore::Longshore;
use tokio::sync::Notify;

use crate::config::Config;
use crate::signals::Interrupt;
use crate::{Exit, exit};

/// The open stores of the process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    opened: Arc<Mutex<Vec<Longshore>>>,
    /// The signals that end a tool, once it opens a store.
    interrupt: Arc<Mutex<Option<Interrupt>>>,
    is_tool: Arc<Notify>,
}

impl Stores {
    /// Opens the configured store, and logs its properties.
    pub async fn open(&self, config: &Config) -> Result<Longshore, Exit> {
        let longshore = self.connect(config).await.map_err(exit::opening)?;
        let store = longshore.backend().capabilities();
        tracing::info!(store = %config.store, engine = store.engine, version = %store.version, durability = ?store.durability, "store opened");
        Ok(longshore)
    }

    /// Says that the command is a tool, which handles no signals itself: from now on TERM, INT and HUP end it, and its
    /// stores are closed. It is called before a store is opened.
    pub fn end_at_signals(&self) -> Result<(), Exit> {
        *lock(&self.interrupt) = Some(Interrupt::listen()?);
        self.is_tool.notify_one();
        Ok(())
    }

    /// Opens the configured store.
    pub async fn connect(&self, config: &Config) -> Result<Longshore, longshore::Error> {
        let longshore = Longshore::connect_with(config.store.reveal(), config.settings.clone()).await?;
        lock(&self.opened).push(longshore.clone());
        Ok(longshore)
    }

    /// Waits until a signal asks a tool to end. Never returns for a command that handles its signals itself.
    pub async fn interrupted(&self) -> Exit {
        self.is_tool.notified().await;
        let interrupt = lock(&self.interrupt).take();
        match interrupt {
            Some(interrupt) => Exit::by_signal(interrupt.signal().await),
            None => std::future::pending().await,
        }
    }

    /// Closes all stores.
    pub async fn close(&self) {
        let opened = std::mem::take(&mut *lock(&self.opened));
        for longshore in opened {
            if let Err(e) = longshore.close().await {
                tracing::warn!(error = %e, "the store was not closed completely; no acknowledged job is lost");
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

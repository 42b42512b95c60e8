//! The stores that a command has opened. `main` closes them when the command ends, however it ends.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore::Longshore;
use tokio::sync::Notify;

use crate::config::Config;
use crate::signals::Interrupt;
use crate::{Exit, exit};

/// The open stores of the process.
#[derive(Debug, Default)]
pub struct Stores {
    opened: Mutex<Vec<Longshore>>,
    /// The signals that end a tool, once it opens a store.
    interrupt: Mutex<Option<Interrupt>>,
    is_tool: Notify,
}

/// The delay between two tries to open a store.
const AGAIN: Duration = Duration::from_secs(1);

impl Stores {
    /// Opens the configured store, or creates it, and logs its properties. Waits up to `patience` for a store that is not
    /// reachable, for example because its server is starting, too.
    pub async fn open(&self, config: &Config, patience: Duration) -> Result<Longshore, Exit> {
        let began = Instant::now();
        let mut is_told = false;
        let longshore = loop {
            match Longshore::connect_with(config.store.reveal(), config.settings.clone()).await {
                Ok(longshore) => break self.note(longshore),
                Err(e) if e.is_retryable() && began.elapsed() < patience => {
                    if !is_told {
                        tracing::warn!(store = %config.store, error = %e, "the store is not reachable; waiting up to {patience:?} for it");
                        is_told = true;
                    }
                    tokio::time::sleep(AGAIN.min(patience)).await;
                }
                Err(e) => return Err(exit::opening(e)),
            }
        };
        if is_told {
            tracing::info!(store = %config.store, waited = ?began.elapsed(), "the store is reachable now");
        }
        let store = longshore.backend().capabilities();
        if let Some(file) = &config.file {
            tracing::info!(file = %file.display(), "configuration file read");
        }
        tracing::info!(store = %config.store, engine = store.engine, version = %store.version, durability = ?store.durability, "store opened");
        Ok(longshore)
    }

    /// Opens the configured store, or returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub async fn find(&self, config: &Config) -> Result<Option<Longshore>, longshore::Error> {
        let found = Longshore::connect_existing(config.store.reveal(), config.settings.clone()).await?;
        Ok(found.map(|longshore| self.note(longshore)))
    }

    /// Opens the configured store, which must exist.
    pub async fn open_existing(&self, config: &Config) -> Result<Longshore, Exit> {
        self.find(config).await.map_err(exit::opening)?.ok_or_else(|| Exit::no_store(&config.store))
    }

    /// Says that the command is a tool, which handles no signals itself: from now on TERM, INT and HUP end it, and its
    /// stores are closed. It is called before a store is opened.
    ///
    /// # Errors
    ///
    /// If the operating system refuses to handle signals.
    pub fn end_at_signals(&self) -> Result<(), Exit> {
        *lock(&self.interrupt) = Some(Interrupt::listen()?);
        self.is_tool.notify_one();
        Ok(())
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

    fn note(&self, longshore: Longshore) -> Longshore {
        lock(&self.opened).push(longshore.clone());
        longshore
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The numbers of queues and kinds, by name.

use std::collections::HashMap;

use longshore_core::{Kind, QueueName, Timestamp};
use rusqlite::params;

use crate::tx::Tx;

/// The numbers of queues and kinds. Known numbers stay valid until a process removes a name ([`Names::hold_since`]). No
/// number is used again.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// How often names had been removed when these were read.
    forgotten: i64,
    queues: HashMap<QueueName, i64>,
    kinds: HashMap<Kind, i64>,
    /// When the presence of workers was last recorded for a queue or a kind.
    pub(crate) noted: HashMap<(i64, i64), Timestamp>,
}

impl Names {
    pub(crate) fn forget(&mut self) {
        *self = Names { forgotten: self.forgotten, ..Names::default() };
    }

    /// Drops names that were read before the last removal of names. It is called at the start of each transaction.
    pub(crate) fn hold_since(&mut self, forgotten: i64) {
        if self.forgotten != forgotten {
            *self = Names { forgotten, ..Names::default() };
        }
    }
}

impl Tx<'_> {
    /// Returns the number of a queue. Creates the queue if it does not exist.
    pub(crate) fn queue(&mut self, name: &QueueName) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.queues.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT INTO queue (name, used_at) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
            .execute(params![name.as_str(), self.now.as_millis()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM queue WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        self.names.queues.insert(name.clone(), id);
        Ok(id)
    }

    /// Returns the number of a kind. A new kind counts as seen now.
    pub(crate) fn kind(&mut self, name: &Kind) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.kinds.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT INTO kind (name, seen) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING")?
            .execute(params![name.as_str(), self.now.as_millis()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM kind WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        self.names.kinds.insert(name.clone(), id);
        Ok(id)
    }
}

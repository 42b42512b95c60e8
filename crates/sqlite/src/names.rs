//! Numbers of queues and kinds, by their names.

use std::collections::HashMap;

use longshore_core::{Kind, QueueName, Timestamp};
use rusqlite::params;

use crate::tx::Tx;

/// Numbers of queues and kinds. They are never deleted, so what is known stays true, whatever other processes do.
#[derive(Debug, Default)]
pub(crate) struct Names {
    queues: HashMap<QueueName, i64>,
    kinds: HashMap<Kind, i64>,
    /// When workers were last noted to look at a queue, or for a kind.
    pub(crate) noted: HashMap<(i64, i64), Timestamp>,
}

impl Names {
    pub(crate) fn forget(&mut self) {
        *self = Names::default();
    }
}

impl Tx<'_> {
    /// Returns the number of a queue, if anybody ever pushed to it or worked on it.
    pub(crate) fn queue(&mut self, name: &QueueName) -> rusqlite::Result<i64> {
        if let Some(id) = self.names.queues.get(name) {
            return Ok(*id);
        }
        self.connection
            .prepare_cached("INSERT INTO queue (name) VALUES (?1) ON CONFLICT (name) DO NOTHING")?
            .execute([name.as_str()])?;
        let id = self
            .connection
            .prepare_cached("SELECT id FROM queue WHERE name = ?1")?
            .query_row([name.as_str()], |row| row.get(0))?;
        self.names.queues.insert(name.clone(), id);
        Ok(id)
    }

    /// Returns the number of a kind; a new one counts as seen now.
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

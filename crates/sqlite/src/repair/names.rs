//! Invalid names of queues and kinds: nobody could ask for them.

use longshore_core::{Finding, Kind, QueueName};
use rusqlite::{Connection, params};

use super::{Fault, Place, Rows, Seen, forget_names};
use crate::column::text;
use crate::tx::Tx;

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Queues,
    Kinds,
}

/// An invalid name.
#[derive(Debug)]
pub(super) struct NameFault {
    of: Of,
    id: i64,
}

/// Checks names in the order of their numbers.
pub(super) fn look(connection: &Connection, of: Of, from: i64, limit: usize) -> rusqlite::Result<Seen> {
    let sql = match of {
        Of::Queues => "SELECT id, name FROM queue WHERE id >= ?1 ORDER BY id LIMIT ?2",
        Of::Kinds => "SELECT id, name FROM kind WHERE id >= ?1 ORDER BY id LIMIT ?2",
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([from, limit as i64])?;
    let (mut faults, mut checked, mut next) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        (checked, next) = (checked + 1, id.checked_add(1));
        let name = text(row, 1)?.unwrap_or_default();
        let is_name = match of {
            Of::Queues => name.parse::<QueueName>().is_ok(),
            Of::Kinds => name.parse::<Kind>().is_ok(),
        };
        if !is_name {
            faults.push(Fault::Name(NameFault { of, id }));
        }
    }
    let next = match (of, next.filter(|_| checked == limit)) {
        (Of::Queues, Some(next)) => Place::Rows(Rows::Queues(next)),
        (Of::Queues, None) => Place::Rows(Rows::Kinds(i64::MIN)),
        (Of::Kinds, Some(next)) => Place::Rows(Rows::Kinds(next)),
        (Of::Kinds, None) => Place::Counts(0),
    };
    Ok(Seen { faults, checked, next })
}

impl NameFault {
    pub(super) fn finding(&self) -> Finding {
        let NameFault { of, id } = self;
        let what = if *of == Of::Queues { "queue" } else { "kind" };
        Finding::new(format!("{what} number {id} has an invalid name"))
    }

    /// Gives it a name that people can ask for.
    pub(super) fn replace(&self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        let sql = match self.of {
            Of::Queues => "UPDATE queue SET name = ?2 WHERE id = ?1",
            Of::Kinds => "UPDATE kind SET name = ?2 WHERE id = ?1",
        };
        tx.connection.prepare_cached(sql)?.execute(params![self.id, format!("recovered-{}", self.id)])?;
        forget_names(tx)
    }
}

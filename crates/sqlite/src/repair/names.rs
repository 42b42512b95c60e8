//! Names of queues and kinds that can be none: nobody could ask for them.

use longshore_core::{Finding, Kind, QueueName};
use rusqlite::{Connection, params};

use super::{Fault, Place, Seen, forget_names};
use crate::column::text;
use crate::tx::Tx;

/// Whose names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Queues,
    Kinds,
}

/// A name that can be none.
#[derive(Debug)]
pub(crate) struct BadName {
    of: Of,
    id: i64,
}

/// Looks at names in the order of their numbers.
pub(super) fn look(connection: &Connection, of: Of, after: i64, limit: usize) -> rusqlite::Result<Seen> {
    let sql = match of {
        Of::Queues => "SELECT id, name FROM queue WHERE id > ?1 ORDER BY id LIMIT ?2",
        Of::Kinds => "SELECT id, name FROM kind WHERE id > ?1 ORDER BY id LIMIT ?2",
    };
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query([after, limit as i64])?;
    let (mut seen, mut last) = (Seen { faults: Vec::new(), checked: 0, next: None }, after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        seen.checked += 1;
        let name = text(row, 1)?.unwrap_or_default();
        let is_name = match of {
            Of::Queues => name.parse::<QueueName>().is_ok(),
            Of::Kinds => name.parse::<Kind>().is_ok(),
        };
        if !is_name {
            seen.faults.push(Fault::Name(BadName { of, id: last }));
        }
    }
    let is_over = seen.checked < limit;
    seen.next = Some(match (is_over, of) {
        (false, Of::Queues) => Place::Queues(last),
        (false, Of::Kinds) => Place::Kinds(last),
        (true, Of::Queues) => Place::Kinds(i64::MIN),
        (true, Of::Kinds) => Place::Counts(0),
    });
    Ok(seen)
}

impl BadName {
    pub(super) fn finding(&self) -> Finding {
        let BadName { of, id } = self;
        let what = if *of == Of::Queues { "queue" } else { "kind" };
        Finding::new(format!("{what} number {id} has a name that can be none"))
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

//! Numbers of the store itself that are out of range.

use longshore_core::Finding;
use rusqlite::Connection;

use super::left_over::Table;
use super::{Fault, Place, Rows, Seen};
use crate::column::LARGEST;
use crate::tx::Tx;

/// A counter of the store that is out of range. Counting further would fail.
#[derive(Clone, Copy, Debug)]
pub(super) enum StoreFault {
    /// The number of the newest claim.
    LastClaim(i64),
    /// How often names were removed.
    Forgotten(i64),
}

pub(super) fn look(connection: &Connection) -> rusqlite::Result<Seen> {
    let mut statement = connection.prepare_cached("SELECT last_claim, forgotten FROM store")?;
    let (claim, forgotten) = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let is_bad = |number: &i64| !(0..=LARGEST).contains(number);
    let claim = Some(claim).filter(is_bad).map(StoreFault::LastClaim);
    let forgotten = Some(forgotten).filter(is_bad).map(StoreFault::Forgotten);
    let faults = claim.into_iter().chain(forgotten).map(Fault::Store).collect();
    Ok(Seen { faults, checked: 1, next: Place::Rows(Rows::LeftOver(Table::Keys, None)) })
}

impl StoreFault {
    pub(super) fn finding(self) -> Finding {
        Finding::new(match self {
            StoreFault::LastClaim(number) => {
                format!("the number of the newest claim is {number}, which is out of range")
            }
            StoreFault::Forgotten(number) => format!("the count of removed names is {number}, which is out of range"),
        })
    }

    /// Continues from the time in microseconds, which is larger than any number that was counted so far.
    pub(super) fn repair(self, tx: &mut Tx<'_>) -> rusqlite::Result<()> {
        let sql = match self {
            StoreFault::LastClaim(_) => "UPDATE store SET last_claim = ?1",
            StoreFault::Forgotten(_) => "UPDATE store SET forgotten = ?1",
        };
        tx.names.forget();
        tx.connection.prepare_cached(sql)?.execute([tx.now.as_millis().saturating_mul(1_000)]).map(|_| ())
    }
}

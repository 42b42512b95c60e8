//! The best ready jobs of a queue.

use rusqlite::params;

use crate::tx::Tx;

/// A ready job to choose from. Sorts best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) rank: i64,
    pub(super) run_at: i64,
    pub(super) seq: i64,
    pub(super) kind: usize,
}

/// Returns the best ready jobs of a queue among these kinds: at most `of_kind` of each, and at most `most` in total.
pub(super) fn candidates(
    tx: &Tx<'_>,
    sql: &str,
    queue: i64,
    kinds: &[i64],
    of_kind: impl Fn(usize) -> usize,
    most: usize,
) -> rusqlite::Result<Vec<Candidate>> {
    let mut all = Vec::new();
    let mut statement = tx.connection.prepare_cached(sql)?;
    for (index, kind) in kinds.iter().enumerate() {
        let limit = of_kind(index).min(most);
        if limit == 0 {
            continue;
        }
        let rows = statement.query_map(params![queue, kind, limit as i64], |row| {
            let (rank, run_at) = (row.get(0)?, row.get(1)?);
            Ok(Candidate { rank, run_at, seq: row.get(2)?, kind: index })
        })?;
        for row in rows {
            all.push(row?);
        }
    }
    if kinds.len() > 1 {
        all.sort_unstable();
        all.truncate(most);
    }
    Ok(all)
}

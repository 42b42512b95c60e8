//! Scheduled jobs whose time has come.

use std::collections::HashMap;

use longshore_core::{JobId, News, State, Timestamp};
use rusqlite::params;

use crate::column::text;
use crate::tx::Tx;

/// Makes scheduled jobs of a queue ready whose time has come, a limited number per call. Returns when the next one is
/// due.
pub(super) fn promote(tx: &mut Tx<'_>, queue: i64, most: &mut i64) -> rusqlite::Result<Option<Timestamp>> {
    let next = next_due(tx, queue)?;
    if next.is_none_or(|due| due > tx.now) || *most <= 0 {
        return Ok(next);
    }
    let mut promoted: HashMap<(i64, Option<String>), i64> = HashMap::new();
    let mut woken = Vec::new();
    {
        let mut statement = tx.connection.prepare_cached(
            "UPDATE job SET state = 1, version = version + 1 WHERE seq IN
             (SELECT seq FROM job WHERE state = 0 AND queue = ?1 AND run_at <= ?2 ORDER BY run_at LIMIT ?3)
             RETURNING kind, key, seq, id",
        )?;
        let mut rows = statement.query(params![queue, tx.now.as_millis(), *most])?;
        while let Some(row) = rows.next()? {
            let kind = row.get(0)?;
            *promoted.entry((kind, text(row, 1)?)).or_default() += 1;
            woken.push((row.get(2)?, kind));
            tx.notices.news.merge(row.get(3).map_or(News::All, |id| News::of(JobId::from_bytes(id))));
        }
    }
    woken.into_iter().for_each(|(seq, kind)| tx.woke(seq, queue, kind));
    for ((kind, key), n) in promoted {
        tx.moved(queue, kind, key.as_deref(), Some(State::Scheduled), Some(State::Ready), n);
        *most -= n;
    }
    next_due(tx, queue)
}

/// Returns when the next scheduled job of a queue is due.
fn next_due(tx: &Tx<'_>, queue: i64) -> rusqlite::Result<Option<Timestamp>> {
    let due: Option<i64> = tx
        .connection
        .prepare_cached("SELECT min(run_at) FROM job WHERE state = 0 AND queue = ?1")?
        .query_row([queue], |row| row.get(0))?;
    Ok(due.map(Timestamp::from_millis))
}

//! The registry of workers.

use longshore_core::{WorkerId, WorkerNote, limits, millis};
use rusqlite::params;

use crate::column::blob;
use crate::tx::Tx;

/// Writes the entry of a live worker.
pub(crate) fn note(tx: &Tx<'_>, id: WorkerId, note: &WorkerNote) -> rusqlite::Result<()> {
    tx.connection
        .prepare_cached(
            "INSERT INTO worker_note (id, since, seen, note) VALUES (?1, ?2, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET seen = ?2, note = ?3",
        )?
        .execute(params![blob(id), tx.now.as_millis(), note.to_text()])?;
    Ok(())
}

/// Removes a worker that has ended.
pub(crate) fn forget(tx: &Tx<'_>, id: WorkerId) -> rusqlite::Result<()> {
    tx.connection.prepare_cached("DELETE FROM worker_note WHERE id = ?1")?.execute([blob(id)])?;
    Ok(())
}

/// Removes workers that were not seen for long. Returns the number.
pub(crate) fn forget_gone(tx: &Tx<'_>, limit: i64) -> rusqlite::Result<usize> {
    tx.connection
        .prepare_cached(
            "DELETE FROM worker_note WHERE id IN (SELECT id FROM worker_note WHERE seen <= ?1 ORDER BY seen LIMIT ?2)",
        )?
        .execute([tx.expiry_now.as_millis() - millis(limits::WORKER_KEPT), limit])
}

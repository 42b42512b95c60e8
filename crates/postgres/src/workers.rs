//! The registry of workers.

use longshore_core::{Error, Timestamp, WorkerId, WorkerNote, WorkerSeen};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::Postgres;
use crate::read::column;
use crate::settle::clean;

/// Writes the registry entry of a live worker.
pub(crate) async fn note(store: &Postgres, id: WorkerId, note: WorkerNote) -> Result<(), Error> {
    let (shift, _) = store.settings.clock.shift();
    store
        .pool
        .row(
            "SELECT longshore.note_worker($1, $2, $3)",
            &[(&uuid(id), Type::UUID), (&clean(&note.to_text()), Type::TEXT), (&shift, Type::INT8)],
        )
        .await?;
    Ok(())
}

/// Removes a worker that has ended.
pub(crate) async fn forget(store: &Postgres, id: WorkerId) -> Result<(), Error> {
    store.pool.row("SELECT longshore.forget_worker($1)", &[(&uuid(id), Type::UUID)]).await?;
    Ok(())
}

/// Returns workers, sorted by id. Workers with a corrupt note are left out.
pub(crate) async fn workers(store: &Postgres, after: Option<WorkerId>, limit: usize) -> Result<Vec<WorkerSeen>, Error> {
    let rows = store
        .pool
        .rows(
            "SELECT id, since, seen, note FROM longshore.workers($1, $2)",
            &[(&after.map(uuid), Type::UUID), (&i32::try_from(limit).unwrap_or(i32::MAX), Type::INT4)],
        )
        .await?;
    let mut workers = Vec::with_capacity(rows.len());
    for row in &rows {
        let note = WorkerNote::from_text(column(row, "note")?);
        let id = WorkerId::from_bytes(column::<Uuid>(row, "id")?.into_bytes());
        let time = |name| column(row, name).map(Timestamp::from_millis);
        workers.push(WorkerSeen::new(id, time("since")?, time("seen")?, note));
    }
    Ok(workers)
}

fn uuid(id: WorkerId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

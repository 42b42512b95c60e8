//! Which queues have workers, and which kinds these know. Upkeep needs this before it buries a job of an unknown kind.

use std::time::Duration;

use longshore_core::{Timestamp, millis};

use crate::tx::Tx;

/// The shortest time between two writes of a worker's presence.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// If a queue had no workers for this long, its period with workers starts again: meanwhile no worker could have known
/// the kinds of its jobs.
pub(crate) const PRESENCE_GAP: Duration = Duration::from_secs(3600);

/// Records that these queues have workers who know these kinds; at most once a minute.
pub(super) fn note_presence(tx: &mut Tx<'_>, queues: &[i64], kinds: &[i64]) -> rusqlite::Result<()> {
    let now = tx.now;
    // Without the first condition, a clock that was set back would stop these writes until it has caught up.
    let fresh = |noted: Option<&Timestamp>| noted.is_some_and(|at| *at <= now && now.since(*at) < NOTE_EVERY);
    for queue in queues {
        if !fresh(tx.names.noted.get(&(0, *queue))) {
            let gap = now.as_millis() - millis(PRESENCE_GAP);
            tx.connection
                .prepare_cached(
                    "UPDATE queue SET workers_since = iif(workers_seen < ?2, ?3, workers_since), workers_seen = ?3
                     WHERE id = ?1",
                )?
                .execute([*queue, gap, now.as_millis()])?;
            tx.names.noted.insert((0, *queue), now);
        }
    }
    for kind in kinds {
        if !fresh(tx.names.noted.get(&(1, *kind))) {
            tx.connection
                .prepare_cached("UPDATE kind SET seen = ?2 WHERE id = ?1")?
                .execute([*kind, now.as_millis()])?;
            tx.names.noted.insert((1, *kind), now);
        }
    }
    Ok(())
}

//! Which queues have workers, and which kinds they know: what upkeep must know before it buries a job of an unknown kind.

use std::time::Duration;

use longshore_core::{Timestamp, millis};

use crate::tx::Tx;

/// Looks of workers are noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// A queue without workers for this long starts anew: what waited in it meanwhile had nobody who could have known its kind.
pub(crate) const PRESENCE_GAP: Duration = Duration::from_secs(3600);

/// Notes that these queues have workers who know these kinds; at most once a minute.
pub(super) fn note_presence(tx: &mut Tx<'_>, queues: &[i64], kinds: &[i64]) -> rusqlite::Result<()> {
    let now = tx.now;
    // A clock that was set back would otherwise silence the notes until it has caught up.
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

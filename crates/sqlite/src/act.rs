//! What a person asks of one job.

use longshore_core::state::{Event, step};
use longshore_core::{Acted, Action, JobId, Label, NewPause, Pause, QueueName, Timestamp};
use rusqlite::params;

use crate::push::{hold_key, holder};
use crate::tx::{Along, Found, Tx};

pub(crate) fn act(tx: &mut Tx<'_>, id: JobId, action: Action) -> rusqlite::Result<Acted> {
    let Some(seq) = tx.seq(id)? else { return Ok(Acted::Unknown) };
    let Some(found) = tx.find(seq)? else { return Ok(Acted::Unknown) };
    let state = found.facts.state;
    let event = match action {
        Action::Cancel => Event::Cancel,
        Action::Retry => Event::Retry,
        Action::Delete if state.is_final() => {
            // Upkeep deletes it, with its artifact: nobody else deletes artifacts. It does so wherever the clock is by then.
            tx.connection.prepare_cached("UPDATE job SET keep_until = 0 WHERE seq = ?1")?.execute([seq])?;
            return Ok(Acted::Done(state));
        }
        _ => return Ok(Acted::Not(state)),
    };
    let Some(next) = step(found.facts, event) else { return Ok(Acted::Not(state)) };
    if state.is_final()
        && let Some(other) = take_key_again(tx, &found, id)?
    {
        return Ok(Acted::Conflict(other));
    }
    tx.apply(&found, next, &Along::default())?;
    if state.is_final() {
        // Tried again by hand, whatever was once too late.
        tx.connection.prepare_cached("UPDATE job SET deadline = NULL WHERE seq = ?1")?.execute([seq])?;
    }
    tx.bells.cancels |= next.facts.cancel_asked;
    Ok(Acted::Done(next.facts.state))
}

pub(crate) fn pause(tx: &mut Tx<'_>, queue: &QueueName, new: NewPause) -> rusqlite::Result<Pause> {
    let pause = Pause::begin(new, tx.now);
    write_pause(tx, queue, Some(&pause))?;
    Ok(pause)
}

/// Ends a queue's pause; answers whether it was paused.
pub(crate) fn resume(tx: &mut Tx<'_>, queue: &QueueName) -> rusqlite::Result<bool> {
    let number = tx.queue(queue)?;
    let paused = crate::read::pause(tx.connection, number)?.is_some_and(|pause| pause.holds(tx.now));
    write_pause(tx, queue, None)?;
    tx.bells.work = true;
    Ok(paused)
}

fn write_pause(tx: &mut Tx<'_>, queue: &QueueName, pause: Option<&Pause>) -> rusqlite::Result<()> {
    let queue = tx.queue(queue)?;
    tx.connection
        .prepare_cached(
            "UPDATE queue SET paused_since = ?2, paused_until = ?3, paused_reason = ?4, paused_by = ?5 WHERE id = ?1",
        )?
        .execute(params![
            queue,
            pause.map(|pause| pause.since.as_millis()),
            pause.and_then(|pause| pause.until).map(Timestamp::as_millis),
            pause.and_then(|pause| pause.reason.as_ref()).map(Label::as_str),
            pause.and_then(|pause| pause.by.as_ref()).map(Label::as_str),
        ])?;
    Ok(())
}

/// Takes the unique key for a job that lives again; returns who else holds it by now.
fn take_key_again(tx: &Tx<'_>, found: &Found, id: JobId) -> rusqlite::Result<Option<JobId>> {
    let (Some(key), Some(scope)) = (&found.unique_key, found.unique_scope) else { return Ok(None) };
    let other = match key.parse::<Label>() {
        Ok(label) => holder(tx, found.queue, &label)?.map(|(_, holder)| holder).filter(|holder| *holder != id),
        Err(_) => None,
    };
    if other.is_none() {
        hold_key(tx, found.queue, key, found.seq, scope)?;
    }
    Ok(other)
}

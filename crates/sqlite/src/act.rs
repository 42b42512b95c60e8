//! Actions on a job, and changes of a queue's rules.

use longshore_core::state::{Event, step};
use longshore_core::{Acted, Action, JobId, Label, QueueName, Rules, RulesChange};
use rusqlite::params;

use crate::moves::{Details, Found};
use crate::read;
use crate::tx::Tx;
use crate::unique::{self, hold_key, holder};

pub(crate) fn act(tx: &mut Tx<'_>, id: JobId, action: Action) -> rusqlite::Result<Acted> {
    let Some(seq) = tx.seq(id)? else { return Ok(Acted::Unknown) };
    let Some(found) = tx.find(seq)? else { return Ok(Acted::Unknown) };
    let state = found.facts.state;
    let event = match action {
        Action::Cancel => Event::Cancel,
        Action::Retry => Event::Retry,
        Action::Delete if state.is_final() => {
            // Upkeep deletes the job with its artifact, because only upkeep deletes artifacts. Time 0 makes it due at
            // any time of the clock.
            tx.connection.prepare_cached("UPDATE job SET keep_until = 0 WHERE seq = ?1")?.execute([seq])?;
            return Ok(Acted::Done(state));
        }
        _ => return Ok(Acted::WrongState(state)),
    };
    let Some(next) = step(found.facts, event) else { return Ok(Acted::WrongState(state)) };
    if state.is_final()
        && let Some(other) = take_key_again(tx, &found, id)?
    {
        return Ok(Acted::Conflict(other));
    }
    tx.apply(&found, next, &Details::default())?;
    if state.is_final() {
        // A retry by hand ignores an earlier deadline.
        tx.connection.prepare_cached("UPDATE job SET deadline = NULL WHERE seq = ?1")?.execute([seq])?;
    }
    tx.notices.cancels |= next.facts.cancel_asked;
    Ok(Acted::Done(next.facts.state))
}

/// Replaces the rules of a queue if they still have that version.
pub(crate) fn change_rules(
    tx: &mut Tx<'_>,
    name: &QueueName,
    expected: u64,
    rules: &Rules,
) -> rusqlite::Result<RulesChange> {
    let before = read::rules(tx.connection, name)?;
    if before.version != expected {
        return Ok(RulesChange::Conflict(before));
    }
    let (queue, version) = (tx.queue(name)?, expected.wrapping_add(1));
    tx.connection
        .prepare_cached(
            "UPDATE queue SET rules_version = ?2, rules_level = ?3, rules = ?4, used_at = ?5 WHERE id = ?1",
        )?
        .execute(params![queue, version as i64, rules.level(), rules.to_text(), tx.now.as_millis()])?;
    tx.notices.all_work = true;
    Ok(RulesChange::Changed(version))
}

/// Takes the unique key for a job that becomes live again. Returns the other job that holds it now, if any.
fn take_key_again(tx: &Tx<'_>, found: &Found, id: JobId) -> rusqlite::Result<Option<JobId>> {
    let (Some(key), Some(scope)) = (&found.unique_key, found.unique_scope) else { return Ok(None) };
    let other = match key.parse::<Label>() {
        Ok(label) => holder(tx, found.queue, &label)?.filter(|holder| *holder != id),
        Err(_) => None,
    };
    if other.is_none() {
        hold_key(tx, found.queue, key, found.seq, unique::scope(scope))?;
    }
    Ok(other)
}

//! What a person asks: of one job, and of a queue.

use longshore_core::{Acted, Action, Error, JobId, Label, NewPause, Pause, QueueName, State, Timestamp};

use crate::base::Base;
use crate::error;
use crate::push::write_moment;
use crate::record::{Reader, write_text};
use crate::script;
use crate::shared::*;

pub(crate) async fn act(base: &Base, id: JobId, action: Action) -> Result<Acted, Error> {
    let asked = match action {
        Action::Cancel => CANCEL,
        Action::Retry => RETRY_BY_HAND,
        Action::Delete => DELETE,
        other => return Err(Error::invalid(format!("an action that this store does not know: {other:?}"))),
    };
    let call = base.framed(&script::ACT, &base.keys.of_tag(id.queue_tag())).arg(id.as_bytes()).number(asked);
    let answer = call.bytes().await?;
    let read = || {
        let mut from = Reader(&answer);
        let (bells, code, state) = (from.u8()?, i64::from(from.u8()?), usize::from(from.u8()?));
        base.ring(bells);
        let state = State::ALL.get(state).copied()?;
        Some(match code {
            UNKNOWN_JOB => Acted::Unknown,
            ACTED => Acted::Done(state),
            CANNOT => Acted::Not(state),
            KEY_TAKEN => Acted::Conflict(JobId::from_bytes(from.array()?)),
            _ => return None,
        })
    };
    read().ok_or_else(|| error::unexpected("act"))
}

pub(crate) async fn pause(base: &Base, queue: &QueueName, new: NewPause) -> Result<Pause, Error> {
    base.register(std::iter::once(queue)).await?;
    let (mut until, mut words) = (Vec::new(), Vec::new());
    write_moment(&mut until, new.until);
    for word in [&new.reason, &new.by] {
        write_text(&mut words, word.as_ref().map_or("", Label::as_str));
    }
    let call = base.framed(&script::PAUSE, &base.keys.of_queue(queue)).arg(queue.as_str());
    let mut answer = call.arg(until).arg(&words).bytes().await?;
    answer.extend(words);
    read_pause(&answer).ok_or_else(|| error::unexpected("pause"))
}

/// Ends a queue's pause; answers whether it was paused.
pub(crate) async fn resume(base: &Base, queue: &QueueName) -> Result<bool, Error> {
    let call = base.framed(&script::RESUME, &base.keys.of_queue(queue)).arg(queue.as_str());
    let answer = call.bytes().await?;
    let mut from = Reader(&answer);
    let (bells, held) = from.u8().zip(from.u8()).ok_or_else(|| error::unexpected("resume"))?;
    base.ring(bells);
    Ok(held == 1)
}

/// Reads a pause as it is kept: since when, until when, why, by whom.
pub(crate) fn read_pause(bytes: &[u8]) -> Option<Pause> {
    let mut from = Reader(bytes);
    let (since, until) = (from.i64()?, from.i64()?);
    let reason = from.text()?.parse().ok();
    let by = from.text()?.parse().ok();
    let until = (until >= 0).then(|| Timestamp::from_millis(until));
    Some(Pause { since: Timestamp::from_millis(since), until, reason, by })
}

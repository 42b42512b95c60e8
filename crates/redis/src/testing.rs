//! What only tests ask (feature `testing`): where the scripts say that an event takes a job.

use std::sync::LazyLock;
use std::time::Duration;

use longshore_core::state::{Event, Facts, Move};
use longshore_core::{Death, Error, Outcome, State};
use redis::Value;

use crate::Redis;
use crate::base::{bytes, list};
use crate::error;
use crate::record::Reader;
use crate::script::Script;
use crate::shared::*;

static STEP: LazyLock<Script> = LazyLock::new(|| {
    let (flags, body) = include_str!("../lua/testing.lua").split_once('\n').expect("a script has lines");
    Script::of("testing", &format!("{flags}\n{}{body}", crate::script::STEP))
});

/// Asks the scripts where each event takes a job with those facts, as [`longshore_core::state::step`] says for the stores that
/// call it.
///
/// # Errors
///
/// If the server cannot be reached, or an event is none that scripts know.
pub async fn steps(store: &Redis, cases: &[(Facts, Event<'_>)]) -> Result<Vec<Option<Move>>, Error> {
    let mut moves = Vec::with_capacity(cases.len());
    for cases in cases.chunks(CHUNK as usize) {
        let mut call = store.base.call(&STEP, &store.base.keys.of_all());
        for (facts, event) in cases {
            call = call.arg(write(facts, event)?);
        }
        let answers = list(call.run().await?).ok_or_else(|| error::unexpected("testing"))?;
        for ((facts, _), answer) in cases.iter().zip(answers) {
            moves.push(match answer {
                Value::Nil => None,
                answer => Some(
                    bytes(answer).and_then(|bytes| read(facts, &bytes)).ok_or_else(|| error::unexpected("testing"))?,
                ),
            });
        }
    }
    Ok(moves)
}

fn write(facts: &Facts, event: &Event<'_>) -> Result<Vec<u8>, Error> {
    let (number, with) = match event {
        Event::Due => (DUE, 0),
        Event::Claim => (CLAIM, 0),
        Event::Settle(Outcome::Succeed { .. }) => (SUCCEED, 0),
        Event::Settle(Outcome::Retry { delay, .. }) => (RETRY, bounded(*delay)),
        Event::Settle(Outcome::Snooze { delay }) => (SNOOZE, bounded(*delay)),
        Event::Settle(Outcome::Release) => (RELEASE, 0),
        Event::Settle(Outcome::Bury { reason, .. }) => (GIVE_UP, reason_number(*reason)?),
        Event::Settle(Outcome::Cancel) => (CALL_OFF, 0),
        Event::Settle(other) => return Err(Error::invalid(format!("no outcome that scripts know: {other:?}"))),
        Event::Lose(Death::Interrupted) => (INTERRUPT, 0),
        Event::Lose(Death::Crashed) => (CRASH, 0),
        Event::Cancel => (CANCEL, 0),
        Event::Retry => (RETRY_BY_HAND, 0),
        Event::Bury(reason) => (BURY, reason_number(*reason)?),
    };
    let mut bytes = vec![facts.state as u8];
    for small in [facts.attempt, facts.max_attempts, facts.crashes] {
        bytes.extend(small.to_le_bytes());
    }
    bytes.extend(facts.interruptions.to_le_bytes());
    bytes.extend([u8::from(facts.cancel_asked), number as u8]);
    bytes.extend(with.to_le_bytes());
    Ok(bytes)
}

fn read(before: &Facts, bytes: &[u8]) -> Option<Move> {
    let mut from = Reader(bytes);
    let facts = Facts {
        state: *State::ALL.get(usize::from(from.u8()?))?,
        attempt: from.u16()?,
        max_attempts: before.max_attempts,
        crashes: from.u16()?,
        interruptions: from.u32()?,
        cancel_asked: from.u8()? == 1,
    };
    let wait = u64::try_from(from.i64()?).ok().map(Duration::from_millis);
    Some(Move { facts, wait, reason: reason(from.u8()?) })
}

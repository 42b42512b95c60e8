//! Calls for tests only (feature `testing`): they compare the Lua functions `step` and `admit` with the Rust ones.

use std::time::Duration;

use longshore_core::state::{Event, Facts, Move};
use longshore_core::{Admission, Death, Error, Reason, Rules, State, Timestamp};
use redis::Value;

use crate::Redis;
use crate::call::{bytes, list};
use crate::error;
use crate::library::{Function, TEST_ADMIT, TEST_STEP};
use crate::reader::Reader;
use crate::settle;
use crate::shared::*;

/// Returns the move that the Lua function `step` makes for each pair of facts and event, or `None` where the event changes nothing.
/// It must be the same as [`longshore_core::state::step`] returns.
///
/// # Errors
///
/// If the server cannot be reached.
pub async fn steps(store: &Redis, cases: &[(Facts, Event<'_>)]) -> Result<Vec<Option<Move>>, Error> {
    let asked: Vec<_> = cases.iter().map(|(facts, event)| write(facts, event)).collect();
    let answers = ask(store, &TEST_STEP, &asked).await?;
    let read = |answer| match answer {
        Value::Nil => Ok(None),
        answer => bytes(answer).and_then(|bytes| read(&bytes)).map(Some).ok_or_else(|| error::unexpected("test_step")),
    };
    answers.into_iter().map(read).collect()
}

/// Returns what the Lua function `admit` admits for rules at a time, to a program that knows rules up to [`Rules::LEVEL`].
/// It must be the same as [`longshore_core::admit`] returns.
///
/// # Errors
///
/// If the server cannot be reached.
pub async fn admissions(store: &Redis, cases: &[(Rules, Timestamp)]) -> Result<Vec<Admission>, Error> {
    let write = |(rules, now): &(Rules, Timestamp)| {
        let levels = [rules.level(), Rules::LEVEL].map(u16::to_le_bytes).concat();
        let times = [rules.paused_until_ms().min(FAR), now.as_millis()].map(i64::to_le_bytes).concat();
        [levels, times].concat()
    };
    let asked: Vec<_> = cases.iter().map(write).collect();
    let answers = ask(store, &TEST_ADMIT, &asked).await?;
    let read = |answer| {
        let bytes = bytes(answer)?;
        let mut from = Reader(&bytes);
        let most = from.i64()?;
        let most = if most == FAR { usize::MAX } else { usize::try_from(most).ok()? };
        let (why, until) = (held_back_reason(from.u8()?), from.i64()?);
        Some(Admission::new(most, why, (until >= 0).then(|| Timestamp::from_millis(until))))
    };
    answers.into_iter().map(|answer| read(answer).ok_or_else(|| error::unexpected("test_admit"))).collect()
}

/// Calls a function with all cases, a bounded number of them in each call.
async fn ask(store: &Redis, function: &'static Function, cases: &[Vec<u8>]) -> Result<Vec<Value>, Error> {
    let mut answers = Vec::with_capacity(cases.len());
    for cases in cases.chunks(CHUNK as usize) {
        let call = store.base.call(function, &store.base.copies.roots[0]).args(cases);
        answers.extend(list(call.run().await?).ok_or_else(|| error::unexpected(function.name))?);
    }
    Ok(answers)
}

fn write(facts: &Facts, event: &Event<'_>) -> Vec<u8> {
    let (number, with) = match event {
        Event::Due => (DUE, 0),
        Event::Claim => (CLAIM, 0),
        Event::Settle(outcome) => settle::event(outcome),
        Event::Lose(Death::Interrupted) => (INTERRUPT, 0),
        Event::Lose(Death::Crashed) => (CRASH, 0),
        Event::Cancel => (CANCEL, 0),
        Event::Retry => (RETRY_BY_HAND, 0),
        Event::Bury(reason) => (BURY, i64::from(reason.number())),
    };
    let mut bytes = vec![facts.state as u8];
    for small in [facts.attempt, facts.crashes] {
        bytes.extend(small.to_le_bytes());
    }
    bytes.extend(facts.interruptions.to_le_bytes());
    bytes.extend(facts.outages.to_le_bytes());
    bytes.extend([u8::from(facts.cancel_asked), number as u8]);
    bytes.extend(with.to_le_bytes());
    bytes
}

fn read(bytes: &[u8]) -> Option<Move> {
    let mut from = Reader(bytes);
    let facts = Facts {
        state: *State::ALL.get(usize::from(from.u8()?))?,
        attempt: from.u16()?,
        crashes: from.u16()?,
        interruptions: from.u32()?,
        outages: from.u16()?,
        cancel_asked: from.u8()? == 1,
    };
    let wait = u64::try_from(from.i64()?).ok().map(Duration::from_millis);
    Some(Move { facts, wait, reason: Reason::from_number(from.u8()?) })
}

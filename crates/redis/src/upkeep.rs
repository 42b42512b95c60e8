//! Upkeep: queue by queue, each part bounded over all of them; whose turn is first changes, so that none is starved.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use longshore_core::{Death, Error, ErrorKind, Gone, Kept, Moved, QueueName, Upkeep, UpkeepFailure, limits, millis};
use redis::Value;

use crate::base::{Base, bytes, list, moved, number};
use crate::error;
use crate::keys;
use crate::link::STANDSTILL;
use crate::record::{Reader, artifact_of};
use crate::script;
use crate::shared::UNKNOWN_KIND_AFTER;
use crate::workers;

/// A look at a server's clock is good for this long.
const LOOK: Duration = Duration::from_millis(500);

/// How many rows each part may still touch.
#[derive(Clone, Copy, Debug)]
struct Left {
    rescue: usize,
    expire: usize,
    unknown: usize,
    delete: usize,
    forget: usize,
}

/// The parts of the script, in the order of its numbers.
const PARTS: [&str; 4] = ["rescue", "deadlines", "prune", "idempotency keys and workers"];

/// What a server's clock said.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// By the server's clock, in ms: a script that runs later than this was held up, and must rescue nobody.
    good_until: i64,
    now: i64,
    steady: bool,
}

/// Does a piece of upkeep; `turn` says which queue is first.
pub(crate) async fn upkeep(base: &Base, upkeep: Upkeep, turn: usize) -> Result<Kept, Error> {
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS);
    let mut left = Left { rescue: limit, expire: limit, unknown: limit, delete: limit, forget: limit };
    let mut queues: Vec<QueueName> = base.queues().await?.into_keys().collect();
    let forgotten = workers::forget_old(base, limit).await?;
    if !queues.is_empty() {
        let first = turn % queues.len();
        queues.rotate_left(first);
    }
    let (mut kept, mut looks, mut failed, mut done) = (Kept::default(), BTreeMap::new(), None, 0);
    for queue in &queues {
        match keep_queue(base, queue, upkeep, &mut looks, &mut left, &mut kept).await {
            Ok(()) => done += 1,
            // In a cluster the queues of other servers go on.
            Err(e) => {
                base.link.note_away();
                kept.failed.push(UpkeepFailure::new("queue", format!("queue `{queue}`: {e}")));
                let is_away = !base.link.is_cluster() && e.is_retryable();
                failed = Some(e);
                if is_away {
                    break; // it is the server of all queues
                }
            }
        }
    }
    if let (Some(error), 0) = (failed, done) {
        return Err(error);
    }
    kept.more = [left.rescue, left.expire, left.unknown, left.delete, left.forget].contains(&0) || forgotten == limit;
    Ok(kept)
}

/// Keeps up one queue.
async fn keep_queue(
    base: &Base,
    queue: &QueueName,
    upkeep: Upkeep,
    looks: &mut BTreeMap<Option<u16>, Look>,
    left: &mut Left,
    kept: &mut Kept,
) -> Result<(), Error> {
    let look = look(base, queue, looks).await?;
    let doubtful = match keep(base, queue, upkeep, look, None, left, kept).await {
        Err(e) if is_of_the_script(&e) => {
            // A script that fails ends there: each part by itself, so that one that fails stops no other.
            let mut doubtful = Vec::new();
            for (part, name) in PARTS.into_iter().enumerate() {
                let done = keep(base, queue, upkeep, look, Some(part), left, kept).await;
                note_failure(queue, name, done.map(|found| doubtful = found), kept)?;
            }
            doubtful
        }
        doubtful => doubtful?,
    };
    if !doubtful.is_empty() && left.unknown > 0 {
        let buried = bury_unknown(base, queue, doubtful, look.now, left, kept).await;
        note_failure(queue, "unknown kinds", buried, kept)?;
    }
    Ok(())
}

/// Notes a part that failed for a queue, unless no part can be done.
fn note_failure(queue: &QueueName, part: &'static str, done: Result<(), Error>, kept: &mut Kept) -> Result<(), Error> {
    match done {
        Err(e) if is_of_the_script(&e) => {
            kept.failed.push(UpkeepFailure::new(part, format!("queue `{queue}`: {e}")));
            Ok(())
        }
        done => done,
    }
}

/// Returns whether the server answers, and only the keys of this call make no sense to it.
fn is_of_the_script(error: &Error) -> bool {
    error.kind() == ErrorKind::Corrupt
}

/// Looks at the clock of the server that has a queue, unless that was done a moment ago.
async fn look(base: &Base, queue: &QueueName, looks: &mut BTreeMap<Option<u16>, Look>) -> Result<Look, Error> {
    // One server has one clock, whatever the queue.
    let place = base.link.is_cluster().then(|| queue.tag());
    if let Some(look) = looks.get(&place).filter(|look| look.at.elapsed() < LOOK) {
        return Ok(*look);
    }
    let look = look_at(base, place).await?;
    looks.insert(place, look);
    Ok(look)
}

async fn look_at(base: &Base, place: Option<u16>) -> Result<Look, Error> {
    let root = place.map_or_else(|| base.keys.of_all(), |tag| base.keys.of_tag(tag));
    let asked = Instant::now();
    let answer = base.call(&script::CLOCK, &root).run().await?;
    let us = bytes(answer).and_then(|bytes| Reader(&bytes).i64()).ok_or_else(|| error::unexpected("clock"))?;
    let ms = us / 1_000;
    let (wall, lease) = base.settings.clock.shift();
    let mut watches = base.watches.lock().unwrap_or_else(PoisonError::into_inner);
    let steady = watches.entry(place).or_default().steady(ms + lease, &base.settings.clock);
    base.order.lock().unwrap_or_else(PoisonError::into_inner).note(us, asked);
    Ok(Look { at: Instant::now(), good_until: ms + millis(STANDSTILL), now: ms + wall, steady })
}

/// Begins to watch the servers' clocks and returns once the first look was taken.
pub(crate) async fn begin(base: &Base) -> Result<(), Error> {
    look_at(base, None).await.map(|_| ())
}

/// Does all of it but what concerns unknown kinds, or only one of the [`PARTS`]; returns kinds that perhaps nobody knows.
async fn keep(
    base: &Base,
    queue: &QueueName,
    upkeep: Upkeep,
    look: Look,
    only: Option<usize>,
    left: &mut Left,
    kept: &mut Kept,
) -> Result<Vec<String>, Error> {
    loop {
        // Rescued are only those who could have renewed: the clock ran, and the server answered.
        let may_rescue = upkeep.rescue && look.steady && base.link.is_prompt();
        let rescue = if may_rescue { left.rescue } else { 0 };
        let mut numbers = Vec::with_capacity(26);
        for (part, most) in [rescue, left.expire, left.delete, left.forget].into_iter().enumerate() {
            let most = if only.is_none_or(|only| only == part) { most } else { 0 };
            numbers.extend((most as u32).to_le_bytes());
        }
        numbers.extend(look.good_until.to_le_bytes());
        numbers.extend(upkeep.rules_level.to_le_bytes());
        let call = base.framed(&script::UPKEEP, &base.keys.of_queue(queue)).arg(queue.as_str()).arg(numbers);
        let call = call.arg(Gone::LEASE_ENDED.to_string());
        let answer = call.list().await.map_err(Error::perhaps_done)?;
        let (more, doubtful) = note(answer, left, kept).ok_or_else(|| error::unexpected("upkeep"))?;
        if !more {
            return Ok(doubtful);
        }
    }
}

/// Takes down what a call did; returns whether its bound left something for another.
fn note(answer: Vec<Value>, left: &mut Left, kept: &mut Kept) -> Option<(bool, Vec<String>)> {
    let mut answer = answer.into_iter();
    let head = answer.next().and_then(bytes)?;
    let mut from = Reader(&head);
    let (deleted, forgotten) = (from.u32()? as usize, from.u32()? as usize);
    let more = from.u8()? == 1;
    let doubtful = answer.next().and_then(list)?.into_iter().filter_map(bytes);
    let doubtful = doubtful.filter_map(|kind| String::from_utf8(kind).ok()).collect();
    let results = answer.next().and_then(list)?.into_iter().filter_map(bytes);
    kept.artifacts.extend(results.filter_map(|result| artifact_of(&result)));
    let (rescued, buried) = (moved(answer.next())?, moved(answer.next())?);
    left.rescue = left.rescue.saturating_sub(rescued.len());
    left.expire = left.expire.saturating_sub(buried.len());
    left.delete = left.delete.saturating_sub(deleted);
    left.forget = left.forget.saturating_sub(forgotten);
    kept.rescued.extend(rescued.into_iter().map(|moved| Moved { death: Some(Death::Crashed), ..moved }));
    kept.buried.extend(buried);
    kept.pruned += deleted;
    Some((more, doubtful))
}

/// Makes those of the doubtful kinds dead that no worker has known for a day.
async fn bury_unknown(
    base: &Base,
    queue: &QueueName,
    doubtful: Vec<String>,
    now: i64,
    left: &mut Left,
    kept: &mut Kept,
) -> Result<(), Error> {
    let mut command = redis::cmd("HMGET");
    command.arg(format!("{}{}", base.keys.of_all(), keys::KINDS_SEEN)).arg(&doubtful);
    let seen = list(base.link.send(&command).await?).ok_or_else(|| error::unexpected("HMGET"))?;
    let is_old = |seen: &Value| number(seen).is_none_or(|at| now - at > UNKNOWN_KIND_AFTER);
    let unknown: Vec<String> =
        doubtful.into_iter().zip(&seen).filter(|(_, seen)| is_old(seen)).map(|(kind, _)| kind).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let call = base.framed(&script::UNKNOWN, &base.keys.of_queue(queue)).arg(queue.as_str());
    let call = call.number(left.unknown as i64).args(unknown);
    let buried =
        moved(Some(call.run().await.map_err(Error::perhaps_done)?)).ok_or_else(|| error::unexpected("unknown"))?;
    left.unknown = left.unknown.saturating_sub(buried.len());
    kept.buried.extend(buried);
    Ok(())
}

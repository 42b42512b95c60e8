//! Upkeep. One elected process does it, queue by queue, with a limit for each part over all queues.
//!
//! A call handles a bounded number of queues, and continues after the last queue of the previous call. First it asks whether anything is
//! due in them; with one server, one call of the server covers many queues. Of the queues with nothing due, a few random ones get full
//! upkeep each time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use longshore_core::{
    Death, Error, ErrorKind, Gone, Moved, QueueName, Upkeep, UpkeepFailure, UpkeepReport, limits, millis,
};
use redis::Value;

use crate::base::Base;
use crate::call::{bytes, list, moved, names};
use crate::copies::{on_each, on_first};
use crate::error;
use crate::library;
use crate::link::STANDSTILL;
use crate::reader::Reader;
use crate::record::artifact_of;
use crate::shared::KEPT_CHECKED_EVERY;
use crate::workers;

/// The maximum number of queues in one call.
const QUEUES: usize = 20_000;
/// How many queues are checked together for anything due.
const ASKED_AT_ONCE: usize = 500;
/// How many queues with nothing due get full upkeep in one call.
const IDLE: usize = 50;
/// How long one reading of a server's clock is used.
const READING_VALID: Duration = Duration::from_millis(500);

/// How many rows each part may still touch.
#[derive(Clone, Copy, Debug)]
struct Left {
    rescue: usize,
    late: usize,
    unknown: usize,
    prune: usize,
    forget: usize,
}

/// The parts of the function `upkeep`, in the order of its limits.
const PARTS: [&str; 5] = ["rescue", "deadlines", "unknown kinds", "prune", "idempotency keys and workers"];

/// A reading of a server's clock.
#[derive(Clone, Copy, Debug)]
struct ClockReading {
    at: Instant,
    /// In ms of the server's clock. A call that runs later than this was delayed, and must not rescue jobs.
    good_until: i64,
    steady: bool,
}

/// Does a bounded part of upkeep if this process is elected.
pub(crate) async fn upkeep(base: &Base, upkeep: Upkeep) -> Result<UpkeepReport, Error> {
    // If the server did not answer this process promptly, the process does not rescue, and is elected only until another one asks.
    let may_rescue = upkeep.rescue && base.link.shards.is_prompt(&base.copies.roots[0]);
    let begin = |root: &str| {
        let call = base.framed(&library::BEGIN_UPKEEP, root).number(millis(upkeep.elected_for));
        call.number(i64::from(may_rescue)).number(QUEUES as i64)
    };
    let answer = on_first(base, begin).await?;
    if answer == Value::Nil {
        return Ok(UpkeepReport::default());
    }
    let queues: Vec<QueueName> = names(answer).ok_or_else(|| error::unexpected("begin_upkeep"))?;
    base.link.learn_shards().await?;
    let limit = upkeep.limit.min(limits::UPKEEP_ROWS);
    let mut round = Round {
        base,
        upkeep,
        readings: BTreeMap::new(),
        left: Left { rescue: limit, late: limit, unknown: limit, prune: limit, forget: limit },
        more_unused: false,
        kept: UpkeepReport::default(),
    };
    let forgotten = workers::forget_old(base, limit).await?;
    let result = round.keep_queues(queues).await;
    let Left { rescue, late, unknown, prune, forget } = round.left;
    round.kept.more = [rescue, late, unknown, prune, forget].contains(&0) || forgotten == limit || round.more_unused;
    result.map(|()| round.kept)
}

/// Until when nothing is due of what queues keep for a time: finished jobs, and answers to pushes. So most checks of a queue need not look.
#[derive(Debug, Default)]
pub(crate) struct NothingKeptDue(Mutex<HashMap<QueueName, i64>>);

impl NothingKeptDue {
    fn holds(&self, queue: &QueueName, now: i64) -> bool {
        let until = self.queues().get(queue).copied();
        // A clock that was set back makes a long time of a short one.
        until.is_some_and(|until| (now..=now + KEPT_CHECKED_EVERY).contains(&until))
    }

    fn note(&self, queue: &QueueName, until: i64) {
        let mut queues = self.queues();
        if queues.len() > 2 * QUEUES {
            queues.clear();
        }
        queues.insert(queue.clone(), until);
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<QueueName, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call of upkeep.
struct Round<'a> {
    base: &'a Base,
    upkeep: Upkeep,
    /// Readings of the servers' clocks, by shard.
    readings: BTreeMap<Option<u16>, ClockReading>,
    left: Left,
    /// Whether queues were deleted while other queues with nothing due were not checked.
    more_unused: bool,
    kept: UpkeepReport,
}

impl Round<'_> {
    /// Does upkeep of queues.
    ///
    /// # Errors
    ///
    /// If it failed for every queue.
    async fn keep_queues(&mut self, queues: Vec<QueueName>) -> Result<(), Error> {
        let (mut done, mut failed, mut idle) = (0, None, Vec::new());
        for some in queues.chunks(ASKED_AT_ONCE) {
            for (queue, is_due) in some.iter().zip(self.due(some).await) {
                let kept = match is_due {
                    Ok(false) => {
                        idle.push(queue);
                        Ok(())
                    }
                    Ok(true) => self.keep_queue(queue).await,
                    Err(e) => Err(e),
                };
                match kept {
                    Ok(()) => done += 1,
                    // In a cluster, the queues of other servers are not affected.
                    Err(e) => {
                        self.base.link.shards.note_unresponsive(&self.base.keys.of_queue(queue));
                        self.kept.failed.push(UpkeepFailure::new("queue", format!("queue `{queue}`: {e}")));
                        if !self.base.link.is_cluster() && e.is_retryable() {
                            return if done > 0 { Ok(()) } else { Err(e) }; // it is the server of all queues
                        }
                        failed = Some(e);
                    }
                }
            }
        }
        self.keep_idle(idle).await;
        match failed {
            Some(e) if done == 0 => Err(e),
            _ => Ok(()),
        }
    }

    /// Returns for each queue whether anything is due.
    async fn due(&self, queues: &[QueueName]) -> Vec<Result<bool, Error>> {
        let now = self.base.settings.clock.now().as_millis();
        let name = |queue: &QueueName| {
            let root = self.base.keys.of_queue(queue);
            let checks_kept = !self.base.nothing_kept_due.holds(queue, now);
            [&[u8::from(checks_kept), root.len() as u8], root.as_bytes(), queue.as_str().as_bytes()].concat()
        };
        let ask = |queues: Vec<&QueueName>| {
            let call = self.base.framed(&library::DUE, &self.base.keys.of_queue(queues[0]));
            call.args(queues.into_iter().map(name)).bytes()
        };
        let read = |queue: &QueueName, answer: &[u8]| {
            let mut from = Reader(answer);
            let (Some(is_due), Some(next_in)) = (from.u8(), from.u32()) else { return Err(error::unexpected("due")) };
            if is_due == 0 && next_in > 0 {
                self.base.nothing_kept_due.note(queue, now + i64::from(next_in));
            }
            Ok(is_due == 1)
        };
        if self.base.link.is_cluster() {
            let one = |queue| async move {
                let answer = self.base.unreachable.ask(&self.base.keys.of_queue(queue), ask(vec![queue])).await;
                read(queue, &answer?)
            };
            return join_all(queues.iter().map(one)).await;
        }
        match ask(queues.iter().collect()).await {
            Ok(answer) => {
                let mut answers = answer.chunks(5).map(Some).chain(std::iter::repeat(None));
                let read_next = |queue| read(queue, answers.next().flatten().unwrap_or_default());
                queues.iter().map(read_next).collect()
            }
            // One queue has a key of the wrong type. All queues get full upkeep, one by one, so that it does not affect the others.
            Err(e) if e.kind() == ErrorKind::Corrupt => queues.iter().map(|_| Ok(true)).collect(),
            Err(e) => queues.iter().map(|_| Err(e.shared())).collect(),
        }
    }

    /// Does upkeep of one queue.
    async fn keep_queue(&mut self, queue: &QueueName) -> Result<(), Error> {
        let reading = self.reading(queue).await?;
        match self.keep(queue, reading, None).await {
            // A corrupt key ended the function. Each part is called separately, so that it does not stop the other parts.
            Err(e) if e.kind() == ErrorKind::Corrupt => {
                for (part, name) in PARTS.into_iter().enumerate() {
                    match self.keep(queue, reading, Some(part)).await {
                        Err(e) if e.kind() == ErrorKind::Corrupt => {
                            self.kept.failed.push(UpkeepFailure::new(name, format!("queue `{queue}`: {e}")));
                        }
                        done => done?,
                    }
                }
                Ok(())
            }
            done => done,
        }
    }

    /// Does full upkeep of some random queues with nothing due, and deletes queues that are empty and unused.
    async fn keep_idle(&mut self, mut idle: Vec<&QueueName>) {
        fastrand::shuffle(&mut idle);
        let are_more = idle.len() > IDLE;
        idle.truncate(IDLE);
        let unused = self.unused(&idle).await.unwrap_or_else(|e| {
            self.kept.failed.push(UpkeepFailure::new("unused queues", e));
            BTreeSet::new()
        });
        let mut forgotten = Vec::new();
        for queue in idle {
            let root = self.base.keys.of_queue(queue);
            let forget = async {
                self.keep_queue(queue).await?;
                if !unused.contains(queue) {
                    return Ok(Value::Nil);
                }
                self.base.framed(&library::FORGET_QUEUE, &root).arg(queue.as_str()).run().await
            };
            match forget.await {
                Ok(Value::Int(1)) => forgotten.push(queue.as_str()),
                Ok(_) => {}
                Err(e) => self.kept.failed.push(UpkeepFailure::new("queue", format!("queue `{queue}`: {e}"))),
            }
        }
        if forgotten.is_empty() {
            return;
        }
        self.more_unused = are_more;
        let drop = |root: &str| self.base.framed(&library::DROP_QUEUES, root).args(&forgotten);
        if let Err(e) = on_each(self.base, drop).await {
            self.kept.failed.push(UpkeepFailure::new("unused queues", e));
        }
    }

    /// Returns the queues that have been unused for a day according to every copy that answers.
    async fn unused(&self, queues: &[&QueueName]) -> Result<BTreeSet<QueueName>, Error> {
        if queues.is_empty() {
            return Ok(BTreeSet::new());
        }
        let ask = |root: &str| {
            let call = self.base.framed(&library::UNUSED_QUEUES, root);
            call.args(queues.iter().map(|queue| queue.as_str()))
        };
        let mut unused: BTreeSet<QueueName> = queues.iter().map(|queue| (*queue).clone()).collect();
        for answer in on_each(self.base, ask).await?.0 {
            let unused_there: BTreeSet<QueueName> =
                names(answer).ok_or_else(|| error::unexpected("unused_queues"))?.into_iter().collect();
            unused.retain(|queue| unused_there.contains(queue));
        }
        Ok(unused)
    }

    /// Reads the clock of the server that has a queue, or returns a recent reading.
    async fn reading(&mut self, queue: &QueueName) -> Result<ClockReading, Error> {
        let root = self.base.keys.of_queue(queue);
        let shard = self.base.link.shards.of(&root);
        if let Some(reading) = self.readings.get(&shard).filter(|reading| reading.at.elapsed() < READING_VALID) {
            return Ok(*reading);
        }
        let reading = read_clock(self.base, &root, shard).await?;
        self.readings.insert(shard, reading);
        Ok(reading)
    }

    /// Does all parts of upkeep for a queue, or only one of the [`PARTS`].
    async fn keep(&mut self, queue: &QueueName, reading: ClockReading, only: Option<usize>) -> Result<(), Error> {
        let root = self.base.keys.of_queue(queue);
        loop {
            // Jobs are rescued only if their workers could have renewed: the clock ran steadily, and the server answered promptly.
            let may_rescue = self.upkeep.rescue && reading.steady && self.base.link.shards.is_prompt(&root);
            let Left { rescue, late, unknown, prune, forget } = self.left;
            let mut numbers = Vec::with_capacity(30);
            let rescue = if may_rescue { rescue } else { 0 };
            for (part, most) in [rescue, late, unknown, prune, forget].into_iter().enumerate() {
                let most = if only.is_none_or(|only| only == part) { most } else { 0 };
                numbers.extend((most as u32).to_le_bytes());
            }
            numbers.extend(reading.good_until.to_le_bytes());
            numbers.extend(self.upkeep.rules_level.to_le_bytes());
            let call = self.base.framed(&library::UPKEEP, &root).arg(queue.as_str()).arg(numbers);
            let answer = call.arg(Gone::LEASE_ENDED.to_string()).list().await.map_err(Error::perhaps_done)?;
            if !self.note(answer).ok_or_else(|| error::unexpected("upkeep"))? {
                return Ok(());
            }
        }
    }

    /// Adds the answer of a call to the report. Returns whether another call is needed because this one reached its bound.
    fn note(&mut self, answer: Vec<Value>) -> Option<bool> {
        let mut answer = answer.into_iter();
        let head = answer.next().and_then(bytes)?;
        let mut from = Reader(&head);
        let (pruned, forgotten) = (from.u32()? as usize, from.u32()? as usize);
        let more = from.u8()? == 1;
        let artifacts = answer.next().and_then(list)?.into_iter().filter_map(bytes);
        self.kept.artifacts.extend(artifacts.filter_map(|result| artifact_of(&result)));
        let (rescued, late, unknown) = (moved(answer.next())?, moved(answer.next())?, moved(answer.next())?);
        let left = &mut self.left;
        left.rescue = left.rescue.saturating_sub(rescued.len());
        left.late = left.late.saturating_sub(late.len());
        left.unknown = left.unknown.saturating_sub(unknown.len());
        left.prune = left.prune.saturating_sub(pruned);
        left.forget = left.forget.saturating_sub(forgotten);
        let did = pruned + forgotten + rescued.len() + late.len() + unknown.len() > 0;
        self.kept.rescued.extend(rescued.into_iter().map(|moved| Moved { death: Some(Death::Crashed), ..moved }));
        self.kept.buried.extend(late.into_iter().chain(unknown));
        self.kept.pruned += pruned;
        Some(more && did)
    }
}

async fn read_clock(base: &Base, root: &str, shard: Option<u16>) -> Result<ClockReading, Error> {
    let answer = base.call(&library::CLOCK, root).run().await?;
    let us = bytes(answer).and_then(|bytes| Reader(&bytes).i64()).ok_or_else(|| error::unexpected("clock"))?;
    let ms = us / 1_000;
    let steady = base.clocks.steady(shard, ms, &base.settings.clock);
    Ok(ClockReading { at: Instant::now(), good_until: ms + millis(STANDSTILL), steady })
}

/// Starts to watch the clock of a server with a first reading: the first that answers, of those with a copy.
pub(crate) async fn begin(base: &Base) -> Result<(), Error> {
    let mut failed = None;
    for root in &base.copies.roots {
        match read_clock(base, root, base.link.shards.of(root)).await {
            Ok(_) => return Ok(()),
            Err(e) if base.link.is_cluster() && e.is_retryable() => failed = Some(e),
            Err(e) => return Err(e),
        }
    }
    failed.map_or(Ok(()), Err)
}

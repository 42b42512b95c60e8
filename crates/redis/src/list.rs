//! Lists: each queue has its jobs in the order of pushes, and a page is put together of all of them, the newest first.
//!
//! A place in a list is the order of a job, with the number of its queue for those that have the same; so a cursor is one number,
//! whatever slots the queues lie in. A filter takes the smallest set that has all it wants, and looks at the records of a bounded
//! number of jobs.

use std::collections::VecDeque;

use futures_util::future::try_join_all;
use longshore_core::{Cursor, Error, Filter, JobId, Listed, Page, QueueName, State, limits};
use redis::Value;

use crate::base::{Base, TIES, bytes, list as list_of, number};
use crate::error;
use crate::keys;
use crate::read::{get, read_member};
use crate::record::Record;
use crate::script;
use crate::shared::RUN;

/// Most rows that one script reads.
const PER_CALL: usize = 500;
/// Sets up to this size that are sorted otherwise are read as a whole.
const SMALL_SET: i64 = 1_000;

pub(crate) async fn list(base: &Base, filter: &Filter, page: Page) -> Result<Listed, Error> {
    let mut queues = base.queues().await?;
    if let Some(only) = &filter.queue {
        queues.retain(|queue, _| queue == only);
    }
    let end = page.after.map_or(i64::MAX, |Cursor(place)| place);
    let streams = queues.into_iter().map(|(queue, tie)| Stream::open(base, queue, tie, filter, end));
    let mut streams = try_join_all(streams).await?;
    let (mut found, mut looked_at, mut next) = (Vec::new(), 0, None);
    loop {
        let share = (page.limit / streams.len().max(1)).clamp(8, PER_CALL);
        let empty = streams.iter_mut().filter(|stream| stream.rows.is_empty() && !stream.ended);
        try_join_all(empty.map(|stream| stream.fill(base, share))).await?;
        let Some(newest) = streams.iter_mut().max_by_key(|stream| stream.rows.front().map(|row| row.place)) else {
            break;
        };
        let Some(row) = newest.rows.front() else { break };
        if found.len() == page.limit || looked_at == limits::LIST_SCAN {
            next = Some(Cursor(row.place + 1));
            break;
        }
        looked_at += 1;
        if row.fits {
            found.push(row.id);
        }
        newest.rows.pop_front();
    }
    let jobs = get(base, found).await?.into_iter().flatten();
    // Between the two looks a job may have changed.
    Ok(Listed::new(jobs.filter(|job| filter.matches(job)).collect(), next))
}

/// The jobs of one queue from some place on, the newest first.
struct Stream<'a> {
    queue: QueueName,
    tie: u16,
    filter: &'a Filter,
    /// The set they are in, and sorted by order.
    set: String,
    /// The order before which to go on.
    before: i64,
    rows: VecDeque<Row>,
    ended: bool,
}

struct Row {
    place: i64,
    id: JobId,
    fits: bool,
}

impl<'a> Stream<'a> {
    async fn open(base: &Base, queue: QueueName, tie: u16, filter: &'a Filter, end: i64) -> Result<Stream<'a>, Error> {
        // All of this queue that come before the place in question.
        let before = (end - 1 - i64::from(tie)).div_euclid(TIES) + 1;
        let set = match (&filter.tag, filter.state) {
            (Some(tag), _) => format!("{}{queue}:{tag}", keys::TAG),
            (None, Some(State::Dead)) => format!("{}{queue}", keys::DEAD),
            (None, Some(State::Cancelled)) => format!("{}{queue}", keys::CANCELLED),
            _ => format!("{}{queue}", keys::ALL),
        };
        let mut stream = Stream { queue, tie, filter, set, before, rows: VecDeque::new(), ended: false };
        stream.fill_at_once(base).await?;
        Ok(stream)
    }

    /// Reads the few jobs of a state as a whole, where they are in sets that are sorted otherwise.
    async fn fill_at_once(&mut self, base: &Base) -> Result<(), Error> {
        let (None, Some(state)) = (&self.filter.tag, self.filter.state) else { return Ok(()) };
        let queue = &self.queue;
        let sets = match state {
            State::Scheduled => vec![format!("{}{queue}", keys::SCHEDULED).into_bytes()],
            State::Running => self.held_sets(base).await?,
            State::Ready => self.ready_sets(base).await?,
            _ => return Ok(()),
        };
        // More workers than that hold more jobs than that.
        if sets.len() > SMALL_SET as usize || self.is_large(base, state, &sets).await? {
            return Ok(());
        }
        let mut rows = Vec::new();
        for set in sets {
            match self.read(base, &set, 0).await? {
                Some(more) => rows.extend(more),
                None => return Ok(()),
            }
        }
        // A job may be found in a grant of earlier, too.
        rows.sort_unstable_by_key(|row: &Row| (std::cmp::Reverse(row.place), !row.fits));
        rows.dedup_by_key(|row| row.place);
        self.ended = true;
        let before = self.before;
        self.rows = rows.into_iter().filter(|row| row.place.div_euclid(TIES) < before).collect();
        Ok(())
    }

    /// Returns whether there are more jobs in that state than are read at once; and in those sets, as far as that is known.
    async fn is_large(&self, base: &Base, state: State, sets: &[Vec<u8>]) -> Result<bool, Error> {
        let root = &base.keys.of_queue(&self.queue);
        let mut counted = redis::cmd("HGET");
        counted.arg(format!("{root}{}{}", keys::QUEUE, self.queue)).arg(format!("n{}", state as u8));
        if number(&base.link.send(&counted).await?).unwrap_or(0) <= SMALL_SET {
            return Ok(false);
        }
        let sizes = sets.iter().map(|set| async move {
            let mut command = redis::cmd("ZCARD");
            command.arg([root.as_bytes(), set].concat());
            Ok::<_, Error>(number(&base.link.send(&command).await?).unwrap_or(i64::MAX))
        });
        // An entry may be several jobs.
        let entries = try_join_all(sizes).await?.into_iter().fold(0, i64::saturating_add);
        Ok(entries.saturating_mul(RUN) > SMALL_SET)
    }

    /// Returns a set for each worker that holds something.
    async fn held_sets(&self, base: &Base) -> Result<Vec<Vec<u8>>, Error> {
        let queue = &self.queue;
        let mut command = redis::cmd("ZRANGE");
        command.arg(format!("{}{}{queue}", base.keys.of_queue(queue), keys::LEASES)).arg(0).arg(SMALL_SET);
        let workers = list_of(base.link.send(&command).await?).ok_or_else(|| error::unexpected("ZRANGE"))?;
        let set = |worker: Vec<u8>| [keys::HELD.as_bytes(), queue.as_str().as_bytes(), b":", &worker].concat();
        Ok(workers.into_iter().filter_map(bytes).map(set).collect())
    }

    async fn ready_sets(&self, base: &Base) -> Result<Vec<Vec<u8>>, Error> {
        let queue = &self.queue;
        let mut command = redis::cmd("SMEMBERS");
        command.arg(format!("{}{}{queue}", base.keys.of_queue(queue), keys::KINDS));
        let kinds = list_of(base.link.send(&command).await?).ok_or_else(|| error::unexpected("SMEMBERS"))?;
        let kinds = kinds.into_iter().filter_map(bytes).filter_map(|kind| String::from_utf8(kind).ok());
        let wanted = kinds.filter(|kind| self.filter.kind.as_ref().is_none_or(|only| only.as_str() == kind));
        Ok(wanted
            .flat_map(|kind| [keys::READY, keys::ALONE].map(|set| format!("{set}{queue}:{kind}").into_bytes()))
            .collect())
    }

    /// Reads the next rows.
    async fn fill(&mut self, base: &Base, share: usize) -> Result<(), Error> {
        let most = if self.needs_records() { PER_CALL } else { share };
        let rows = self.read(base, self.set.as_bytes(), most).await?.unwrap_or_default();
        self.ended = rows.len() < most;
        if let Some(last) = rows.last() {
            self.before = last.place.div_euclid(TIES);
        }
        self.rows = rows.into();
        Ok(())
    }

    /// Returns whether the set has jobs that do not fit.
    fn needs_records(&self) -> bool {
        let Filter { queue: _, kind, state, tag, key } = self.filter; // a set is of one queue
        let set_knows = match state {
            None => true,
            Some(State::Dead | State::Cancelled) => tag.is_none(),
            Some(_) => false,
        };
        kind.is_some() || key.is_some() || !set_knows
    }

    /// Reads rows of a set; all of it where `most` is 0, and nothing where that is too much at once.
    async fn read(&self, base: &Base, set: &[u8], most: usize) -> Result<Option<Vec<Row>>, Error> {
        let records = self.needs_records();
        let before = if self.before > i64::MAX / TIES { Vec::new() } else { self.before.max(0).to_be_bytes().to_vec() };
        let call = base.call(&script::LIST, &base.keys.of_queue(&self.queue)).arg(set).arg(before);
        let call = call.number(most as i64).number(i64::from(records)).arg(format!("{}{}", keys::GRANTS, self.queue));
        let answer = call.run().await?;
        if matches!(answer, Value::Int(_)) {
            return Ok(None);
        }
        let mut values = list_of(answer).ok_or_else(|| error::unexpected("list"))?.into_iter();
        let mut rows = Vec::new();
        while let Some(member) = values.next() {
            let record = if records { values.next() } else { None };
            let member = bytes(member).and_then(|member| read_member(&member));
            if let Some((order, id)) = member {
                let fits = !records || record.is_some_and(|record| self.fits(record));
                rows.push(Row { place: order.saturating_mul(TIES).saturating_add(i64::from(self.tie)), id, fits });
            }
        }
        Ok(Some(rows))
    }

    fn fits(&self, record: Value) -> bool {
        let Some(bytes) = bytes(record) else { return false };
        let Some((record, _)) = Record::read(&bytes) else { return false };
        self.filter.matches_parts(&self.queue, &record.kind, record.state, &record.tags, record.key.as_ref())
    }
}

//! Lists of jobs. Each queue has its jobs in the order of pushes. A page merges the jobs of all queues, the newest first.
//!
//! The cursor of a page is the order of a job. Jobs of several queues with the same order are on the same page. A filter reads the
//! smallest set that contains all matching jobs, and checks the records of a bounded number of jobs.

use std::collections::VecDeque;

use futures_util::future::join_all;
use longshore_core::{Cursor, Error, Filter, JobId, Listed, Page, QueueName, State, limits};
use redis::Value;

use crate::base::{Base, job_key};
use crate::call::{bytes, list as list_of};
use crate::error;
use crate::keys;
use crate::library;
use crate::queues;
use crate::read::{get, read_member};
use crate::record::Record;

/// The maximum number of rows that one call reads.
const PER_CALL: usize = 500;
/// If a queue has at most this many jobs in a state, and no set has them in order, all of them are read at once.
const FEW: i64 = 1_000;

pub(crate) async fn list(base: &Base, filter: &Filter, page: Page) -> Result<Listed, Error> {
    let queues = match &filter.queue {
        Some(only) => vec![only.clone()],
        None => queues::all(base).await?,
    };
    let before = page.after.map(|Cursor(order)| order);
    let opened = join_all(queues.iter().map(|queue| Stream::open(base, queue.clone(), filter, before))).await;
    let (mut streams, mut unreachable) = (Vec::with_capacity(opened.len()), Vec::new());
    for (queue, stream) in queues.into_iter().zip(opened) {
        match base.within_reach(stream)? {
            Some(stream) => streams.push(stream),
            None => unreachable.push(queue),
        }
    }
    let (mut found, mut checked, mut last, mut next) = (Vec::new(), 0, i64::MAX, None);
    loop {
        let share = (page.limit / streams.len().max(1)).clamp(8, PER_CALL);
        let mut empty: Vec<_> = streams.iter_mut().filter(|stream| stream.rows.is_empty() && !stream.ended).collect();
        let filled = join_all(empty.iter_mut().map(|stream| stream.fill(base, share))).await;
        for (stream, filled) in empty.into_iter().zip(filled) {
            if base.within_reach(filled)?.is_none() {
                unreachable.push(stream.queue.clone());
            }
        }
        let Some(newest) = streams.iter_mut().max_by_key(|stream| stream.rows.front().map(|row| row.order)) else {
            break;
        };
        let Some(row) = newest.rows.pop_front() else { break };
        if (found.len() >= page.limit || checked >= limits::LIST_SCAN) && row.order < last {
            next = Some(Cursor(row.order + 1));
            break;
        }
        (checked, last) = (checked + 1, row.order);
        if row.fits {
            found.push(row.id);
        }
    }
    let jobs = get(base, found).await?.into_iter().flatten();
    // A job may have changed since its row was read.
    Ok(Listed::new(jobs.filter(|job| filter.matches(job)).collect(), next).without(unreachable))
}

/// The jobs of one queue that are before a cursor, the newest first.
struct Stream<'a> {
    queue: QueueName,
    filter: &'a Filter,
    /// The set with the jobs, sorted by order.
    set: String,
    /// The next rows have a lower order than this.
    before: Option<i64>,
    rows: VecDeque<Row>,
    ended: bool,
}

struct Row {
    order: i64,
    id: JobId,
    fits: bool,
}

impl<'a> Stream<'a> {
    async fn open(base: &Base, queue: QueueName, filter: &'a Filter, before: Option<i64>) -> Result<Stream<'a>, Error> {
        let set = match (&filter.tag, filter.state) {
            (Some(tag), _) => format!("{}{queue}:{tag}", keys::TAG),
            (None, Some(State::Dead)) => format!("{}{queue}", keys::DEAD),
            (None, Some(State::Cancelled)) => format!("{}{queue}", keys::CANCELLED),
            _ => format!("{}{queue}", keys::ALL),
        };
        let mut stream = Stream { queue, filter, set, before, rows: VecDeque::new(), ended: false };
        if let (None, Some(state @ (State::Scheduled | State::Ready | State::Running))) = (&filter.tag, filter.state) {
            stream.fill_with_few(base, state).await?;
        }
        Ok(stream)
    }

    /// Reads all jobs of a state if there are few of them, because no set has them in order.
    async fn fill_with_few(&mut self, base: &Base, state: State) -> Result<(), Error> {
        let root = base.keys.of_queue(&self.queue);
        let kind = self.filter.kind.as_ref().map_or("", |kind| kind.as_str());
        let call = base.call(&library::LIST_FEW, &root).arg(self.queue.as_str()).number(state as i64);
        let answer = call.arg(kind).number(FEW).run().await?;
        if answer == Value::Nil {
            return Ok(());
        }
        let members = list_of(answer).ok_or_else(|| error::unexpected("list_few"))?.into_iter().filter_map(bytes);
        let mut rows: Vec<_> = members.filter_map(|member| read_member(&member)).collect();
        rows.retain(|(order, _)| self.before.is_none_or(|before| *order < before));
        rows.sort_unstable_by_key(|(order, _)| std::cmp::Reverse(*order));
        for some in rows.chunks(PER_CALL) {
            let mut command = redis::cmd("MGET");
            command.arg(some.iter().map(|(_, id)| job_key(&root, *id)).collect::<Vec<_>>());
            let records = list_of(base.link.send(&root, &command).await?).ok_or_else(|| error::unexpected("MGET"))?;
            let row =
                |((order, id), record): (&(i64, JobId), Value)| Row { order: *order, id: *id, fits: self.fits(record) };
            let rows: Vec<Row> = some.iter().zip(records).map(row).collect();
            self.rows.extend(rows);
        }
        self.ended = true;
        Ok(())
    }

    /// Reads the next rows.
    async fn fill(&mut self, base: &Base, share: usize) -> Result<(), Error> {
        let records = self.needs_records();
        let most = if records { PER_CALL } else { share };
        let before = self.before.map(|before| before.max(0).to_string()).unwrap_or_default();
        let call = base.call(&library::LIST_BY_ORDER, &base.keys.of_queue(&self.queue)).arg(&self.set).arg(before);
        self.ended = true; // if the call fails
        let mut values = call.number(most as i64).number(i64::from(records)).list().await?.into_iter();
        let mut rows = VecDeque::new();
        while let Some(member) = values.next() {
            let record = if records { values.next() } else { None };
            let member = bytes(member).and_then(|member| read_member(&member));
            if let Some((order, id)) = member {
                rows.push_back(Row { order, id, fits: !records || record.is_some_and(|record| self.fits(record)) });
            }
        }
        self.ended = rows.len() < most;
        if let Some(last) = rows.back() {
            self.before = Some(last.order);
        }
        self.rows = rows;
        Ok(())
    }

    /// Returns whether the set may contain jobs that do not match the filter, so that their records must be checked.
    fn needs_records(&self) -> bool {
        let Filter { queue: _, kind, state, tag, key } = self.filter; // a set has jobs of one queue only
        let set_knows = match state {
            None => true,
            Some(State::Dead | State::Cancelled) => tag.is_none(),
            Some(_) => false,
        };
        kind.is_some() || key.is_some() || !set_knows
    }

    fn fits(&self, record: Value) -> bool {
        let Some(bytes) = bytes(record) else { return false };
        let Some((record, _)) = Record::read(&bytes) else { return false };
        self.filter.matches_parts(&self.queue, &record.body.kind, record.head.state, &record.tags, record.key.as_ref())
    }
}

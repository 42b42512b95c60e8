//! The names of queues, their statistics, and their rules.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_core::{Error, QueueName, QueueStats, Rules, RulesChange, Timestamp};
use redis::Value;

use crate::base::Base;
use crate::call::{Call, bytes, list, names, number};
use crate::copies::on_each;
use crate::error;
use crate::keys;
use crate::library;
use crate::reader::Reader;
use crate::shared::*;

/// Returns at most `limit` queues after `after`, in the order of their names.
pub(crate) async fn page(base: &Base, after: Option<&QueueName>, limit: usize) -> Result<Vec<QueueName>, Error> {
    let after = after.map_or("", QueueName::as_str);
    let call = |root: &str| base.call(&library::LIST_QUEUES, root).arg(after).number(limit as i64);
    let mut queues = BTreeSet::new();
    for answer in on_each(base, call).await?.0 {
        queues.extend(names::<QueueName>(answer).ok_or_else(|| error::unexpected("list_queues"))?);
    }
    Ok(queues.into_iter().take(limit).collect())
}

/// Returns every queue.
pub(crate) async fn all(base: &Base) -> Result<Vec<QueueName>, Error> {
    let mut all: Vec<QueueName> = Vec::new();
    loop {
        let more = page(base, all.last(), AT_ONCE).await?;
        if more.is_empty() {
            return Ok(all);
        }
        all.extend(more);
    }
}

/// The maximum number of queues that are read at the same time.
const AT_ONCE: usize = 1_000;

/// Returns a page of queues with their counts. In a cluster, a queue whose server does not answer has no counts.
pub(crate) async fn stats(base: &Base, mut after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
    let mut stats = Vec::new();
    while stats.len() < limit {
        let names = page(base, after.as_ref(), (limit - stats.len()).min(AT_ONCE)).await?;
        let Some(last) = names.last() else { break };
        after = Some(last.clone());
        for (queue, answer) in names.iter().zip(join_all(names.iter().map(|queue| of_queue(base, queue))).await) {
            let answer = answer.map_err(|e| e.context(format!("queue `{queue}`")));
            stats.extend(base.within_reach(answer)?.unwrap_or_else(|| Some(QueueStats::unreachable(queue.clone()))));
        }
    }
    Ok(stats)
}

/// Returns a queue with its counts; `None` if the queue has no data.
pub(crate) async fn of_queue(base: &Base, queue: &QueueName) -> Result<Option<QueueStats>, Error> {
    let answer = call(base, &library::QUEUE, queue).run().await?;
    if answer == Value::Nil {
        return Ok(None);
    }
    let stats = list(answer).and_then(|values| read_stats(queue.clone(), values));
    stats.map(Some).ok_or_else(|| error::unexpected("queue"))
}

fn call<'a>(base: &'a Base, function: &'static library::Function, queue: &QueueName) -> Call<'a> {
    base.framed(function, &base.keys.of_queue(queue)).arg(queue.as_str())
}

fn read_stats(queue: QueueName, values: Vec<Value>) -> Option<QueueStats> {
    let mut values = values.into_iter();
    let head = values.next().and_then(bytes)?;
    let mut from = Reader(&head);
    let (now, oldest) = (Timestamp::from_millis(from.i64()?), from.i64()?);
    let counted = list(values.next()?)?;
    let mut count = counted.iter().map(|value| number(value).and_then(|n| u64::try_from(n).ok()));
    let mut next = || count.next().flatten();
    let (all, scheduled, running, over, dead, cancelled) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let ready = all.saturating_sub(scheduled + running + over);
    let counts = [scheduled, ready, running, over.saturating_sub(dead + cancelled), dead, cancelled];
    let rules = read_rules(list(values.next()?)?)?.at(now);
    Some(QueueStats::new(queue, counts, u64::try_from(oldest).ok().map(Duration::from_millis), rules))
}

pub(crate) async fn rules(base: &Base, queue: &QueueName) -> Result<Rules, Error> {
    let root = base.keys.of_queue(queue);
    let mut command = redis::cmd("HMGET");
    command.arg(format!("{root}{}{queue}", keys::QUEUE)).arg("rules_version").arg("rules");
    let values = list(base.link.send(&root, &command).await?);
    values.and_then(read_rules).ok_or_else(|| error::unexpected("HMGET"))
}

/// Replaces the rules if their version is the expected one.
pub(crate) async fn change_rules(
    base: &Base,
    queue: &QueueName,
    expected: u64,
    rules: &Rules,
) -> Result<RulesChange, Error> {
    base.use_queues(std::iter::once(queue)).await?;
    let version = expected + 1;
    let call = call(base, &library::CHANGE_RULES, queue);
    let call = call.arg(expected.to_string()).arg(version.to_string()).arg(rules.to_text());
    let call = call.number(i64::from(rules.level())).number(rules.paused_until_ms().min(FAR));
    let answer = call.list().await?;
    if answer.is_empty() {
        return Ok(RulesChange::Changed(version));
    }
    read_rules(answer).map(RulesChange::Conflict).ok_or_else(|| error::unexpected("change_rules"))
}

/// Reads the version and the text of rules; `None` if they are invalid.
fn read_rules(values: Vec<Value>) -> Option<Rules> {
    let mut values = values.into_iter();
    let Some(version) = values.next().and_then(bytes) else { return Some(Rules::default()) };
    match std::str::from_utf8(&version).ok()?.parse().ok()? {
        0 => Some(Rules::default()),
        version => Some(Rules::from_text(version, &String::from_utf8_lossy(&values.next().and_then(bytes)?))),
    }
}

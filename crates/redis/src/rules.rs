//! Rules of queues: kept as text in the queue's hash, beside what scripts must know of them.

use longshore_core::{Error, QueueName, Rules, RulesChange};
use redis::Value;

use crate::base::{Base, bytes, list};
use crate::error;
use crate::keys;
use crate::script;
use crate::shared::FAR;

pub(crate) async fn rules(base: &Base, queue: &QueueName) -> Result<Rules, Error> {
    let mut command = redis::cmd("HMGET");
    command.arg(format!("{}{}{queue}", base.keys.of_queue(queue), keys::QUEUE)).arg("rules_version").arg("rules");
    let mut values = list(base.link.send(&command).await?).ok_or_else(|| error::unexpected("HMGET"))?.into_iter();
    read_rules(values.next(), values.next()).ok_or_else(|| error::unexpected("HMGET"))
}

/// Replaces rules whose version is the expected one.
pub(crate) async fn change(base: &Base, queue: &QueueName, expected: u64, rules: &Rules) -> Result<RulesChange, Error> {
    base.register(std::iter::once(queue)).await?;
    let version = expected + 1;
    let call = base.framed(&script::RULES, &base.keys.of_queue(queue)).arg(queue.as_str());
    let call = call.arg(expected.to_string()).arg(version.to_string()).arg(rules.to_text());
    let call = call.number(i64::from(rules.level())).number(rules.paused_until_ms().min(FAR));
    let mut answer = call.list().await?.into_iter();
    match answer.next() {
        None => Ok(RulesChange::Changed(version)),
        first => {
            let rules = read_rules(first, answer.next()).ok_or_else(|| error::unexpected("rules"))?;
            Ok(RulesChange::Conflict(rules))
        }
    }
}

/// Reads rules by their version and their text; `None` where that makes no sense.
pub(crate) fn read_rules(version: Option<Value>, text: Option<Value>) -> Option<Rules> {
    let Some(version) = version.and_then(bytes) else { return Some(Rules::default()) };
    match std::str::from_utf8(&version).ok()?.parse().ok()? {
        0 => Some(Rules::default()),
        version => Some(Rules::from_text(version, &String::from_utf8_lossy(&text.and_then(bytes)?))),
    }
}

//! From layout 6 to this one: every job is written anew, a bounded number a call. A process that stops half-way, or several that do it at
//! the same time, do no harm: what is left is in a set of its own.

use std::time::Duration;

use longshore_core::{Error, ErrorKind, QueueName, millis};
use redis::Value;

use crate::base::Base;
use crate::call::{list, names, number, text};
use crate::copies::on_each;
use crate::error;
use crate::library;
use crate::read;

/// The layout that is upgraded, and what is written while that is done.
pub(crate) const FROM: &str = "6";
pub(crate) const UNDER_WAY: &str = "6>7";
/// A worker that was seen within this time may still run jobs.
const QUIET: Duration = Duration::from_secs(180);
/// What was kept in one place for all queues.
const ALL: &str = "all";

/// Returns the version of the layout where a store of layout 6 or older has it. Where there is none, `new` is written, so that no program of
/// an older layout begins there.
pub(crate) async fn old_version(base: &Base, new: &str) -> Result<String, Error> {
    Ok(text(base.call(&library::LAYOUT_OF, &base.keys.under(ALL)).arg(new).run().await?))
}

/// Writes a store of layout 6 anew, as far as `version` says that this is still to be done.
///
/// # Errors
///
/// If a worker was seen lately: programs of layout 6 do not know that their keys are gone.
pub(crate) async fn upgrade(base: &Base, version: &str) -> Result<(), Error> {
    if version == FROM {
        let quiet_since = read::now(base).await?.as_millis() - millis(QUIET);
        let seen = send(base, &["ZCOUNT", "registry.seen"], &[&quiet_since.to_string(), "+inf"]).await?;
        if number(&seen).unwrap_or(0) > 0 {
            let way_out = format!(
                "the stored jobs have layout version {FROM}, and a worker was active in the last three minutes: stop all programs \
                 of the older version, wait three minutes, and start this one again (docs/upgrading.md)"
            );
            return Err(Error::new(ErrorKind::Unavailable, way_out));
        }
        send(base, &["SET", "layout"], &[UNDER_WAY]).await?;
    }
    tracing::info!("upgrading the jobs of an older version");
    if send(base, &["TYPE", "queues"], &[]).await? == Value::SimpleString("hash".into()) {
        let root = base.keys.under(ALL);
        let _moved = send(base, &["RENAME", "queues"], &[&format!("{root}queues.6")]).await; // or another process did so
    }
    let queues: Vec<QueueName> =
        names(send(base, &["HKEYS", "queues.6"], &[]).await?).ok_or_else(|| error::unexpected("HKEYS"))?;
    for queue in &queues {
        let root = base.keys.of_queue(queue);
        while base.framed(&library::UPGRADE_QUEUE, &root).arg(queue.as_str()).run().await? == Value::Int(1) {}
    }
    base.use_queues(queues.iter()).await?;
    let tags =
        list(send(base, &["SMEMBERS", "artifact.tags"], &[]).await?).ok_or_else(|| error::unexpected("SMEMBERS"))?;
    for tag in tags.iter().filter_map(number) {
        on_each(base, |root| base.call(&library::NOTE_ARTIFACT_TAG, root).number(tag)).await?;
    }
    for key in ["queues.6", "kinds"] {
        send(base, &["DEL", key], &[]).await?;
    }
    send(base, &["SET", "layout"], &[crate::LAYOUT]).await?;
    tracing::info!(queues = queues.len(), "upgraded the jobs of an older version");
    Ok(())
}

/// Sends a command on a key of what was kept in one place for all queues.
async fn send(base: &Base, command: &[&str; 2], rest: &[&str]) -> Result<Value, Error> {
    let root = base.keys.under(ALL);
    let mut words = redis::cmd(command[0]);
    words.arg(format!("{root}{}", command[1])).arg(rest);
    Ok(base.link.send(&root, &words).await?)
}

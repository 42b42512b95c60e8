//! The upgrade from layout 6 to this layout. Every job is written again, a bounded number of them in each call. Remaining jobs are in a
//! separate set, so the upgrade can be interrupted, and several processes can run it at the same time.

use std::time::Duration;

use longshore_core::{Error, ErrorKind, QueueName, millis};
use redis::Value;

use crate::base::Base;
use crate::call::{list, names, number, text};
use crate::copies::on_each;
use crate::error;
use crate::library;
use crate::read;

/// The version of the old layout, and the version that is stored during the upgrade.
pub(crate) const FROM: &str = "6";
pub(crate) const UNDER_WAY: &str = "6>7";
/// A worker that was seen within this time may still run jobs.
const QUIET: Duration = Duration::from_secs(180);
/// The tag of the whole store's data in layout 6.
const ALL: &str = "all";

/// Returns the layout version from the key that layout 6 and older layouts use. If there is none, this writes `new`, so that no program
/// of an older layout starts on this store.
pub(crate) async fn old_version(base: &Base, new: &str) -> Result<String, Error> {
    Ok(text(base.call(&library::LAYOUT_OF, &base.keys.under(ALL)).arg(new).run().await?))
}

/// Upgrades a store of layout 6, or continues an upgrade, depending on `version`.
///
/// # Errors
///
/// If a worker was active recently, because programs of layout 6 cannot work with upgraded keys.
pub(crate) async fn upgrade(base: &Base, version: &str) -> Result<(), Error> {
    if version == FROM {
        let quiet_since = read::now(base).await?.as_millis() - millis(QUIET);
        let seen = send(base, &["ZCOUNT", "registry.seen"], &[&quiet_since.to_string(), "+inf"]).await?;
        if number(&seen).unwrap_or(0) > 0 {
            let way_out = format!(
                "the stored jobs have layout version {FROM}, and a worker was active in the last three minutes: \
                 stop all programs of the older version, wait three minutes, and start this one again \
                 (docs/upgrading.md)"
            );
            return Err(Error::new(ErrorKind::Unavailable, way_out));
        }
        send(base, &["SET", "layout"], &[UNDER_WAY]).await?;
    }
    tracing::info!("upgrading the jobs of an older version");
    if send(base, &["TYPE", "queues"], &[]).await? == Value::SimpleString("hash".into()) {
        let root = base.keys.under(ALL);
        // The command fails if another process has renamed the key.
        let _renamed = send(base, &["RENAME", "queues"], &[&format!("{root}queues.6")]).await;
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

/// Sends a command on a key of the whole store's data in layout 6.
async fn send(base: &Base, command: &[&str; 2], rest: &[&str]) -> Result<Value, Error> {
    let root = base.keys.under(ALL);
    let mut words = redis::cmd(command[0]);
    words.arg(format!("{root}{}", command[1])).arg(rest);
    Ok(base.link.send(&root, &words).await?)
}

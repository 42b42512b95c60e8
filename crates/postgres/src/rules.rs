//! The rules of queues.

use longshore_core::{Error, Notices, QueueName, Rules, RulesChange, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::Postgres;
use crate::error;
use crate::push::bounded;
use crate::read::column;
use crate::settle::clean;

/// Returns the server's time, as far as tests moved it.
pub(crate) async fn now(store: &Postgres) -> Result<Timestamp, Error> {
    let (shift, _) = store.settings.clock.shift();
    Ok(Timestamp::from_millis(crate::upkeep::clock(&store.pool).await? + shift))
}

pub(crate) async fn rules(store: &Postgres, queue: QueueName) -> Result<Rules, Error> {
    let sql = "SELECT q.rules, q.rules_version FROM longshore.queue q WHERE q.name = $1";
    let rows = store.pool.rows(sql, &[(&queue.as_str(), Type::TEXT)]).await?;
    rows.first().map_or_else(|| Ok(Rules::default()), read)
}

/// Replaces the rules of a queue if they still have the expected version.
pub(crate) async fn change(
    store: &Postgres,
    queue: QueueName,
    expected: u64,
    rules: Rules,
) -> Result<RulesChange, Error> {
    let (shift, _) = store.settings.clock.shift();
    let row = store
        .pool
        .row(
            "SELECT c.changed, c.version AS rules_version, c.rules FROM longshore.change_rules($1, $2, $3, $4, $5, $6) c",
            &[
                (&queue.as_str(), Type::TEXT),
                (&i64::try_from(expected).unwrap_or(i64::MAX), Type::INT8),
                (&clean(&rules.to_text()), Type::TEXT),
                (&i32::from(rules.level()), Type::INT4),
                (&paused_until(&rules), Type::INT8),
                (&shift, Type::INT8),
            ],
        )
        .await?;
    if !row.try_get("changed").map_err(error::of)? {
        return Ok(RulesChange::Conflict(read(&row)?));
    }
    store.publisher.tell(Notices::of_all_work());
    Ok(RulesChange::Changed(column::<i64>(&row, "rules_version")?.unsigned_abs()))
}

/// Reads the columns `rules` and `rules_version`.
pub(crate) fn read(row: &Row) -> Result<Rules, Error> {
    let version = column::<i64>(row, "rules_version")?.unsigned_abs();
    let text: Option<&str> = column(row, "rules")?;
    Ok(text.map_or_else(|| Rules::default().at_version(version), |text| Rules::from_text(version, text)))
}

/// Returns when the pause ends. The value is limited so that sums cannot overflow, except for a pause without end.
fn paused_until(rules: &Rules) -> i64 {
    match rules.paused_until_ms() {
        i64::MAX => i64::MAX,
        until => bounded(until),
    }
}

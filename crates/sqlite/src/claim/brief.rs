//! The data of a job that a worker needs.

use std::time::Duration;

use longshore_core::{Claimed, JobId, Kind, KindLimits, Label, Payload, QueueName, Timestamp, Token};
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::column::{small, text, timeout};

/// The first columns of candidates.sql and claimed.sql.
pub(super) struct Brief {
    pub(super) id: JobId,
    pub(super) payload: Payload,
    pub(super) attempt: u16,
    pub(super) crashes: u16,
    pub(super) outages: u16,
    pub(super) outage_since: Option<Timestamp>,
    pub(super) key: Option<Label>,
    pub(super) run_at: Timestamp,
    /// The attempts and the time-out that the job asks for.
    pub(super) asked: (Option<u16>, Option<Duration>),
    /// The attempts and the time-out that an earlier claim granted, if they were written.
    pub(super) granted: (Option<u16>, Option<Duration>),
}

impl Brief {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Brief> {
        let payload = match row.get_ref(1)? {
            ValueRef::Text(text) => std::str::from_utf8(text)?,
            other => return Err(rusqlite::Error::InvalidColumnType(1, "payload".into(), other.data_type())),
        };
        let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_millis));
        let key = text(row, 6)?.and_then(|key| key.parse().ok());
        let limits = |attempts, timeout_ms| -> rusqlite::Result<_> {
            let number: Option<i64> = row.get(attempts)?;
            let attempts = number.map(|number| number.clamp(0, i64::from(u16::MAX)) as u16);
            Ok((attempts, row.get::<_, Option<i64>>(timeout_ms)?.map(timeout)))
        };
        Ok(Brief {
            id: JobId::from_bytes(row.get(0)?),
            payload: Payload::from_store(payload),
            attempt: small(row, 2)?,
            crashes: small(row, 3)?,
            outages: small(row, 4)?,
            outage_since: time(5)?,
            key,
            run_at: Timestamp::from_millis(row.get(7)?),
            asked: limits(8, 9)?,
            granted: limits(10, 11)?,
        })
    }

    /// Returns the limits in the row.
    pub(super) fn limits(&self) -> (u16, Duration) {
        let asked = KindLimits::default();
        let (attempts, timeout) = self.granted;
        (
            attempts.unwrap_or_else(|| asked.attempts(self.asked.0)),
            timeout.unwrap_or_else(|| asked.timeout(self.asked.1)),
        )
    }

    /// Returns the job as it is in the row.
    pub(super) fn claimed(
        self,
        now: Timestamp,
        token: Token,
        queue: QueueName,
        kind: Kind,
        started_at: Timestamp,
    ) -> Claimed {
        let (max_attempts, timeout) = self.limits();
        Claimed {
            id: self.id,
            token,
            queue,
            kind,
            key: self.key,
            payload: self.payload,
            attempt: self.attempt,
            max_attempts,
            timeout,
            crashes: self.crashes,
            outages: self.outages,
            outage_for: self.outage_since.map_or(Duration::ZERO, |since| now.since(since)),
            waited: started_at.since(self.run_at),
        }
    }
}

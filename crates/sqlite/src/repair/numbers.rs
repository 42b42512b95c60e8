//! The numbers in a job's row that can be out of range, and what is written instead.
//!
//! Extreme numbers make sums fail: the row could then not be changed any more, or would never be found.

use std::sync::LazyLock;

use longshore_core::{State, Timestamp, limits, millis};
use rusqlite::Connection;

use crate::column::{LARGEST, duration};
use crate::tx::Tx;

/// A number of a job.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) column: &'static str,
    least: i64,
    most: i64,
    instead: Instead,
}

/// What is written instead of a number out of range.
#[derive(Debug, PartialEq, Eq)]
enum Instead {
    /// The nearest number in range.
    Nearest,
    Zero,
    /// Nothing: the job asks for nothing then.
    Nothing,
    Now,
    /// When a job that is finished now may be deleted.
    Retention,
}

/// The end of the year 9999, the last moment that can be written as a date.
const LAST_MOMENT: i64 = 253_402_300_799_999;

const fn number(column: &'static str, most: i64, instead: Instead) -> Number {
    Number { column, least: 0, most, instead }
}

/// The version comes first, because repairs of other faults of the job add one to it.
static NUMBERS: LazyLock<[Number; 18]> = LazyLock::new(|| {
    let ahead = millis(limits::AHEAD);
    [
        number("version", LARGEST, Instead::Zero),
        Number { least: -100, ..number("rank", 100, Instead::Nearest) },
        number("run_at", LAST_MOMENT, Instead::Now),
        number("created_at", LAST_MOMENT, Instead::Now),
        number("started_at", LAST_MOMENT, Instead::Now),
        number("finished_at", LAST_MOMENT, Instead::Now),
        number("deadline", LAST_MOMENT, Instead::Nothing),
        number("keep_until", i64::MAX, Instead::Retention),
        number("attempt", i64::from(u16::MAX), Instead::Zero),
        number("crashes", i64::from(u16::MAX), Instead::Zero),
        number("interruptions", i64::from(u32::MAX), Instead::Zero),
        number("outages", i64::from(u16::MAX), Instead::Zero),
        number("outage_since", LAST_MOMENT, Instead::Now),
        number("asked_attempts", i64::from(u16::MAX), Instead::Nothing),
        number("granted_attempts", i64::from(u16::MAX), Instead::Nothing),
        number("asked_timeout_ms", ahead, Instead::Nothing),
        number("granted_timeout_ms", ahead, Instead::Nothing),
        number("reuse_ms", ahead, Instead::Nothing),
    ]
});

/// Returns when a job that is finished now may be deleted. A reuse period that is out of range counts as none.
pub(super) fn keep_until(tx: &Tx<'_>, state: State, reuse_ms: Option<i64>) -> Timestamp {
    let reuse = reuse_ms.filter(|ms| (0..=millis(limits::AHEAD)).contains(ms)).map(duration);
    tx.settings.keep_until(state, tx.now, reuse)
}

/// Returns the numbers of a job that are out of range, with their values.
pub(super) fn out_of_range(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<(&'static Number, i64)>> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        let columns: Vec<_> = NUMBERS.iter().map(|number| number.column).collect();
        format!("SELECT {} FROM job WHERE seq = ?1", columns.join(", "))
    });
    connection.prepare_cached(&SQL)?.query_row([seq], |row| {
        let mut wrong = Vec::new();
        for (column, number) in NUMBERS.iter().enumerate() {
            let value: Option<i64> = row.get(column)?;
            wrong.extend(
                value.filter(|value| !(number.least..=number.most).contains(value)).map(|value| (number, value)),
            );
        }
        Ok(wrong)
    })
}

impl Number {
    /// Returns what to write instead of `value`.
    pub(super) fn instead(&self, tx: &Tx<'_>, state: State, reuse_ms: Option<i64>, value: i64) -> Option<i64> {
        match self.instead {
            Instead::Nearest => Some(value.clamp(self.least, self.most)),
            Instead::Zero => Some(0),
            Instead::Nothing => None,
            Instead::Now => Some(tx.now.as_millis()),
            Instead::Retention => Some(keep_until(tx, state, reuse_ms).as_millis()),
        }
    }
}

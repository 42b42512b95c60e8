//! Constants that Rust and Lua share. Lua files write them as words in capitals, which are replaced when the library is assembled.

use std::time::Duration;

use longshore_core::{FailureClass, HeldBackReason, State, limits, millis};

macro_rules! shared {
    ($($(#[doc = $meaning:literal])* $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $meaning])* pub(crate) const $name: $type = $value;)+

        /// Returns the constants for Lua: each word and its value.
        pub(crate) fn words() -> Vec<(String, String)> {
            vec![$((stringify!($name).to_owned(), $name.lua())),+]
        }
    };
}

/// A constant that can be written in Lua.
trait Lua {
    fn lua(&self) -> String;
}

impl Lua for i64 {
    fn lua(&self) -> String {
        self.to_string()
    }
}

impl Lua for &str {
    fn lua(&self) -> String {
        if self.starts_with('{') { (*self).to_owned() } else { format!("'{self}'") }
    }
}

shared! {
    /// The names of states, as a Lua table.
    STATES: &str = "{ 'scheduled', 'ready', 'running', 'succeeded', 'dead', 'cancelled' }";
    SCHEDULED: i64 = State::Scheduled as i64;
    READY: i64 = State::Ready as i64;
    RUNNING: i64 = State::Running as i64;
    SUCCEEDED: i64 = State::Succeeded as i64;
    DEAD: i64 = State::Dead as i64;
    CANCELLED: i64 = State::Cancelled as i64;

    // Events of a job; SUCCEED to SETTLE_CANCEL are outcomes.
    DUE: i64 = 1;
    CLAIM: i64 = 2;
    SUCCEED: i64 = 3;
    RETRY: i64 = 4;
    OUTAGE: i64 = 5;
    SNOOZE: i64 = 6;
    RELEASE: i64 = 7;
    SETTLE_BURY: i64 = 8;
    SETTLE_CANCEL: i64 = 9;
    INTERRUPT: i64 = 10;
    CRASH: i64 = 11;
    CANCEL: i64 = 12;
    RETRY_BY_HAND: i64 = 13;
    BURY: i64 = 14;
    /// Not an event: deletes a finished job.
    DELETE: i64 = 15;

    // Why a job is dead; 0: it is not dead.
    EXHAUSTED: i64 = 1;
    FATAL: i64 = 2;
    CRASHED: i64 = 3;
    EXPIRED: i64 = 4;
    UNKNOWN_KIND: i64 = 5;
    CORRUPT: i64 = 6;
    OUTAGE_LASTED: i64 = 7;

    // Classes of failures that Lua functions write.
    CRASH_CLASS: i64 = FailureClass::Crash as i64;
    CORRUPT_CLASS: i64 = FailureClass::Corrupt as i64;

    // What holds a queue back.
    NOTHING: i64 = 0;
    PAUSED: i64 = 1;
    UNKNOWN_RULE: i64 = 2;

    // Flags of a record.
    /// A cancel is requested.
    ASKED: i64 = 1;
    /// The newest claim was settled, not lost; the token belongs to it.
    SETTLED: i64 = 2;
    HAS_PROGRESS: i64 = 4;
    HAS_RESULT: i64 = 8;
    HAS_FAILURES: i64 = 16;
    HAS_LOG: i64 = 32;
    HAS_DEADLINE: i64 = 64;
    HAS_UNIQUE: i64 = 128;
    HAS_REUSE: i64 = 256;
    HAS_LABELS: i64 = 512;
    /// The result is an artifact.
    HAS_ARTIFACT: i64 = 1024;
    /// The payload is large, and has its own key.
    PAYLOAD_BESIDE: i64 = 2048;
    /// The result is large, and has its own key.
    RESULT_BESIDE: i64 = 4096;
    /// The record has a run.
    HAS_RUN: i64 = 8192;

    /// Sixteen zero bytes in Lua's syntax: no token, or no worker.
    NOBODY: &str = "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0";
    /// No limits, in Lua's syntax.
    NO_LIMITS: &str = "\\0\\0\\0\\0\\0\\0";
    /// The version of a record's layout, its first byte.
    RECORD_VERSION: i64 = 2;
    /// The length of a record's head in bytes; see `layout.rs`.
    HEAD_BYTES: i64 = 29;
    /// The format of a record of layout 6, up to its rank.
    RECORD_6: &str = "<BBHHHI4HI4Bi8i8c6c16c16i8i8i8c6i8c8Bc0Bc0b";
    /// The position of the flags in a record, counted from 1.
    FLAGS_FROM: i64 = 3;

    // Bits of a notification to all processes.
    TELLS_ALL_WORK: i64 = 1;
    TELLS_CANCELS: i64 = 2;
    // Channels; see `keys.rs`.
    CHANNEL_ALL: &str = ":all";
    CHANNEL_NEWS: &str = ":news";
    CHANNEL_WORK: &str = ":work:";
    /// After this many milliseconds without a claim, a worker does not count as waiting any more.
    WAITING_KEPT: i64 = 30_000;
    /// Groups of kinds are deleted if no worker has waited for them for this many milliseconds.
    GROUP_KEPT: i64 = 3_600_000;

    // The answers to a pushed job.
    CREATED: i64 = 0;
    /// An earlier push with the same idempotency key created another job.
    CREATED_BEFORE: i64 = 1;
    // Another job exists with the same unique key, or with a result to reuse.
    EXISTING_UNIQUE: i64 = 2;
    EXISTING_REUSE: i64 = 3;
    CONFLICT: i64 = 4;

    // Whether a claim is new, a repeat, or of a released worker.
    NEW_CLAIM: i64 = 0;
    REPEATED: i64 = 1;
    RELEASED: i64 = 2;

    // The answers to renewals and settlements.
    LOST: i64 = 0;
    HELD: i64 = 1;
    CANCEL_ASKED: i64 = 2;
    DONE: i64 = 3;

    // The answers to actions.
    UNKNOWN_JOB: i64 = 0;
    ACTED: i64 = 1;
    CANNOT: i64 = 2;
    KEY_TAKEN: i64 = 3;

    // Bits for the further arguments of a settlement.
    WITH_MESSAGE: i64 = 1;
    WITH_RESULT: i64 = 2;
    WITH_ARTIFACT: i64 = 4;
    WITH_PROGRESS: i64 = 8;
    WITH_LARGE_RESULT: i64 = 16;

    // The forms of a time: none, a delay, or a point in time.
    NEVER: i64 = 0;
    IN: i64 = 1;
    AT: i64 = 2;

    /// The length of a member in bytes: order and id.
    MEMBER: i64 = 24;
    /// The maximum number of values for one command. Lua's stack has a limit, and a call may have more values than that.
    CHUNK: i64 = 500;
    /// The maximum number of rows that one call touches, because the server does nothing else meanwhile.
    ROWS: i64 = limits::UPKEEP_ROWS as i64;
    /// The maximum number of payload bytes that one claim hands out. The last job may exceed it.
    CLAIM_BYTES: i64 = 16 << 20;
    /// Payloads and results of at most this many bytes are part of the record, so that one key is read and written instead of three.
    SMALL: i64 = 256;
    /// The upper bound of times. It keeps sums of times exact in Lua, where all numbers are floating-point.
    FAR: i64 = 1 << 52;
    /// The factor of the priority in the score of a ready job; the rest of the score is the time when the job was due (45 bits of ms).
    RANK: i64 = 1 << 45;

    DEFAULT_ATTEMPTS: i64 = limits::DEFAULT_ATTEMPTS as i64;
    DEFAULT_TIMEOUT: i64 = limits::DEFAULT_TIMEOUT.as_millis() as i64;
    CRASHES: i64 = limits::CRASHES as i64;
    CRASH_BACKOFF: i64 = limits::CRASH_BACKOFF.as_millis() as i64;
    FAILURES_KEPT: i64 = limits::FAILURES_KEPT as i64;
    /// The lease that a running job gets which has none.
    LEASE_ANEW: i64 = limits::LEASE.as_millis() as i64;
    LONGEST_LEASE: i64 = limits::LONGEST_LEASE.as_millis() as i64;
    UNKNOWN_KIND_AFTER: i64 = limits::UNKNOWN_KIND.as_millis() as i64;
    IDEMPOTENCY: i64 = limits::IDEMPOTENCY.as_millis() as i64;
    /// Claims of a worker are noted at most once in this many milliseconds.
    NOTE_EVERY: i64 = 60_000;
    /// If a queue had no workers for this many milliseconds, the time for unknown kinds starts again, because no worker could have
    /// known the kinds of its jobs.
    PRESENCE_GAP: i64 = 3_600_000;
    /// How many milliseconds a worker is remembered after its last claim.
    WORKER_KEPT: i64 = 24 * 3_600_000;
    /// How many milliseconds an empty queue is remembered after its last use.
    QUEUE_KEPT: i64 = limits::UNUSED_KEPT.as_millis() as i64;
    /// How many milliseconds the registry keeps a worker after its last note.
    WORKER_NOTE_KEPT: i64 = limits::WORKER_KEPT.as_millis() as i64;
    /// Finished jobs and answers to pushes are checked this often, at least, for some that are kept long enough (ms).
    KEPT_CHECKED_EVERY: i64 = 60_000;
    /// Upkeep checks the kept answer to a push again after this many milliseconds, if its job still exists.
    ANSWER_AGAIN: i64 = 3_600_000;
}

/// Returns the reason with this number that holds a queue back; `None` if nothing does, or the number is unknown.
pub(crate) fn held_back_reason(number: u8) -> Option<HeldBackReason> {
    match i64::from(number) {
        PAUSED => Some(HeldBackReason::Paused),
        UNKNOWN_RULE => Some(HeldBackReason::UnknownRule),
        _ => None,
    }
}

/// Returns the limits of a job or a kind in the form for Lua: attempts, and a time-out in ms; 0 for none.
pub(crate) fn write_limits(attempts: Option<u16>, timeout: Option<Duration>) -> [u8; 6] {
    let timeout = timeout.map_or(0, |timeout| bounded(timeout).min(i64::from(u32::MAX)) as u32);
    let mut bytes = [0; 6];
    bytes[..2].copy_from_slice(&attempts.unwrap_or(0).to_le_bytes());
    bytes[2..].copy_from_slice(&timeout.to_le_bytes());
    bytes
}

/// Returns a duration in milliseconds for Lua: at most [`FAR`], and zero only if the duration is zero.
pub(crate) fn bounded(duration: Duration) -> i64 {
    millis(duration).clamp(i64::from(!duration.is_zero()), FAR)
}

#[cfg(test)]
mod tests {
    use longshore_core::Reason;

    use super::*;

    #[test]
    fn reasons_have_the_same_numbers_in_lua() {
        let numbers = [EXHAUSTED, FATAL, CRASHED, EXPIRED, UNKNOWN_KIND, CORRUPT, OUTAGE_LASTED];
        assert_eq!(Reason::ALL.map(|reason| i64::from(reason.number())), numbers);
        assert_eq!(numbers.map(|number| Reason::from_number(number as u8)), Reason::ALL.map(Some));
        assert_eq!((Reason::from_number(0), Reason::from_number(8)), (None, None));
    }
}

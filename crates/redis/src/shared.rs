//! Numbers that Rust and the scripts share. A script writes them as words in capitals, and gets them when it is loaded.

use std::time::Duration;

use longshore_core::{FailureClass, HeldBackReason, State, limits, millis};

macro_rules! shared {
    ($($(#[doc = $meaning:literal])* $name:ident: $type:ty = $value:expr;)+) => {
        $($(#[doc = $meaning])* pub(crate) const $name: $type = $value;)+

        /// Returns the constants as scripts have them: the word, and what stands for it.
        pub(crate) fn words() -> Vec<(String, String)> {
            vec![$((stringify!($name).to_owned(), $name.lua())),+]
        }
    };
}

/// How a constant is written in Lua.
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
    /// The names of states, as Lua writes a table.
    STATES: &str = "{ 'scheduled', 'ready', 'running', 'succeeded', 'dead', 'cancelled' }";
    SCHEDULED: i64 = State::Scheduled as i64;
    READY: i64 = State::Ready as i64;
    RUNNING: i64 = State::Running as i64;
    SUCCEEDED: i64 = State::Succeeded as i64;
    DEAD: i64 = State::Dead as i64;
    CANCELLED: i64 = State::Cancelled as i64;

    // What can happen to a job; SUCCEED to SETTLE_CANCEL are outcomes.
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

    // Why a job is dead; 0: it is not.
    EXHAUSTED: i64 = 1;
    FATAL: i64 = 2;
    CRASHED: i64 = 3;
    EXPIRED: i64 = 4;
    UNKNOWN_KIND: i64 = 5;
    CORRUPT: i64 = 6;
    OUTAGE_LASTED: i64 = 7;

    // Classes of failures that scripts note by themselves.
    CRASH_CLASS: i64 = FailureClass::Crash as i64;
    CORRUPT_CLASS: i64 = FailureClass::Corrupt as i64;

    // What holds a queue back.
    NOTHING: i64 = 0;
    PAUSED: i64 = 1;
    UNKNOWN_RULE: i64 = 2;

    // Flags of a record.
    ASKED: i64 = 1;
    /// The token is that of the newest settle, not of a lost claim.
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
    /// The payload is large, and lies beside the record.
    PAYLOAD_BESIDE: i64 = 2048;
    /// The result is large, and lies beside the record.
    RESULT_BESIDE: i64 = 4096;
    /// The record has the part that runs are written in.
    HAS_RUN: i64 = 8192;

    /// Sixteen zero bytes, as Lua writes them: no token, no worker.
    NOBODY: &str = "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0";
    /// No limits, as Lua writes them.
    NO_LIMITS: &str = "\\0\\0\\0\\0\\0\\0";
    /// The version of a record's layout, its first byte.
    RECORD_VERSION: i64 = 2;
    /// Bytes of a record's head; see `layout.rs`.
    HEAD_BYTES: i64 = 29;
    /// A record of layout 6, up to its rank.
    RECORD_6: &str = "<BBHHHI4HI4Bi8i8c6c16c16i8i8i8c6i8c8Bc0Bc0b";
    /// Where the flags of a record are, counted from 1.
    FLAGS_FROM: i64 = 3;

    // What all processes are told.
    TELLS_ALL_WORK: i64 = 1;
    TELLS_CANCELS: i64 = 2;
    // Channels; see `keys.rs`.
    CHANNEL_ALL: &str = ":all";
    CHANNEL_NEWS: &str = ":news";
    CHANNEL_WORK: &str = ":work:";
    /// A worker that waits looks more often than this.
    WAITING_KEPT: i64 = 30_000;
    /// Groups of kinds for which nobody has waited for so long are forgotten.
    GROUP_KEPT: i64 = 3_600_000;

    // What becomes of a pushed job.
    CREATED: i64 = 0;
    /// An earlier push with its idempotency key made another.
    CREATED_BEFORE: i64 = 1;
    STANDS_FOR_UNIQUE: i64 = 2;
    STANDS_FOR_REUSE: i64 = 3;
    CONFLICT: i64 = 4;

    // What is known of a claim.
    FRESH: i64 = 0;
    REPEATED: i64 = 1;
    RELEASED: i64 = 2;

    // The answers to renewals and settlements.
    LOST: i64 = 0;
    HELD: i64 = 1;
    CANCEL_ASKED: i64 = 2;
    DONE: i64 = 3;

    // The answers to what people ask.
    UNKNOWN_JOB: i64 = 0;
    ACTED: i64 = 1;
    CANNOT: i64 = 2;
    KEY_TAKEN: i64 = 3;

    // What comes along with a settlement.
    WITH_MESSAGE: i64 = 1;
    WITH_RESULT: i64 = 2;
    WITH_ARTIFACT: i64 = 4;
    WITH_PROGRESS: i64 = 8;
    WITH_LARGE_RESULT: i64 = 16;

    // How moments are given.
    NEVER: i64 = 0;
    IN: i64 = 1;
    AT: i64 = 2;

    /// Bytes of a member: its order and its id.
    MEMBER: i64 = 24;
    /// Most values that one command is called with. Lua's stack holds more, but not as many as a call may have.
    CHUNK: i64 = 500;
    /// Work on so many rows, and no more, goes into one call: everybody waits meanwhile.
    ROWS: i64 = limits::UPKEEP_ROWS as i64;
    /// Most bytes of payload that one claim hands out, give or take a job.
    CLAIM_BYTES: i64 = 16 << 20;
    /// Payloads and results up to so many bytes are part of the record: one string to read and write instead of three.
    SMALL: i64 = 256;
    /// Times are bounded, so that sums of them are exact where all numbers are floating.
    FAR: i64 = 1 << 52;
    /// Ready jobs are sorted by priority, then by when they were due: in that many milliseconds, 45 bits.
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
    /// Looks of workers are noted at most this often.
    NOTE_EVERY: i64 = 60_000;
    /// A queue without workers for this long starts anew: what waited in it had nobody who could have known its kind.
    PRESENCE_GAP: i64 = 3_600_000;
    /// How long workers are remembered that have not claimed anything.
    WORKER_KEPT: i64 = 24 * 3_600_000;
    /// How long a queue is remembered that nobody uses and that has nothing.
    QUEUE_KEPT: i64 = limits::UNUSED_KEPT.as_millis() as i64;
    /// How long the registry keeps a worker that does not note itself any more.
    WORKER_NOTE_KEPT: i64 = limits::WORKER_KEPT.as_millis() as i64;
    /// Answers to pushes whose job is still known are looked at again after this.
    ANSWER_AGAIN: i64 = 3_600_000;
}

/// Returns what holds a queue back, by its number; none where nothing does, or where it makes no sense.
pub(crate) fn held_back_reason(number: u8) -> Option<HeldBackReason> {
    match i64::from(number) {
        PAUSED => Some(HeldBackReason::Paused),
        UNKNOWN_RULE => Some(HeldBackReason::UnknownRule),
        _ => None,
    }
}

/// Returns the limits that a job asks for, or a kind has, as scripts take them: attempts, and a time-out in ms; 0 for none.
pub(crate) fn write_limits(attempts: Option<u16>, timeout: Option<Duration>) -> [u8; 6] {
    let timeout = timeout.map_or(0, |timeout| bounded(timeout).min(i64::from(u32::MAX)) as u32);
    let mut bytes = [0; 6];
    bytes[..2].copy_from_slice(&attempts.unwrap_or(0).to_le_bytes());
    bytes[2..].copy_from_slice(&timeout.to_le_bytes());
    bytes
}

/// Returns a duration in milliseconds as scripts take it: bounded, and zero only where it is nothing.
pub(crate) fn bounded(duration: Duration) -> i64 {
    millis(duration).clamp(i64::from(!duration.is_zero()), FAR)
}

#[cfg(test)]
mod tests {
    use longshore_core::Reason;

    use super::*;

    #[test]
    fn reasons_have_the_numbers_that_the_scripts_know() {
        let numbers = [EXHAUSTED, FATAL, CRASHED, EXPIRED, UNKNOWN_KIND, CORRUPT, OUTAGE_LASTED];
        assert_eq!(Reason::ALL.map(|reason| i64::from(reason.number())), numbers);
        assert_eq!(numbers.map(|number| Reason::from_number(number as u8)), Reason::ALL.map(Some));
        assert_eq!((Reason::from_number(0), Reason::from_number(8)), (None, None));
    }
}

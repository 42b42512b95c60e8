//! The layouts of strings that both Rust and Lua read or write, in one table. The table generates the Rust types that read and
//! write them, and the formats and lists of field names that Lua uses (`struct.unpack`).
//!
//! A job's record consists of a [`Head`], a [`Body`], further parts of the body that depend on the flags, a [`Run`] (with `HAS_RUN`),
//! and a small result (with `HAS_RESULT`, without `RESULT_BESIDE`); see `record.rs`.
//!
//! Numbers are little-endian and times are in milliseconds, unless a field says otherwise.

use std::time::Duration;

use longshore_core::{FailureClass, JobId, Kind, QueueName, Reason, State, Token, WorkerId};

use crate::reader::Reader;
use crate::shared::write_limits;

/// A value of a layout.
trait Field: Sized {
    /// The format for Lua's `struct.pack`.
    const FORMAT: &str;

    fn read(from: &mut Reader<'_>) -> Option<Self>;

    fn write(&self, to: &mut Vec<u8>);
}

macro_rules! numbers {
    ($($type:ty: $format:literal,)+) => {
        $(impl Field for $type {
            const FORMAT: &str = $format;

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                from.array().map(<$type>::from_le_bytes)
            }

            fn write(&self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }
        })+
    };
}

numbers! { u8: "B", i8: "b", u16: "H", u32: "I4", i64: "i8", }

/// Values that are written as a value of another type.
macro_rules! written_as {
    ($($type:ty: $as:ty, $read:expr, $write:expr;)+) => {
        $(impl Field for $type {
            const FORMAT: &str = <$as as Field>::FORMAT;

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                let read: fn($as) -> Option<Self> = $read;
                read(<$as as Field>::read(from)?)
            }

            fn write(&self, to: &mut Vec<u8>) {
                let write: fn(&Self) -> $as = $write;
                write(self).write(to);
            }
        })+
    };
}

written_as! {
    State: u8, |n| State::ALL.get(usize::from(n)).copied(), |state| *state as u8;
    Option<Reason>: u8, |n| Some(Reason::from_number(n)), |reason| reason.map_or(0, Reason::number);
    FailureClass: u8, |n| Some(FailureClass::from_number(i64::from(n))), |class| *class as u8;
    JobId: [u8; 16], |bytes| Some(JobId::from_bytes(bytes)), |id| *id.as_bytes();
    // Sixteen zero bytes mean that there is no worker.
    Option<WorkerId>: [u8; 16], |bytes| Some((bytes != [0; 16]).then(|| WorkerId::from_bytes(bytes))),
        |worker| worker.map_or([0; 16], |worker| *worker.as_bytes());
    QueueName: String, |name| name.parse().ok(), |name| name.as_str().to_owned();
    Kind: String, |name| name.parse().ok(), |name| name.as_str().to_owned();
    Limits: [u8; 6], limits_of, |limits| write_limits(limits.attempts, limits.timeout);
    Token: [u8; 16], token_of, token_bytes;
}

impl<const N: usize> Field for [u8; N] {
    const FORMAT: &str = match N {
        6 => "c6",
        8 => "c8",
        16 => "c16",
        _ => panic!("no Lua format for an array of this length"),
    };

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.array()
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend(self);
    }
}

/// A text of at most 255 bytes, after its length.
impl Field for String {
    const FORMAT: &str = "Bc0";

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.text().map(|text| text.into_owned())
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.push(self.len() as u8);
        to.extend(self.as_bytes());
    }
}

/// Returns a token as bytes. Its number is big-endian, so that tokens sort by age.
pub(crate) fn token_bytes(token: &Token) -> [u8; 16] {
    ((u128::from(token.number) << 64) | u128::from(token.bits)).to_be_bytes()
}

fn token_of(bytes: [u8; 16]) -> Option<Token> {
    let both = u128::from_be_bytes(bytes);
    Some(Token { number: (both >> 64) as u64, bits: both as u64 })
}

/// The maximum number of attempts and the time-out, if they are set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) attempts: Option<u16>,
    pub(crate) timeout: Option<Duration>,
}

fn limits_of(bytes: [u8; 6]) -> Option<Limits> {
    let mut from = Reader(&bytes);
    let (attempts, timeout) = (from.u16()?, from.u32()?);
    let timeout = (timeout > 0).then(|| Duration::from_millis(u64::from(timeout)));
    Some(Limits { attempts: (attempts > 0).then_some(attempts), timeout })
}

/// A sequence of values.
pub(crate) trait Layout: Sized {
    /// Reads the values; `None` if one is invalid, or the bytes end too early.
    fn read(from: &mut Reader<'_>) -> Option<Self>;

    fn write(&self, to: &mut Vec<u8>);
}

macro_rules! layouts {
    ($($(#[doc = $doc:literal])+ $name:ident as $word:literal {
        $($(#[doc = $meaning:literal])* $field:ident: $type:ty,)+
    })+) => {
        $($(#[doc = $doc])+
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $($(#[doc = $meaning])* pub(crate) $field: $type,)+
        }

        impl Layout for $name {
            fn read(from: &mut Reader<'_>) -> Option<Self> {
                Some($name { $($field: <$type as Field>::read(from)?,)+ })
            }

            fn write(&self, to: &mut Vec<u8>) {
                $(self.$field.write(to);)+
            }
        })+

        /// Returns two constants for Lua for each layout, such as `HEAD` with its format, and `HEAD_FIELDS` with the names of its fields.
        pub(crate) fn words() -> Vec<(String, String)> {
            vec![$(
                ($word.to_owned(), ["'<", $(<$type as Field>::FORMAT,)+ "'"].concat()),
                (concat!($word, "_FIELDS").to_owned(), [$(stringify!($field),)+].join(", ")),
            )+]
        }
    };
}

layouts! {
    /// The first part of a record. It changes with each state transition.
    Head as "HEAD" {
        /// The version of this layout: `RECORD_VERSION`.
        version: u8,
        state: State,
        /// See `HAS_…` in `shared.rs`.
        flags: u16,
        attempt: u16,
        crashes: u16,
        interruptions: u32,
        /// Outages in a row.
        outages: u16,
        /// The number of changes of the job.
        changes: u32,
        /// Why the job is dead.
        reason: Option<Reason>,
        /// The length of the body in bytes.
        length: u16,
        /// When the job is due.
        run_at: i64,
    }

    /// The part of a record that never changes. These parts follow, each only with its flag:
    ///
    /// - `HAS_UNIQUE`: the unique key (1 + n bytes) and its scope (8): 0 until started, 1 until finished, else 2 + the period in ms
    /// - `HAS_REUSE`: the reuse key (1 + n) and the maximum age of a result in ms (8)
    /// - `HAS_LABELS`: key (1 + n), alias (1 + n), number of tags (1), each tag (1 + n)
    /// - without `PAYLOAD_BESIDE`: the payload (2 + n)
    Body as "BODY" {
        /// When the job was pushed.
        created: i64,
        /// The time until which it must start; 0: there is no deadline.
        deadline: i64,
        /// Its position among all jobs of the queue, big-endian.
        order: [u8; 8],
        /// The limits that the job asks for.
        asked_limits: Limits,
        /// The negated priority: lower runs first.
        rank: i8,
        queue: QueueName,
        kind: Kind,
    }

    /// The part of a record about the newest run. A job that never ran does not have it.
    Run as "RUN" {
        /// When it began; 0: never.
        started: i64,
        /// When the job finished; 0: not yet.
        finished: i64,
        /// When the attempt ended that was the first of the current outages in a row; 0: there is none.
        outage_since: i64,
        /// The limits that the newest claim granted.
        limits: Limits,
        /// The newest token; zeros: none.
        token: Token,
        worker: Option<WorkerId>,
    }

    /// A failure. Its message follows.
    FailureHead as "FAILURE" {
        /// When the attempt ended.
        ended: i64,
        /// When it began; 0: it did not.
        started: i64,
        class: FailureClass,
        attempt: u16,
        /// The number of the claim, big-endian; 0: none.
        claim: [u8; 8],
        worker: Option<WorkerId>,
    }

    /// A job that was moved.
    MovedJob as "MOVED" {
        id: JobId,
        state: State,
        attempt: u16,
        crashes: u16,
        reason: Option<Reason>,
        /// The worker that held it.
        worker: Option<WorkerId>,
        queue: QueueName,
        kind: Kind,
    }

    /// A new job in the arguments of a push. The part of its body from the rank on follows.
    NewHead as "NEW_JOB" {
        id: JobId,
        /// Bits for further arguments: 1 a large payload, 2 an idempotency key.
        along: u8,
        flags: u16,
        /// The form of the time when it is due (`NEVER`, `IN`, `AT`); `when` is the number of ms.
        when_how: u8,
        when: i64,
        /// The same for its deadline.
        deadline_how: u8,
        deadline: i64,
        asked_limits: Limits,
    }
}

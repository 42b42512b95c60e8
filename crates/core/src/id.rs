//! Who is who: job ids, worker ids, and the token that a claim makes.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, QueueName, name::cut};

/// The id of one job: a UUID (version 8) made by whoever pushes it.
///
/// 48 bits of milliseconds, so that ids sort by time; 16 bits of the queue's tag, so that an id alone leads to its
/// shard; 58 random bits from the system's generator, so that an id in a link cannot be guessed.
///
/// # Examples
///
/// ```
/// use longshore_core::{JobId, QueueName};
///
/// let mail: QueueName = "mail".parse().unwrap();
/// let id = JobId::new(&mail);
/// assert_eq!(id.queue_tag(), mail.tag());
/// assert_eq!(id.to_string().parse::<JobId>().unwrap(), id);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(Uuid);

impl JobId {
    /// Makes a fresh id for a job of that queue.
    pub fn new(queue: &QueueName) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let tag = u128::from(queue.tag());
        let bits = ((now & 0xffff_ffff_ffff) << 80)
            | ((tag >> 4) << 64)
            | ((tag & 0xf) << 58)
            | (u128::from(random()) & ((1 << 58) - 1));
        JobId(Uuid::new_v8(bits.to_be_bytes()))
    }

    /// Returns the tag of the queue the id was made for.
    pub fn queue_tag(self) -> u16 {
        let bits = self.0.as_u128();
        ((bits >> 64) as u16 & 0xfff) << 4 | ((bits >> 58) as u16 & 0xf)
    }

    /// Returns the sixteen bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads an id back from its sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        JobId(Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for JobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Uuid::try_parse(text).map(JobId).map_err(|e| Error::invalid(format!("`{text}` is no job id")).caused_by(e))
    }
}

/// What only a worker and its supervisor know: whoever holds it may release that worker's jobs.
///
/// Fresh for each worker process; never shown, stored or logged.
#[derive(Clone)]
pub struct WorkerSecret([u8; 32]);

impl WorkerSecret {
    /// Makes a fresh secret.
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        WorkerSecret(bytes)
    }

    /// Returns the public id that belongs to this secret: the first half of its SHA-256.
    pub fn id(&self) -> WorkerId {
        let hash = Sha256::digest(self.0);
        WorkerId(hash[..16].try_into().expect("a SHA-256 has 32 bytes"))
    }
}

impl Default for WorkerSecret {
    fn default() -> Self {
        WorkerSecret::new()
    }
}

impl fmt::Debug for WorkerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkerSecret(of {})", self.id())
    }
}

/// Names one run of one worker process; never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId([u8; 16]);

impl WorkerId {
    /// Returns the sixteen bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Reads an id back from its sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        WorkerId(bytes)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for WorkerId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let hex = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let number = u128::from_str_radix(text, 16).ok().filter(|_| hex);
        number.map(|number| WorkerId(number.to_be_bytes())).ok_or_else(|| {
            Error::invalid(format!("`{text}` is no worker id: it has 32 digits from 0 to f", text = cut(text, 100)))
        })
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Proves that its holder has the newest claim of a job; every claim makes a fresh one.
///
/// The number grows for ever in one store and is what handlers see as a fence; the random bits guard against a store
/// that was restored from a copy and counts the same numbers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The number of the claim, growing for ever per store.
    pub number: u64,
    /// Random bits.
    pub bits: u64,
}

impl Token {
    /// Makes the token of the claim with that number.
    pub fn new(number: u64) -> Self {
        Token { number, bits: random() }
    }
}

/// Names one call of `claim`, so that a repeated call returns the same jobs instead of stranding them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub u64);

impl Nonce {
    /// Makes a fresh one.
    pub fn new() -> Self {
        Nonce(random())
    }
}

impl Default for Nonce {
    fn default() -> Self {
        Nonce::new()
    }
}

/// Returns random bits of the system's generator, which is asked for those of many ids at once: each question is a system call.
fn random() -> u64 {
    const SIZE: usize = 8;
    thread_local! {
        static BITS: RefCell<([u8; 32 * SIZE], usize)> = const { RefCell::new(([0; 32 * SIZE], 0)) };
    }
    BITS.with_borrow_mut(|(bytes, left)| {
        if *left == 0 {
            getrandom::fill(bytes).expect("the system has randomness");
            *left = bytes.len();
        }
        *left -= SIZE;
        // What was used is no secret of ours any more, and is not kept.
        u64::from_ne_bytes(mem::take(bytes[*left..][..SIZE].first_chunk_mut::<SIZE>().expect("there is as much left")))
    })
}

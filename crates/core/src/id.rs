//! Identifiers: job ids, worker ids, and the token of a claim.

use std::cell::RefCell;
use std::fmt;
use std::mem;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Error, QueueName, name::cut};

/// Identifies one job. It is a UUID (version 8) that the producer creates.
///
/// It consists of 48 bits of milliseconds, so that ids sort by time; 16 bits of the queue's tag, so that the id alone
/// determines the shard; and 58 random bits from the operating system, so that an id in a link cannot be guessed.
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
    /// Creates an id for a job of that queue.
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

    /// Converts sixteen bytes to an id.
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
        Uuid::try_parse(text).map(JobId).map_err(|e| Error::invalid(format!("`{text}` is not a job id")).caused_by(e))
    }
}

/// A secret of a worker and its supervisor. Its owner may release the jobs of the worker.
///
/// Each worker process has a new one. It is never shown, stored or logged.
#[derive(Clone)]
pub struct WorkerSecret([u8; 32]);

impl WorkerSecret {
    /// Creates a secret.
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the system has randomness");
        WorkerSecret(bytes)
    }

    /// Returns the public id of this secret: the first half of its SHA-256.
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

/// Identifies one run of one worker process. It is never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId([u8; 16]);

impl WorkerId {
    /// Returns the sixteen bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Converts sixteen bytes to an id.
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
            Error::invalid(format!("`{text}` is not a worker id: use 32 hexadecimal digits", text = cut(text, 100)))
        })
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Proves that its holder has the newest claim of a job. Each claim creates a new token.
///
/// The number always grows in one store, and handlers use it as a fencing token. The random bits protect against a
/// store that was restored from a backup and counts the same numbers again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token {
    /// The number of the claim; it always grows in one store.
    pub number: u64,
    /// Random bits.
    pub bits: u64,
}

impl Token {
    /// Creates the token of the claim with that number.
    pub fn new(number: u64) -> Self {
        Token { number, bits: random() }
    }
}

/// Identifies one call of `claim`, so that a repeated call returns the same jobs and no job is lost with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Nonce(pub u64);

impl Nonce {
    /// Creates a nonce.
    pub fn new() -> Self {
        Nonce(random())
    }
}

impl Default for Nonce {
    fn default() -> Self {
        Nonce::new()
    }
}

/// Returns random bits from the operating system. They are fetched for many ids at once, because each request is a
/// system call.
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
        // Used bits are erased: they are part of a secret.
        u64::from_ne_bytes(mem::take(bytes[*left..][..SIZE].first_chunk_mut::<SIZE>().expect("there is as much left")))
    })
}

//! The contract between longshore and a database: small traits, every call a batch, every rule a test.
//!
//! Who implements these holds them to the suite in `longshore-conformance`. Who uses longshore calls [`Backend`], which
//! adds validation, spans and patience once for all stores.
//!
//! [`Backend`]: crate::Backend

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ArtifactName, Clock, Death, Error, ErrorKind, JobId, Kind, Label, NewJob, Nonce, Outcome, Payload, Progress,
    QueueName, Snapshot, State, Status, Timestamp, Token, Wakeups, When, WorkerId, WorkerSecret, limits,
};

/// The hot path: what producers and workers call all day.
///
/// All methods may be called concurrently. None retries: [`Backend`](crate::Backend) and the worker do. A repeat of any call
/// is harmless. A call either takes effect as a whole or not at all, and may block for as long as the store needs to be durable.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Takes jobs over; answers, in order, once they are durable by the store's documented level.
    ///
    /// A job whose id is known was pushed before, and is answered as it was then.
    async fn push(&self, jobs: Vec<NewJob>) -> Result<Vec<Pushed>, Error>;

    /// Hands out ready jobs under fresh tokens, in one atomic step; never waits for jobs to come.
    ///
    /// Takes queues in the order given; within one, higher priority first, then who has been due longest. A repeated call
    /// with the same worker and nonce returns the same jobs, as far as they are still held.
    async fn claim(&self, claim: Claim) -> Result<Claims, Error>;

    /// Extends leases and writes progress, each only where the token is the job's newest.
    async fn renew(&self, renewals: Vec<Renewal>) -> Result<Vec<Renewed>, Error>;

    /// Writes how attempts ended, each only where the token is the job's newest; even past the lease's end.
    ///
    /// A repeat of a settle that was accepted answers [`Settled::Done`].
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, Error>;

    /// Takes all jobs from a worker that is surely gone, and refuses its later claims. Returns how many.
    async fn release_worker(&self, worker: WorkerSecret, death: Death) -> Result<usize, Error>;

    /// Does a bounded piece of upkeep: rescue, expire, prune.
    ///
    /// A part that fails stops no other part, and is reported in [`Kept::failed`]. The call fails as a whole only where the store
    /// cannot be reached or has no room: then no part can be done.
    async fn upkeep(&self, upkeep: Upkeep) -> Result<Kept, Error>;

    /// Returns the bells that ring when there may be work, or news.
    fn wakeups(&self) -> &Wakeups;

    /// Returns what this store is and promises.
    fn capabilities(&self) -> Capabilities;
}

/// The cold path: what people and their tools ask for.
#[async_trait]
pub trait Store: Queue {
    /// Returns jobs by id, in order; `None` for one nobody knows (any more).
    async fn get(&self, ids: Vec<JobId>) -> Result<Vec<Option<Snapshot>>, Error>;

    /// Returns the small part of [`Store::get`], cheap for many jobs at a time.
    async fn status(&self, ids: Vec<JobId>) -> Result<Vec<Option<Status>>, Error>;

    /// Returns the newest job with that alias.
    async fn find(&self, alias: Label) -> Result<Option<JobId>, Error>;

    /// Returns a page of jobs, the newest first.
    ///
    /// The page may be short, even empty, and still have a `next`: a filter looks at a bounded number of rows a call.
    async fn list(&self, filter: Filter, page: Page) -> Result<Listed, Error>;

    /// Returns every queue with its counts, by name; never counts rows.
    async fn queues(&self) -> Result<Vec<QueueStats>, Error>;

    /// Stops handing out jobs of a queue, until a time or until it is resumed; what runs goes on. Replaces an earlier pause.
    async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error>;

    /// Hands out jobs of a queue again; answers whether it was paused.
    async fn resume(&self, queue: QueueName) -> Result<bool, Error>;

    /// Replaces a job's log, only where the token is the job's newest; answers whether it was.
    async fn write_log(&self, id: JobId, token: Token, text: String) -> Result<bool, Error>;

    /// Returns a job's log; empty where it has none, `None` where nobody knows the job.
    async fn log(&self, id: JobId) -> Result<Option<String>, Error>;

    /// Does what a person asks to one job.
    async fn act(&self, id: JobId, action: Action) -> Result<Acted, Error>;
}

/// What every store is opened with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// How long succeeded and cancelled jobs are kept. Defaults to 24 hours; zero means until the next upkeep.
    pub keep_finished: Duration,
    /// How long dead jobs are kept. Defaults to 7 days.
    pub keep_dead: Duration,
    /// The clock; tests pass one that they move.
    pub clock: Clock,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { keep_finished: limits::KEEP_FINISHED, keep_dead: limits::KEEP_DEAD, clock: Clock::default() }
    }
}

impl Settings {
    /// Returns when a job that is final now may be deleted; a result is kept at least as long as it may be reused.
    pub fn keep_until(&self, state: State, now: Timestamp, reuse: Option<Duration>) -> Timestamp {
        let keep = if state == State::Dead { self.keep_dead } else { self.keep_finished };
        let reuse = reuse.filter(|_| state == State::Succeeded).unwrap_or_default();
        now.after(keep.max(reuse))
    }
}

/// The answer to one pushed job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Pushed {
    /// The job is taken over, durably.
    Created(JobId),
    /// Another job stands for it.
    Existing {
        /// That job.
        id: JobId,
        /// Why it stands for this one.
        by: Instead,
    },
    /// The job is not taken over: its idempotency key was used with another request, which made this job.
    Conflict(JobId),
    /// The job is not taken over.
    Refused(String),
}

impl Pushed {
    /// Returns the job that stands for the pushed one, and why where that is another.
    ///
    /// # Errors
    ///
    /// If the job was not taken over.
    pub fn into_job(self) -> Result<(JobId, Option<Instead>), Error> {
        let refused = |why| Err(Error::new(ErrorKind::Refused, why));
        match self {
            Pushed::Created(id) => Ok((id, None)),
            Pushed::Existing { id, by } => Ok((id, Some(by))),
            Pushed::Conflict(id) => {
                refused(format!("the idempotency key was used with another request, which made job {id}"))
            }
            Pushed::Refused(why) => refused(why),
        }
    }
}

/// Why another job stands for a pushed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// It holds the unique key.
    Unique,
    /// It succeeded a short while ago under the same reuse key.
    Reuse,
}

/// What a worker asks for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who asks.
    pub worker: WorkerId,
    /// Names this call: fresh for a new one, the same for a repeat of one whose answer was lost.
    pub nonce: Nonce,
    /// Queues in the order they are to be looked at.
    pub queues: Vec<QueueName>,
    /// Kinds the worker has handlers for.
    pub kinds: Vec<Kind>,
    /// Most jobs to hand out.
    pub limit: usize,
    /// How long the claim holds without being renewed: from 1 second to 10 minutes, see [`limits::LEASES`].
    pub lease: Duration,
    /// Whether the worker runs nothing else, so that a job which must run alone may be handed out, by itself.
    pub idle: bool,
}

/// What a worker gets.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The jobs, best first.
    pub jobs: Vec<Claimed>,
    /// How long until the next job of these queues is due, where one is scheduled.
    pub next_due: Option<Duration>,
    /// A job waits that must run alone; a worker that is not idle should become so.
    pub alone_waits: bool,
}

/// A job in the hands of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The id.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// The queue.
    pub queue: QueueName,
    /// The kind.
    pub kind: Kind,
    /// What the handler gets.
    pub payload: Payload,
    /// Which attempt this is, from 1.
    pub attempt: u16,
    /// Attempts allowed.
    pub max_attempts: u16,
    /// Worker processes that died with it before.
    pub crashes: u16,
    /// How long the attempt may take.
    pub timeout: Duration,
}

/// Keeps one claim alive.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// The job.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// How long it holds from now: from 1 second to 10 minutes, see [`limits::LEASES`].
    pub lease: Duration,
    /// The newest word of the handler, where there is a new one.
    pub progress: Option<Progress>,
}

/// The answer to one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Renewed {
    /// The claim holds.
    Held,
    /// It holds, and somebody asked to call the job off.
    CancelAsked,
    /// Another has the job, or it is settled: stop at once.
    Lost,
}

/// Ends one claim.
#[derive(Clone, Debug)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// Proves the claim.
    pub token: Token,
    /// How the attempt ended.
    pub outcome: Outcome,
    /// The handler's last word, where it was not written yet.
    pub progress: Option<Progress>,
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Settled {
    /// Written, now or by an earlier call with the same token.
    Done,
    /// Another has, or had, the job: nothing was changed.
    Lost,
}

/// How much upkeep to do.
#[derive(Clone, Copy, Debug)]
pub struct Upkeep {
    /// Most rows each part may touch; at most 500.
    pub limit: usize,
    /// Whether jobs with expired leases may be taken from their workers; not within a lease after an outage of the store.
    pub rescue: bool,
}

/// What a piece of upkeep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Jobs taken from workers that are gone.
    pub rescued: usize,
    /// Jobs whose deadline passed, or whose kind nobody knows.
    pub buried: usize,
    /// Finished jobs deleted because their time was over.
    pub pruned: usize,
    /// Artifacts of deleted jobs, to be deleted now.
    pub artifacts: Vec<ArtifactName>,
    /// Some part stopped at its limit: call again soon.
    pub more: bool,
    /// Leases have ended that do not prove yet that their workers are gone: how soon to call again, to see whether they do by then.
    pub again: Option<Duration>,
    /// Parts that failed, wholly or for some rows. The others were done all the same.
    pub failed: Vec<UpkeepFailure>,
}

/// A part of upkeep that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpkeepFailure {
    /// What the part does, for example `rescue` or `prune`.
    pub part: &'static str,
    /// Why it failed, and for how many rows where that is known.
    pub message: String,
}

impl UpkeepFailure {
    /// Makes the report of a part that failed.
    pub fn new(part: &'static str, error: impl fmt::Display) -> Self {
        UpkeepFailure { part, message: error.to_string() }
    }
}

impl fmt::Display for UpkeepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.part, self.message)
    }
}

/// Which jobs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only with this tag.
    pub tag: Option<Label>,
    /// Only with this key.
    pub key: Option<Label>,
}

impl Filter {
    /// Returns whether a job is one of those to list. An empty filter matches every job.
    ///
    /// A store may look for jobs in its own way, by an index or in SQL, but must answer the same.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Filter, Memory, NewJob, Page, Payload, artifact::InMemory};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
    /// let new = NewJob::new("mail".parse()?, "email".parse()?, Payload::parse("{}")?);
    /// let id = new.id;
    /// backend.push(vec![new]).await?;
    /// let job = backend.job(id).await?.expect("it was just pushed");
    ///
    /// assert!(Filter { queue: Some("mail".parse()?), ..Filter::default() }.matches(&job));
    /// assert!(!Filter { tag: Some("invoice".parse()?), ..Filter::default() }.matches(&job));
    /// # Ok(())
    /// # }
    /// ```
    pub fn matches(&self, job: &Snapshot) -> bool {
        // Without `..`: a new field of the filter must be looked at here.
        let Filter { queue, kind, state, tag, key } = self;
        queue.as_ref().is_none_or(|queue| job.queue == *queue)
            && kind.as_ref().is_none_or(|kind| job.kind == *kind)
            && state.is_none_or(|state| job.state == state)
            && tag.as_ref().is_none_or(|tag| job.tags.contains(tag))
            && key.as_ref().is_none_or(|key| job.key.as_ref() == Some(key))
    }
}

/// Which part of a list to return.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Go on from here.
    pub after: Option<Cursor>,
    /// Most jobs; at most 200.
    pub limit: usize,
}

/// A place in a list. Its text means nothing to anybody but the store that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Cursor).map_err(|_| Error::invalid(format!("`{text}` is no cursor that a list gave out")))
    }
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// The jobs, newest first.
    pub jobs: Vec<Snapshot>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// A queue in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Its name.
    pub queue: QueueName,
    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub counts: [u64; 6],
    /// How long the job that has been ready longest has waited.
    pub oldest_ready: Option<Duration>,
    /// Whether, and why, its jobs are not handed out.
    pub paused: Option<Pause>,
}

/// Asks to stop handing out jobs of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPause {
    /// When it ends by itself; `None` waits for a resume.
    pub until: Option<When>,
    /// Why, for whoever wonders.
    pub reason: Option<Label>,
    /// Who asks.
    pub by: Option<Label>,
}

/// A queue's pause: a property of the queue, never a state of its jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// When it began.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<Label>,
    /// Who asked.
    pub by: Option<Label>,
}

impl Pause {
    /// Makes the pause that was asked for.
    pub fn begin(new: NewPause, now: Timestamp) -> Self {
        Pause { since: now, until: new.until.map(|when| when.resolve(now)), reason: new.reason, by: new.by }
    }

    /// Returns whether it still holds.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl QueueStats {
    /// Returns how many jobs are in that state.
    pub fn count(&self, state: State) -> u64 {
        self.counts[state as usize]
    }
}

/// What a person can ask of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Call it off: at once if it waits, by asking its handler if it runs.
    Cancel,
    /// Try a dead or cancelled job again with all its attempts, or a scheduled one now.
    Retry,
    /// Delete a finished job.
    Delete,
}

/// The answer to an [`Action`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Acted {
    /// Done; the job is now in this state.
    Done(State),
    /// Nobody knows the job.
    Unknown,
    /// The job is in this state, in which that cannot be done.
    Not(State),
    /// Another job holds the unique key by now.
    Conflict(JobId),
}

/// What a store is and promises; shown at start, in answers and in the docs' table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The name of the engine.
    pub engine: &'static str,
    /// What an acknowledged push survives.
    pub survives: Survives,
    /// Who may use it at the same time.
    pub reach: Reach,
    /// The engine's version.
    pub version: String,
}

impl Capabilities {
    /// Describes a store.
    pub fn new(engine: &'static str, version: impl Into<String>, survives: Survives, reach: Reach) -> Self {
        Capabilities { engine, survives, reach, version: version.into() }
    }
}

/// What an acknowledged push survives; each includes those before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Survives {
    /// Nothing: it ends with the process.
    Nothing,
    /// A kill of any process of longshore; a kill of the server, or a power loss, may take up to the last two seconds.
    TwoSeconds,
    /// A kill of any process, but not a power loss.
    Kill,
    /// A power loss.
    PowerLoss,
}

impl fmt::Display for Survives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Survives::Nothing => "nothing: jobs end with the process",
            Survives::TwoSeconds => {
                "a kill of any process but the server's; that, or a power loss, may take the last two seconds"
            }
            Survives::Kill => "a kill of any process, but not a power loss",
            Survives::PowerLoss => "a power loss",
        })
    }
}

/// Who may use a store at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// One process.
    Process,
    /// All processes of one machine.
    Machine,
    /// Many machines.
    Network,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::artifact::InMemory;
    use crate::{Backend, Memory, Payload};

    #[tokio::test]
    async fn a_filter_matches_the_jobs_that_have_all_that_it_asks_for() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let mut new = NewJob::new("mail".parse().unwrap(), "email".parse().unwrap(), Payload::parse("{}").unwrap());
        new.tags = vec!["red".parse().unwrap(), "blue".parse().unwrap()];
        new.key = Some("k1".parse().unwrap());
        let id = new.id;
        let _ = backend.push(vec![new]).await.unwrap();
        let job = backend.job(id).await.unwrap().unwrap();
        let all = Filter {
            queue: Some("mail".parse().unwrap()),
            kind: Some("email".parse().unwrap()),
            state: Some(State::Ready),
            tag: Some("blue".parse().unwrap()),
            key: Some("k1".parse().unwrap()),
        };

        assert!(Filter::default().matches(&job) && all.matches(&job));
        for other in [
            Filter { queue: Some("mai".parse().unwrap()), ..all.clone() },
            Filter { kind: Some("mail".parse().unwrap()), ..all.clone() },
            Filter { state: Some(State::Running), ..all.clone() },
            Filter { tag: Some("re".parse().unwrap()), ..all.clone() },
            Filter { key: Some("k2".parse().unwrap()), ..all.clone() },
        ] {
            assert!(!other.matches(&job), "{other:?}");
        }
        let keyless = crate::Snapshot { key: None, ..job };
        assert!(!all.matches(&keyless));
    }
}

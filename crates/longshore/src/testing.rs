//! Support for your own tests: a store in memory, a clock that you move, and assertions about enqueued jobs. Feature
//! `testing`.
//!
//! ```
//! use longshore::testing::Harness;
//! use longshore::{Job, Result};
//! use serde::{Deserialize, Serialize};
//! use std::time::Duration;
//!
//! #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Job)]
//! struct Welcome { user: u64 }
//!
//! async fn welcome(_: Welcome) -> Result<()> { Ok(()) }
//!
//! /// What is to be tested: signing up greets at once, and again after a day.
//! async fn sign_up(longshore: &longshore::Longshore, user: u64) {
//!     longshore.enqueue(Welcome { user }).await.unwrap();
//!     longshore.enqueue(Welcome { user }).after(Duration::from_secs(86_400)).await.unwrap();
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! let harness = Harness::new();
//! sign_up(harness.longshore(), 7).await;
//! assert_eq!(harness.enqueued::<Welcome>().await, [Welcome { user: 7 }, Welcome { user: 7 }]);
//!
//! let worker = || harness.longshore().worker().handle(welcome);
//! assert_eq!(harness.drain(worker()).await, 1);
//! harness.advance(Duration::from_secs(86_400));
//! assert_eq!(harness.drain(worker()).await, 1);
//! # }
//! ```
//!
//! A handler is a function, so a test can also call it directly: `welcome(Welcome { user: 7 }).await`. For a handler that
//! takes a [`Ctx`](crate::Ctx), `Ctx::for_test()` creates one.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::worker::{Running, Worker};
use longshore_core::{
    Backend, Clock, Filter, Job, Memory, Page, QueueStats, Settings, Snapshot, State, artifact::InMemory, limits,
};

use crate::Longshore;

/// A separate store in memory, and its clock, which stands still until it is [moved](Harness::advance). Methods panic if
/// a test could not continue.
#[derive(Debug)]
pub struct Harness {
    longshore: Longshore,
    clock: Clock,
}

impl Harness {
    /// Creates an empty store.
    pub fn new() -> Self {
        let settings = Settings::default();
        let clock = settings.clock.clone();
        clock.stop();
        let backend = Backend::new(Arc::new(Memory::new(settings)), Arc::new(InMemory::default()));
        Harness { longshore: Longshore::of(backend), clock }
    }

    /// Returns the store, for the code under test.
    pub fn longshore(&self) -> &Longshore {
        &self.longshore
    }

    /// Moves the clock ahead. Jobs that were scheduled within that time become due.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.longshore.backend().notifications().notify_all_work();
    }

    /// Runs all jobs that are due, including jobs that handlers push meanwhile, and returns when none is left. Returns
    /// how many attempts were settled.
    ///
    /// The clock stands still: a retry with a delay, or a job that is scheduled later, runs in the first drain after
    /// [`Harness::advance`] has reached its time. Jobs of paused queues wait.
    ///
    /// # Panics
    ///
    /// Panics if the worker cannot be started, or if it does not take one of the jobs, because it would never end.
    pub async fn drain(&self, worker: Worker) -> u64 {
        let mut news = self.longshore.backend().notifications().subscribe_news();
        let running = worker.start().expect("the worker can be started");
        loop {
            news.forget(); // what has happened until now is seen by the next reads
            let scheduled = self.list(Filter { state: Some(State::Scheduled), ..Filter::default() }).await;
            let queues = self.queues().await;
            let open: Vec<_> = queues.iter().filter(|queue| queue.paused().is_none()).collect();
            let count = |state| open.iter().map(|queue| queue.count(state)).sum::<u64>();
            let is_open = |job: &&Snapshot| open.iter().any(|queue| queue.queue == job.queue);
            let (due, later): (Vec<_>, Vec<_>) =
                scheduled.iter().filter(is_open).partition(|job| job.run_at <= self.clock.now());
            // The counts are of one moment, after that of the list. As the clock stands still, a job that was scheduled for
            // later then is so now; if there are no others, nothing is left to run.
            if count(State::Ready) + count(State::Running) == 0 && count(State::Scheduled) == later.len() as u64 {
                break;
            }
            if count(State::Running) == 0 {
                let ready = self.list(Filter { state: Some(State::Ready), ..Filter::default() }).await;
                check_taken(&running, &ready.iter().filter(is_open).chain(due).collect::<Vec<_>>());
            }
            news.recv().await;
        }
        running.drain().await;
        running.report().await.expect("the worker has ended before its runtime").settled
    }

    /// Returns the payloads of all waiting and running jobs of a type, in the order of their pushes.
    ///
    /// # Panics
    ///
    /// Panics if a payload does not fit the type.
    pub async fn enqueued<J: Job>(&self) -> Vec<J> {
        let jobs = self.jobs(J::KIND).await;
        let open = jobs.iter().filter(|job| !job.state.is_final());
        open.map(|job| job.payload.decode().expect("the payload fits the type")).collect()
    }

    /// Returns all jobs of a kind, in the order of their pushes: their states, times, keys and failures.
    ///
    /// # Panics
    ///
    /// Panics if it is not a valid kind.
    pub async fn jobs(&self, kind: &str) -> Vec<Snapshot> {
        self.list(Filter { kind: Some(kind.parse().expect("a name for a kind")), ..Filter::default() }).await
    }

    async fn list(&self, filter: Filter) -> Vec<Snapshot> {
        let (mut jobs, mut after) = (Vec::new(), None);
        loop {
            let page = Page::new(after, limits::PAGE);
            let listed = self.longshore.backend().list(filter.clone(), page).await.expect("memory always answers");
            jobs.extend(listed.jobs);
            after = listed.next;
            if after.is_none() {
                jobs.reverse();
                return jobs;
            }
        }
    }

    async fn queues(&self) -> Vec<QueueStats> {
        let (mut queues, mut after) = (Vec::new(), None);
        loop {
            let page = self.longshore.backend().queues(after, limits::PAGE).await.expect("memory always answers");
            after = page.last().filter(|_| page.len() == limits::PAGE).map(|last| last.queue.clone());
            queues.extend(page);
            if after.is_none() {
                return queues;
            }
        }
    }
}

impl Default for Harness {
    fn default() -> Self {
        Harness::new()
    }
}

/// Panics if the worker takes none of the jobs that could run.
fn check_taken(running: &Running, jobs: &[&Snapshot]) {
    if let Some(job) = jobs.first().filter(|_| !jobs.iter().any(|job| running.takes(&job.queue, &job.kind))) {
        let (n, queue, kind) = (jobs.len(), &job.queue, &job.kind);
        panic!(
            "{n} jobs wait that the worker does not take, such as one of kind `{kind}` in queue `{queue}`: \
             add a handler with `.handle(…)`, or the queue with `.queue(…)`"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ctx, NewPause, Result, Retry, Shared, handler};
    use serde::{Deserialize, Serialize};

    const MINUTE: Duration = Duration::from_secs(60);

    #[derive(Serialize, Deserialize, crate::Job)]
    #[job(crate = crate, retry = Retry { base: MINUTE, cap: MINUTE })]
    struct Task {
        /// How many further tasks the handler pushes.
        more: u32,
        fails: bool,
    }

    async fn run(task: Task, ctx: Ctx, Shared(longshore): Shared<Longshore>) -> Result<()> {
        for _ in 0..task.more {
            longshore.enqueue(Task { more: 0, fails: false }).await?;
        }
        if task.fails && ctx.attempt() == 1 { Err(handler::Error::retry("no luck")) } else { Ok(()) }
    }

    fn setup() -> (Harness, impl Fn(&Harness) -> Worker) {
        let worker = |harness: &Harness| harness.longshore().worker().handle(run).share(harness.longshore().clone());
        (Harness::new(), worker)
    }

    /// How often the exact counts are repeated: more often in long runs of the tests.
    fn runs() -> usize {
        300 * std::env::var("LONGSHORE_LONG").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn drain_is_exact() {
        for _ in 0..runs() {
            let (harness, worker) = setup();
            let longshore = harness.longshore();
            longshore.enqueue(Task { more: 3, fails: false }).await.unwrap();
            longshore.enqueue(Task { more: 0, fails: true }).after(MINUTE).await.unwrap();
            assert_eq!(harness.drain(worker(&harness)).await, 4);
            assert_eq!(harness.drain(worker(&harness)).await, 0);
            harness.advance(MINUTE);
            assert_eq!(harness.drain(worker(&harness)).await, 1, "the scheduled job is due");
            harness.advance(2 * MINUTE); // longer than the delay of the retry
            assert_eq!(harness.drain(worker(&harness)).await, 1, "its retry is due");
            assert!(harness.jobs("task").await.iter().all(|job| job.state == State::Succeeded));
        }
    }

    #[tokio::test]
    async fn job_of_a_paused_queue_waits_until_it_is_resumed() {
        let (harness, worker) = setup();
        let backend = harness.longshore().backend();
        harness.longshore().enqueue(Task { more: 0, fails: false }).await.unwrap();
        let _ = backend.pause("default".parse().unwrap(), NewPause::default()).await.unwrap();
        assert_eq!(harness.drain(worker(&harness)).await, 0);
        let _ = backend.resume("default".parse().unwrap()).await.unwrap();
        assert_eq!(harness.drain(worker(&harness)).await, 1);
    }

    #[tokio::test]
    #[should_panic(expected = "such as one of kind `task` in queue `bulk`")]
    async fn job_that_the_worker_does_not_take_is_named() {
        let (harness, worker) = setup();
        harness.longshore().enqueue(Task { more: 0, fails: false }).queue("bulk").await.unwrap();
        harness.drain(worker(&harness)).await;
    }
}

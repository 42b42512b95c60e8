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

use std::sync::Arc;
use std::time::Duration;

use longshore_core::worker::Worker;
use longshore_core::{
    Backend, Clock, Filter, Job, Memory, Page, QueueStats, Settings, Snapshot, State, artifact::InMemory, limits,
};

use crate::Longshore;

/// A separate store in memory, and its clock. Methods panic if a test could not continue.
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

    /// Runs all jobs that are due now, including retries that become due meanwhile. Returns how many attempts were
    /// settled.
    ///
    /// # Panics
    ///
    /// Panics if the worker cannot be started, or if jobs wait that it has no handler for, because it would never end.
    pub async fn drain(&self, worker: Worker) -> u64 {
        let backend = self.longshore.backend();
        let mut news = backend.notifications().subscribe_news();
        let running = worker.start().expect("the worker can be started");
        loop {
            news.forget();
            let waiting: u64 = self.queues().await.iter().map(busy).sum();
            let report = running.report().await.expect("the worker runs until it is drained");
            if waiting == 0 && report.unsettled == 0 {
                let _ = running.drain().await;
                return report.settled;
            }
            let heard = tokio::time::timeout(limits::LEASE, news.recv()).await;
            assert!(
                heard.is_ok(),
                "{waiting} jobs wait and the worker runs none of them: is there a handler for each kind?"
            );
        }
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
        let filter = Filter { kind: Some(kind.parse().expect("a name for a kind")), ..Filter::default() };
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

fn busy(queue: &QueueStats) -> u64 {
    queue.count(State::Ready) + queue.count(State::Running)
}

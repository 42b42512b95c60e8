//! The lease keeper: it renews leases and writes progress on its own thread, which no handler can block.
//!
//! It lives exactly as long as its dispatcher. Without a dispatcher nothing is settled, so the jobs must not be held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use crate::handler::Latest;
use crate::store::fail_all;
use crate::warnings::Warnings;
use crate::{Backend, Error, ErrorKind, JobId, Renewal, Renewed, Token, limits};

use super::event::Event;

/// The jobs whose leases are renewed. Dropping it ends the thread.
pub(crate) struct Keeper {
    leases: Arc<Leases>,
    wake: Arc<Notify>,
    lease: Duration,
}

#[derive(Default)]
struct Leases(Mutex<HashMap<Token, Lease>>);

struct Lease {
    id: JobId,
    latest: Arc<Latest>,
    stop_at_lease_end: bool,
    /// When the lease was last renewed.
    renewed: Instant,
    /// When it is to be renewed next.
    renew_at: Instant,
    /// When progress may be written again.
    write_at: Instant,
    /// The latest time to renew the lease. If the dispatcher has not ended the attempt by then, it never will. `None`
    /// after the attempt has ended, while it waits to be settled.
    until: Option<Instant>,
}

/// What the keeper must know about a claim.
pub(crate) struct Hold {
    pub(crate) id: JobId,
    pub(crate) token: Token,
    pub(crate) latest: Arc<Latest>,
    pub(crate) stop_at_lease_end: bool,
    /// How long the attempt may take.
    pub(crate) timeout: Duration,
    /// Whether to renew at once: cancellation may have been requested, or the claim's answer was late.
    pub(crate) at_once: bool,
}

impl Keeper {
    /// Starts the thread. Answers of the store become events for the dispatcher.
    pub(crate) fn start(
        backend: Backend,
        lease: Duration,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, Error> {
        let keeper = Keeper { leases: Arc::default(), wake: Arc::new(Notify::new()), lease };
        let (leases, wake) = (Arc::downgrade(&keeper.leases), Arc::clone(&keeper.wake));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let failed =
            |e: std::io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).context("start the lease keeper");
        let runtime = runtime.map_err(failed)?;
        let keep =
            move || runtime.block_on(Thread { backend, lease, events, leases, warnings: Mutex::default() }.run(&wake));
        thread::Builder::new().name("longshore-leases".into()).spawn(keep).map_err(failed)?;
        Ok(keeper)
    }

    /// Creates the cell for a handler's latest progress. A new value wakes the keeper.
    pub(crate) fn latest(&self) -> Arc<Latest> {
        Arc::new(Latest::new(Arc::clone(&self.wake)))
    }

    /// Starts to renew a claim.
    pub(crate) fn hold(&self, hold: Hold) {
        let now = Instant::now();
        let lease = Lease {
            id: hold.id,
            latest: hold.latest,
            stop_at_lease_end: hold.stop_at_lease_end,
            renewed: now,
            renew_at: if hold.at_once { now } else { now + self.lease / 3 },
            write_at: now,
            until: Some(now + hold.timeout + limits::CANCEL_GRACE + self.lease),
        };
        self.leases.lock().insert(hold.token, lease);
        if hold.at_once {
            self.wake.notify_one();
        }
    }

    /// Records that an attempt has ended. Its claim is renewed until it is settled, however long that takes.
    pub(crate) fn attempt_ended(&self, token: Token) {
        if let Some(lease) = self.leases.lock().get_mut(&token) {
            lease.until = None;
        }
    }

    /// Stops renewing a claim that was settled or lost.
    pub(crate) fn stop_renewing(&self, token: Token) {
        self.leases.lock().remove(&token);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.wake.notify_one(); // wakes the thread, which then finds no leases and ends
    }
}

impl Leases {
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Thread {
    backend: Backend,
    lease: Duration,
    events: mpsc::UnboundedSender<Event>,
    leases: Weak<Leases>,
    warnings: Mutex<Warnings>,
}

impl Thread {
    async fn run(self, wake: &Notify) {
        let mut cancels = self.backend.notifications().subscribe_cancels();
        let mut wake_at = Instant::now() + self.lease / 3;
        loop {
            let all = tokio::select! {
                () = tokio::time::sleep_until(wake_at.into()) => false,
                () = wake.notified() => false,
                () = cancels.recv() => true,
            };
            let Some(leases) = self.leases.upgrade() else { return };
            for batch in self.due(&leases, all).chunks(limits::BATCH) {
                self.renew(&leases, batch).await;
            }
            wake_at = self.wake_at(&leases);
        }
    }

    /// Returns the renewals to send now, with the progress that may be written. With `all`, returns every claim, to
    /// learn which jobs were cancelled.
    fn due(&self, leases: &Leases, all: bool) -> Vec<Renewal> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (token, lease) in leases.lock().iter_mut() {
            if lease.until.is_some_and(|until| until <= now) {
                // A blocked runtime must not hold its jobs without limit, and its unwritten progress must not wake the
                // keeper.
                (lease.renew_at, lease.write_at) = (now + self.lease, now + self.lease);
                continue;
            }
            if all || lease.next_at() <= now {
                let progress = if lease.write_at <= now { lease.latest.take() } else { None };
                if progress.is_some() {
                    lease.write_at = now + limits::PROGRESS_EVERY;
                }
                due.push(Renewal::new(lease.id, *token, self.lease).progress(progress));
            }
        }
        due
    }

    fn wake_at(&self, leases: &Leases) -> Instant {
        let next = leases.lock().values().map(|lease| lease.next_at()).min();
        next.unwrap_or_else(|| Instant::now() + self.lease)
    }

    async fn renew(&self, leases: &Leases, batch: &[Renewal]) {
        let asked = Instant::now();
        // A call that hangs continues in its own task. Here it counts as failed, so that other renewals do not wait for
        // it.
        let renewed = tokio::time::timeout(self.lease / 3, self.backend.renew(batch.to_vec())).await;
        let hangs = |_| fail_all(batch.len(), &Error::new(ErrorKind::Unavailable, "the store does not answer"));
        let mut failed: Option<Error> = None;
        for (renewal, answer) in batch.iter().zip(renewed.unwrap_or_else(hangs)) {
            match answer {
                Ok(answer) => self.renewed(leases, renewal, answer, asked),
                Err(e) => {
                    self.retry_soon(leases, renewal);
                    failed = Some(e);
                }
            }
        }
        if let Some(e) = failed {
            let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            if warnings.is_due("renew", Instant::now()) {
                tracing::warn!(error = %e, "cannot renew leases; will try again");
            }
        }
    }

    fn renewed(&self, leases: &Leases, renewal: &Renewal, answer: Renewed, asked: Instant) {
        match answer {
            Renewed::Held => {}
            Renewed::CancelAsked => self.send(Event::CancelAsked(renewal.token)),
            Renewed::Lost => self.send(Event::Lost(renewal.token)),
        }
        if let Some(lease) = leases.lock().get_mut(&renewal.token) {
            lease.renewed = asked;
            lease.renew_at = asked + self.lease / 3;
        }
    }

    /// Schedules an early retry, and stops the attempt if its kind asks for that at the end of the lease.
    fn retry_soon(&self, leases: &Leases, renewal: &Renewal) {
        let again = Instant::now() + (self.lease / 10).min(Duration::from_secs(1));
        if let Some(lease) = leases.lock().get_mut(&renewal.token) {
            if renewal.progress.is_some() {
                lease.latest.mark_unwritten();
            }
            (lease.renew_at, lease.write_at) = (again, again);
            if lease.stop_at_lease_end && lease.renewed.elapsed() >= self.lease {
                self.send(Event::LeaseEnded(renewal.token));
            }
        }
    }

    fn send(&self, event: Event) {
        let _ = self.events.send(event); // a dispatcher that has ended needs no events
    }
}

impl Lease {
    /// Returns when the keeper must handle this claim next: for its lease, or for progress to write.
    fn next_at(&self) -> Instant {
        let mut next = self.renew_at;
        if self.latest.is_waiting() {
            next = next.min(self.write_at);
        }
        next
    }
}

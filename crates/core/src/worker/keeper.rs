//! The lease keeper: renews leases and writes progress from a thread of its own, which no handler can block.
//!
//! It lives exactly as long as its dispatcher: a dispatcher that is gone will settle nothing, so its jobs must not be held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};

use crate::handler::Latest;
use crate::store::fail_all;
use crate::{Backend, Error, ErrorKind, JobId, Renewal, Renewed, Token, limits};

use super::event::Event;

/// The jobs whose leases are kept. Dropping it ends the thread.
pub(crate) struct Keeper {
    held: Arc<Held>,
    said: Arc<Notify>,
    lease: Duration,
}

#[derive(Default)]
struct Held(Mutex<HashMap<Token, Kept>>);

struct Kept {
    id: JobId,
    latest: Arc<Latest>,
    stop_at_lease_end: bool,
    /// When the lease was last renewed.
    renewed: Instant,
    /// When it is to be renewed next.
    renew_at: Instant,
    /// From when on progress may be written again.
    write_at: Instant,
    /// Until when the lease is kept at most: a dispatcher that has not ended the attempt by then never will. `None` once the
    /// attempt is over and waits to be settled.
    until: Option<Instant>,
}

/// What the keeper must know of a claim.
pub(crate) struct Hold {
    pub(crate) id: JobId,
    pub(crate) token: Token,
    pub(crate) latest: Arc<Latest>,
    pub(crate) stop_at_lease_end: bool,
    /// How long the attempt may take.
    pub(crate) timeout: Duration,
    /// Renew it at once: somebody may have called it off, or the claim's answer was late.
    pub(crate) at_once: bool,
}

impl Keeper {
    /// Starts the thread; what it hears from the store goes to the dispatcher as events.
    pub(crate) fn start(
        backend: Backend,
        lease: Duration,
        events: mpsc::UnboundedSender<Event>,
    ) -> Result<Self, Error> {
        let keeper = Keeper { held: Arc::default(), said: Arc::new(Notify::new()), lease };
        let (held, said) = (Arc::downgrade(&keeper.held), Arc::clone(&keeper.said));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let failed =
            |e: std::io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).context("start the lease keeper");
        let runtime = runtime.map_err(failed)?;
        let keep = move || runtime.block_on(Thread { backend, lease, events, held }.run(&said));
        thread::Builder::new().name("longshore-leases".into()).spawn(keep).map_err(failed)?;
        Ok(keeper)
    }

    /// Makes the place for a handler's newest word, which wakes the keeper.
    pub(crate) fn latest(&self) -> Arc<Latest> {
        Arc::new(Latest::new(Arc::clone(&self.said)))
    }

    /// Keeps a claim alive from now on.
    pub(crate) fn hold(&self, hold: Hold) {
        let now = Instant::now();
        let kept = Kept {
            id: hold.id,
            latest: hold.latest,
            stop_at_lease_end: hold.stop_at_lease_end,
            renewed: now,
            renew_at: if hold.at_once { now } else { now + self.lease / 3 },
            write_at: now,
            until: Some(now + hold.timeout + limits::CANCEL_GRACE + self.lease),
        };
        self.held.lock().insert(hold.token, kept);
        if hold.at_once {
            self.said.notify_one();
        }
    }

    /// Says that an attempt is over; its claim is kept until it is settled, however long that takes.
    pub(crate) fn over(&self, token: Token) {
        if let Some(kept) = self.held.lock().get_mut(&token) {
            kept.until = None;
        }
    }

    /// Lets a claim go: settled, or lost.
    pub(crate) fn let_go(&self, token: Token) {
        self.held.lock().remove(&token);
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.said.notify_one(); // so that the thread looks, and finds nobody to keep leases for
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Thread {
    backend: Backend,
    lease: Duration,
    events: mpsc::UnboundedSender<Event>,
    held: Weak<Held>,
}

impl Thread {
    async fn run(self, said: &Notify) {
        let mut cancels = self.backend.notifications().subscribe_cancels();
        let mut next_look = Instant::now() + self.lease / 3;
        loop {
            let all = tokio::select! {
                () = tokio::time::sleep_until(next_look.into()) => false,
                () = said.notified() => false,
                () = cancels.recv() => true,
            };
            let Some(held) = self.held.upgrade() else { return };
            for batch in self.due(&held, all).chunks(limits::BATCH) {
                self.renew(&held, batch).await;
            }
            next_look = self.next_look(&held);
        }
    }

    /// Returns what is to be renewed now, with the progress that may be written; or everything, to hear what was called off.
    fn due(&self, held: &Held, all: bool) -> Vec<Renewal> {
        let now = Instant::now();
        let mut due = Vec::new();
        for (token, kept) in held.lock().iter_mut() {
            if kept.until.is_some_and(|until| until <= now) {
                // A wedged runtime must not hold its jobs for ever, nor wake the keeper with progress that is not written.
                (kept.renew_at, kept.write_at) = (now + self.lease, now + self.lease);
                continue;
            }
            if all || kept.next() <= now {
                let progress = if kept.write_at <= now { kept.latest.take() } else { None };
                if progress.is_some() {
                    kept.write_at = now + limits::PROGRESS_EVERY;
                }
                due.push(Renewal::new(kept.id, *token, self.lease).progress(progress));
            }
        }
        due
    }

    fn next_look(&self, held: &Held) -> Instant {
        let next = held.lock().values().map(|kept| kept.next()).min();
        next.unwrap_or_else(|| Instant::now() + self.lease)
    }

    async fn renew(&self, held: &Held, batch: &[Renewal]) {
        let asked = Instant::now();
        // A call that hangs goes on in its own task; here it counts as failed, so that nobody else waits for it.
        let renewed = tokio::time::timeout(self.lease / 3, self.backend.renew(batch.to_vec())).await;
        let hangs = |_| fail_all(batch.len(), &Error::new(ErrorKind::Unavailable, "the store does not answer"));
        let mut failed: Option<Error> = None;
        for (renewal, answer) in batch.iter().zip(renewed.unwrap_or_else(hangs)) {
            match answer {
                Ok(answer) => self.renewed(held, renewal, answer, asked),
                Err(e) => {
                    self.bear_with(held, renewal);
                    failed = Some(e);
                }
            }
        }
        if let Some(e) = failed {
            tracing::warn!(error = %e, "cannot renew leases; will try again");
        }
    }

    fn renewed(&self, held: &Held, renewal: &Renewal, answer: Renewed, asked: Instant) {
        match answer {
            Renewed::Held => {}
            Renewed::CancelAsked => self.tell(Event::CancelAsked(renewal.token)),
            Renewed::Lost => self.tell(Event::Lost(renewal.token)),
        }
        if let Some(kept) = held.lock().get_mut(&renewal.token) {
            kept.renewed = asked;
            kept.renew_at = asked + self.lease / 3;
        }
    }

    /// Tries again soon, and stops what asked to stop when its lease has ended.
    fn bear_with(&self, held: &Held, renewal: &Renewal) {
        let again = Instant::now() + (self.lease / 10).min(Duration::from_secs(1));
        if let Some(kept) = held.lock().get_mut(&renewal.token) {
            if renewal.progress.is_some() {
                kept.latest.put_back();
            }
            (kept.renew_at, kept.write_at) = (again, again);
            if kept.stop_at_lease_end && kept.renewed.elapsed() >= self.lease {
                self.tell(Event::LeaseEnded(renewal.token));
            }
        }
    }

    fn tell(&self, event: Event) {
        let _ = self.events.send(event); // a dispatcher that is gone needs no news
    }
}

impl Kept {
    /// Returns when this one wants the keeper next: for its lease, or for progress that waits.
    fn next(&self) -> Instant {
        let mut next = self.renew_at;
        if self.latest.is_waiting() {
            next = next.min(self.write_at);
        }
        next
    }
}

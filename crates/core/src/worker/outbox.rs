//! Store calls of a dispatcher. Their answers are events.

use tokio::sync::mpsc;

use super::event::Event;
use crate::{Backend, Claim, Settlement};

/// Makes store calls, each in its own task. If the dispatcher has ended, answers are dropped, and its jobs wait for
/// their leases to end.
pub(super) struct Outbox {
    backend: Backend,
    inbox: mpsc::UnboundedSender<Event>,
}

impl Outbox {
    pub(super) fn new(backend: Backend, inbox: mpsc::UnboundedSender<Event>) -> Self {
        Outbox { backend, inbox }
    }

    /// Settles jobs, if there are any.
    pub(super) fn settle(&self, settlements: Vec<Settlement>) {
        if settlements.is_empty() {
            return;
        }
        let (backend, inbox) = (self.backend.clone(), self.inbox.clone());
        tokio::spawn(async move { inbox.send(Event::Settled(backend.settle(settlements).await)) });
    }

    pub(super) fn claim(&self, claim: Claim) {
        let (backend, inbox) = (self.backend.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let answer = backend.claim(claim.clone()).await;
            inbox.send(Event::Claimed(claim, answer))
        });
    }

    /// Settles jobs and claims, in one call.
    pub(super) fn settle_and_claim(&self, settlements: Vec<Settlement>, claim: Claim) {
        let (backend, inbox) = (self.backend.clone(), self.inbox.clone());
        tokio::spawn(async move {
            let (settled, claims) = backend.settle_and_claim(settlements, claim.clone()).await;
            let _ = inbox.send(Event::Settled(settled));
            inbox.send(Event::Claimed(claim, claims))
        });
    }
}

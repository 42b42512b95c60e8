//! What a worker was set up with, after everything was checked.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use super::turns::Turns;
use crate::handler::Provided;
use crate::middleware::Middleware;
use crate::{Error, KnownKind, QueueName, limits};

/// What a dispatcher runs by, after everything was checked.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) turns: Turns,
    /// What it has handlers for, and how many of each may run at a time.
    pub(super) kinds: Vec<(KnownKind, Option<usize>)>,
    pub(super) concurrency: usize,
    pub(super) lease: Duration,
    pub(super) grace: Duration,
    pub(super) stuck: Duration,
    pub(super) middleware: Arc<[Middleware]>,
}

impl Worker {
    pub(super) fn check(&self) -> Result<Plan, Error> {
        if let Some(wrong) = &self.wrong {
            return Err(Error::invalid(wrong.to_string()));
        }
        let kinds = self.kinds()?;
        if kinds.is_empty() {
            return Err(Error::invalid("a worker without handlers: give it some with `.handle(…)`"));
        }
        for (kind, lacks) in &self.registry.needs {
            if let Some(lack) = lacks(&Provided(&self.states)) {
                return Err(Error::invalid(format!("handler of kind `{kind}` needs {lack}")));
            }
        }
        if self.concurrency == 0 || self.concurrency > limits::BATCH {
            return Err(Error::invalid(format!("a concurrency of {} is not within 1 and 1,000", self.concurrency)));
        }
        limits::check_lease(self.lease)?;
        let named = self.queues.iter().map(|(name, weight)| (name.as_str(), *weight));
        let own = self.kind_queues.iter().map(|name| (*name, 1));
        let mut queues: Vec<(QueueName, u32)> = Vec::new();
        for (name, weight) in if self.queues.is_empty() { own.collect() } else { named.collect::<Vec<_>>() } {
            let name = name.parse()?;
            if !queues.iter().any(|(known, _)| *known == name) {
                queues.push((name, weight.max(1)));
            }
        }
        let turns = Turns::new(queues, self.strict);
        let middleware = self.middleware.as_slice().into();
        let Worker { concurrency, lease, grace, stuck, .. } = *self;
        Ok(Plan { turns, kinds, concurrency, lease, grace, stuck, middleware })
    }

    /// Returns the kinds that it has handlers for, and how many of each may run at a time.
    fn kinds(&self) -> Result<Vec<(KnownKind, Option<usize>)>, Error> {
        for (kind, most) in &self.most_of_kind {
            if *most == 0 || !self.registry.has(kind) {
                let wrong = if *most == 0 { "is not at least 1" } else { "is for a kind without a handler here" };
                return Err(Error::invalid(format!("the concurrency of kind `{kind}` {wrong}")));
            }
        }
        let with_most = |known: KnownKind| {
            let mut of_kind = self.most_of_kind.iter().filter(|(kind, _)| kind == known.kind.as_str());
            let most = of_kind.next_back().map(|(_, most)| *most);
            (known, most)
        };
        Ok(self.registry.kinds()?.into_iter().map(with_most).collect())
    }
}

//! The validated settings of a worker.

use std::sync::Arc;
use std::time::Duration;

use super::Worker;
use super::queue_order::QueueOrder;
use crate::handler::Provided;
use crate::middleware::Middleware;
use crate::{Error, KnownKind, QueueName, limits};

/// The validated settings that a dispatcher uses.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) queue_order: QueueOrder,
    /// The kinds with handlers, and how many jobs of each may run at a time.
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
            return Err(Error::invalid("the worker has no handlers: add one with `.handle(…)`"));
        }
        for (kind, missing) in &self.registry.needs {
            if let Some(lack) = missing(&Provided(&self.shared)) {
                return Err(Error::invalid(format!("handler of kind `{kind}` needs {lack}")));
            }
        }
        if self.concurrency == 0 || self.concurrency > limits::BATCH {
            return Err(Error::invalid(format!("concurrency {} is out of range: use 1 to 1,000", self.concurrency)));
        }
        limits::check_lease(self.lease)?;
        let named = self.queues.iter().map(|(name, weight)| (name.as_str(), *weight));
        let own = self.kind_queues.iter().filter(|_| !self.only_named_queues).map(|name| (*name, 1));
        let mut queues: Vec<(QueueName, u32)> = Vec::new();
        for (name, weight) in named.chain(own) {
            let name = name.parse()?;
            if !queues.iter().any(|(known, _)| *known == name) {
                queues.push((name, weight.max(1)));
            }
        }
        if queues.is_empty() {
            return Err(Error::invalid("the worker has no queues: add one with `.queue(…)`"));
        }
        let queue_order = QueueOrder::new(queues, self.strict);
        let middleware = self.middleware.as_slice().into();
        let Worker { concurrency, lease, grace, stuck, .. } = *self;
        Ok(Plan { queue_order, kinds, concurrency, lease, grace, stuck, middleware })
    }

    /// Returns the kinds with handlers, and how many jobs of each may run at a time.
    fn kinds(&self) -> Result<Vec<(KnownKind, Option<usize>)>, Error> {
        for (kind, most) in &self.most_of_kind {
            if *most == 0 || !self.registry.has(kind) {
                let wrong =
                    if *most == 0 { "must be at least 1" } else { "has no effect: this worker has no handler for it" };
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

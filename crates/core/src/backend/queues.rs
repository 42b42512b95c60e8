//! Queues and their rules.

use super::Backend;
use crate::{Error, ErrorKind, NewPause, Pause, QueueName, QueueStats, Rules, RulesChange, limits};

impl Backend {
    /// Returns a page of the queues with their counts, in the order of their names, from the first one after `after`; at most 200 a page.
    ///
    /// A page of fewer than `limit` is the last.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Error, limits};
    /// # async fn all(backend: &Backend) -> Result<(), Error> {
    /// let mut after = None;
    /// loop {
    ///     let page = backend.queues(after, limits::PAGE).await?;
    ///     after = page.last().filter(|_| page.len() == limits::PAGE).map(|last| last.queue.clone());
    ///     page.iter().for_each(|stats| println!("{}", stats.queue));
    ///     if after.is_none() {
    ///         break;
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn queues(&self, after: Option<QueueName>, limit: usize) -> Result<Vec<QueueStats>, Error> {
        let limit = limit.clamp(1, limits::PAGE);
        self.run("list queues", |store| async move { store.queues(after, limit).await }).await
    }

    /// Returns one queue with its counts; `None` where the store knows none of that name.
    pub async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        self.run(format!("look up queue `{queue}`"), |store| async move { store.queue(queue).await }).await
    }

    /// Returns the rules of a queue.
    pub async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.run(format!("read the rules of queue `{queue}`"), |store| async move { store.rules(queue).await }).await
    }

    /// Replaces the rules of a queue if they still have that version; see [`Queues::change_rules`](crate::Queues::change_rules).
    ///
    /// # Errors
    ///
    /// As any call; or if the new rules are none that this program knows.
    pub async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        let tried = format!("change the rules of queue `{queue}`");
        rules.check_known().map_err(|e| e.context(&tried))?;
        self.run(tried, |store| async move { store.change_rules(queue, expected, rules).await }).await
    }

    /// Stops handing out jobs of a queue, until a time or until it is resumed; what runs goes on. Replaces an earlier pause. The queue need not
    /// have had jobs yet.
    ///
    /// # Errors
    ///
    /// As the store; or if the queue has rules that this program does not know.
    pub async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("pause queue `{queue}`")))?;
        let pause = Pause::begin(pause, now);
        self.update_rules(queue, |rules| rules.pause = Some(pause.clone())).await?;
        Ok(pause)
    }

    /// Hands out jobs of a queue again; answers whether it was paused.
    ///
    /// # Errors
    ///
    /// As [`Backend::pause`].
    pub async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("resume queue `{queue}`")))?;
        let before = self.update_rules(queue, |rules| rules.pause = None).await?;
        Ok(before.pause.is_some_and(|pause| pause.holds(now)))
    }

    /// Changes the rules of a queue, whoever else changes them at the same time; returns what they were before.
    async fn update_rules(&self, queue: QueueName, change: impl Fn(&mut Rules)) -> Result<Rules, Error> {
        let mut before = self.rules(queue.clone()).await?;
        // Each turn but the last means that somebody else has changed them: a loop without end is a bug of the store.
        for _ in 0..100 {
            before.check_known().map_err(|e| e.context(format!("change the rules of queue `{queue}`")))?;
            let mut after = before.clone();
            change(&mut after);
            match self.change_rules(queue.clone(), before.version, after).await? {
                RulesChange::Changed(_) => return Ok(before),
                RulesChange::Conflict(now) => before = now,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("the rules of queue `{queue}` change all the time")))
    }
}

//! Queues and their rules.

use super::Backend;
use crate::{Error, ErrorKind, NewPause, Pause, QueueName, QueueStats, Rules, RulesChange, limits};

impl Backend {
    /// Returns a page of the queues with their counts, sorted by name, starting after `after`; at most 200 per page.
    ///
    /// A page with fewer than `limit` queues is the last one.
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

    /// Returns one queue with its counts, or `None` if it does not exist.
    pub async fn queue(&self, queue: QueueName) -> Result<Option<QueueStats>, Error> {
        self.run(format!("look up queue `{queue}`"), |store| async move { store.queue(queue).await }).await
    }

    /// Returns the rules of a queue.
    pub async fn rules(&self, queue: QueueName) -> Result<Rules, Error> {
        self.run(format!("read the rules of queue `{queue}`"), |store| async move { store.rules(queue).await }).await
    }

    /// Replaces the rules of a queue if they still have the version `expected`; see
    /// [`Queues::change_rules`](crate::Queues::change_rules).
    ///
    /// # Errors
    ///
    /// Returns the errors of the store, or an error if the new rules contain rules that this program does not know.
    pub async fn change_rules(&self, queue: QueueName, expected: u64, rules: Rules) -> Result<RulesChange, Error> {
        let tried = format!("change the rules of queue `{queue}`");
        rules.check_known().map_err(|e| e.context(&tried))?;
        self.run(tried, |store| async move { store.change_rules(queue, expected, rules).await }).await
    }

    /// Stops claims of a queue's jobs, until a time or until the queue is resumed. Running jobs continue.
    ///
    /// Replaces an earlier pause. A queue may be paused before its first job.
    ///
    /// # Errors
    ///
    /// Returns the errors of the store, or an error if the pause would end at once or more than five years ahead, or if
    /// the queue has rules that this program does not know.
    pub async fn pause(&self, queue: QueueName, pause: NewPause) -> Result<Pause, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("pause queue `{queue}`")))?;
        let pause = Pause::begin(pause, now);
        let wrong = |text: &str| Err(Error::invalid(text).context(format!("pause queue `{queue}`")));
        match pause.until {
            Some(until) if until <= now => return wrong("the pause would end at once: use a time that is not over"),
            Some(until) if until > now.after(limits::AHEAD) => return wrong("the end is more than five years ahead"),
            _ => {}
        }
        self.update_rules(queue, |rules| rules.pause = Some(pause.clone())).await?;
        Ok(pause)
    }

    /// Ends the pause of a queue. Returns whether it was paused.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Backend::pause`].
    pub async fn resume(&self, queue: QueueName) -> Result<bool, Error> {
        let now = self.now().await.map_err(|e| e.context(format!("resume queue `{queue}`")))?;
        let before = self.update_rules(queue, |rules| rules.pause = None).await?;
        Ok(before.pause.is_some_and(|pause| pause.holds(now)))
    }

    /// Changes the rules of a queue, also while others change them. Returns the rules before the change.
    async fn update_rules(&self, queue: QueueName, change: impl Fn(&mut Rules)) -> Result<Rules, Error> {
        let mut before = self.rules(queue.clone()).await?;
        // Each turn except the last means that somebody else has changed the rules. An endless loop would be a bug of
        // the store.
        for _ in 0..100 {
            before.check_known().map_err(|e| e.context(format!("change the rules of queue `{queue}`")))?;
            let mut after = before.clone();
            change(&mut after);
            match self.change_rules(queue.clone(), before.version, after).await? {
                RulesChange::Changed(_) => return Ok(before),
                RulesChange::Conflict(now) => before = now,
            }
        }
        Err(Error::new(ErrorKind::Unavailable, format!("the rules of queue `{queue}` keep changing; try again")))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::artifact::InMemory;
    use crate::{Memory, Timestamp, When};

    #[tokio::test]
    async fn a_pause_that_would_end_at_once_or_far_away_is_refused_and_changes_nothing() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let mail: QueueName = "mail".parse().unwrap();
        let _ = backend.pause(mail.clone(), NewPause::default()).await.unwrap();

        let far = limits::AHEAD + Duration::from_secs(1);
        for until in
            [When::NOW, When::At(Timestamp::from_millis(1)), When::In(far), When::At(Timestamp::from_millis(i64::MAX))]
        {
            let pause = NewPause { until: Some(until), ..NewPause::default() };
            assert_eq!(backend.pause(mail.clone(), pause).await.unwrap_err().kind(), ErrorKind::Invalid, "{until:?}");
        }

        assert!(backend.rules(mail).await.unwrap().pause.is_some_and(|pause| pause.until.is_none()));
    }
}

//! From the wire's words to a job.

use std::fmt::Display;
use std::time::Duration;

use longshore_core::{Error, Instead, NewJob, Payload, QueueName, Reuse, Unique, UniqueScope, When};

use super::{Push, Scope};

/// The field that makes a push wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct WrongField {
    /// The field; one inside another with a dot.
    pub field: String,
    /// What is wrong with it.
    pub why: String,
}

impl From<WrongField> for Error {
    fn from(wrong: WrongField) -> Self {
        Error::invalid(wrong.to_string())
    }
}

impl Push {
    /// Makes a job of it, with a fresh id.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// let push: longshore_server::wire::Push = serde_json::from_str(r#"{"kind":"image","priority":500}"#).unwrap();
    /// assert_eq!(push.into_new().unwrap_err().field, "priority");
    /// ```
    pub fn into_new(self) -> Result<NewJob, WrongField> {
        let queue: QueueName = match &self.queue {
            Some(queue) => queue.parse().map_err(wrong("queue"))?,
            None => QueueName::default(),
        };
        let kind = self.kind.parse().map_err(wrong("kind"))?;
        let payload = Payload::parse(self.payload.get()).map_err(wrong("payload"))?;
        let mut job = Checked(NewJob::new(queue, kind, payload));

        if self.delay_ms.is_some() && self.run_at.is_some() {
            return Err(wrong::<&str>("run_at")("not together with `delay_ms`"));
        }
        job.set("delay_ms", self.delay_ms.map(ms), |job, delay| job.when = When::In(delay))?;
        job.set("run_at", self.run_at.as_deref().map(str::parse), |job, at| job.when = When::At(at))?;
        job.set("priority", self.priority.map(Ok), |job, priority| job.priority = priority)?;
        job.set("key", self.key.as_deref().map(str::parse), |job, key| job.key = Some(key))?;
        if let Some(unique) = &self.unique {
            let until_finished = |key| Unique { key, scope: UniqueScope::UntilFinished };
            job.set("unique.key", Some(unique.key.parse()), |job, key| job.unique = Some(until_finished(key)))?;
            let set = |job: &mut NewJob, scope| job.unique.iter_mut().for_each(|unique| unique.scope = scope);
            job.set("unique.scope", Some(Ok(scope(unique.scope))), set)?;
        }
        if let Some(reuse) = &self.reuse {
            let not_yet = |key| Reuse { key, within: Duration::ZERO };
            job.set("reuse.key", Some(reuse.key.parse()), |job, key| job.reuse = Some(not_yet(key)))?;
            let set = |job: &mut NewJob, within| job.reuse.iter_mut().for_each(|reuse| reuse.within = within);
            job.set("reuse.within_ms", Some(ms(reuse.within_ms)), set)?;
        }
        job.set("alias", self.alias.as_deref().map(str::parse), |job, alias| job.alias = Some(alias))?;
        job.set("max_attempts", self.max_attempts.map(Ok), |job, attempts| job.max_attempts = attempts)?;
        job.set("timeout_ms", self.timeout_ms.map(ms), |job, timeout| job.timeout = timeout)?;
        let deadline = self.deadline.as_deref().map(str::parse);
        job.set("deadline", deadline, |job, deadline| job.deadline = Some(When::At(deadline)))?;
        let tags = self.tags.iter().map(|tag| tag.parse()).collect();
        job.set("tags", Some(tags), |job, tags| job.tags = tags)?;
        Ok(job.0)
    }
}

/// Says in one word why another job stands for a pushed one.
pub fn instead(by: Instead) -> &'static str {
    match by {
        Instead::Unique => "unique",
        Instead::Reuse => "reuse",
    }
}

fn ms(ms: u64) -> Result<Duration, Error> {
    Ok(Duration::from_millis(ms))
}

fn scope(scope: Scope) -> UniqueScope {
    match scope {
        Scope::UntilStarted => UniqueScope::UntilStarted,
        Scope::UntilFinished => UniqueScope::UntilFinished,
        Scope::ForMs(ms) => UniqueScope::For(Duration::from_millis(ms)),
    }
}

/// A job that is checked after each change, so that an error can name the field that made it wrong.
struct Checked(NewJob);

impl Checked {
    fn set<T>(
        &mut self,
        field: &str,
        value: Option<Result<T, Error>>,
        change: impl FnOnce(&mut NewJob, T),
    ) -> Result<(), WrongField> {
        let Some(value) = value.transpose().map_err(wrong(field))? else { return Ok(()) };
        change(&mut self.0, value);
        self.0.check().map_err(wrong(field))
    }
}

pub(super) fn wrong<E: Display>(field: &str) -> impl FnOnce(E) -> WrongField {
    move |error| WrongField { field: field.to_owned(), why: error.to_string() }
}

//! Lists of jobs: filter, page and cursor.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Kind, Label, QueueName, Snapshot, State};

/// Selects the jobs of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only of this queue.
    pub queue: Option<QueueName>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only in this state.
    pub state: Option<State>,
    /// Only with this tag.
    pub tag: Option<Label>,
    /// Only with this key.
    pub key: Option<Label>,
}

impl Filter {
    /// Returns whether a job matches. An empty filter matches every job.
    ///
    /// A store may find jobs in its own way, by an index or in SQL, but must return the same jobs.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::{Backend, Filter, Memory, NewJob, Page, Payload, artifact::InMemory};
    /// # use std::sync::Arc;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
    /// let new = NewJob::new("mail".parse()?, "email".parse()?, Payload::parse("{}")?);
    /// let id = new.id;
    /// backend.push(vec![new]).await?;
    /// let job = backend.job(id).await?.expect("it was just pushed");
    ///
    /// assert!(Filter { queue: Some("mail".parse()?), ..Filter::default() }.matches(&job));
    /// assert!(!Filter { tag: Some("invoice".parse()?), ..Filter::default() }.matches(&job));
    /// # Ok(())
    /// # }
    /// ```
    pub fn matches(&self, job: &Snapshot) -> bool {
        self.matches_parts(&job.queue, &job.kind, job.state, &job.tags, job.key.as_ref())
    }

    /// Does the same as [`Filter::matches`], for a store that has not read the whole job.
    pub fn matches_parts(
        &self,
        its_queue: &QueueName,
        its_kind: &Kind,
        its_state: State,
        its_tags: &[Label],
        its_key: Option<&Label>,
    ) -> bool {
        // There is no `..` here, so that a new field of the filter must be handled.
        let Filter { queue, kind, state, tag, key } = self;
        queue.as_ref().is_none_or(|queue| queue == its_queue)
            && kind.as_ref().is_none_or(|kind| kind == its_kind)
            && state.is_none_or(|state| state == its_state)
            && tag.as_ref().is_none_or(|tag| its_tags.contains(tag))
            && key.as_ref().is_none_or(|key| its_key == Some(key))
    }
}

/// Selects the part of a list to return.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Continue after this place.
    pub after: Option<Cursor>,
    /// Most jobs to return; at most 200.
    pub limit: usize,
}

impl Page {
    /// Returns the first page, with up to `limit` jobs.
    pub fn first(limit: usize) -> Self {
        Page::new(None, limit)
    }

    /// Returns a page with up to `limit` jobs after a place; `None` is the beginning.
    pub fn new(after: Option<Cursor>, limit: usize) -> Self {
        Page { after, limit }
    }
}

/// A place in a list. Its text has a meaning only for the store that created it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Cursor).map_err(|_| Error::invalid(format!("`{text}` is not a cursor of a list")))
    }
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Listed {
    /// The jobs, newest first.
    pub jobs: Vec<Snapshot>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<Cursor>,
    /// Queues whose jobs are missing, because their server does not answer; at most 100 of them.
    pub unreachable: Vec<QueueName>,
}

impl Listed {
    /// Creates a page from its jobs, newest first, and the place where the next page starts.
    pub fn new(jobs: Vec<Snapshot>, next: Option<Cursor>) -> Self {
        Listed { jobs, next, unreachable: Vec::new() }
    }

    /// Notes that the jobs of these queues are missing.
    pub fn without(mut self, queues: impl IntoIterator<Item = QueueName>) -> Self {
        self.unreachable.extend(queues.into_iter().take(100));
        self
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::artifact::InMemory;
    use crate::{Backend, Memory, NewJob, Payload};

    #[tokio::test]
    async fn a_filter_matches_the_jobs_that_have_all_that_it_asks_for() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let mut new = NewJob::new("mail".parse().unwrap(), "email".parse().unwrap(), Payload::parse("{}").unwrap());
        new.tags = vec!["red".parse().unwrap(), "blue".parse().unwrap()];
        new.key = Some("k1".parse().unwrap());
        let id = new.id;
        let _ = backend.push(vec![new]).await.unwrap();
        let job = backend.job(id).await.unwrap().unwrap();
        let all = Filter {
            queue: Some("mail".parse().unwrap()),
            kind: Some("email".parse().unwrap()),
            state: Some(State::Ready),
            tag: Some("blue".parse().unwrap()),
            key: Some("k1".parse().unwrap()),
        };

        assert!(Filter::default().matches(&job) && all.matches(&job));
        for other in [
            Filter { queue: Some("mai".parse().unwrap()), ..all.clone() },
            Filter { kind: Some("mail".parse().unwrap()), ..all.clone() },
            Filter { state: Some(State::Running), ..all.clone() },
            Filter { tag: Some("re".parse().unwrap()), ..all.clone() },
            Filter { key: Some("k2".parse().unwrap()), ..all.clone() },
        ] {
            assert!(!other.matches(&job), "{other:?}");
        }
        let keyless = crate::Snapshot { key: None, ..job };
        assert!(!all.matches(&keyless));
    }
}

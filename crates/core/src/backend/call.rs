//! Calls of a store. Each call runs as a task to its end, even if its caller is dropped. Errors get the context of the
//! call, and answers are used to detect outages.

use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle};

use super::Backend;
use crate::observer::Event;
use crate::outage::{ConnectionChange, Outage};
use crate::store::fail_all;
use crate::{Answers, Error, ErrorKind, Store};

impl Backend {
    /// Runs a store call as a separate task, so that it runs to its end even if the caller is dropped.
    pub(super) async fn run<T, F>(
        &self,
        tried: impl std::fmt::Display,
        call: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let began = Instant::now();
        let result = self.run_unrecorded(call).await;
        self.note(&result, began.elapsed());
        result.map_err(|e| e.context(tried))
    }

    /// Does the same as [`Backend::run`], for a call that answers each of `n` items.
    pub(super) async fn run_each<T, F>(
        &self,
        n: usize,
        tried: &str,
        call: impl FnOnce(Arc<dyn Store>) -> F,
    ) -> Answers<T>
    where
        T: Send + 'static,
        F: Future<Output = Answers<T>> + Send + 'static,
    {
        let began = Instant::now();
        let answers = self.run_unrecorded(|store| {
            let call = call(store);
            async move { Ok(call.await) }
        });
        let answers = answers.await.unwrap_or_else(|e| fail_all(n, &e));
        self.note_each(n, answers, tried, began.elapsed())
    }

    /// Does the same as [`Backend::note`], for the answers of one call with `n` items, and adds the context to each
    /// error.
    pub(super) fn note_each<T>(&self, n: usize, mut answers: Answers<T>, tried: &str, took: Duration) -> Answers<T> {
        if answers.len() != n {
            let text = format!("bug: the store returned {} answers to a call with {n} items", answers.len());
            answers = fail_all(n, &Error::new(ErrorKind::Unavailable, text).perhaps_done());
        }
        self.note_all(answers.iter(), took);
        answers.into_iter().map(|answer| answer.map_err(|e| e.context(tried))).collect()
    }

    /// Does the same as [`Backend::run`], without recording the result for outage detection.
    pub(super) async fn run_unrecorded<T, F>(&self, call: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task: JoinHandle<_> = tokio::spawn(call(Arc::clone(&self.inner.store)));
        task.await.unwrap_or_else(|e| Err(broken_off(&e)))
    }

    /// Records the answers of one call for outage detection. One item that could not reach the store counts as an
    /// outage: renewals of other jobs may have failed the same way.
    pub(super) fn note_all<'a, T: 'a>(&self, mut answers: impl Iterator<Item = &'a Result<T, Error>>, took: Duration) {
        let failed = answers.find_map(|answer| answer.as_ref().err().filter(|e| e.is_retryable() && !e.is_partial()));
        self.note(&failed.map_or(Ok(()), |e| Err(e.shared())), took);
    }

    /// Records the result of a call for outage detection, and sends an event if the store became unreachable or
    /// reachable.
    pub(super) fn note<T>(&self, result: &Result<T, Error>, took: Duration) {
        let change = self.outage().note(result, took);
        match (change, result) {
            (Some(ConnectionChange::Unreachable), Err(error)) => self.observers().tell(Event::StoreUnreachable(error)),
            (Some(ConnectionChange::Reachable), _) => self.observers().tell(Event::StoreReachable),
            _ => {}
        }
    }

    pub(super) fn outage(&self) -> MutexGuard<'_, Outage> {
        self.inner.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic in a store call is a bug of the store, not an outage.
fn broken_off(error: &JoinError) -> Error {
    let kind = if error.is_panic() { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
    Error::new(kind, format!("the call was aborted: {error}")).perhaps_done()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::artifact::InMemory;
    use crate::{Memory, NewJob, Payload, QueueName};

    #[tokio::test]
    async fn push_that_succeeds_ends_an_outage() {
        let backend = Backend::new(Arc::new(Memory::default()), Arc::new(InMemory::default()));
        let told = Arc::new(Mutex::new(0));
        let observer = Arc::clone(&told);
        backend.observe(move |event: Event<'_>| {
            if matches!(event, Event::StoreReachable) {
                *observer.lock().unwrap() += 1;
            }
        });
        backend.note(&Err::<(), _>(Error::new(ErrorKind::Unavailable, "gone")), Duration::ZERO);
        let new = NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
        let _ = backend.push_one(new).await.unwrap();
        assert_eq!(*told.lock().unwrap(), 1, "a process that only pushes is notified, too");
    }
}

//! How a store is called: as a task that ends whatever happens to the caller, with what was tried in each error; and what the answers
//! say of the way to the store.

use std::future::Future;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinHandle};

use super::Backend;
use crate::observer::Event;
use crate::outage::{Outage, Reached};
use crate::store::fail_all;
use crate::{Answers, Error, ErrorKind, Store};

impl Backend {
    /// Runs a store call as a task of its own, so that it ends whatever happens to the caller.
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
        let result = self.unnoted(call).await;
        self.note(&result, began.elapsed());
        result.map_err(|e| e.context(tried))
    }

    /// As [`Backend::run`], for a call that answers each of `n` items.
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
        let answers = self.unnoted(|store| {
            let call = call(store);
            async move { Ok(call.await) }
        });
        let answers = answers.await.unwrap_or_else(|e| fail_all(n, &e));
        self.note_each(n, answers, tried, began.elapsed())
    }

    /// As [`Backend::note`], for the answers of one call about `n` items; says of each that failed what was tried.
    pub(super) fn note_each<T>(&self, n: usize, mut answers: Answers<T>, tried: &str, took: Duration) -> Answers<T> {
        if answers.len() != n {
            let text = format!("the store gave {} answers to a call about {n} items: a bug", answers.len());
            answers = fail_all(n, &Error::new(ErrorKind::Unavailable, text).perhaps_done());
        }
        self.note_all(answers.iter(), took);
        answers.into_iter().map(|answer| answer.map_err(|e| e.context(tried))).collect()
    }

    /// As [`Backend::run`], but says nothing of the way to the store.
    pub(super) async fn unnoted<T, F>(&self, call: impl FnOnce(Arc<dyn Store>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let task: JoinHandle<_> = tokio::spawn(call(Arc::clone(&self.inner.store)));
        task.await.unwrap_or_else(|e| Err(broken_off(&e)))
    }

    /// Notes what the answers of one call say of the store. One item that could not reach it is enough: others' renewals may have gone the same way.
    pub(super) fn note_all<'a, T: 'a>(&self, mut answers: impl Iterator<Item = &'a Result<T, Error>>, took: Duration) {
        let failed = answers.find_map(|answer| answer.as_ref().err().filter(|e| e.is_retryable()));
        self.note(&failed.map_or(Ok(()), |e| Err(e.shared())), took);
    }

    /// Notes what a call says of the way to the store, and tells of it where that has changed.
    pub(super) fn note<T>(&self, result: &Result<T, Error>, took: Duration) {
        let change = self.outage().note(result, took);
        match (change, result) {
            (Some(Reached::Away), Err(error)) => self.observers().tell(Event::StoreAway(error)),
            (Some(Reached::Back), _) => self.observers().tell(Event::StoreBack),
            _ => {}
        }
    }

    pub(super) fn outage(&self) -> MutexGuard<'_, Outage> {
        self.inner.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A store's call that panicked is a bug of the store, and no outage.
fn broken_off(error: &JoinError) -> Error {
    let kind = if error.is_panic() { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
    Error::new(kind, format!("the call broke off: {error}")).perhaps_done()
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
            if matches!(event, Event::StoreBack) {
                *observer.lock().unwrap() += 1;
            }
        });
        backend.note(&Err::<(), _>(Error::new(ErrorKind::Unavailable, "gone")), Duration::ZERO);
        let new = NewJob::new(QueueName::default(), "work".parse().unwrap(), Payload::parse("{}").unwrap());
        let _ = backend.push_one(new).await.unwrap();
        assert_eq!(*told.lock().unwrap(), 1, "a process that only pushes hears of it, too");
    }
}

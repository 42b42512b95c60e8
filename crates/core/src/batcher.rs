//! Group commit for stores behind a connection: concurrent calls go to the server together.
//!
//! Design: docs/design/pushes.md

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::{Error, ErrorKind};

/// The longest wait for callers that were just answered, so that they can join the next call.
const REJOIN_WAIT: Duration = Duration::from_millis(1);

/// Combines concurrent calls into batches. A call starts at once if no batch is running. Otherwise it joins the next
/// batch, together with new calls of the callers that were just answered.
///
/// The items of one caller stay together, in order, and within one batch. So a call that is atomic on the server is
/// atomic for each caller. If a caller drops its future, its call is still made.
pub struct Batcher<T, R> {
    inner: Arc<Inner<T, R>>,
}

type Run<T, R> = dyn Fn(Vec<T>) -> Pin<Box<dyn Future<Output = Result<Vec<R>, Error>> + Send>> + Send + Sync;

struct Inner<T, R> {
    run: Box<Run<T, R>>,
    /// The runtime that runs the batches: the one that the store's connections live on.
    runtime: Handle,
    most: usize,
    at_once: usize,
    waiting: Mutex<Waiting<T, R>>,
}

struct Waiting<T, R> {
    calls: VecDeque<Call<T, R>>,
    running: usize,
}

struct Call<T, R> {
    items: Vec<T>,
    /// The runtime of the caller, if it has one.
    caller_runtime: Option<Handle>,
    answer: oneshot::Sender<Result<Vec<R>, Error>>,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Creates a batcher. A batch has at most `most` items, or more if a single caller passes more. Up to `at_once`
    /// batches run at the same time. `run` returns one answer per item, in order.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime, because a call needs timers.
    pub fn new<F>(most: usize, at_once: usize, run: impl Fn(Vec<T>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
    {
        let waiting = Mutex::new(Waiting { calls: VecDeque::new(), running: 0 });
        let run = Box::new(move |items| Box::pin(run(items)) as Pin<Box<_>>);
        Batcher { inner: Arc::new(Inner { run, runtime: Handle::current(), most, at_once, waiting }) }
    }

    /// Passes items to the next batch and waits for their answers. Safe to drop: the call continues.
    ///
    /// # Errors
    ///
    /// Returns the error of the batch, which all callers in it get.
    pub async fn call(&self, items: Vec<T>) -> Result<Vec<R>, Error> {
        let (answer, answered) = oneshot::channel();
        let runner = {
            let mut waiting = self.inner.waiting();
            waiting.calls.push_back(Call { items, caller_runtime: Handle::try_current().ok(), answer });
            (waiting.running < self.inner.at_once).then(|| {
                waiting.running += 1;
                Runner { inner: Arc::clone(&self.inner), ended: false }
            })
        };
        if let Some(runner) = runner {
            self.inner.runtime.spawn(runner.run());
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the call was aborted").perhaps_done()))
    }
}

/// A task that runs batches. If it panics or its runtime ends, waiting callers get an error.
struct Runner<T, R> {
    inner: Arc<Inner<T, R>>,
    ended: bool,
}

impl<T, R> Drop for Runner<T, R> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut waiting = self.inner.waiting();
        waiting.running -= 1;
        let left = if waiting.running == 0 { mem::take(&mut waiting.calls) } else { VecDeque::new() };
        drop(waiting);
        drop(left); // the callers get an error
    }
}

impl<T: Send + 'static, R: Send + 'static> Runner<T, R> {
    async fn run(mut self) {
        while let Some(calls) = self.inner.next() {
            let lengths: Vec<usize> = calls.iter().map(|call| call.items.len()).collect();
            let caller_runtime = calls.last().and_then(|call| call.caller_runtime.clone());
            let (items, callers): (Vec<_>, Vec<_>) = calls.into_iter().map(|call| (call.items, call.answer)).unzip();
            let answers = (self.inner.run)(items.into_iter().flatten().collect()).await;
            send_answers(answers, &lengths, callers);
            if lengths.len() > 1 || self.inner.has_waiting() {
                let_callers_rejoin(caller_runtime).await;
            }
        }
        self.ended = true;
    }
}

impl<T, R> Inner<T, R> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T, R>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_waiting(&self) -> bool {
        !self.waiting().calls.is_empty()
    }

    /// Takes the calls of the next batch. If no call waits, marks the task as finished under the same lock.
    fn next(&self) -> Option<Vec<Call<T, R>>> {
        let mut waiting = self.waiting();
        let mut items = 0;
        let fits = |call: &&Call<T, R>| {
            items += call.items.len();
            items <= self.most
        };
        let count = waiting.calls.iter().take_while(fits).count().max(1).min(waiting.calls.len());
        if count == 0 {
            waiting.running -= 1;
            return None;
        }
        Some(waiting.calls.drain(..count).collect())
    }
}

/// Lets callers that were just answered call again before the next batch starts. Otherwise callers in a loop split into
/// two halves that wait for each other.
async fn let_callers_rejoin(caller_runtime: Option<Handle>) {
    if let Some(caller_runtime) = caller_runtime {
        let _ = tokio::time::timeout(REJOIN_WAIT, caller_runtime.spawn(async {})).await; // a busy or stopped runtime delays nobody
    }
}

fn send_answers<R>(
    answers: Result<Vec<R>, Error>,
    lengths: &[usize],
    callers: Vec<oneshot::Sender<Result<Vec<R>, Error>>>,
) {
    match answers {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (length, caller) in lengths.iter().zip(callers) {
                let _ = caller.send(Ok(answers.by_ref().take(*length).collect())); // the caller may have been dropped
            }
        }
        Err(error) => {
            for caller in callers {
                let _ = caller.send(Err(error.shared())); // the caller may have been dropped
            }
        }
    }
}

impl<T, R> std::fmt::Debug for Batcher<T, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batcher({} at once)", self.inner.at_once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    type Doubling = (Batcher<u32, u32>, Arc<Semaphore>, Arc<Mutex<Vec<usize>>>);

    /// Creates a batcher that doubles numbers. Each batch needs a permit, and its size is recorded.
    fn doubling(most: usize) -> Doubling {
        let (gate, sizes) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (inner_gate, inner_sizes) = (Arc::clone(&gate), Arc::clone(&sizes));
        let gather = Batcher::new(most, 1, move |numbers: Vec<u32>| {
            let (gate, sizes) = (Arc::clone(&inner_gate), Arc::clone(&inner_sizes));
            async move {
                sizes.lock().unwrap().push(numbers.len());
                gate.acquire().await.unwrap().forget();
                if numbers.contains(&13) {
                    return Err(Error::invalid("an unlucky number"));
                }
                Ok(numbers.into_iter().map(|number| number * 2).collect())
            }
        });
        (gather, gate, sizes)
    }

    #[tokio::test]
    async fn waiting_calls_are_batched_and_each_gets_its_own_answers() {
        let (gather, gate, sizes) = doubling(5);
        let gather = Arc::new(gather);
        let call = |items: Vec<u32>| {
            let gather = Arc::clone(&gather);
            tokio::spawn(async move { gather.call(items).await.unwrap() })
        };
        let first = call(vec![1]);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others = [call(vec![2, 3]), call(vec![]), call(vec![4, 5]), call(vec![6; 9]), call(vec![7])];
        tokio::task::yield_now().await;
        gate.add_permits(9);
        assert_eq!(first.await.unwrap(), [2]);
        let mut answers = Vec::new();
        for other in others {
            answers.push(other.await.unwrap());
        }
        assert_eq!(answers, [vec![4, 6], vec![], vec![8, 10], vec![12; 9], vec![14]]);
        assert_eq!(*sizes.lock().unwrap(), [1, 4, 9, 1], "no caller's items are torn apart");
    }

    #[tokio::test]
    async fn answered_callers_that_call_again_join_the_waiting_batch() {
        let (gather, gate, sizes) = doubling(9);
        let gather = Arc::new(gather);
        let calls = |times: usize| {
            let gather = Arc::clone(&gather);
            tokio::spawn(async move {
                for _ in 0..times {
                    gather.call(vec![1]).await.unwrap();
                }
            })
        };
        let first = calls(3);
        while sizes.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        let others = [calls(1), calls(2)];
        tokio::task::yield_now().await;
        gate.add_permits(9);
        first.await.unwrap();
        for other in others {
            other.await.unwrap();
        }
        assert_eq!(*sizes.lock().unwrap(), [1, 3, 2]);
    }

    #[test]
    fn stopped_or_blocked_runtime_delays_no_caller() {
        let caller_runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gone = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handles = [caller_runtime.handle().clone(), gone.handle().clone()];
        drop(gone);
        let ours = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        ours.block_on(async {
            for handle in handles {
                let_callers_rejoin(Some(handle)).await;
            }
            let_callers_rejoin(None).await;
        });
    }

    #[tokio::test]
    async fn panic_or_stopped_runtime_fails_waiting_calls() {
        let store = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
        let entered = store.enter();
        let (begun, begins) = oneshot::channel::<()>();
        let (gate, opens) = oneshot::channel::<()>();
        let once = Mutex::new(Some((begun, opens)));
        let gather = Arc::new(Batcher::new(9, 1, move |_: Vec<u32>| {
            let once = once.lock().unwrap().take();
            async move {
                let (begun, opens) = once.expect("the first call is the last");
                begun.send(()).unwrap();
                match opens.await {
                    Ok(()) => panic!("a bug"),
                    Err(_) => Ok(Vec::<u32>::new()),
                }
            }
        }));
        drop(entered);
        let call = || {
            tokio::spawn({
                let gather = Arc::clone(&gather);
                async move { gather.call(vec![1]).await }
            })
        };
        let first = call();
        begins.await.unwrap();
        let second = call();
        tokio::task::yield_now().await;
        gate.send(()).unwrap();
        assert!(first.await.unwrap().is_err() && second.await.unwrap().is_err());
        store.shutdown_background();
        assert!(gather.call(vec![2]).await.is_err());
    }

    #[tokio::test]
    async fn error_goes_to_all_callers_of_the_batch_only() {
        let (gather, gate, _) = doubling(5);
        gate.add_permits(2);
        assert!(gather.call(vec![13]).await.is_err());
        assert_eq!(gather.call(vec![1]).await.unwrap(), [2]);
    }

    #[tokio::test]
    async fn dropped_caller_still_calls_and_delays_nobody() {
        let (gather, gate, sizes) = doubling(5);
        {
            let dropped = std::pin::pin!(gather.call(vec![1]));
            assert!(poll_once(dropped).await.is_none());
        }
        gate.add_permits(2);
        assert_eq!(gather.call(vec![2]).await.unwrap(), [4]);
        assert_eq!(sizes.lock().unwrap().iter().sum::<usize>(), 2);
    }

    /// Polls a future once.
    async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
        std::future::poll_fn(|context| match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => std::task::Poll::Ready(Some(value)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}

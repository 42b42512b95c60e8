//! Group commit for stores behind a connection: what many callers ask for at the same time goes to the server together.
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

/// How long the next call waits at most for those who were answered by the last.
const RETURN: Duration = Duration::from_millis(1);

/// Gathers calls: one that comes while nothing is under way goes at once, those that come meanwhile go together next, and so does
/// what those ask next who were just answered, where they ask at once.
///
/// Each caller's items stay together, in order, and within one call to the server, so that what takes effect as a whole there
/// does so for each caller. A caller who is dropped has still called.
pub struct Batcher<T, R> {
    inner: Arc<Inner<T, R>>,
}

type Run<T, R> = dyn Fn(Vec<T>) -> Pin<Box<dyn Future<Output = Result<Vec<R>, Error>> + Send>> + Send + Sync;

struct Inner<T, R> {
    run: Box<Run<T, R>>,
    /// Where calls are made: the runtime that the store's connections live on.
    runtime: Handle,
    most: usize,
    at_once: usize,
    waiting: Mutex<Waiting<T, R>>,
}

struct Waiting<T, R> {
    calls: VecDeque<Call<T, R>>,
    under_way: usize,
}

struct Call<T, R> {
    items: Vec<T>,
    /// The runtime of who calls, where he has one.
    home: Option<Handle>,
    answer: oneshot::Sender<Result<Vec<R>, Error>>,
}

impl<T: Send + 'static, R: Send + 'static> Batcher<T, R> {
    /// Makes one that hands at most `most` items to a call of `run`, more only where a single caller brings more; and has up to
    /// `at_once` calls under way at the same time. `run` answers for each item, in order.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime; a call needs its timers.
    pub fn new<F>(most: usize, at_once: usize, run: impl Fn(Vec<T>) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Vec<R>, Error>> + Send + 'static,
    {
        let waiting = Mutex::new(Waiting { calls: VecDeque::new(), under_way: 0 });
        let run = Box::new(move |items| Box::pin(run(items)) as Pin<Box<_>>);
        Batcher { inner: Arc::new(Inner { run, runtime: Handle::current(), most, at_once, waiting }) }
    }

    /// Hands items over and waits for their answers. Safe to drop; the call goes on.
    ///
    /// # Errors
    ///
    /// What the call to the server answered, for everybody who took part in it.
    pub async fn call(&self, items: Vec<T>) -> Result<Vec<R>, Error> {
        let (answer, answered) = oneshot::channel();
        let under = {
            let mut waiting = self.inner.waiting();
            waiting.calls.push_back(Call { items, home: Handle::try_current().ok(), answer });
            (waiting.under_way < self.inner.at_once).then(|| {
                waiting.under_way += 1;
                Under { inner: Arc::clone(&self.inner), ended: false }
            })
        };
        if let Some(under) = under {
            self.inner.runtime.spawn(under.work_off());
        }
        answered.await.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unavailable, "the call broke off").perhaps_done()))
    }
}

/// One that works off calls. When one of them panics, or the runtime ends, nobody waits for ever.
struct Under<T, R> {
    inner: Arc<Inner<T, R>>,
    ended: bool,
}

impl<T, R> Drop for Under<T, R> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut waiting = self.inner.waiting();
        waiting.under_way -= 1;
        let left = if waiting.under_way == 0 { mem::take(&mut waiting.calls) } else { VecDeque::new() };
        drop(waiting);
        drop(left); // whoever asked hears that the call broke off
    }
}

impl<T: Send + 'static, R: Send + 'static> Under<T, R> {
    async fn work_off(mut self) {
        while let Some(calls) = self.inner.next() {
            let lengths: Vec<usize> = calls.iter().map(|call| call.items.len()).collect();
            let home = calls.last().and_then(|call| call.home.clone());
            let (items, askers): (Vec<_>, Vec<_>) = calls.into_iter().map(|call| (call.items, call.answer)).unzip();
            let answers = (self.inner.run)(items.into_iter().flatten().collect()).await;
            hand_out(answers, &lengths, askers);
            if lengths.len() > 1 || self.inner.is_awaited() {
                let_return(home).await;
            }
        }
        self.ended = true;
    }
}

impl<T, R> Inner<T, R> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T, R>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_awaited(&self) -> bool {
        !self.waiting().calls.is_empty()
    }

    /// Takes the calls that go together next; where nobody waits, says under the same lock that this is no longer under way.
    fn next(&self) -> Option<Vec<Call<T, R>>> {
        let mut waiting = self.waiting();
        let mut items = 0;
        let fits = |call: &&Call<T, R>| {
            items += call.items.len();
            items <= self.most
        };
        let count = waiting.calls.iter().take_while(fits).count().max(1).min(waiting.calls.len());
        if count == 0 {
            waiting.under_way -= 1;
            return None;
        }
        Some(waiting.calls.drain(..count).collect())
    }
}

/// Gives those who were just answered their turn: what goes through their runtime now comes after them. Otherwise callers who ask
/// again and again would fall into two halves, of which one waits while the other is under way.
async fn let_return(home: Option<Handle>) {
    if let Some(home) = home {
        let _ = tokio::time::timeout(RETURN, home.spawn(async {})).await; // a busy runtime, or one that is gone, holds up nobody
    }
}

fn hand_out<R>(answers: Result<Vec<R>, Error>, lengths: &[usize], askers: Vec<oneshot::Sender<Result<Vec<R>, Error>>>) {
    match answers {
        Ok(answers) => {
            let mut answers = answers.into_iter();
            for (length, asker) in lengths.iter().zip(askers) {
                let _ = asker.send(Ok(answers.by_ref().take(*length).collect())); // who asked may be gone
            }
        }
        Err(error) => {
            for asker in askers {
                let _ = asker.send(Err(error.shared())); // who asked may be gone
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

    /// Doubles numbers, a call a permit, and notes how many came together.
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
    async fn calls_that_come_meanwhile_go_together_and_each_gets_its_own_answers() {
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
    async fn whoever_is_answered_and_asks_again_goes_with_those_who_waited() {
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
    fn runtime_that_is_gone_or_stands_still_holds_up_nobody() {
        let home = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gone = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let handles = [home.handle().clone(), gone.handle().clone()];
        drop(gone);
        let ours = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        ours.block_on(async {
            for handle in handles {
                let_return(Some(handle)).await;
            }
            let_return(None).await;
        });
    }

    #[tokio::test]
    async fn call_that_panics_or_whose_runtime_is_gone_keeps_nobody_waiting() {
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
    async fn error_is_told_to_all_who_took_part_and_to_nobody_else() {
        let (gather, gate, _) = doubling(5);
        gate.add_permits(2);
        assert!(gather.call(vec![13]).await.is_err());
        assert_eq!(gather.call(vec![1]).await.unwrap(), [2]);
    }

    #[tokio::test]
    async fn caller_who_is_dropped_has_called_and_holds_up_nobody() {
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

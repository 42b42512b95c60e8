//! Limits on open event streams: in total and per caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Config;
use crate::caller::Caller;
use crate::problem::{Code, Problem};

/// The open event streams by caller. It holds at most as many callers as there are streams.
#[derive(Debug)]
pub(crate) struct Streams {
    total: usize,
    per_caller: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_caller: HashMap<Caller, usize>,
}

/// One open stream. It closes when dropped.
#[derive(Debug)]
pub(crate) struct Stream {
    streams: Arc<Streams>,
    caller: Caller,
}

impl Streams {
    pub(crate) fn new(config: &Config) -> Self {
        Streams { total: config.streams, per_caller: config.streams_per_caller, open: Mutex::default() }
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// If the limit in total or the limit of the caller is reached.
    pub(crate) fn open(self: &Arc<Self>, caller: Caller) -> Result<Stream, Problem> {
        let mut open = self.lock();
        if open.total >= self.total {
            let detail = format!("the maximum of {} event streams is open", self.total);
            return Err(Problem::new(Code::TooManyStreams, detail).retry_after(5));
        }
        if open.by_caller.get(&caller).is_some_and(|open| *open >= self.per_caller) {
            let detail = format!("you have the maximum of {} event streams open", self.per_caller);
            return Err(Problem::new(Code::TooManyOfYourStreams, detail).retry_after(5));
        }
        open.total += 1;
        *open.by_caller.entry(caller).or_default() += 1;
        Ok(Stream { streams: Arc::clone(self), caller })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.total -= 1;
        if let Some(left) = open.by_caller.get_mut(&self.caller) {
            *left -= 1;
            if *left == 0 {
                open.by_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_all_streams_and_a_closed_stream_no_longer_counts() {
        let config = Config { streams: 3, streams_per_caller: 2, ..Config::default() };
        let streams = Arc::new(Streams::new(&config));
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Caller::of(ip.parse().unwrap()));

        let first = streams.open(one).unwrap();
        let _second = streams.open(one).unwrap();
        assert_eq!(streams.open(one).unwrap_err().code(), Code::TooManyOfYourStreams);
        let third = streams.open(other).unwrap();
        assert_eq!(streams.open(other).unwrap_err().code(), Code::TooManyStreams);
        drop((first, third));

        assert_eq!(streams.lock().by_caller.len(), 1);
        assert!(streams.open(one).is_ok());
    }
}

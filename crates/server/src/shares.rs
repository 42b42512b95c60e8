//! A limit on something that clients hold for a while, such as an event stream: in total and per caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::caller::Caller;

/// What callers hold. It knows at most as many callers as there are shares.
#[derive(Debug)]
pub(crate) struct Shares {
    total: usize,
    per_caller: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_caller: HashMap<Caller, usize>,
}

/// The limit that is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Total,
    PerCaller,
}

/// One share of a caller. It is free again when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    caller: Caller,
}

impl Shares {
    pub(crate) fn new(total: usize, per_caller: usize) -> Arc<Self> {
        Arc::new(Shares { total, per_caller, held: Mutex::default() })
    }

    /// Takes a share, or returns the limit that is reached.
    pub(crate) fn take(self: &Arc<Self>, caller: Caller) -> Result<Share, Full> {
        let mut held = self.lock();
        if held.total >= self.total {
            return Err(Full::Total);
        }
        if held.by_caller.get(&caller).is_some_and(|held| *held >= self.per_caller) {
            return Err(Full::PerCaller);
        }
        held.total += 1;
        *held.by_caller.entry(caller).or_default() += 1;
        Ok(Share { shares: Arc::clone(self), caller })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        held.total -= 1;
        if let Some(left) = held.by_caller.get_mut(&self.caller) {
            *left -= 1;
            if *left == 0 {
                held.by_caller.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_cannot_take_all_shares_and_a_dropped_share_is_free() {
        let shares = Shares::new(3, 2);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|ip| Caller::of(ip.parse().unwrap()));

        let first = shares.take(one).unwrap();
        let _second = shares.take(one).unwrap();
        assert_eq!(shares.take(one).unwrap_err(), Full::PerCaller);
        let third = shares.take(other).unwrap();
        assert_eq!(shares.take(other).unwrap_err(), Full::Total);
        drop((first, third));

        assert_eq!(shares.lock().by_caller.len(), 1);
        assert!(shares.take(one).is_ok());
    }
}

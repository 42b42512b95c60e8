//! Counts wrong tokens by address. An address with too many is refused for the rest of a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::Caller;

/// The period in which wrong tokens are counted.
const PERIOD: Duration = Duration::from_secs(60);
/// The maximum number of addresses in memory. Above it, the address whose period began first is forgotten.
const ADDRESSES: usize = 4_096;

/// The wrong tokens of the last minute.
#[derive(Debug)]
pub(crate) struct WrongTokens {
    allowed: u32,
    by_caller: Mutex<HashMap<Caller, Minute>>,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    began: Instant,
    count: u32,
}

impl WrongTokens {
    /// Allows this many wrong tokens per minute. Zero allows any number.
    pub(crate) fn new(allowed: u32) -> Self {
        WrongTokens { allowed, by_caller: Mutex::default() }
    }

    /// Returns how long the caller is refused; `None` if it is not.
    pub(super) fn refused_for(&self, caller: Caller) -> Option<Duration> {
        let by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = by_caller.get(&caller)?;
        let left = PERIOD.checked_sub(minute.began.elapsed()).filter(|left| !left.is_zero())?;
        (minute.count >= self.allowed).then_some(left)
    }

    /// Counts a wrong token.
    pub(super) fn count(&self, caller: Caller) {
        if self.allowed == 0 {
            return;
        }
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Minute { began: Instant::now(), count: 0 };
        if by_caller.len() >= ADDRESSES && !by_caller.contains_key(&caller) {
            by_caller.retain(|_, minute| minute.began.elapsed() < PERIOD);
        }
        if by_caller.len() >= ADDRESSES && !by_caller.contains_key(&caller) {
            let first = by_caller.iter().min_by_key(|(_, minute)| minute.began).map(|(caller, _)| *caller);
            first.map(|first| by_caller.remove(&first));
        }
        let minute = by_caller.entry(caller).or_insert(fresh);
        if minute.began.elapsed() >= PERIOD {
            *minute = fresh;
        }
        minute.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u32) -> Caller {
        Caller::of(std::net::Ipv4Addr::from_bits(n).into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_with_too_many_wrong_tokens_is_refused_for_a_minute() {
        let tokens = WrongTokens::new(3);
        for _ in 0..3 {
            assert_eq!(tokens.refused_for(caller(1)), None);
            tokens.count(caller(1));
        }
        assert_eq!(tokens.refused_for(caller(1)), Some(PERIOD));
        assert_eq!(tokens.refused_for(caller(2)), None, "other callers are not refused");

        tokio::time::advance(PERIOD).await;

        assert_eq!(tokens.refused_for(caller(1)), None);
        tokens.count(caller(1));
        assert_eq!(tokens.refused_for(caller(1)), None, "older tokens no longer count");
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_addresses_in_memory_is_limited() {
        let tokens = WrongTokens::new(1);
        for n in 0..2 * ADDRESSES as u32 {
            tokens.count(caller(n));
        }
        assert_eq!(tokens.by_caller.lock().unwrap().len(), ADDRESSES);
        assert!(WrongTokens::new(0).refused_for(caller(1)).is_none());
    }
}

//! Wrong tokens by address: who shows too many is not heard for the rest of a minute.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::caller::Caller;

/// How long wrong tokens are held against an address.
const PERIOD: Duration = Duration::from_secs(60);
/// Most addresses that are remembered. With more, the one whose minute began first is forgotten.
const ADDRESSES: usize = 4_096;

/// The wrong tokens of the last minute.
#[derive(Debug)]
pub(crate) struct Strikes {
    allowed: u32,
    by_caller: Mutex<HashMap<Caller, Minute>>,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    began: Instant,
    strikes: u32,
}

impl Strikes {
    /// Allows that many wrong tokens a minute; zero allows any number.
    pub(crate) fn new(allowed: u32) -> Self {
        Strikes { allowed, by_caller: Mutex::default() }
    }

    /// Returns how long the caller is not to be heard; `None` while it may show a token.
    pub(super) fn out(&self, caller: Caller) -> Option<Duration> {
        let by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = by_caller.get(&caller)?;
        let left = PERIOD.checked_sub(minute.began.elapsed()).filter(|left| !left.is_zero())?;
        (minute.strikes >= self.allowed).then_some(left)
    }

    /// Notes a wrong token.
    pub(super) fn strike(&self, caller: Caller) {
        if self.allowed == 0 {
            return;
        }
        let mut by_caller = self.by_caller.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = Minute { began: Instant::now(), strikes: 0 };
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
        minute.strikes += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(n: u32) -> Caller {
        Caller::of(std::net::Ipv4Addr::from_bits(n).into())
    }

    #[tokio::test(start_paused = true)]
    async fn who_shows_too_many_wrong_tokens_is_out_for_a_minute() {
        let strikes = Strikes::new(3);
        for _ in 0..3 {
            assert_eq!(strikes.out(caller(1)), None);
            strikes.strike(caller(1));
        }
        assert_eq!(strikes.out(caller(1)), Some(PERIOD));
        assert_eq!(strikes.out(caller(2)), None, "others are heard");

        tokio::time::advance(PERIOD).await;

        assert_eq!(strikes.out(caller(1)), None);
        strikes.strike(caller(1));
        assert_eq!(strikes.out(caller(1)), None, "the old ones do not count any more");
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_addresses_are_remembered() {
        let strikes = Strikes::new(1);
        for n in 0..2 * ADDRESSES as u32 {
            strikes.strike(caller(n));
        }
        assert_eq!(strikes.by_caller.lock().unwrap().len(), ADDRESSES);
        assert!(Strikes::new(0).out(caller(1)).is_none());
    }
}

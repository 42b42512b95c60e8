//! Detects outages of the store from the results of calls.
//!
//! Design: docs/design/leases.md

use std::time::{Duration, Instant};

use crate::{Error, limits};

/// Whether the store was reachable recently. After an outage, workers need time to renew their leases.
#[derive(Debug, Default)]
pub(crate) enum Outage {
    /// There was no outage, as far as this process knows.
    #[default]
    None,
    /// The last call did not reach the store, or the store had no room left. It began then.
    Now(Instant),
    /// The store is reachable again. No job is rescued before this time.
    Over(Instant),
}

/// A change of the connection with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionChange {
    /// The store cannot be reached any more.
    Unreachable,
    /// The store can be reached again.
    Reachable,
}

impl Outage {
    /// Live workers renew at least this often.
    const RENEWAL: Duration = limits::RENEW;

    /// Records the result of a call. Returns the change, if the store became unreachable or reachable.
    pub(crate) fn note<T>(&mut self, result: &Result<T, Error>, took: Duration) -> Option<ConnectionChange> {
        let now = Instant::now();
        if matches!(result, Err(e) if e.is_partial()) {
            return None; // a store of several servers judges by itself where it may rescue
        }
        let unreachable = matches!(result, Err(e) if e.is_retryable());
        let began = self.began();
        *self = match *self {
            _ if unreachable => Outage::Now(began.unwrap_or(now)),
            Outage::Now(_) => Outage::Over(now + limits::LEASE),
            // A call that took so long has delayed renewals as well.
            _ if took >= Outage::RENEWAL => Outage::Over(now + limits::LEASE),
            Outage::Over(until) if now >= until => Outage::None,
            Outage::Over(until) => Outage::Over(until),
            Outage::None => Outage::None,
        };
        match (began.is_some(), unreachable) {
            (false, true) => Some(ConnectionChange::Unreachable),
            (true, false) => Some(ConnectionChange::Reachable),
            _ => None,
        }
    }

    /// Gives other processes time to renew, as after a start or after the machine slept.
    pub(crate) fn delay_rescues(&mut self) {
        if matches!(self, Outage::None) {
            *self = Outage::Over(Instant::now() + Outage::RENEWAL);
        }
    }

    /// Returns since when the store cannot be reached, or `None` if the last call reached it.
    pub(crate) fn began(&self) -> Option<Instant> {
        match self {
            Outage::Now(since) => Some(*since),
            Outage::None | Outage::Over(_) => None,
        }
    }

    pub(crate) fn may_rescue(&self) -> bool {
        match self {
            Outage::None => true,
            Outage::Now(_) => false,
            Outage::Over(until) => Instant::now() >= *until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn after_an_outage_nobody_is_rescued_for_a_lease() {
        for kind in [ErrorKind::Unavailable, ErrorKind::Full] {
            let down: Result<(), _> = Err(Error::new(kind, "gone"));
            let mut outage = Outage::default();
            assert!(outage.may_rescue());
            assert_eq!(outage.note(&down, Duration::ZERO), Some(ConnectionChange::Unreachable));
            assert_eq!(outage.note(&down, Duration::ZERO), None, "that is known");
            assert!(!outage.may_rescue());
            assert_eq!(outage.note(&Ok(()), Duration::ZERO), Some(ConnectionChange::Reachable));
            assert!(!outage.may_rescue(), "the store is back, but its workers have not had a lease to renew in");
            outage = Outage::Over(Instant::now());
            assert!(outage.may_rescue());
        }
    }

    #[test]
    fn error_of_one_server_is_no_outage() {
        let mut outage = Outage::default();
        let down: Result<(), _> = Err(Error::new(ErrorKind::Unavailable, "one shard is gone").partial());
        assert_eq!(outage.note(&down, limits::RENEW), None);
        assert!(outage.may_rescue());
    }

    #[test]
    fn a_call_that_took_long_and_a_start_give_others_time_to_renew() {
        let mut outage = Outage::default();
        outage.note(&Ok(()), limits::RENEW);
        assert!(!outage.may_rescue());
        let mut outage = Outage::default();
        outage.delay_rescues();
        assert!(!outage.may_rescue());
    }
}

//! Outages of the store, as calls show them.
//!
//! Design: docs/design/leases.md

use std::time::{Duration, Instant};

use crate::{Error, limits};

/// Whether the store could be reached lately: after an outage its workers need time to renew.
#[derive(Debug, Default)]
pub(crate) enum Outage {
    /// It has been fine all along, as far as this process knows.
    #[default]
    None,
    /// The newest call did not reach it, or it had no room left.
    Now,
    /// It is back; nobody is rescued before then.
    Over(Instant),
}

/// How the way to the store has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// It cannot be reached any more.
    Away,
    /// It can be reached again.
    Back,
}

impl Outage {
    /// Live workers renew at least this often.
    const RENEWAL: Duration = limits::RENEW;

    /// Takes note of a call; returns whether the store is away or back since then.
    pub(crate) fn note<T>(&mut self, result: &Result<T, Error>, took: Duration) -> Option<Reached> {
        let now = Instant::now();
        let unreachable = matches!(result, Err(e) if e.is_retryable());
        let was_away = matches!(self, Outage::Now);
        *self = match *self {
            _ if unreachable => Outage::Now,
            Outage::Now => Outage::Over(now + limits::LEASE),
            // A call that took so long has kept renewals waiting as well.
            _ if took >= Outage::RENEWAL => Outage::Over(now + limits::LEASE),
            Outage::Over(until) if now >= until => Outage::None,
            Outage::Over(until) => Outage::Over(until),
            Outage::None => Outage::None,
        };
        match (was_away, unreachable) {
            (false, true) => Some(Reached::Away),
            (true, false) => Some(Reached::Back),
            _ => None,
        }
    }

    /// Gives others time to renew, as after a start or a sleep of the machine.
    pub(crate) fn begin_anew(&mut self) {
        if matches!(self, Outage::None) {
            *self = Outage::Over(Instant::now() + Outage::RENEWAL);
        }
    }

    pub(crate) fn may_rescue(&self) -> bool {
        match self {
            Outage::None => true,
            Outage::Now => false,
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
            assert_eq!(outage.note(&down, Duration::ZERO), Some(Reached::Away));
            assert_eq!(outage.note(&down, Duration::ZERO), None, "that is known");
            assert!(!outage.may_rescue());
            assert_eq!(outage.note(&Ok(()), Duration::ZERO), Some(Reached::Back));
            assert!(!outage.may_rescue(), "the store is back, but its workers have not had a lease to renew in");
            outage = Outage::Over(Instant::now());
            assert!(outage.may_rescue());
        }
    }

    #[test]
    fn a_call_that_took_long_and_a_start_give_others_time_to_renew() {
        let mut outage = Outage::default();
        outage.note(&Ok(()), limits::RENEW);
        assert!(!outage.may_rescue());
        let mut outage = Outage::default();
        outage.begin_anew();
        assert!(!outage.may_rescue());
    }
}

//! How long a job holds its unique key.
//!
//! The embedded stores call these functions. The statements of PostgreSQL and the scripts of Redis do the same: a test
//! compares the statements with these functions, and the conformance suite checks every store.

use crate::{State, Timestamp, UniqueScope};

/// Returns whether a job releases its unique key when it enters that state.
///
/// # Examples
///
/// ```
/// use longshore_core::state::gives_key_back;
/// use longshore_core::{State, UniqueScope};
///
/// assert!(gives_key_back(UniqueScope::UntilStarted, State::Running));
/// assert!(!gives_key_back(UniqueScope::UntilFinished, State::Running));
/// ```
pub fn gives_key_back(scope: UniqueScope, to: State) -> bool {
    match scope {
        UniqueScope::UntilStarted => to == State::Running || to.is_final(),
        UniqueScope::UntilFinished => to.is_final(),
        UniqueScope::For(_) => matches!(to, State::Dead | State::Cancelled),
    }
}

/// Returns until when a job holds a key that it takes now, unless it [releases it](gives_key_back) earlier; `None` if
/// the time is not limited.
pub fn key_until(scope: UniqueScope, now: Timestamp) -> Option<Timestamp> {
    match scope {
        UniqueScope::For(period) => Some(now.after(period)),
        UniqueScope::UntilStarted | UniqueScope::UntilFinished => None,
    }
}

/// Returns whether a key is still held that was taken [until](key_until) this time and was not released.
pub fn holds_key(until: Option<Timestamp>, now: Timestamp) -> bool {
    until.is_none_or(|until| until > now)
}

/// Returns until when to keep a finished job that holds its key until [then](key_until). The row holds the key, so it
/// is kept at least as long.
pub fn kept_for_key(keep_until: Timestamp, until: Option<Timestamp>) -> Timestamp {
    until.map_or(keep_until, |until| until.max(keep_until))
}

/// Returns every scope, with edge values, for tests that compare a store's rules with these.
#[cfg(any(test, feature = "testing"))]
pub fn every_scope() -> Vec<UniqueScope> {
    use std::time::Duration;
    let periods = [Duration::ZERO, Duration::from_millis(1), Duration::from_secs(3_600), crate::limits::AHEAD];
    [UniqueScope::UntilStarted, UniqueScope::UntilFinished].into_iter().chain(periods.map(UniqueScope::For)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const AT: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn a_waiting_job_holds_its_key_whatever_the_scope() {
        for scope in every_scope() {
            assert!(
                ![State::Scheduled, State::Ready].into_iter().any(|state| gives_key_back(scope, state)),
                "{scope:?}"
            );
        }
    }

    #[test]
    fn a_dead_or_cancelled_job_gives_it_back_whatever_the_scope() {
        for scope in every_scope() {
            assert!([State::Dead, State::Cancelled].into_iter().all(|state| gives_key_back(scope, state)), "{scope:?}");
        }
    }

    #[test]
    fn success_ends_every_scope_but_a_period() {
        let ends = every_scope().into_iter().filter(|scope| gives_key_back(*scope, State::Succeeded)).count();
        assert_eq!(ends, 2);
    }

    #[test]
    fn a_period_ends_at_its_last_millisecond() {
        let until = key_until(UniqueScope::For(Duration::from_millis(5)), AT);
        assert_eq!(until, Some(Timestamp::from_millis(1_005)));
        assert!(holds_key(until, Timestamp::from_millis(1_004)));
        assert!(!holds_key(until, Timestamp::from_millis(1_005)));
        assert!(holds_key(key_until(UniqueScope::UntilFinished, AT), Timestamp::from_millis(i64::MAX)));
    }

    #[test]
    fn a_row_stays_as_long_as_it_holds_a_key() {
        let later = Timestamp::from_millis(2_000);
        assert_eq!(kept_for_key(AT, Some(later)), later);
        assert_eq!(kept_for_key(later, Some(AT)), later);
        assert_eq!(kept_for_key(AT, None), AT);
    }
}

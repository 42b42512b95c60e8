//! When a failed job is retried.

use std::time::Duration;

/// Exponential backoff with jitter: the n-th failure waits `base · 2ⁿ⁻¹`, at most `cap`. Half of the wait is random.
///
/// The random half spreads the retries of jobs that failed together ("equal jitter" in Marc Brooker's "Exponential
/// Backoff And Jitter", AWS Architecture Blog, 2015).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use longshore_core::Retry;
///
/// let retry = Retry { base: Duration::from_secs(2), cap: Duration::from_secs(60) };
/// let third = retry.delay(3, 0.7);
/// assert!(third >= Duration::from_secs(4) && third <= Duration::from_secs(8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The wait after the first failure. Defaults to 2 seconds. Zero retries at once.
    pub base: Duration,
    /// The longest wait. Defaults to 1 hour.
    pub cap: Duration,
}

impl Retry {
    /// The default: 2 s, 4 s, 8 s and so on, up to an hour. With 20 attempts a job is retried for about nine hours.
    pub const DEFAULT: Retry = Retry { base: Duration::from_secs(2), cap: Duration::from_secs(3600) };

    /// Returns how long to wait after that attempt failed. Attempts count from 1. `jitter`, from 0 to 1, is the part of
    /// the random half that is waited.
    pub fn delay(&self, attempt: u16, jitter: f64) -> Duration {
        let full = self.base.saturating_mul(1 << u32::from(attempt.saturating_sub(1)).min(30)).min(self.cap);
        full / 2 + full.mul_f64(jitter.clamp(0.0, 1.0) / 2.0)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Retry::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_jitter_stays_within_half() {
        let retry = Retry::DEFAULT;
        for attempt in 1..=1000u16 {
            let full = Duration::from_secs(2).saturating_mul(1 << u32::from(attempt - 1).min(30)).min(retry.cap);
            let delay = retry.delay(attempt, fastrand::f64());
            assert!(delay >= full / 2 && delay <= full, "attempt {attempt}: {delay:?} of {full:?}");
        }
    }

    #[test]
    fn a_zero_base_retries_at_once() {
        assert_eq!(Retry { base: Duration::ZERO, cap: Duration::ZERO }.delay(7, 0.5), Duration::ZERO);
    }
}

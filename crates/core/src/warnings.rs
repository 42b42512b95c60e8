//! Warnings about what fails again and again: each is logged at once, and then at most once a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The shortest time between two warnings about the same thing.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// When each thing was last warned about.
#[derive(Debug, Default)]
pub(crate) struct Warnings(BTreeMap<&'static str, Instant>);

impl Warnings {
    /// Returns whether to log the failure of this part now, and records that it was logged.
    pub(crate) fn is_due(&mut self, part: &'static str, now: Instant) -> bool {
        let is_due = self.0.get(part).is_none_or(|said| now.duration_since(*said) >= WARN_EVERY);
        if is_due {
            self.0.insert(part, now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn part_that_always_fails_is_logged_once_a_minute() {
        let (mut warnings, start) = (Warnings::default(), Instant::now());
        let said = (0..180).filter(|second| warnings.is_due("prune", start + Duration::from_secs(*second)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 60, 120]);
        assert!(warnings.is_due("rescue", start), "each part has its own turn");
    }
}

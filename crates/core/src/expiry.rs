//! The clock for what ends at a time and cannot be undone: retention and deadlines.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::{Clock, millis};

/// A wall clock that follows a step ahead only when the clock has run steadily for 30 seconds since.
///
/// Without it, a clock that is set ahead by mistake would delete all finished jobs and bury all jobs with a deadline at
/// once. A step back is followed at once: then jobs are only kept longer. It compares the wall clock, of this machine or of
/// a server, with the monotonic clock of this machine. A process that started after a step cannot know of it.
#[derive(Debug, Default)]
pub struct ExpiryClock {
    noted: Mutex<Option<Noted>>,
}

#[derive(Clone, Copy, Debug)]
struct Noted {
    /// The difference between the wall clock and the monotonic clock that is trusted.
    ahead: i64,
    /// When it was noted, by the monotonic clock.
    at: i64,
    /// A step ahead that is not trusted yet: the new difference, and since when.
    step: Option<(i64, i64)>,
}

impl ExpiryClock {
    /// How long a clock must run steadily after a step ahead.
    pub const STEADY_FOR: Duration = Duration::from_secs(30);
    /// Between two notes, clock drift and slow answers cause smaller differences than this.
    const STEP_MS: i64 = 2_000;
    /// The trusted difference is not used for longer than this without a new note, because clocks drift.
    const NOTED_FOR_MS: i64 = 60_000;

    /// Notes the time of the wall clock, in milliseconds. Returns the time up to which things have surely ended: the same,
    /// or less after a step ahead.
    pub fn note(&self, wall: i64, clock: &Clock) -> i64 {
        let at = clock.boot_time().ms;
        let ahead = wall - at;
        let mut noted = self.noted();
        let Some(before) = *noted else {
            *noted = Some(Noted { ahead, at, step: None });
            return wall;
        };
        let is_step = ahead - before.ahead >= Self::STEP_MS;
        let since = match before.step {
            Some((stepped, since)) if (ahead - stepped).abs() < Self::STEP_MS => since,
            _ => at,
        };
        let is_trusted = !is_step || at - since >= millis(Self::STEADY_FOR);
        *noted = Some(match is_trusted {
            true => Noted { ahead, at, step: None },
            false => Noted { ahead: before.ahead, at, step: Some((ahead, since)) },
        });
        if is_trusted { wall } else { at + before.ahead }
    }

    /// Returns the latest time that the wall clock can have now without a step ahead; `i64::MAX` if it was not noted
    /// recently. A call to a server takes it along, so that the server does not act on a step that nobody has noted yet.
    pub fn latest(&self, clock: &Clock) -> i64 {
        let at = clock.boot_time().ms;
        match *self.noted() {
            Some(Noted { ahead, at: noted_at, .. }) if at - noted_at < Self::NOTED_FOR_MS => at + ahead + Self::STEP_MS,
            _ => i64::MAX,
        }
    }

    fn noted(&self) -> MutexGuard<'_, Option<Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn step_ahead_counts_when_the_clock_has_run_steadily_since() {
        let (clock, expiry) = (Clock::default(), ExpiryClock::default());
        let wall = || clock.now().as_millis();
        let near = |one: i64, other: i64| (one - other).abs() < 1_000;
        assert!(near(expiry.note(wall(), &clock), wall()));
        clock.advance(Duration::from_secs(100));
        assert!(near(expiry.note(wall(), &clock), wall()), "time that passed is no step");
        clock.step_wall(HOUR);
        assert!(near(expiry.note(wall(), &clock), wall() - HOUR));
        clock.advance(Duration::from_secs(29));
        assert!(near(expiry.note(wall(), &clock), wall() - HOUR), "time goes on, by the old clock");
        assert!(near(expiry.latest(&clock), wall() - HOUR + ExpiryClock::STEP_MS));
        clock.advance(Duration::from_secs(2));
        assert!(near(expiry.note(wall(), &clock), wall()));
    }

    #[test]
    fn step_ahead_that_is_taken_back_never_counted() {
        let (clock, expiry) = (Clock::default(), ExpiryClock::default());
        let wall = || clock.now().as_millis();
        expiry.note(wall(), &clock);
        for _ in 0..3 {
            clock.step_wall(HOUR);
            assert!(expiry.note(wall(), &clock) < wall() - HOUR / 2);
            clock.advance(Duration::from_secs(20));
            clock.step_wall(-HOUR);
            assert!(expiry.note(wall(), &clock) > wall() - 1_000);
            clock.advance(Duration::from_secs(20));
        }
        clock.step_wall(-HOUR);
        assert!(expiry.note(wall(), &clock) > wall() - 1_000, "a step back is followed at once");
    }

    #[test]
    fn another_step_begins_to_count_anew() {
        let (clock, expiry) = (Clock::default(), ExpiryClock::default());
        let wall = || clock.now().as_millis();
        expiry.note(wall(), &clock);
        for steps in 1..4 {
            clock.step_wall(HOUR);
            clock.advance(Duration::from_secs(20));
            assert!(expiry.note(wall(), &clock) < wall() - steps * HOUR + 1_000);
        }
    }

    #[test]
    fn an_old_note_bounds_nothing() {
        let (clock, expiry) = (Clock::default(), ExpiryClock::default());
        assert_eq!(expiry.latest(&clock), i64::MAX);
        expiry.note(clock.now().as_millis(), &clock);
        assert!(expiry.latest(&clock) < i64::MAX);
        clock.advance(Duration::from_secs(61));
        assert_eq!(expiry.latest(&clock), i64::MAX);
    }
}

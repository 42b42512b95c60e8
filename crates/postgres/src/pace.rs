//! How often the processes are notified: the first time at once; what follows soon is sent together, a little later, because
//! a commit with a notification takes a lock of the whole database.

use std::time::Duration;

use tokio::time::Instant;

/// The sorts of notifications, as bits.
pub(crate) const WORK: u8 = 1;
pub(crate) const NEWS: u8 = 2;
pub(crate) const CANCELS: u8 = 4;

/// The time between two notifications of work, at a low rate.
const WORK_EVERY: Duration = Duration::from_millis(2);
/// The time between two notifications of one sort, at a high rate: busy workers claim again without a notification.
const EVERY: Duration = Duration::from_millis(25);
/// The rate is high above this many notifications of work per second, sent by this process and received from others.
const BUSY: f64 = 600.0;
/// The period in which they are counted.
const BUSY_FOR: Duration = Duration::from_millis(100);

/// When each sort of notification may be sent again.
#[derive(Debug)]
pub(crate) struct Pace {
    last: [Option<Instant>; 3],
    /// The start of the count, and how often there was work since then.
    counted: (Instant, u32),
    many: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { last: [None; 3], counted: (Instant::now(), 0), many: false }
    }
}

impl Pace {
    /// Returns which of the pending sorts may be sent now.
    pub(crate) fn due(&self, pending: u8, now: Instant) -> u8 {
        let due = (0..3).filter(|sort| pending & (1 << sort) != 0 && self.free(*sort).is_none_or(|free| free <= now));
        due.fold(0, |bits, sort| bits | 1 << sort)
    }

    /// Returns when the next of the pending sorts may be sent.
    pub(crate) fn next(&self, pending: u8) -> Option<Instant> {
        (0..3).filter(|sort| pending & (1 << sort) != 0).filter_map(|sort| self.free(sort)).min()
    }

    fn free(&self, sort: usize) -> Option<Instant> {
        let gap = if sort == 0 && !self.many { WORK_EVERY } else { EVERY };
        self.last[sort].map(|last| last + gap)
    }

    pub(crate) fn sent(&mut self, bits: u8, now: Instant) {
        for sort in (0..3).filter(|sort| bits & (1 << sort) != 0) {
            self.last[sort] = Some(now);
        }
    }

    /// Counts how often there was work.
    pub(crate) fn count(&mut self, times: u32, now: Instant) {
        let (since, count) = &mut self.counted;
        *count += times;
        let passed = now.duration_since(*since);
        if passed >= BUSY_FOR {
            self.many = f64::from(*count) / passed.as_secs_f64() > BUSY;
            self.counted = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_within(pace: &mut Pace, start: Instant, millis: u64, asked: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut pending = 0;
        let mut sent = Vec::new();
        for ms in 0..millis {
            let now = start + Duration::from_millis(ms);
            if asked(ms) {
                pending |= WORK;
            }
            pace.count(u32::from(asked(ms)), now);
            let due = pace.due(pending, now);
            if due != 0 {
                pending &= !due;
                pace.sent(due, now);
                sent.push(ms);
            }
        }
        sent
    }

    #[test]
    fn first_goes_at_once_and_none_is_forgotten() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(sent_within(&mut pace, start, 10, |ms| ms < 2), [0, 2]);
        let news = pace.due(NEWS, start);
        assert_eq!(news, NEWS);
        pace.sent(news, start);
        assert_eq!(pace.due(NEWS, start + Duration::from_millis(24)), 0);
        assert_eq!(pace.next(NEWS), Some(start + EVERY));
        assert_eq!(pace.due(NEWS | CANCELS, start + EVERY), NEWS | CANCELS);
    }

    #[test]
    fn few_pushes_are_told_of_one_by_one_and_many_together() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let each = sent_within(&mut pace, start, 1_000, |ms| ms % 5 == 0);
        assert_eq!(each.len(), 200, "two hundred a second wait for nothing");

        let (mut pace, start) = (Pace::default(), Instant::now());
        let many = sent_within(&mut pace, start, 2_000, |_| true);
        assert!(many.len() < 150, "{} notifications in two seconds", many.len());
        let later = sent_within(&mut pace, start + Duration::from_secs(3), 1_000, |ms| ms % 5 == 0);
        assert!(later.len() > 150, "a second later they are few again: {}", later.len());
    }
}

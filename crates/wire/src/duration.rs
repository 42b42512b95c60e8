//! Durations: whole milliseconds in fields that end in `_ms`, and text such as `30s` in queries.

use std::time::Duration;

use crate::WrongField;

/// The longest time that a request may wait for a job.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Returns a duration in whole milliseconds. It is rounded up, so that a short duration does not become zero, and
/// limited to `u64::MAX`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use longshore_wire::duration::to_ms;
///
/// assert_eq!(to_ms(Duration::from_millis(1500)), 1500);
/// assert_eq!(to_ms(Duration::from_micros(1)), 1);
/// ```
pub fn to_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Parses how long to wait for a job: `500ms`, `30s`, `1m`, up to [`LONGEST_WAIT`].
///
/// # Errors
///
/// If the text is not a duration, or the duration is too long. The error names the parameter `wait`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use longshore_wire::duration::parse_wait;
///
/// assert_eq!(parse_wait("1.5s").unwrap(), Duration::from_millis(1500));
/// assert_eq!(parse_wait("1h").unwrap_err().field, "wait");
/// ```
pub fn parse_wait(text: &str) -> Result<Duration, WrongField> {
    let wrong = || WrongField::new("wait", format!("{text:?} is not a duration such as 500ms, 30s or 1m"));
    let wait = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    let wait = Duration::try_from(wait).map_err(|_| wrong())?;
    if wait > LONGEST_WAIT {
        let why = format!("{text:?} is longer than {LONGEST_WAIT:?}; send the request again when this time is over");
        return Err(WrongField::new("wait", why));
    }
    Ok(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_time_with_a_unit_up_to_a_minute() {
        let ms = |text| parse_wait(text).unwrap().as_millis();
        assert_eq!(["0s", "500ms", "30s", "1m", "1.5s", "60s"].map(ms), [0, 500, 30_000, 60_000, 1_500, 60_000]);
        for wrong in ["", "30", "-1s", "61s", "2m", "1h", "soon", "99999999999999999999s"] {
            assert!(parse_wait(wrong).is_err(), "{wrong:?} must be refused");
        }
    }

    #[test]
    fn milliseconds_are_rounded_up_and_never_overflow() {
        assert_eq!([0, 1, 999_999, 1_000_000, 1_000_001].map(|ns| to_ms(Duration::from_nanos(ns))), [0, 1, 1, 1, 2]);
        assert_eq!(to_ms(Duration::MAX), u64::MAX);
    }
}

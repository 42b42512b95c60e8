//! Values on the command line that several commands take.

use std::time::Duration;

use longshore::limits;

use crate::config::{FIVE_YEARS, parse_duration};

/// Parses a duration of at most five years.
pub fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text, FIVE_YEARS)
}

/// Parses the most entries of a list.
pub fn limit(text: &str) -> Result<usize, String> {
    whole(text, 1, 100_000).map(|limit| usize::try_from(limit).expect("it is in range"))
}

/// Parses a priority. The store checks it, too; this error names the bounds in the words of the option.
pub fn priority(text: &str) -> Result<i16, String> {
    let (low, high) = (*limits::PRIORITIES.start(), *limits::PRIORITIES.end());
    whole(text, low.into(), high.into()).map(|priority| i16::try_from(priority).expect("it is in range"))
}

/// Parses a number of attempts.
pub fn attempts(text: &str) -> Result<u16, String> {
    whole(text, 1, limits::ATTEMPTS.into()).map(|attempts| u16::try_from(attempts).expect("it is in range"))
}

fn whole(text: &str, low: i64, high: i64) -> Result<i64, String> {
    let number = text.parse().ok().filter(|number| (low..=high).contains(number));
    number.ok_or_else(|| format!("must be a number from {low} to {high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_have_bounds_in_words() {
        assert_eq!((priority("-100"), attempts("1000"), limit("1")), (Ok(-100), Ok(1000), Ok(1)));
        assert_eq!(priority("99999").unwrap_err(), "must be a number from -100 to 100");
        assert_eq!(attempts("0").unwrap_err(), "must be a number from 1 to 1000");
        assert_eq!(limit("99999999999999999999").unwrap_err(), "must be a number from 1 to 100000");
        assert!(duration("300000000000years").unwrap_err().contains("at most five years"));
        assert!(duration("5").unwrap_err().contains("did you mean `5s`?"));
    }
}

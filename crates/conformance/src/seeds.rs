//! The seeds of randomised tests: one to repeat, or as many as there is time for.

use std::fmt::Debug;
use std::str::FromStr;

/// Returns the seed to repeat (`LONGSHORE_SEED`), if there is one.
///
/// # Panics
///
/// Panics if it is not a number.
pub fn repeated() -> Option<u64> {
    number("LONGSHORE_SEED")
}

/// Returns the factor for the number of runs of a test: `LONGSHORE_LONG`, which `./test --long` sets. Defaults to 1.
///
/// # Panics
///
/// Panics if it is not a number.
pub fn times() -> usize {
    number("LONGSHORE_LONG").unwrap_or(1)
}

/// Returns the seeds of a test that usually does `usual` runs: [`times`] as many, or the one to repeat. Prints each
/// seed when it is taken: the output of a failed test then ends with a line that says how to repeat it.
///
/// # Panics
///
/// Panics if one of the variables is not a number.
pub fn seeds(usual: usize) -> impl Iterator<Item = u64> {
    let seeds = match repeated() {
        Some(seed) => vec![seed],
        None => (0..usual * times()).map(|_| fastrand::u64(..)).collect(),
    };
    seeds.into_iter().inspect(|seed| println!("LONGSHORE_SEED={seed}"))
}

fn number<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|e| panic!("{name}={text} is no number: {e:?}")))
}

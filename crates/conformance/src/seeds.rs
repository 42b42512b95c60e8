//! The seeds of tests that throw dice: one that is to be repeated, or as many as there is time for.

use std::fmt::Debug;
use std::str::FromStr;

/// Returns the seed that is to be repeated (`LONGSHORE_SEED`), where there is one.
///
/// # Panics
///
/// If it is no number.
pub fn repeated() -> Option<u64> {
    number("LONGSHORE_SEED")
}

/// Returns how many times as many runs as usual a test is to make: `LONGSHORE_LONG`, which `./test --long` sets. Defaults to 1.
///
/// # Panics
///
/// If it is no number.
pub fn times() -> usize {
    number("LONGSHORE_LONG").unwrap_or(1)
}

/// Returns the seeds of a test that usually makes so many runs: [`times`] as many, or the one to be repeated. Prints each when it is taken: what fails
/// is shown with its output, of which the last line says how to repeat it.
///
/// # Panics
///
/// If one of the variables is no number.
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

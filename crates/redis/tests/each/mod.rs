//! Turns the answers to a batch into one result.

use longshore_core::{Answers, Error};

pub trait All<T> {
    /// Returns the answers of all items, or the first error.
    fn all(self) -> Result<Vec<T>, Error>;
}

impl<T> All<T> for Answers<T> {
    fn all(self) -> Result<Vec<T>, Error> {
        self.into_iter().collect()
    }
}

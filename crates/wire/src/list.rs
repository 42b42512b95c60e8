//! Lists that are no longer than they may be, however long they are written: a small text can name a great many items.

use std::fmt;
use std::marker::PhantomData;

use longshore_core::limits;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

use crate::NewJob;
use crate::object::Object;

pub(crate) fn jobs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<NewJob>, D::Error> {
    let jobs = from.deserialize_seq(AtMost(limits::BATCH, PhantomData))?;
    Ok(jobs.into_iter().map(|Object(job)| job).collect())
}

pub(crate) fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    from.deserialize_seq(AtMost(limits::TAGS, PhantomData))
}

/// Reads a list of at most that many items, and not one more.
struct AtMost<T>(usize, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtMost<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} items", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            if items.len() == self.0 {
                return Err(A::Error::custom(format!("there are more than {}", self.0)));
            }
            items.push(item);
        }
        Ok(items)
    }
}

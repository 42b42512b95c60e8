//! Lists with a maximum length. Parsing stops at the limit, because a small text can contain very many items.

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

/// Parses a list and stops with an error when it has more items than this.
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
                return Err(A::Error::custom(format!("the list has more than {} items", self.0)));
            }
            items.push(item);
        }
        Ok(items)
    }
}

//! Whole numbers within bounds. Errors describe the expected number in words, not with names of Rust types.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;

use longshore_core::limits;
use serde::de::{DeserializeSeed, Deserializer, Error, Unexpected, Visitor};

use crate::schema::{AHEAD_MS, TIMEOUT_MS};

pub(crate) fn priority<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i16>, D::Error> {
    from.deserialize_option(OrNull(Whole { bounds: limits::PRIORITIES, unit: "" }))
}

pub(crate) fn attempts<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    from.deserialize_option(OrNull(Whole { bounds: 1..=limits::ATTEMPTS, unit: "" }))
}

pub(crate) fn timeout_ms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_option(OrNull(ms(1..=TIMEOUT_MS)))
}

/// Parses a duration that is within the maximum for future times.
pub(crate) fn ahead_ms<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    ms(0..=AHEAD_MS).deserialize(from)
}

/// Parses the same, or null.
pub(crate) fn ahead_ms_or_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_option(OrNull(ms(0..=AHEAD_MS)))
}

fn ms(bounds: RangeInclusive<u64>) -> Whole<u64> {
    Whole { bounds, unit: " of milliseconds" }
}

/// Parses a whole number within bounds.
struct Whole<T> {
    bounds: RangeInclusive<T>,
    unit: &'static str,
}

impl<T: Display> Display for Whole<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number{} from {} to {}", self.unit, self.bounds.start(), self.bounds.end())
    }
}

impl<'de, T: TryFrom<i128> + PartialOrd + Display> DeserializeSeed<'de> for Whole<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: TryFrom<i128> + PartialOrd + Display> Visitor<'de> for Whole<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt(f)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        let within = T::try_from(number.into()).ok().filter(|number| self.bounds.contains(number));
        within.ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        let within = T::try_from(number.into()).ok().filter(|number| self.bounds.contains(number));
        within.ok_or_else(|| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    /// Accepts `5.0`: in JSON Schema it is an integer, and some programs write every number with a fraction.
    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        if number.fract() == 0.0 && number.abs() <= EXACT {
            return self.visit_i64(number as i64);
        }
        Err(E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// The largest number up to which every whole number can be written as a floating point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Parses the same number, or null.
struct OrNull<T>(Whole<T>);

impl<'de, T: TryFrom<i128> + PartialOrd + Display> Visitor<'de> for OrNull<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize(from).map(Some)
    }
}

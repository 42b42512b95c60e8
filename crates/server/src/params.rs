//! What stands in the address of a request: the job that is meant, and the query.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::problem::{Code, Problem};

/// Longest time a request may wait for a job.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The job named in the path, by its own id or a foreign one; not looked up yet.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await;
        id.map(|Path(id)| Id(id)).map_err(|e| Problem::new(Code::InvalidQuery, e.body_text()))
    }
}

/// The query, as a struct that refuses parameters it does not know.
pub(crate) struct Params<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(query)| Params(query)).map_err(|e| Problem::new(Code::InvalidQuery, e.body_text()))
    }
}

/// Parses a parameter that may be missing; an error names it.
pub(crate) fn parse<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> Result<Option<T>, Problem> {
    text.map(str::parse).transpose().map_err(|e| Problem::field(Code::InvalidQuery, name, e))
}

/// Parses how long to wait: `500ms`, `30s`, `1m`, up to a minute.
pub(crate) fn wait(text: Option<&str>) -> Result<Duration, Problem> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    let wrong = || Problem::field(Code::InvalidQuery, "wait", format!("{text:?} is no time like 500ms, 30s or 1m"));
    let wait = text.parse::<jiff::SignedDuration>().map_err(|_| wrong())?;
    let wait = Duration::try_from(wait).map_err(|_| wrong())?;
    if wait > LONGEST_WAIT {
        let detail = format!("{text:?} is longer than {LONGEST_WAIT:?}; ask again when the time is over");
        return Err(Problem::field(Code::InvalidQuery, "wait", detail));
    }
    Ok(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_time_with_a_unit_up_to_a_minute() {
        let ms = |text| wait(Some(text)).unwrap().as_millis();
        assert_eq!(["0s", "500ms", "30s", "1m", "1.5s", "60s"].map(ms), [0, 500, 30_000, 60_000, 1_500, 60_000]);
        assert_eq!(wait(None).unwrap(), Duration::ZERO);
        for wrong in ["", "30", "-1s", "61s", "2m", "1h", "soon", "99999999999999999999s"] {
            assert!(wait(Some(wrong)).is_err(), "{wrong:?} must be refused");
        }
    }
}

//! The `Range` header of RFC 9110. One range of bytes is supported.

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// The part of a result that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole: the request has no range, or none that is supported.
    Whole,
    /// This range.
    Range(Range<u64>),
    /// Nothing: the range is outside the result.
    None,
}

/// Returns the requested part of a result with this `ETag` and size.
///
/// Another unit, several ranges and an invalid range are ignored, as RFC 9110 allows. With `If-Range` the range counts
/// only if the header matches the `ETag`: a client that has a part of another version gets the whole.
pub(crate) fn of(headers: &HeaderMap, etag: &[u8], size: u64) -> Part {
    let mut asked = headers.get_all(header::RANGE).iter();
    let (Some(range), None) = (asked.next(), asked.next()) else { return Part::Whole };
    if headers.get(header::IF_RANGE).is_some_and(|known| known.as_bytes() != etag) {
        return Part::Whole;
    }
    range.to_str().ok().and_then(|range| parse(range, size)).unwrap_or(Part::Whole)
}

fn parse(range: &str, size: u64) -> Option<Part> {
    let (unit, range) = range.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (first, last) {
        ("", last) => {
            let count = number(last)?;
            if size == 0 && count > 0 {
                return None; // the last bytes of an empty result are the whole
            }
            size.saturating_sub(count)..size
        }
        (first, "") => number(first)?..size,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..size.min(last.saturating_add(1))
        }
    };
    Some(if range.start < range.end { Part::Range(range) } else { Part::None })
}

/// Parses digits. A number above the maximum counts as the maximum.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn asked(range: &str, size: u64) -> Part {
        let headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_str(range).unwrap())]);
        of(&headers, b"\"x\"", size)
    }

    #[test]
    fn one_range_of_bytes_is_taken() {
        for (range, expected) in [
            ("bytes=0-0", 0..1),
            ("bytes=0-9", 0..10),
            ("bytes=0-", 0..10),
            ("bytes=9-9", 9..10),
            ("bytes=4-6", 4..7),
            ("bytes=9-100", 9..10),
            ("bytes=9-99999999999999999999999", 9..10),
            ("bytes=-1", 9..10),
            ("bytes=-10", 0..10),
            ("bytes=-11", 0..10),
            ("Bytes= 1-2 ", 1..3),
        ] {
            assert_eq!(asked(range, 10), Part::Range(expected), "{range}");
        }
    }

    #[test]
    fn a_range_outside_the_result_has_nothing() {
        for range in ["bytes=10-", "bytes=10-10", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(range, 10), Part::None, "{range}");
        }
        for range in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
            assert_eq!(asked(range, 0), Part::None, "{range}");
        }
    }

    #[test]
    fn an_unsupported_range_is_the_whole() {
        for range in [
            "bytes=0-1,3-4",
            "bytes=2-1",
            "bytes=",
            "bytes",
            "bytes=-",
            "lines=0-1",
            "bytes=a-b",
            "bytes=+1-2",
            "bytes=1--2",
        ] {
            assert_eq!(asked(range, 10), Part::Whole, "{range}");
        }
        assert_eq!(asked("bytes=-5", 0), Part::Whole);
        let mut headers = HeaderMap::new();
        for range in ["bytes=0-1", "bytes=2-3"] {
            headers.append(header::RANGE, HeaderValue::from_static(range));
        }
        assert_eq!(of(&headers, b"\"x\"", 10), Part::Whole);
        assert_eq!(of(&HeaderMap::new(), b"\"x\"", 10), Part::Whole);
    }

    #[test]
    fn if_range_must_name_these_bytes() {
        for (known, expected) in [("\"x\"", Part::Range(0..1)), ("W/\"x\"", Part::Whole), ("\"y\"", Part::Whole)] {
            let mut headers = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-0"))]);
            headers.insert(header::IF_RANGE, HeaderValue::from_static(known));
            assert_eq!(of(&headers, b"\"x\"", 10), expected, "{known}");
        }
        let date = HeaderValue::from_static("Sat, 29 Oct 1994 19:43:31 GMT");
        let headers = [(header::RANGE, HeaderValue::from_static("bytes=0-0")), (header::IF_RANGE, date)];
        assert_eq!(of(&HeaderMap::from_iter(headers), b"\"x\"", 10), Part::Whole);
    }
}

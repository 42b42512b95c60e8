//! From the wire's words to a pause.

use std::time::Duration;

use longshore_core::{NewPause as New, When, limits};

use super::push::wrong;
use super::{NewPause, WrongField};

impl NewPause {
    /// Makes a pause of it.
    ///
    /// # Errors
    ///
    /// Names the first field that is wrong.
    ///
    /// # Examples
    ///
    /// ```
    /// let pause: longshore_server::wire::NewPause = serde_json::from_str(r#"{"until":"soon"}"#).unwrap();
    /// assert_eq!(pause.into_new().unwrap_err().field, "until");
    /// ```
    pub fn into_new(self) -> Result<New, WrongField> {
        let label = |field, text: Option<String>| text.map(|text| text.parse()).transpose().map_err(wrong(field));
        let until = match (self.until, self.for_ms.map(Duration::from_millis)) {
            (Some(_), Some(_)) => return Err(wrong::<&str>("until")("not together with `for_ms`")),
            (Some(until), None) => Some(When::At(until.parse().map_err(wrong("until"))?)),
            (None, Some(period)) if period > limits::AHEAD => {
                return Err(wrong::<&str>("for_ms")("more than five years"));
            }
            (None, period) => period.map(When::In),
        };
        Ok(New { until, reason: label("reason", self.reason)?, by: label("by", self.by)? })
    }
}

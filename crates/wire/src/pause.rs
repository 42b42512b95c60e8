//! The pause of a queue.

use std::fmt;
use std::time::Duration;

use longshore_core::{self as core, Label, Timestamp, When, limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{WrongField, number, schema, text};

/// A queue's pause: running jobs continue, and no other job starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pause {
    /// When the pause began.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub since: Timestamp,
    /// When the pause ends by itself. If null, it lasts until the queue is resumed.
    #[serde(with = "text::option")]
    #[schemars(with = "Option<schema::Time>")]
    pub until: Option<Timestamp>,
    /// The reason.
    pub reason: Option<String>,
    /// The person or program that paused the queue.
    pub by: Option<String>,
}

/// The body of `POST /v1/queues/{queue}/pause`. Without `until` and `for_ms` the pause lasts until the queue is
/// resumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = schema::either(&[("for_ms", "integer", "until", "string")])))]
pub struct NewPause {
    /// When the pause ends. Cannot be combined with `for_ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// How long the pause lasts. Cannot be combined with `until`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "number::ahead_ms_or_null")]
    #[schemars(range(min = 1, max = schema::AHEAD_MS))]
    pub for_ms: Option<u64>,
    /// The reason, shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub reason: Option<String>,
    /// The person or program that pauses the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = limits::LABEL_BYTES), extend("pattern" = schema::LABEL))]
    pub by: Option<String>,
}

impl NewPause {
    /// Converts this to core's type.
    ///
    /// # Errors
    ///
    /// The error names the first invalid field.
    ///
    /// # Examples
    ///
    /// ```
    /// let pause: longshore_wire::NewPause = serde_json::from_str(r#"{"until":"soon"}"#).unwrap();
    /// assert_eq!(pause.into_new().unwrap_err().field, "until");
    /// ```
    pub fn into_new(self) -> Result<core::NewPause, WrongField> {
        let label =
            |field, text: Option<String>| text.map(|text| text.parse()).transpose().map_err(WrongField::of(field));
        let until = match (self.until, self.for_ms.map(Duration::from_millis)) {
            (Some(_), Some(_)) => return Err(WrongField::new("until", "cannot be combined with `for_ms`")),
            (Some(until), None) => Some(When::At(until.parse().map_err(WrongField::of("until"))?)),
            (None, Some(period)) if period > limits::AHEAD => {
                return Err(WrongField::new("for_ms", "must be at most five years"));
            }
            (None, period) => period.map(When::In),
        };
        Ok(core::NewPause { until, reason: label("reason", self.reason)?, by: label("by", self.by)? })
    }
}

impl fmt::Display for Pause {
    /// Writes until when, by whom and why the queue is paused: `until it is resumed, by ada: the mail host is down`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.until {
            Some(until) => write!(f, "until {until}")?,
            None => f.write_str("until it is resumed")?,
        }
        if let Some(by) = &self.by {
            write!(f, ", by {by}")?;
        }
        if let Some(reason) = &self.reason {
            write!(f, ": {reason}")?;
        }
        Ok(())
    }
}

impl From<core::Pause> for Pause {
    fn from(pause: core::Pause) -> Self {
        let text = |label: Option<Label>| label.map(|label| label.to_string());
        Pause { since: pause.since, until: pause.until, reason: text(pause.reason), by: text(pause.by) }
    }
}

//! Schemas of core's types for the OpenAPI document. Core itself knows no wire format.

use schemars::{JsonSchema, SchemaGenerator};

/// The pattern of a queue name and of a kind.
pub const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
/// The pattern of a key, an alias and a tag: no control characters.
pub const LABEL: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// The maximum time into the future.
pub(crate) const AHEAD_MS: u64 = longshore_core::limits::AHEAD.as_millis() as u64;
/// The maximum time-out.
pub(crate) const TIMEOUT_MS: u64 = longshore_core::limits::TIMEOUT.as_millis() as u64;

/// Returns the schema of objects that contain both fields of one of the pairs, neither of them null.
pub(crate) fn either(pairs: &[(&str, &str, &str, &str)]) -> serde_json::Value {
    let both = |(one, its_type, other, others_type): &(&str, &str, &str, &str)| {
        serde_json::json!({
            "required": [one, other],
            "properties": { *one: { "type": its_type }, *other: { "type": others_type } },
        })
    };
    match pairs {
        [pair] => both(pair),
        pairs => serde_json::json!({ "anyOf": pairs.iter().map(both).collect::<Vec<_>>() }),
    }
}

/// Returns the schema of a job's state.
pub fn state(schemas: &mut SchemaGenerator) -> serde_json::Value {
    schemas.subschema_for::<State>().to_value()
}

/// A job's id: a UUID that begins with the time of its creation.
#[derive(JsonSchema)]
#[schemars(rename = "JobId")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Id(#[schemars(extend("format" = "uuid"))] String);

/// A time in RFC 3339 format.
#[derive(JsonSchema)]
#[schemars(rename = "Timestamp")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Time(#[schemars(extend("format" = "date-time"))] String);

/// A short text without control characters.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Label(#[schemars(length(min = 1, max = 200), extend("pattern" = LABEL))] String);

/// The state of a job.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) enum State {
    Scheduled,
    Ready,
    Running,
    Succeeded,
    Dead,
    Cancelled,
}

/// The progress of a running job.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct Progress {
    /// The number of finished steps.
    done: u64,
    /// The total number of steps. Null if unknown.
    total: Option<u64>,
    /// A short message for people.
    message: String,
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_state_is_there() {
        let schema = schemars::schema_for!(super::State);
        let states = longshore_core::State::ALL.map(|state| state.to_string());
        assert_eq!(schema.get("enum"), Some(&serde_json::json!(states)));
    }
}

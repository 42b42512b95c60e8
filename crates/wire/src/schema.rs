//! How values of core, which knows no wire format, look in the OpenAPI document.

use schemars::{JsonSchema, SchemaGenerator};

/// What a queue name or a kind looks like.
pub const NAME: &str = "^[A-Za-z0-9][A-Za-z0-9_.-]*$";
/// What a key, an alias or a tag looks like: no control characters.
pub const LABEL: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";
/// Farthest ahead that anything may be.
pub(crate) const AHEAD_MS: u64 = longshore_core::limits::AHEAD.as_millis() as u64;
/// Longest time-out.
pub(crate) const TIMEOUT_MS: u64 = longshore_core::limits::TIMEOUT.as_millis() as u64;

/// Describes objects that have both fields of one of the pairs, neither of them null.
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

/// Describes the state of a job, for a document that is being made.
pub fn state(schemas: &mut SchemaGenerator) -> serde_json::Value {
    schemas.subschema_for::<State>().to_value()
}

/// A job's id: a UUID that begins with the time of its push.
#[derive(JsonSchema)]
#[schemars(rename = "JobId")]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Id(#[schemars(extend("format" = "uuid"))] String);

/// A time, as RFC 3339 has it.
#[derive(JsonSchema)]
#[schemars(rename = "Timestamp")]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Time(#[schemars(extend("format" = "date-time"))] String);

/// A short text without control characters.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Label(#[schemars(length(min = 1, max = 200), extend("pattern" = LABEL))] String);

/// Where a job is in its life.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum State {
    Scheduled,
    Ready,
    Running,
    Succeeded,
    Dead,
    Cancelled,
}

/// How far a running job has come.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct Progress {
    /// Steps done.
    done: u64,
    /// Steps in all; null where that is not known.
    total: Option<u64>,
    /// A few words for people.
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

//! The OpenAPI description of one operation. Each stands beside its handler.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::answer::Answer;
use super::parameter::Parameter;
use crate::problem::Code;

/// Returns a schema. Named types are registered in the generator.
pub(crate) type Schema = fn(&mut SchemaGenerator) -> Value;

/// One method of a path.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The operation's name in generated clients.
    pub(crate) id: &'static str,
    pub(crate) summary: &'static str,
    /// Whether the operation needs no token.
    pub(crate) public: bool,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) takes: Takes,
    pub(crate) answers: &'static [Answer],
    /// The operation's own errors, in groups; see `errors`.
    pub(crate) errors: &'static [&'static [Code]],
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(crate) enum Takes {
    None,
    Json(Schema),
    JsonOrNone(Schema),
    /// JSON or a form.
    Either(Schema),
}

impl Takes {
    /// An object without fields, or no body, for routes that need none.
    pub(crate) const NOTHING: Takes = Takes::JsonOrNone(|_| json!({ "type": "object", "additionalProperties": false }));
}

/// Returns the schema of a type.
pub(crate) fn of<T: schemars::JsonSchema>(schemas: &mut SchemaGenerator) -> Value {
    schemas.subschema_for::<T>().to_value()
}

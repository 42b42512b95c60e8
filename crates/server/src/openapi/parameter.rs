//! A parameter of a request, and those that several operations share.

use longshore_wire::schema;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::operation::Schema;

/// A parameter in a request's path, query or headers.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) description: &'static str,
    pub(crate) schema: Schema,
    pub(crate) example: &'static str,
}

/// The place of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// The job, in the path.
pub(crate) const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    required: true,
    description: "The job's id or its alias.",
    schema: |_| json!({ "type": "string", "minLength": 1 }),
    example: "my-own-id",
};

/// The requested range of a result.
pub(crate) const RANGE: Parameter = Parameter {
    name: "Range",
    place: Place::Header,
    required: false,
    description: "One range of bytes. A header with several ranges or an invalid range is ignored.",
    schema: |_| json!({ "type": "string" }),
    example: "bytes=0-1023",
};

/// The version of the result that the client has a part of.
pub(crate) const IF_RANGE: Parameter = Parameter {
    name: "If-Range",
    place: Place::Header,
    required: false,
    description: "The `ETag` of the version that the client has a part of. If the version differs, the whole result is answered.",
    schema: |_| json!({ "type": "string" }),
    example: "",
};

/// Returns the schema of a queue name or a kind.
pub(crate) fn name_schema(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": schema::NAME, "maxLength": longshore_core::limits::NAME_BYTES })
}

impl Parameter {
    /// Returns an optional query parameter.
    pub(crate) const fn query(name: &'static str, description: &'static str, schema: Schema) -> Parameter {
        Parameter { name, place: Place::Query, required: false, description, schema, example: "" }
    }

    pub(crate) fn write(&self, schemas: &mut SchemaGenerator) -> Value {
        let place = match self.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
        };
        let mut written = json!({
            "name": self.name,
            "in": place,
            "required": self.required,
            "description": self.description,
            "schema": (self.schema)(schemas),
        });
        if !self.example.is_empty() {
            written["example"] = self.example.into();
        }
        written
    }
}

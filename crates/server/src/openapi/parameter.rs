//! A part of a request's address or head, and those that several operations have.

use longshore_wire::schema;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

use super::operation::Schema;

/// A part of a request's address or head.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) place: Place,
    pub(crate) required: bool,
    pub(crate) says: &'static str,
    pub(crate) schema: Schema,
    pub(crate) example: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Path,
    Query,
    Header,
}

/// The job that a path names.
pub(crate) const ID: Parameter = Parameter {
    name: "id",
    place: Place::Path,
    required: true,
    says: "The job's own id, or its alias.",
    schema: |_| json!({ "type": "string", "minLength": 1 }),
    example: "my-own-id",
};

/// The bytes that a request wants of a result.
pub(crate) const RANGE: Parameter = Parameter {
    name: "Range",
    place: Place::Header,
    required: false,
    says: "One range of bytes. Several, or what makes no sense, count as if they were not there.",
    schema: |_| json!({ "type": "string" }),
    example: "bytes=0-1023",
};

/// The bytes that the caller of [`RANGE`] has a part of.
pub(crate) const IF_RANGE: Parameter = Parameter {
    name: "If-Range",
    place: Place::Header,
    required: false,
    says: "The `ETag` of the bytes of which the caller has a part; the whole is answered where these are others.",
    schema: |_| json!({ "type": "string" }),
    example: "",
};

/// The schema of a queue's name, or a kind's.
pub(crate) fn name_schema(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "string", "pattern": schema::NAME, "maxLength": longshore_core::limits::NAME_BYTES })
}

impl Parameter {
    /// A parameter of the query that may be left out.
    pub(crate) const fn query(name: &'static str, says: &'static str, schema: Schema) -> Parameter {
        Parameter { name, place: Place::Query, required: false, says, schema, example: "" }
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
            "description": self.says,
            "schema": (self.schema)(schemas),
        });
        if !self.example.is_empty() {
            written["example"] = self.example.into();
        }
        written
    }
}

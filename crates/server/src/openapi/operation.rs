//! What the document says of one operation.

use schemars::SchemaGenerator;
use serde_json::{Value, json};

use crate::problem::Code;

/// Makes a schema; types that have a name of their own are noted in the generator.
pub(super) type Schema = fn(&mut SchemaGenerator) -> Value;

/// A method of a path.
pub(super) struct Operation {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Its name in generated clients.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Whether it needs no token.
    pub(super) open: bool,
    pub(super) parameters: &'static [Parameter],
    pub(super) takes: Body,
    pub(super) answers: &'static [Answer],
    /// The problems that are its own, in groups.
    pub(super) fails: &'static [&'static [Code]],
}

/// A part of a request's address or head.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) required: bool,
    pub(super) says: &'static str,
    pub(super) schema: Schema,
    pub(super) example: &'static str,
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Query,
    Header,
}

/// What a request carries.
#[derive(Clone, Copy)]
pub(super) enum Body {
    None,
    Json(Schema),
    JsonOrNone(Schema),
    /// JSON or a form.
    Either(Schema),
}

/// One answer that is no error.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) says: &'static str,
    pub(super) content: Content,
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub(super) enum Content {
    None,
    Json(Schema),
    Text(&'static str),
    Bytes(&'static str),
}

impl Parameter {
    pub(super) fn write(&self, schemas: &mut SchemaGenerator) -> Value {
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

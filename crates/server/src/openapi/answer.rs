//! An answer that is not an error.

use super::operation::Schema;

/// An answer that is not an error.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) content: Content,
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// The content of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    None,
    Json(Schema),
    Text(&'static str),
    Bytes(&'static str),
}

impl Answer {
    /// Returns an answer in JSON.
    pub(crate) const fn json(status: u16, description: &'static str, schema: Schema) -> Answer {
        Answer { status, description, content: Content::Json(schema), headers: &[] }
    }

    /// Returns an answer without a body.
    pub(crate) const fn empty(status: u16, description: &'static str) -> Answer {
        Answer { status, description, content: Content::None, headers: &[] }
    }

    /// Returns the answer to a `Range` request.
    pub(crate) const fn part(media: &'static str) -> Answer {
        let headers: &[_] = &[
            ("ETag", "Identifies the version of the whole result."),
            ("Content-Range", "The range of these bytes, and the total size."),
        ];
        Answer { status: 206, description: "The requested range.", content: Content::Bytes(media), headers }
    }

    /// Returns the same answer with these headers.
    pub(crate) const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Answer {
        Answer { headers, ..self }
    }
}

//! An answer that is no error.

use super::operation::Schema;

/// One answer that is no error.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) says: &'static str,
    pub(crate) content: Content,
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

/// What an answer carries.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    None,
    Json(Schema),
    Text(&'static str),
    Bytes(&'static str),
}

impl Answer {
    /// An answer in JSON.
    pub(crate) const fn json(status: u16, says: &'static str, schema: Schema) -> Answer {
        Answer { status, says, content: Content::Json(schema), headers: &[] }
    }

    /// An answer without a body.
    pub(crate) const fn empty(status: u16, says: &'static str) -> Answer {
        Answer { status, says, content: Content::None, headers: &[] }
    }

    /// The answer to `Range`.
    pub(crate) const fn part(media: &'static str) -> Answer {
        let headers: &[_] = &[
            ("ETag", "Names the bytes that these are a part of."),
            ("Content-Range", "Which of them these are, and how many there are."),
        ];
        Answer { status: 206, says: "The range that was asked for.", content: Content::Bytes(media), headers }
    }

    /// The same answer, with headers that it has besides.
    pub(crate) const fn with(self, headers: &'static [(&'static str, &'static str)]) -> Answer {
        Answer { headers, ..self }
    }
}

//! An error on its way to a client: a problem of the wire, with the headers that go with it.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Effect, Error, ErrorKind, JobId, State};
use longshore_wire::{self as wire, WrongField, json};

pub(crate) use longshore_wire::Code;

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    retry_after: Option<u32>,
    body: Box<wire::Problem>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem { code, retry_after: None, body: Box::new(wire::Problem::new(code, detail)) }
    }

    /// A field of a job, a parameter or a header that is not right.
    pub(crate) fn field(code: Code, field: &str, why: impl std::fmt::Display) -> Self {
        Problem::wrong(code, &WrongField::new(field, why))
    }

    /// The same, as the wire says it.
    pub(crate) fn wrong(code: Code, wrong: &WrongField) -> Self {
        Problem { code, retry_after: None, body: Box::new(wire::Problem::of_field(code, wrong)) }
    }

    pub(crate) fn unknown_job(id: &str) -> Self {
        Problem::new(Code::UnknownJob, format!("nobody knows job {id:?}, or not any more"))
    }

    pub(crate) fn draining() -> Self {
        Problem::new(Code::Draining, "the server is about to end; another may take its place").retry_after(1)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body).expect("strings and numbers can be written")
    }

    pub(crate) fn into_wire(self) -> wire::Problem {
        *self.body
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Asks to come back after about that long, but not all at the same time.
    pub(crate) fn retry_after_about(self, seconds: u32) -> Self {
        self.retry_after(fastrand::u32(seconds..=seconds * 3))
    }

    pub(crate) fn state(mut self, state: State) -> Self {
        self.body.state = Some(state);
        self
    }

    pub(crate) fn other(mut self, other: JobId) -> Self {
        self.body.other = Some(other);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json();
        let media = match self.code {
            Code::NotReady => "application/json",
            _ => wire::Problem::MEDIA_TYPE,
        };
        let status = StatusCode::from_u16(self.code.status()).expect("every code has a status");
        let mut response = (status, [(header::CONTENT_TYPE, media)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<WrongField> for Problem {
    /// A field of the body is not right.
    fn from(wrong: WrongField) -> Self {
        Problem::wrong(Code::InvalidJob, &wrong)
    }
}

impl From<json::Error> for Problem {
    fn from(error: json::Error) -> Self {
        match error {
            json::Error::Syntax(why) => Problem::new(Code::InvalidJson, why),
            json::Error::Shape(why) => Problem::new(Code::InvalidJob, why),
            json::Error::Field(wrong) => wrong.into(),
        }
    }
}

impl From<Error> for Problem {
    /// Says what the caller needs and keeps the rest for the log: a store's words may name paths and addresses.
    fn from(error: Error) -> Self {
        let detail = |sentence: &str| match error.effect() {
            Effect::NotDone => format!("{sentence}; nothing was changed"),
            Effect::PerhapsDone => format!("{sentence}; what was asked for may have happened all the same"),
        };
        let problem = match error.kind() {
            ErrorKind::Invalid => return Problem::new(Code::InvalidJob, error.to_string()),
            ErrorKind::Unavailable => {
                Problem::new(Code::Unavailable, detail("the store did not answer")).retry_after(5)
            }
            ErrorKind::Full => Problem::new(Code::StoreFull, detail("the store has no room left")).retry_after(60),
            _ => Problem::new(Code::StoreRefused, detail("the store refuses to work; see the server's log")),
        };
        tracing::warn!(%error, code = problem.code.as_str(), "the store failed a request");
        problem
    }
}

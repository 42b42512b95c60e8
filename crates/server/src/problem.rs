//! An error as an HTTP answer: a problem of the wire crate and its headers.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Effect, Error, ErrorKind, JobId, State};
use longshore_wire::{self as wire, WrongField, json};

use crate::{finish, http};

pub(crate) use longshore_wire::Code;

/// An error as an HTTP answer.
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

    /// Creates a problem about an invalid field, parameter or header.
    pub(crate) fn field(code: Code, field: &str, why: impl std::fmt::Display) -> Self {
        Problem::wrong(code, &WrongField::new(field, why))
    }

    /// Creates the same from an error of the wire crate.
    pub(crate) fn wrong(code: Code, wrong: &WrongField) -> Self {
        Problem { code, retry_after: None, body: Box::new(wire::Problem::of_field(code, wrong)) }
    }

    pub(crate) fn unknown_job(id: &str) -> Self {
        Problem::new(
            Code::UnknownJob,
            format!("job {:?} not found; it may have been deleted after its retention period", wire::shown(id)),
        )
    }

    pub(crate) fn draining() -> Self {
        Problem::new(Code::Draining, "the server is shutting down").retry_after_about(1)
    }

    #[cfg(test)]
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.body).expect("strings and numbers can be serialized")
    }

    /// Returns the problem as an answer in bytes, after which the connection is closed.
    pub(crate) fn to_http(&self) -> Vec<u8> {
        let (status, mut headers, body) = (self.status(), HeaderMap::new(), self.to_json());
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wire::Problem::MEDIA_TYPE));
        headers.insert(header::CONTENT_LENGTH, body.len().into());
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        finish::add_defaults(&mut headers);
        http::answer(status, &headers, &body)
    }

    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).expect("every code has a status")
    }

    pub(crate) fn into_wire(self) -> wire::Problem {
        *self.body
    }

    /// Sets `Retry-After` to a time after which the request is accepted again.
    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Sets `Retry-After` to a random time from this to three times as long, so that clients do not return all at the
    /// same time.
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
        let mut response = (self.status(), [(header::CONTENT_TYPE, media)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<WrongField> for Problem {
    /// Converts an error about a field of the body.
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
    /// Contains what the caller needs. The store's own message goes only to the log, because it may contain paths and
    /// addresses.
    fn from(error: Error) -> Self {
        let detail = |sentence: &str| match error.effect() {
            Effect::NotDone => format!("{sentence}; nothing was changed"),
            Effect::PerhapsDone => format!("{sentence}; the change may have been made nevertheless"),
        };
        let problem = match error.kind() {
            ErrorKind::Invalid => return Problem::new(Code::InvalidJob, error.to_string()),
            ErrorKind::Unavailable => {
                Problem::new(Code::Unavailable, detail("the store did not answer")).retry_after_about(5)
            }
            ErrorKind::Full => {
                Problem::new(Code::StoreFull, detail("the store has no room left")).retry_after_about(30)
            }
            _ => Problem::new(
                Code::StoreRefused,
                detail("the store refused the request; the server's log contains more details"),
            ),
        };
        tracing::warn!(%error, code = problem.code.as_str(), "the store could not serve a request");
        problem
    }
}

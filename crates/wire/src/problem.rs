//! All errors of the HTTP API, as RFC 9457 JSON: a stable code for programs and a text for people.

use longshore_core::{JobId, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wrong_field::cut;
use crate::{WrongField, schema, text};

/// The longest detail, in characters. Details with a text from the request are cut before; this is the last resort.
const DETAIL: usize = 2_000;

/// An error in the format of RFC 9457, with a code for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A URI for the code.
    pub r#type: String,
    /// A short title. It is always the same for a code.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The error code, such as `unknown_job`; docs/errors.md lists all codes.
    pub code: String,
    /// What went wrong in this request.
    pub detail: String,
    /// The invalid field, parameter or header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The state of the job.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::State>")]
    pub state: Option<State>,
    /// The other job that caused the conflict.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Id>")]
    pub other: Option<JobId>,
}

impl Problem {
    /// The media type of an error.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// Creates a problem from a code and a description of this error.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_wire::{Code, Problem, WrongField};
    ///
    /// let problem = Problem::new(Code::InvalidJob, "there is no such thing");
    /// assert_eq!((problem.status, problem.r#type.as_str()), (422, "urn:longshore:error:invalid_job"));
    ///
    /// let problem = Problem::of_field(Code::InvalidJob, &WrongField::new("priority", "500 is too much"));
    /// assert_eq!(problem.field.as_deref(), Some("priority"));
    /// ```
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Problem {
            r#type: format!("urn:longshore:error:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status(),
            code: code.as_str().to_owned(),
            detail: cut(&detail.into(), DETAIL).into_owned(),
            field: None,
            state: None,
            other: None,
        }
    }

    /// Creates a problem about an invalid field, parameter or header.
    pub fn of_field(code: Code, wrong: &WrongField) -> Self {
        Problem { field: Some(wrong.field.clone()), ..Problem::new(code, wrong.to_string()) }
    }
}

/// Declares each code once: name, status and title. The doc comment is also the meaning that the reference shows.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident $code:literal $status:literal $title:literal;)+) => {
        /// The code of an error, stable for programs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        /// All codes, for the reference.
        pub const CODES: &[Code] = &[$(Code::$name),+];

        impl Code {
            /// Returns the code as the API sends it: `unknown_job`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            /// Returns the HTTP status of the code.
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)+ }
            }

            /// Returns the title, which is always the same for a code.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)+ }
            }

            /// Returns what the code means and what to do about it, in one or two sentences.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The body is not JSON. `detail` contains the line and the column.
    InvalidJson "invalid_json" 400 "The body is not JSON";
    /// A field of the body is missing, unknown or out of bounds. `field` names it.
    InvalidJob "invalid_job" 422 "A field is not valid";
    /// A query parameter, or a part of the path, is unknown or out of bounds. `detail` names it.
    InvalidQuery "invalid_query" 400 "The query is not valid";
    /// A header of the request does not follow its standard, or the route does not support it. `field` names it.
    InvalidHeader "invalid_header" 400 "A header is not valid";
    /// The request is not valid HTTP: its first line, a header or `Host` does not follow the standard. The connection
    /// is closed if the next request cannot be found.
    InvalidRequest "invalid_request" 400 "The request is not valid HTTP";
    /// The head of the request, which is the first line and the headers, is too large.
    HeadTooLarge "head_too_large" 431 "The head of the request is too large";
    /// The request has a `Transfer-Encoding` other than `chunked`.
    UnsupportedTransferEncoding "unsupported_transfer_encoding" 501 "The transfer encoding is not supported";
    /// The server requires a token. Send it as `Authorization: Bearer …`, or as the password of HTTP Basic.
    Unauthorized "unauthorized" 401 "A token is required";
    /// A server without a token accepts only loopback names in `Host`. This protects it from web pages that point their
    /// own domain name at it.
    ForbiddenHost "forbidden_host" 403 "The host name is not allowed";
    /// A browser sent the request on behalf of another site.
    ForbiddenOrigin "forbidden_origin" 403 "Requests from other sites are not allowed";
    /// The path does not exist.
    NotFound "not_found" 404 "Not found";
    /// The job does not exist; it may have been deleted after its retention period.
    UnknownJob "unknown_job" 404 "The job was not found";
    /// The route does not support this method. `Allow` lists the supported methods.
    MethodNotAllowed "method_not_allowed" 405 "The method is not allowed";
    /// The body took too long to arrive. Nothing was done.
    BodyTimeout "body_timeout" 408 "The body took too long";
    /// The action is not possible in the job's state, which is in `state`.
    WrongState "wrong_state" 409 "The job's state does not allow this action";
    /// Another job, named in `other`, now holds the unique key. Wait for that job or cancel it.
    UniqueConflict "unique_conflict" 409 "Another job holds the unique key";
    /// A newer version of longshore set rules on this queue. Change them with that version. Until then, workers of this
    /// version do not receive the queue's jobs.
    UnknownRule "unknown_rule" 409 "The queue has rules of a newer version";
    /// The idempotency key was used with a different request, which created the job in `other`. Use a new key.
    IdempotencyConflict "idempotency_conflict" 422 "The idempotency key was used before";
    /// The job failed permanently and has no result. `detail` contains the reason.
    JobDead "job_dead" 409 "The job is dead";
    /// The job was cancelled and has no result.
    JobCancelled "job_cancelled" 409 "The job was cancelled";
    /// Not an error: the job is not finished yet. Ask again after `Retry-After`, or use `wait` or the event stream.
    NotReady "not_ready" 202 "The job is not finished";
    /// The job succeeded, but its result was deleted.
    ResultGone "result_gone" 410 "The result is gone";
    /// The body is larger than the server allows.
    BodyTooLarge "body_too_large" 413 "The body is too large";
    /// The route does not accept this media type, or the body is compressed. Most routes accept `application/json`
    /// without a `Content-Encoding`.
    UnsupportedMediaType "unsupported_media_type" 415 "The media type is not supported";
    /// The range of the `Range` header is outside the result. `Content-Range` contains the result's size.
    RangeNotSatisfiable "range_not_satisfiable" 416 "The range is outside the result";
    /// This address sent too many wrong tokens. The server accepts its requests again after `Retry-After`.
    TooManyWrongTokens "too_many_wrong_tokens" 429 "Too many wrong tokens";
    /// This caller has the maximum number of event streams open. Close one, or use `wait` instead.
    TooManyOfYourStreams "too_many_of_your_streams" 429 "You have too many event streams open";
    /// The queue holds the maximum number of waiting jobs. No job was accepted. Try again after `Retry-After`.
    QueueFull "queue_full" 429 "The queue is full";
    /// The server has a bug. Its log contains more details.
    Internal "internal" 500 "Internal error";
    /// The store has settings that longshore refuses to work with, or contains invalid data. The server's log contains
    /// more details.
    StoreRefused "store_refused" 500 "The store refused the request";
    /// The store is unreachable or too busy. Try again after `Retry-After`.
    Unavailable "unavailable" 503 "The store is unavailable";
    /// The server has the maximum number of event streams open. Use `wait` instead, or try again after `Retry-After`.
    TooManyStreams "too_many_streams" 503 "Too many event streams are open";
    /// The maximum number of requests is waiting for jobs. Send the request without `wait`, or try again after
    /// `Retry-After`.
    TooManyWaits "too_many_waits" 503 "Too many requests are waiting";
    /// The server is sending the maximum number of large results. Try again after `Retry-After`.
    TooManyResults "too_many_results" 503 "Too many large results are being sent";
    /// The server is sending the maximum number of large results to this caller. Try again after one of them is
    /// complete.
    TooManyOfYourResults "too_many_of_your_results" 429 "Too many large results are being sent to you";
    /// The server cannot accept more jobs or large bodies, or hold more answers in memory, at the moment. Nothing was
    /// done. Try again after `Retry-After`.
    TooBusy "too_busy" 503 "The server is too busy";
    /// The server has the maximum number of connections open, in total or from this caller. Only health checks are
    /// answered. Try again after `Retry-After`.
    TooManyConnections "too_many_connections" 503 "Too many connections are open";
    /// The server is shutting down. Try again after `Retry-After`; another server may then answer.
    Draining "draining" 503 "The server is shutting down";
    /// The store has no space left. No job was accepted.
    StoreFull "store_full" 507 "The store is full";
}

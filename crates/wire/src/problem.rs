//! Every error a server answers, as RFC 9457 JSON: a stable code for programs, a sentence for people.

use longshore_core::{JobId, State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{WrongField, schema, text};

/// An error, as RFC 9457 has it, with a code for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// A URI that names the code.
    pub r#type: String,
    /// The same few words each time.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// One of [`CODES`].
    pub code: String,
    /// What went wrong this time.
    pub detail: String,
    /// The field that is not right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The state the job is in.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::State>")]
    pub state: Option<State>,
    /// The job that is in the way.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Id>")]
    pub other: Option<JobId>,
}

impl Problem {
    /// The media type of an error.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// Makes a problem of a code and what went wrong this time.
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
            detail: detail.into(),
            field: None,
            state: None,
            other: None,
        }
    }

    /// Makes a problem of a field of a job, a parameter or a header that is not right.
    pub fn of_field(code: Code, wrong: &WrongField) -> Self {
        Problem { field: Some(wrong.field.clone()), ..Problem::new(code, wrong.to_string()) }
    }
}

/// Declares the codes once: name, status and title, with the doc sentence as the meaning shown in the reference.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident $code:literal $status:literal $title:literal;)+) => {
        /// What went wrong, as a word that programs can rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $meaning])+ $name,)+
        }

        /// All codes, for the reference.
        pub const CODES: &[Code] = &[$(Code::$name),+];

        impl Code {
            /// Returns the code as it is in answers: `unknown_job`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            /// Returns the HTTP status it comes with.
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)+ }
            }

            /// Returns the title: the same few words each time.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)+ }
            }

            /// Returns what it means and what to do, in a sentence or two.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => concat!($($meaning),+).trim_ascii(),)+ }
            }
        }
    };
}

codes! {
    /// The body is no JSON; `detail` names the line and the column.
    InvalidJson "invalid_json" 400 "The body is no JSON";
    /// A field of the body is missing, unknown or out of bounds; `field` names it.
    InvalidJob "invalid_job" 422 "A field is not valid";
    /// A parameter behind the `?`, or a part of the path, is unknown or out of bounds; `detail` names it.
    InvalidQuery "invalid_query" 400 "The query is not valid";
    /// A header of the request is not as its standard has it, or does not belong to the route; `field` names it.
    InvalidHeader "invalid_header" 400 "A header is not valid";
    /// The server wants a token: send it as `Authorization: Bearer …`, or as the password of HTTP Basic.
    Unauthorized "unauthorized" 401 "A token is needed";
    /// A server without a token answers only to loopback names in `Host`, so that no web page can reach it by a name of its own.
    ForbiddenHost "forbidden_host" 403 "The host name is not allowed";
    /// A browser sent the request on behalf of another site.
    ForbiddenOrigin "forbidden_origin" 403 "Requests from other sites are not allowed";
    /// There is no such page or route.
    NotFound "not_found" 404 "There is nothing here";
    /// Nobody knows the job, or not any more: finished jobs are kept for a while only.
    UnknownJob "unknown_job" 404 "Nobody knows the job";
    /// The route exists, but not for this method; `Allow` lists those it has.
    MethodNotAllowed "method_not_allowed" 405 "The method is not allowed";
    /// The body took too long to arrive; nothing was done.
    BodyTimeout "body_timeout" 408 "The body took too long";
    /// The job is in a state, named in `state`, in which that cannot be done.
    WrongState "wrong_state" 409 "The job's state does not allow that";
    /// Another job, named in `other`, holds the unique key by now; wait for it or cancel it.
    UniqueConflict "unique_conflict" 409 "Another job holds the unique key";
    /// The queue has rules of a newer version: change them with that version. Its jobs are held back from this one meanwhile.
    UnknownRule "unknown_rule" 409 "The queue has rules of a newer version";
    /// The idempotency key was used with another request, which made the job named in `other`; use a fresh key.
    IdempotencyConflict "idempotency_conflict" 422 "The idempotency key was used before";
    /// The job failed for good and has no result; `detail` says why.
    JobDead "job_dead" 409 "The job is dead";
    /// The job was called off and has no result.
    JobCancelled "job_cancelled" 409 "The job was cancelled";
    /// No error: the job is not finished yet; ask again after `Retry-After`, or use `wait` or the event stream.
    NotReady "not_ready" 202 "The job is not finished";
    /// The job succeeded and is still known, but its result was deleted.
    ResultGone "result_gone" 410 "The result is gone";
    /// The body has more bytes than a request may have.
    BodyTooLarge "body_too_large" 413 "The body is too large";
    /// The body is of another media type than the route takes, mostly `application/json`.
    UnsupportedMediaType "unsupported_media_type" 415 "The media type is not supported";
    /// The result has no bytes in the range that was asked for (`Range`); `Content-Range` says how many it has.
    RangeNotSatisfiable "range_not_satisfiable" 416 "The range lies behind the end";
    /// Too many wrong tokens came from this address; it is heard again after `Retry-After`.
    TooManyWrongTokens "too_many_wrong_tokens" 429 "Too many wrong tokens";
    /// As many event streams are open as one caller may have; close one, or ask with `wait` instead.
    TooManyOfYourStreams "too_many_of_your_streams" 429 "You have too many event streams open";
    /// As many jobs wait in the queue as it may hold; nothing was taken over; try again after `Retry-After`.
    QueueFull "queue_full" 429 "The queue is full";
    /// A bug of the server; its log says more.
    Internal "internal" 500 "Something went wrong in the server";
    /// The store is set up in a way it refuses to work with, or holds what makes no sense; the server's log says more.
    StoreRefused "store_refused" 500 "The store refuses to work";
    /// The store cannot be reached or is too busy; try again after `Retry-After`.
    Unavailable "unavailable" 503 "The store is out of reach";
    /// As many event streams are open as the server allows; ask with `wait` instead, or try again after `Retry-After`.
    TooManyStreams "too_many_streams" 503 "Too many event streams are open";
    /// As many requests wait for jobs as the server allows; ask without `wait`, or try again after `Retry-After`.
    TooManyWaits "too_many_waits" 503 "Too many requests wait";
    /// As many large results are being sent as the server allows; try again after `Retry-After`.
    TooManyResults "too_many_results" 503 "Too many large results are being sent";
    /// More is pushed than the server can take over right now; nothing was taken over; try again after `Retry-After`.
    TooBusy "too_busy" 503 "The server is too busy";
    /// As many connections are open as the server allows; try again after `Retry-After`.
    TooManyConnections "too_many_connections" 503 "Too many connections are open";
    /// The server is about to end; try again after `Retry-After`, which may lead to its successor.
    Draining "draining" 503 "The server is about to end";
    /// The store has no room left, and nothing was taken over.
    StoreFull "store_full" 507 "The store is full";
}

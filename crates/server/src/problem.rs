//! Every error the server answers, as RFC 9457 JSON: a stable code for programs, a sentence for people.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Effect, Error, ErrorKind, JobId, State};

use crate::wire;

/// Declares the codes once: name, status and title, with the doc sentence as the meaning shown in the reference.
macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $name:ident $code:literal $status:ident $title:literal;)+) => {
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
            pub fn status(self) -> StatusCode {
                match self { $(Code::$name => StatusCode::$status,)+ }
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
    InvalidJson "invalid_json" BAD_REQUEST "The body is no JSON";
    /// A field of the body is missing, unknown or out of bounds; `field` names it.
    InvalidJob "invalid_job" UNPROCESSABLE_ENTITY "A field is not valid";
    /// A parameter behind the `?`, or a part of the path, is unknown or out of bounds; `detail` names it.
    InvalidQuery "invalid_query" BAD_REQUEST "The query is not valid";
    /// A header of the request is not as its standard has it, or does not belong to the route; `field` names it.
    InvalidHeader "invalid_header" BAD_REQUEST "A header is not valid";
    /// The server wants a token: send it as `Authorization: Bearer …`, or as the password of HTTP Basic.
    Unauthorized "unauthorized" UNAUTHORIZED "A token is needed";
    /// A server without a token answers only to loopback names in `Host`, so that no web page can reach it by a name of its own.
    ForbiddenHost "forbidden_host" FORBIDDEN "The host name is not allowed";
    /// A browser sent the request on behalf of another site.
    ForbiddenOrigin "forbidden_origin" FORBIDDEN "Requests from other sites are not allowed";
    /// There is no such page or route.
    NotFound "not_found" NOT_FOUND "There is nothing here";
    /// Nobody knows the job, or not any more: finished jobs are kept for a while only.
    UnknownJob "unknown_job" NOT_FOUND "Nobody knows the job";
    /// The route exists, but not for this method; `Allow` lists those it has.
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "The method is not allowed";
    /// The body took too long to arrive; nothing was done.
    BodyTimeout "body_timeout" REQUEST_TIMEOUT "The body took too long";
    /// The job is in a state, named in `state`, in which that cannot be done.
    WrongState "wrong_state" CONFLICT "The job's state does not allow that";
    /// Another job, named in `other`, holds the unique key by now; wait for it or cancel it.
    UniqueConflict "unique_conflict" CONFLICT "Another job holds the unique key";
    /// The idempotency key was used with another request, which made the job named in `other`; use a fresh key.
    IdempotencyConflict "idempotency_conflict" UNPROCESSABLE_ENTITY "The idempotency key was used before";
    /// The job failed for good and has no result; `detail` says why.
    JobDead "job_dead" CONFLICT "The job is dead";
    /// The job was called off and has no result.
    JobCancelled "job_cancelled" CONFLICT "The job was cancelled";
    /// No error: the job is not finished yet; ask again after `Retry-After`, or use `wait` or the event stream.
    NotReady "not_ready" ACCEPTED "The job is not finished";
    /// The job succeeded and is still known, but its result was deleted.
    ResultGone "result_gone" GONE "The result is gone";
    /// The body has more bytes than a request may have.
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large";
    /// The body is of another media type than the route takes, mostly `application/json`.
    UnsupportedMediaType "unsupported_media_type" UNSUPPORTED_MEDIA_TYPE "The media type is not supported";
    /// Too many wrong tokens came from this address; it is heard again after `Retry-After`.
    TooManyWrongTokens "too_many_wrong_tokens" TOO_MANY_REQUESTS "Too many wrong tokens";
    /// As many event streams are open as one caller may have; close one, or ask with `wait` instead.
    TooManyOfYourStreams "too_many_of_your_streams" TOO_MANY_REQUESTS "You have too many event streams open";
    /// As many jobs wait in the queue as it may hold; nothing was taken over; try again after `Retry-After`.
    QueueFull "queue_full" TOO_MANY_REQUESTS "The queue is full";
    /// A bug of the server; its log says more.
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong in the server";
    /// The store is set up in a way it refuses to work with, or holds what makes no sense; the server's log says more.
    StoreRefused "store_refused" INTERNAL_SERVER_ERROR "The store refuses to work";
    /// The store cannot be reached or is too busy; try again after `Retry-After`.
    Unavailable "unavailable" SERVICE_UNAVAILABLE "The store is out of reach";
    /// As many event streams are open as the server allows; ask with `wait` instead, or try again after `Retry-After`.
    TooManyStreams "too_many_streams" SERVICE_UNAVAILABLE "Too many event streams are open";
    /// As many requests wait for jobs as the server allows; ask without `wait`, or try again after `Retry-After`.
    TooManyWaits "too_many_waits" SERVICE_UNAVAILABLE "Too many requests wait";
    /// More is pushed than the server can take over right now; nothing was taken over; try again after `Retry-After`.
    TooBusy "too_busy" SERVICE_UNAVAILABLE "The server is too busy";
    /// As many connections are open as the server allows; try again after `Retry-After`.
    TooManyConnections "too_many_connections" SERVICE_UNAVAILABLE "Too many connections are open";
    /// The server is about to end; try again after `Retry-After`, which may lead to its successor.
    Draining "draining" SERVICE_UNAVAILABLE "The server is about to end";
    /// The store has no room left, and nothing was taken over.
    StoreFull "store_full" INSUFFICIENT_STORAGE "The store is full";
}

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct Problem {
    code: Code,
    retry_after: Option<u32>,
    body: Box<wire::Problem>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let body = wire::Problem {
            r#type: format!("urn:longshore:error:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code: code.as_str().to_owned(),
            detail: detail.into(),
            field: None,
            state: None,
            other: None,
        };
        Problem { code, retry_after: None, body: Box::new(body) }
    }

    /// A field of a job, or of the query, that is not right.
    pub(crate) fn field(code: Code, field: &str, detail: impl std::fmt::Display) -> Self {
        let detail = detail.to_string();
        // Most errors name the thing already: `priority 500 is not within …`.
        let named = detail.starts_with(field);
        let mut problem = Problem::new(code, if named { detail } else { format!("{field}: {detail}") });
        problem.body.field = Some(field.to_owned());
        problem
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
            _ => "application/problem+json",
        };
        let mut response = (self.code.status(), [(header::CONTENT_TYPE, media)], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
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

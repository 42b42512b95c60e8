//! `GET /v1/jobs/{id}/result`: a job's result, or a range of it.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::artifact::Reader;
use longshore_core::{Snapshot, State as JobState, Stored};

use crate::app::App;
use crate::caller::Caller;
use crate::lookup;
use crate::media;
use crate::openapi::{Answer, Content, ID, IF_RANGE, Operation, RANGE, Takes, errors};
use crate::params::Id;
use crate::problem::{Code, Problem};
use crate::range::{self, Part};
use crate::sending::Sending;

/// The OpenAPI description of [`result`].
pub(crate) const RESULT: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/result",
    id: "result",
    summary: "The job's result",
    public: false,
    parameters: &[ID, RANGE, IF_RANGE],
    takes: Takes::None,
    answers: &[
        Answer {
            status: 200,
            description: "The result, with the media type that the handler set. Scripts and style sheets are \
                `application/octet-stream`, so that no browser runs them; `result.content_type` of the job has their type. \
                `HEAD` answers only the headers.",
            content: Content::Bytes("*/*"),
            headers: &[
                ("ETag", "Identifies this result."),
                ("Accept-Ranges", "Always `bytes`."),
                ("Content-Disposition", "`attachment`, except for images, audio, video, plain text and JSON."),
            ],
        },
        Answer::part("*/*"),
        Answer::empty(204, "The job succeeded without a result."),
        Answer::empty(304, "The client already has this result (`If-None-Match`)."),
    ],
    errors: &[
        errors::STORE,
        errors::UNKNOWN,
        &[Code::NotReady, Code::JobDead, Code::JobCancelled, Code::ResultGone],
        errors::SEND,
    ],
};

/// Answers the result or the requested range of it, with a media type that browsers do not execute; 204 if the job succeeded without a result, 202
/// if it is not finished.
pub(crate) async fn result(
    State(app): State<App>,
    caller: Caller,
    method: Method,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let message = || job.failures.last().map_or("no attempt was made", |failure| failure.message.as_str());
    match job.state {
        JobState::Succeeded => {}
        JobState::Dead => {
            let reason = job.reason.map_or("dead", |reason| reason.as_str());
            let detail = format!("job {} is dead ({reason}): {}", job.id, message());
            return Err(Problem::new(Code::JobDead, detail).state(job.state));
        }
        JobState::Cancelled => {
            let detail = format!("job {} was cancelled", job.id);
            return Err(Problem::new(Code::JobCancelled, detail).state(job.state));
        }
        state => {
            let detail = format!("job {} is {state}: {}", job.id, longshore_core::Status::from(&job).words());
            return Err(Problem::new(Code::NotReady, detail).state(state).retry_after_about(1));
        }
    }
    let Some(stored) = &job.result else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let etag = ResultEtag::of(&job);
    if etag.is_known_to(&headers) {
        return Ok(etag.not_modified());
    }
    let reader = app.backend.open(stored).await?;
    let reader = reader.ok_or_else(|| {
        Problem::new(Code::ResultGone, format!("the result of job {} was deleted", job.id)).state(job.state)
    })?;
    answer(&app, caller, &method, &headers, reader, etag, media::headers(stored.content_type())).await
}

/// Answers bytes, or the requested range of them, in chunks. To HEAD it answers the headers that GET would have,
/// without reading any bytes.
pub(crate) async fn answer<const N: usize>(
    app: &App,
    caller: Caller,
    method: &Method,
    headers: &HeaderMap,
    reader: Box<dyn Reader>,
    etag: ResultEtag,
    with: [(HeaderName, HeaderValue); N],
) -> Result<Response, Problem> {
    let size = reader.size();
    let (status, range) = match range::of(headers, etag.value.as_bytes(), size) {
        Part::Whole => (StatusCode::OK, 0..size),
        Part::Range(range) => (StatusCode::PARTIAL_CONTENT, range),
        Part::None => {
            let detail = format!("the requested range is outside the result, which has {size} bytes");
            let problem = Problem::new(Code::RangeNotSatisfiable, detail);
            return Ok(([(header::CONTENT_RANGE, format!("bytes */{size}"))], problem).into_response());
        }
    };
    let length = range.end - range.start;
    let part = (status == StatusCode::PARTIAL_CONTENT)
        .then(|| [(header::CONTENT_RANGE, format!("bytes {}-{}/{size}", range.start, range.end - 1))]);
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        Sending::begin(app, caller, reader, range).await?.into_body()
    };
    let ours = [
        (header::ETAG, etag.value),
        (header::ACCEPT_RANGES, HeaderValue::from_static("bytes")),
        (header::CONTENT_LENGTH, HeaderValue::from(length)),
    ];
    let mut response = (status, with, ours, body).into_response();
    if let Some([(name, value)]) = part {
        response.headers_mut().insert(name, HeaderValue::from_str(&value).expect("numbers are header text"));
    }
    Ok(response)
}

/// The `ETag` of a job's result. A result never changes.
pub(crate) struct ResultEtag {
    pub(crate) value: HeaderValue,
}

impl ResultEtag {
    /// Creates the `ETag`: the artifact's name, or for a result in the job's row the job's id and version.
    pub(crate) fn of(job: &Snapshot) -> Self {
        let etag = match &job.result {
            Some(Stored::Artifact { name, .. }) => format!("\"{name}\""),
            _ => format!("\"{}.v{}\"", job.id, job.version),
        };
        ResultEtag { value: HeaderValue::from_str(&etag).expect("an id and a number are header text") }
    }

    /// Returns whether the client already has this result.
    pub(crate) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == self.value.as_bytes())
    }

    pub(crate) fn not_modified(self) -> Response {
        (StatusCode::NOT_MODIFIED, [(header::ETAG, self.value)]).into_response()
    }
}

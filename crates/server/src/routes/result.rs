//! `GET /v1/jobs/{id}/result`: what a job gave back, byte for byte.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Output, Snapshot, State as JobState};

use crate::app::App;
use crate::lookup;
use crate::openapi::{Answer, Content, ID, Operation, Takes, fails};
use crate::params::Id;
use crate::problem::{Code, Problem};

/// What a browser may do with a result: show it, and nothing else. A result is whatever a handler made of foreign input.
const CAGE: &str = "sandbox; default-src 'none'";

/// What the API's document says of [`result`].
pub(crate) const RESULT: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/result",
    id: "result",
    summary: "What the job gave back, byte for byte",
    open: false,
    parameters: &[ID],
    takes: Takes::None,
    answers: &[
        Answer {
            status: 200,
            says: "The bytes, of the type that the handler named.",
            content: Content::Bytes("*/*"),
            headers: &[("ETag", "Names these bytes.")],
        },
        Answer::empty(204, "The job succeeded and gave nothing back."),
        Answer::empty(304, "The caller has these very bytes (`If-None-Match`)."),
    ],
    fails: &[fails::STORE, fails::UNKNOWN, &[Code::NotReady, Code::JobDead, Code::JobCancelled, Code::ResultGone]],
};

/// Answers the result with its media type; 204 where the job succeeded without one, 202 while it is not finished.
pub(crate) async fn result(State(app): State<App>, Id(id): Id, headers: HeaderMap) -> Result<Response, Problem> {
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
            return Err(Problem::new(Code::NotReady, detail).state(state).retry_after(1));
        }
    }
    let Some(stored) = &job.result else { return Ok(StatusCode::NO_CONTENT.into_response()) };
    let matching = Matching::of(&job);
    if matching.is_known_to(&headers) {
        return Ok(matching.not_modified());
    }
    let output = app.backend.read(stored).await?;
    let output = output.ok_or_else(|| {
        Problem::new(Code::ResultGone, format!("the result of job {} was deleted", job.id)).state(job.state)
    })?;
    Ok(answer(output, matching))
}

fn answer(output: Output, matching: Matching) -> Response {
    let unknown = HeaderValue::from_static("application/octet-stream");
    let content_type = HeaderValue::from_str(&output.content_type).unwrap_or(unknown);
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CAGE)),
        (header::ETAG, matching.etag),
    ];
    (headers, output.body).into_response()
}

/// The `ETag` of a job's result. A result never changes once it is there.
pub(crate) struct Matching {
    pub(crate) etag: HeaderValue,
}

impl Matching {
    pub(crate) fn of(job: &Snapshot) -> Self {
        let etag = format!("\"{}.{}\"", job.id, job.version);
        Matching { etag: HeaderValue::from_str(&etag).expect("an id and a number are header text") }
    }

    /// Returns whether the client has those very bytes.
    pub(crate) fn is_known_to(&self, headers: &HeaderMap) -> bool {
        let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = known.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || tag.trim_start_matches("W/").as_bytes() == self.etag.as_bytes())
    }

    pub(crate) fn not_modified(self) -> Response {
        (StatusCode::NOT_MODIFIED, [(header::ETAG, self.etag)]).into_response()
    }
}

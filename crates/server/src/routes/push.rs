//! `POST /v1/jobs`: accepts a job.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{DuplicateReason, JobId, Pushed, State as JobState, Timestamp, When};
use longshore_wire as wire;
use serde_json::json;

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Place, Takes, errors, of};
use crate::problem::{Code, Problem};
use crate::{body, idempotency};

/// A quoted string or an unquoted token.
const KEY_PATTERN: &str = r#"^("[ !#-\[\]-~]{1,255}"|[A-Za-z0-9!#$%&'*+.^_`|~:/=-]{1,255})$"#;
pub(super) const KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    place: Place::Header,
    required: false,
    description: "A quoted string that the caller chooses, such as a UUID. A repeat of the same request with the same key leads to the same \
           job again, for 24 hours and at least as long as the job exists. A repeated batch pushes those of its jobs that are missing.",
    schema: |_| json!({ "type": "string", "minLength": 1, "maxLength": 257, "pattern": KEY_PATTERN }),
    example: "",
};

const LOCATION: &[(&str, &str)] = &[("Location", "The path of the job.")];

/// The OpenAPI description of [`push`].
pub(crate) const PUSH: Operation = Operation {
    method: "post",
    path: "/v1/jobs",
    id: "push",
    summary: "Push a job",
    public: false,
    parameters: &[KEY],
    takes: Takes::Json(of::<wire::NewJob>),
    answers: &[
        Answer::json(202, "The job is stored durably.", of::<wire::Pushed>).with(LOCATION),
        Answer::json(200, "An existing job is returned in its place.", of::<wire::Pushed>).with(LOCATION),
    ],
    errors: &[errors::STORE, errors::BODY, errors::PUSH, &[Code::IdempotencyConflict, Code::UnknownJob]],
};

/// Answers 202 when the job is durable, or 200 if an existing job is returned in its place.
///
/// A repeated request with the same `Idempotency-Key` gets the first answer again. There is one difference: the `state`
/// of an existing job is the state that it has now, because the store does not keep the one that it had.
pub(crate) async fn push(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let push = body::json::<wire::NewJob>(&app, &headers, body).await?;
    let idempotency = idempotency::of(&app, &headers, &push.value)?;
    let mut new = push.value.into_new()?;
    new.idempotency = idempotency;
    let (when, keyed) = (new.when, new.idempotency.is_some());
    let (status, id, state, existing) = match app.intake.push_one(&app.backend, new).await? {
        Pushed::Created(id) => (StatusCode::ACCEPTED, id, first_state(when, id), None),
        Pushed::Existing { id, by } => {
            let status = app.backend.status(vec![id]).await?.pop().flatten();
            let state = status.map(|status| status.state).ok_or_else(|| gone(id, by, keyed))?;
            (StatusCode::OK, id, state, Some(wire::existing(by).to_owned()))
        }
        Pushed::Conflict(id) => return Err(conflict(id)),
        Pushed::Refused(why) => return Err(Problem::new(Code::InvalidJob, why)),
    };
    let links = wire::Links::of(id);
    let location = [(header::LOCATION, links.this.clone())];
    Ok((status, location, Json(wire::Pushed { id, state, existing, links })).into_response())
}

/// Returns the state that the job had when it was first pushed.
pub(super) fn first_state(when: When, id: JobId) -> JobState {
    let later = match when {
        When::In(delay) => !delay.is_zero(),
        When::At(moment) => moment > made_at(id),
    };
    if later { JobState::Scheduled } else { JobState::Ready }
}

/// Returns when a job's id was created. An id begins with this time in milliseconds.
fn made_at(id: JobId) -> Timestamp {
    let ms = id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    Timestamp::from_millis(ms)
}

/// Returns the error for an existing job that was deleted meanwhile. A new push creates a new job, unless it has the
/// same idempotency key, which always leads to the deleted job.
fn gone(id: JobId, by: DuplicateReason, keyed: bool) -> Problem {
    let existing = format!("job {id} was returned in place of a new job ({})", wire::existing(by));
    if keyed {
        return Problem::new(Code::UnknownJob, format!("{existing} and is deleted now; push with a new key"));
    }
    Problem::new(Code::Unavailable, format!("{existing} but was deleted at the same time; send the request again"))
        .retry_after_about(1)
}

pub(super) fn conflict(id: JobId) -> Problem {
    let detail = format!("the idempotency key was used with a different request, which created job {id}");
    Problem::new(Code::IdempotencyConflict, detail).other(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let before = longshore_core::Clock::default().now();
        let made = made_at(JobId::new(&"q".parse().unwrap()));
        assert!(made >= before && made <= longshore_core::Clock::default().now());
    }
}

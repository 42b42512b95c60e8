//! `POST /v1/jobs`: takes a job over.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{DuplicateReason, JobId, Pushed, State as JobState, Timestamp, When};
use longshore_wire as wire;
use serde_json::json;

use crate::app::App;
use crate::openapi::{Answer, Operation, Parameter, Place, Takes, fails, of};
use crate::problem::{Code, Problem};
use crate::{body, idempotency};

/// A string in quotes, or a bare word.
const KEY_PATTERN: &str = r#"^("[ !#-\[\]-~]{1,255}"|[A-Za-z0-9!#$%&'*+.^_`|~:/=-]{1,255})$"#;
const KEY: Parameter = Parameter {
    name: "Idempotency-Key",
    place: Place::Header,
    required: false,
    says: "Gives a repeat of this very request the first answer again, for 24 hours and at least as long as the job is known: a \
           string in quotes that the caller makes up, such as a UUID.",
    schema: |_| json!({ "type": "string", "minLength": 1, "maxLength": 257, "pattern": KEY_PATTERN }),
    example: "",
};

const LOCATION: &[(&str, &str)] = &[("Location", "The job.")];

/// What the API's document says of [`push`].
pub(crate) const PUSH: Operation = Operation {
    method: "post",
    path: "/v1/jobs",
    id: "push",
    summary: "Push a job",
    open: false,
    parameters: &[KEY],
    takes: Takes::Json(of::<wire::NewJob>),
    answers: &[
        Answer::json(202, "The job is taken over, durably.", of::<wire::Pushed>).with(LOCATION),
        Answer::json(200, "An older job stands for it.", of::<wire::Pushed>).with(LOCATION),
    ],
    fails: &[fails::STORE, fails::BODY, fails::PUSH, &[Code::IdempotencyConflict, Code::UnknownJob]],
};

/// Answers 202 once the job is durable; 200 where an older job stands for it. A repeat with the same `Idempotency-Key` is
/// answered as the first request was.
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

/// Returns the state in which a job was taken over, now or when it was pushed first.
pub(super) fn first_state(when: When, id: JobId) -> JobState {
    let later = match when {
        When::In(delay) => !delay.is_zero(),
        When::At(moment) => moment > made_at(id),
    };
    if later { JobState::Scheduled } else { JobState::Ready }
}

/// Returns when a job's id was made: it begins with the milliseconds.
fn made_at(id: JobId) -> Timestamp {
    let ms = id.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | i64::from(*byte));
    Timestamp::from_millis(ms)
}

/// An older job stood for the pushed one and is not there any more: pushing anew makes a new one, except under the same
/// idempotency key, which would only ever lead to the old one.
fn gone(id: JobId, by: DuplicateReason, keyed: bool) -> Problem {
    let stood = format!("job {id} stood for the pushed one ({})", wire::existing(by));
    if keyed {
        return Problem::new(Code::UnknownJob, format!("{stood} and is deleted by now; push with a fresh key"));
    }
    Problem::new(Code::Unavailable, format!("{stood} and was deleted just now; send it again")).retry_after(1)
}

fn conflict(id: JobId) -> Problem {
    let detail = format!("the idempotency key was used with another request, which made job {id}");
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

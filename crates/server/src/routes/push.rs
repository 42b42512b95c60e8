//! `POST /v1/jobs`: takes a job over.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Instead, JobId, Pushed, State as JobState, Timestamp, When};
use longshore_wire as wire;

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::{body, idempotency};

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
fn gone(id: JobId, by: Instead, keyed: bool) -> Problem {
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

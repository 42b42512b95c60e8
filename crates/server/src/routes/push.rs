//! `POST /v1/jobs`: takes a job over.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{Pushed, State as JobState, When};

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::{body, wire};

/// Answers 202 once the job is durable; 200 where an older job stands for it.
pub(crate) async fn push(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let push: wire::Push = body::json(&app, &headers, body).await?;
    let new = push.into_new().map_err(|wrong| Problem::field(Code::InvalidJob, &wrong.field, wrong.why))?;
    let starts_later = match new.when {
        When::In(delay) => !delay.is_zero(),
        When::At(moment) => moment > longshore_core::Clock::default().now(),
    };
    let pushed = app.backend.push(vec![new]).await?.pop();
    let (status, id, state, existing) = match pushed.expect("one job has one answer") {
        Pushed::Created(id) if starts_later => (StatusCode::ACCEPTED, id, JobState::Scheduled, None),
        Pushed::Created(id) => (StatusCode::ACCEPTED, id, JobState::Ready, None),
        Pushed::Existing { id, by } => {
            let status = app.backend.status(vec![id]).await?.pop().flatten();
            let gone = || {
                let detail = format!("job {id} stood for the pushed one and was deleted just now; send it again");
                Problem::new(Code::Unavailable, detail).retry_after(1)
            };
            (StatusCode::OK, id, status.ok_or_else(gone)?.state, Some(wire::instead(by).to_owned()))
        }
        Pushed::Conflict(id) => {
            let detail = format!("the idempotency key was used with another request, which made job {id}");
            return Err(Problem::new(Code::IdempotencyConflict, detail).other(id));
        }
        Pushed::Refused(why) => return Err(Problem::new(Code::InvalidJob, why)),
    };
    let links = wire::Links::of(id);
    let location = [(header::LOCATION, links.this.clone())];
    Ok((status, location, Json(wire::Pushed { id, state, existing, links })).into_response())
}

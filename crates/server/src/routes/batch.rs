//! `POST /v1/jobs/batch`: accepts many jobs, all or none.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use longshore_core::{Pushed, limits};
use longshore_wire as wire;

use crate::app::App;
use crate::openapi::{Answer, Operation, Takes, errors, of};
use crate::problem::{Code, Problem};
use crate::routes::push::first_state;
use crate::{body, idempotency};

/// The OpenAPI description of [`batch`].
pub(crate) const BATCH: Operation = Operation {
    method: "post",
    path: "/v1/jobs/batch",
    id: "pushBatch",
    summary: "Push up to 1,000 jobs, all or none",
    public: false,
    parameters: &[],
    takes: Takes::Json(of::<wire::Batch>),
    answers: &[Answer::json(202, "The jobs are stored durably.", of::<wire::BatchAnswer>)],
    errors: &[errors::STORE, errors::BODY, errors::PUSH],
};

/// Answers 202 when all jobs are durable. The items of the answer have the order of the request. A single invalid job
/// refuses the whole batch, so that a client never has to find out which jobs were created.
pub(crate) async fn batch(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<wire::BatchAnswer>), Problem> {
    idempotency::none(&headers)?;
    let batch = body::json_up_to::<wire::Batch>(&app, app.config.batch_bytes, &headers, body).await?;
    if batch.value.jobs.is_empty() {
        let detail = format!("the list is empty; a batch must have 1 to {} jobs", limits::BATCH);
        return Err(Problem::field(Code::InvalidJob, "jobs", detail));
    }
    let jobs = batch.value.jobs.into_iter().enumerate();
    let jobs = jobs.map(|(index, job)| job.into_new().map_err(|wrong| wrong.within(&format!("jobs[{index}]"))));
    let jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    let whens: Vec<_> = jobs.iter().map(|job| job.when).collect();
    let pushed = app.intake.push(&app.backend, jobs).await?;

    let existing = pushed.iter().filter_map(|pushed| match pushed {
        Pushed::Existing { id, .. } => Some(*id),
        _ => None,
    });
    let existing: Vec<_> = existing.collect();
    let mut statuses = match existing.is_empty() {
        true => Vec::new(),
        false => app.backend.status(existing).await?,
    }
    .into_iter();
    let taken = |id, state, existing| wire::BatchItem::Accepted { id, state, existing };
    let refused = |problem: Problem| wire::BatchItem::Refused { error: problem.into_wire() };
    let jobs = pushed.into_iter().zip(whens).map(|(pushed, when)| match pushed {
        Pushed::Created(id) => taken(id, first_state(when, id), None),
        Pushed::Existing { id, by } => match statuses.next().flatten() {
            Some(status) => taken(id, status.state, Some(wire::existing(by).to_owned())),
            None => refused(Problem::unknown_job(&id.to_string())),
        },
        Pushed::Conflict(_) => unreachable!("a batch is pushed without idempotency keys"),
        Pushed::Refused(why) => refused(Problem::new(Code::InvalidJob, why)),
    });
    Ok((StatusCode::ACCEPTED, Json(wire::BatchAnswer { jobs: jobs.collect() })))
}

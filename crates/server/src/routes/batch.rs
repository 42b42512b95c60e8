//! `POST /v1/jobs/batch`: accepts many jobs, and says for each of them what happened.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use longshore_core::{Answers, Error, Pushed, When, limits, store::whole};
use longshore_wire as wire;

use crate::answer_memory::Memory;
use crate::app::App;
use crate::openapi::{Answer, Operation, Takes, errors, of};
use crate::problem::{Code, Problem};
use crate::routes::push::{KEY, conflict, first_state};
use crate::{body, idempotency};

/// The OpenAPI description of [`batch`].
pub(crate) const BATCH: Operation = Operation {
    method: "post",
    path: "/v1/jobs/batch",
    id: "pushBatch",
    summary: "Push up to 1,000 jobs; the answer says for each of them what happened",
    public: false,
    parameters: &[KEY],
    takes: Takes::Json(of::<wire::Batch>),
    answers: &[Answer::json(
        202,
        "At least one job is stored durably, or exists, or was refused by the store. Look at each item: it has an id, or an `error`.",
        of::<wire::BatchAnswer>,
    )],
    errors: &[errors::STORE, errors::BODY, errors::PUSH],
};

/// The memory for the answer about one job, in bytes.
const ITEM_BYTES: u64 = 128;

/// Answers 202 with one item for each job, in the order of the request, once the store has answered.
///
/// A single invalid job refuses the whole batch. If the store takes only some of the jobs, for example because another
/// queue is on a server that does not answer, the items of the others have errors. If it takes none, the error is the
/// answer. A repeat with the same `Idempotency-Key` pushes what is missing.
pub(crate) async fn batch(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Extension<Memory>, Json<wire::BatchAnswer>), Problem> {
    let batch = body::json_up_to::<wire::Batch>(&app, app.config.batch_bytes, &headers, body).await?;
    if batch.value.jobs.is_empty() {
        let detail = format!("the list is empty; a batch must have 1 to {} jobs", limits::BATCH);
        return Err(Problem::field(Code::InvalidJob, "jobs", detail));
    }
    let keys = idempotency::of_batch(&app, &headers, &batch.value)?;
    let jobs = batch.value.jobs.into_iter().enumerate();
    let jobs = jobs.map(|(index, job)| job.into_new().map_err(|wrong| wrong.within(&format!("jobs[{index}]"))));
    let mut jobs = jobs.collect::<Result<Vec<_>, _>>()?;
    for (job, key) in jobs.iter_mut().zip(keys) {
        job.idempotency = Some(key);
    }
    let memory = app.answer_memory.take(jobs.len() as u64 * ITEM_BYTES)?;
    let whens: Vec<_> = jobs.iter().map(|job| job.when).collect();
    let pushed = app.intake.push(&app.backend, jobs).await?;
    let pushed = match pushed.iter().all(Result::is_err) {
        true => whole(pushed)?.into_iter().map(Ok).collect(),
        false => pushed,
    };
    let items = items(&app, pushed, whens).await?;
    Ok((StatusCode::ACCEPTED, Extension(memory), Json(wire::BatchAnswer { jobs: items })))
}

/// Returns the items of the answer.
async fn items(app: &App, pushed: Answers<Pushed>, whens: Vec<When>) -> Result<Vec<wire::BatchItem>, Problem> {
    let existing = pushed.iter().filter_map(|pushed| match pushed {
        Ok(Pushed::Existing { id, .. }) => Some(*id),
        _ => None,
    });
    let existing: Vec<_> = existing.collect();
    let mut statuses = match existing.is_empty() {
        true => Vec::new(),
        false => app.backend.status(existing).await?,
    }
    .into_iter();
    let accepted = |id, state, existing| wire::BatchItem::Accepted { id, state, existing };
    let refused = |problem: Problem| wire::BatchItem::Refused { error: problem.into_wire() };
    let item = |(pushed, when): (Result<Pushed, Error>, When)| match pushed {
        Ok(Pushed::Created(id)) => accepted(id, first_state(when, id), None),
        Ok(Pushed::Existing { id, by }) => match statuses.next().flatten() {
            Some(status) => accepted(id, status.state, Some(wire::existing(by).to_owned())),
            None => refused(Problem::unknown_job(&id.to_string())),
        },
        Ok(Pushed::Conflict(id)) => refused(conflict(id)),
        Ok(Pushed::Refused(why)) => refused(Problem::new(Code::InvalidJob, why)),
        Err(error) => refused(error.into()),
    };
    Ok(pushed.into_iter().zip(whens).map(item).collect())
}

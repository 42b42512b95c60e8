//! `POST /v1/jobs`: takes a job over.

use std::fmt::Display;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{
    Error, Instead, NewJob, Payload, Pushed, QueueName, Reuse, State as JobState, Unique, UniqueScope, When,
};

use crate::app::App;
use crate::problem::{Code, Problem};
use crate::{body, wire};

/// Answers 202 once the job is durable; 200 where an older job stands for it.
pub(crate) async fn push(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let new = parse(body::json(&app, &headers, body).await?)?;
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
            let by = match by {
                Instead::Unique => "unique",
                Instead::Reuse => "reuse",
            };
            (StatusCode::OK, id, status.ok_or_else(gone)?.state, Some(by.to_owned()))
        }
        Pushed::Refused(why) => return Err(Problem::new(Code::InvalidJob, why)),
    };
    let links = wire::Links::of(id);
    let location = [(header::LOCATION, links.this.clone())];
    Ok((status, location, Json(wire::Pushed { id, state, existing, links })).into_response())
}

/// Turns what came over the wire into a job; the first field that is wrong is named.
fn parse(push: wire::Push) -> Result<NewJob, Problem> {
    let queue: QueueName = match &push.queue {
        Some(queue) => queue.parse().map_err(wrong("queue"))?,
        None => QueueName::default(),
    };
    let kind = push.kind.parse().map_err(wrong("kind"))?;
    let payload = Payload::parse(push.payload.get()).map_err(wrong("payload"))?;
    let mut job = Checked(NewJob::new(queue, kind, payload));

    if push.delay_ms.is_some() && push.run_at.is_some() {
        return Err(wrong::<&str>("run_at")("not together with `delay_ms`"));
    }
    job.set("delay_ms", push.delay_ms.map(ms), |job, delay| job.when = When::In(delay))?;
    job.set("run_at", push.run_at.as_deref().map(str::parse), |job, at| job.when = When::At(at))?;
    job.set("priority", push.priority.map(Ok), |job, priority| job.priority = priority)?;
    job.set("key", push.key.as_deref().map(str::parse), |job, key| job.key = Some(key))?;
    if let Some(unique) = &push.unique {
        let until_finished = |key| Unique { key, scope: UniqueScope::UntilFinished };
        job.set("unique.key", Some(unique.key.parse()), |job, key| job.unique = Some(until_finished(key)))?;
        let set = |job: &mut NewJob, scope| job.unique.iter_mut().for_each(|unique| unique.scope = scope);
        job.set("unique.scope", Some(Ok(scope(unique.scope))), set)?;
    }
    if let Some(reuse) = &push.reuse {
        let not_yet = |key| Reuse { key, within: Duration::ZERO };
        job.set("reuse.key", Some(reuse.key.parse()), |job, key| job.reuse = Some(not_yet(key)))?;
        let set = |job: &mut NewJob, within| job.reuse.iter_mut().for_each(|reuse| reuse.within = within);
        job.set("reuse.within_ms", Some(ms(reuse.within_ms)), set)?;
    }
    job.set("alias", push.alias.as_deref().map(str::parse), |job, alias| job.alias = Some(alias))?;
    job.set("max_attempts", push.max_attempts.map(Ok), |job, attempts| job.max_attempts = attempts)?;
    job.set("timeout_ms", push.timeout_ms.map(ms), |job, timeout| job.timeout = timeout)?;
    let deadline = push.deadline.as_deref().map(str::parse);
    job.set("deadline", deadline, |job, deadline| job.deadline = Some(When::At(deadline)))?;
    let tags = push.tags.iter().map(|tag| tag.parse()).collect();
    job.set("tags", Some(tags), |job, tags| job.tags = tags)?;
    Ok(job.0)
}

fn ms(ms: u64) -> Result<Duration, Error> {
    Ok(Duration::from_millis(ms))
}

fn scope(scope: wire::Scope) -> UniqueScope {
    match scope {
        wire::Scope::UntilStarted => UniqueScope::UntilStarted,
        wire::Scope::UntilFinished => UniqueScope::UntilFinished,
        wire::Scope::ForMs(ms) => UniqueScope::For(Duration::from_millis(ms)),
    }
}

/// A job that is checked after each change, so that an error can name the field that made it wrong.
struct Checked(NewJob);

impl Checked {
    fn set<T>(
        &mut self,
        field: &str,
        value: Option<Result<T, Error>>,
        change: impl FnOnce(&mut NewJob, T),
    ) -> Result<(), Problem> {
        let Some(value) = value.transpose().map_err(wrong(field))? else { return Ok(()) };
        change(&mut self.0, value);
        self.0.check().map_err(wrong(field))
    }
}

fn wrong<E: Display>(field: &str) -> impl FnOnce(E) -> Problem {
    move |error| Problem::field(Code::InvalidJob, field, error)
}

//! `GET /v1/jobs`: what there is.

use axum::Json;
use axum::extract::State;
use longshore_core::{Filter, Page, limits};
use serde::Deserialize;

use crate::app::App;
use crate::params::{Params, parse};
use crate::problem::{Code, Problem};
use crate::wire;

/// Jobs on a page whose size nobody named.
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Query {
    queue: Option<String>,
    kind: Option<String>,
    state: Option<String>,
    tag: Option<String>,
    key: Option<String>,
    after: Option<String>,
    limit: Option<String>,
}

/// Answers a page of jobs, the newest first.
pub(crate) async fn list(State(app): State<App>, Params(query): Params<Query>) -> Result<Json<wire::Jobs>, Problem> {
    let filter = Filter {
        queue: parse("queue", query.queue.as_deref())?,
        kind: parse("kind", query.kind.as_deref())?,
        state: parse("state", query.state.as_deref())?,
        tag: parse("tag", query.tag.as_deref())?,
        key: parse("key", query.key.as_deref())?,
    };
    let limit = parse("limit", query.limit.as_deref())?.unwrap_or(PAGE);
    if !(1..=limits::PAGE).contains(&limit) {
        let detail = format!("{limit} is not within 1 and {}", limits::PAGE);
        return Err(Problem::field(Code::InvalidQuery, "limit", detail));
    }
    let page = Page { after: parse("after", query.after.as_deref())?, limit };
    let listed = app.backend.list(filter, page).await?;
    let jobs = listed.jobs.into_iter().map(wire::Job::from).collect();
    Ok(Json(wire::Jobs { jobs, next: listed.next.map(|next| next.to_string()) }))
}

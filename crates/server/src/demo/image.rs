//! The demo's image routes: `POST /image_queue`, `GET /image_status`, `GET /image/{id}.gif`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use longshore_core::{DuplicateReason, Job, Pushed, State as JobState};
use longshore_demo::{Image, id_of};
use longshore_wire as wire;
use longshore_wire::demo::{JobStatus, Queued, Refused};
use schemars::SchemaGenerator;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::App;
use crate::body::{self, Media};
use crate::caller::Caller;
use crate::lookup;
use crate::openapi::{Answer, Content, IF_RANGE, Operation, Parameter, Place, RANGE, Takes, errors};
use crate::params::Params;
use crate::problem::Problem;
use crate::routes::{self, ResultEtag};

/// The OpenAPI description of [`queue`].
pub(crate) const QUEUE: Operation = Operation {
    method: "post",
    path: "/image_queue",
    id: "imageQueue",
    summary: "Push a job that draws a text",
    public: false,
    parameters: &[],
    takes: Takes::Either(|_| {
        let text = json!({ "type": "string", "minLength": 1, "maxLength": 64 });
        json!({ "type": "object", "properties": { "text": text }, "required": ["text"] })
    }),
    answers: &[
        Answer::json(200, "The job's id and the image's file name.", |_| {
            let text = json!({ "type": "string" });
            let properties = json!({ "job_status": { "enum": ["queued", "done"] }, "id": text, "filename": text });
            json!({ "type": "object", "properties": properties, "required": ["job_status", "filename"] })
        }),
        Answer::json(422, "The text cannot be drawn.", error_schema),
    ],
    errors: &[errors::STORE, errors::BODY, errors::PUSH],
};

/// Accepts a text, as a form or as JSON, and answers immediately.
pub(super) async fn queue(State(app): State<App>, headers: HeaderMap, body: Body) -> Result<Response, Problem> {
    let text = match body::media(&headers) {
        Some(Media::Json) => wire::json::parse::<Image>(&body::read(&app, body).await?.value)?.text,
        Some(Media::Form) => field("text", &body::read(&app, body).await?.value).unwrap_or_default(),
        None => return Err(body::unsupported("a form, or application/json")),
    };
    let image = match Image::parse(&text) {
        Ok(image) => image,
        Err(refused) => return Ok(error_answer(StatusCode::UNPROCESSABLE_ENTITY, &refused)),
    };
    let id = id_of(&image.text);
    let filename = format!("{id}.gif");
    let answer = match app.intake.push_one(&app.backend, image.to_new()?).await? {
        Pushed::Existing { by: DuplicateReason::Reuse, .. } => Queued { job_status: "done".into(), id: None, filename },
        Pushed::Created(_) | Pushed::Existing { .. } => Queued { job_status: "queued".into(), id: Some(id), filename },
        Pushed::Conflict(_) => unreachable!("a text is pushed without an idempotency key"),
        Pushed::Refused(why) => return Ok(error_answer(StatusCode::UNPROCESSABLE_ENTITY, &why)),
    };
    Ok(Json(answer).into_response())
}

/// Returns the first value of a form field.
fn field(name: &str, form: &[u8]) -> Option<String> {
    let mut fields = form_urlencoded::parse(form);
    fields.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The schema of the demo's own errors.
fn error_schema(_: &mut SchemaGenerator) -> Value {
    json!({ "type": "object", "properties": { "error": { "type": "string" } }, "required": ["error"] })
}

fn error_answer(status: StatusCode, why: &impl ToString) -> Response {
    (status, Json(Refused { error: why.to_string() })).into_response()
}

#[derive(Deserialize)]
pub(super) struct Query {
    job_id: Option<String>,
}

/// The OpenAPI description of [`status`].
pub(crate) const STATUS: Operation = Operation {
    method: "get",
    path: "/image_status",
    id: "imageStatus",
    summary: "The status of an image as text",
    public: false,
    parameters: &[Parameter {
        required: true,
        ..Parameter::query(
            "job_id",
            "The id from the answer of `/image_queue`.",
            |_| json!({ "type": "string", "minLength": 1 }),
        )
    }],
    takes: Takes::None,
    answers: &[
        Answer::json(200, "The status.", |_| {
            let properties = json!({ "job_status": { "type": "string" } });
            json!({ "type": "object", "properties": properties, "required": ["job_status"] })
        }),
        Answer::json(400, "The id is missing.", error_schema),
    ],
    errors: &[errors::STORE, errors::QUERY],
};

/// Answers the job's status as text.
pub(super) async fn status(State(app): State<App>, Params(query): Params<Query>) -> Result<Response, Problem> {
    let Some(id) = query.job_id.filter(|id| !id.is_empty()) else {
        return Ok(error_answer(StatusCode::BAD_REQUEST, &"job_id not set"));
    };
    let job = lookup::job(&app.backend, &id).await?;
    let job_status = job.map_or_else(|| "Unknown".to_owned(), |job| longshore_core::Status::from(&job).words());
    Ok(Json(JobStatus { job_status }).into_response())
}

/// The OpenAPI description of [`file`].
pub(crate) const FILE: Operation = Operation {
    method: "get",
    path: "/image/{file}",
    id: "image",
    summary: "The image",
    public: false,
    parameters: &[
        Parameter {
            name: "file",
            place: Place::Path,
            required: true,
            description: "The id followed by `.gif`.",
            schema: |_| json!({ "type": "string", "minLength": 1 }),
            example: "bd8c1ea4e94b6f87a38ba6e3a1c5a4bfa8d0ca8e0f3a7b4bb4ed8bd6a5f0ab77.gif",
        },
        RANGE,
        IF_RANGE,
    ],
    takes: Takes::None,
    answers: &[
        Answer {
            status: 200,
            description: "An animated GIF. `HEAD` answers only the headers.",
            content: Content::Bytes("image/gif"),
            headers: &[("ETag", "Identifies this version of the image."), ("Accept-Ranges", "Always `bytes`.")],
        },
        Answer::part("image/gif"),
        Answer::empty(304, "The browser's copy is current."),
        Answer::json(404, "The image does not exist (yet).", error_schema),
    ],
    errors: &[errors::STORE, errors::QUERY, errors::SEND],
};

/// Answers the image `<id>.gif` of the newest job with that id, if that job succeeded.
pub(super) async fn file(
    State(app): State<App>,
    caller: Caller,
    method: Method,
    crate::params::Id(file): crate::params::Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let not_found = || error_answer(StatusCode::NOT_FOUND, &"not found");
    let Some(id) = file.strip_suffix(".gif").filter(|id| !id.is_empty()) else { return Ok(not_found()) };
    let Some(job) = lookup::job(&app.backend, id).await? else { return Ok(not_found()) };
    let (JobState::Succeeded, Image::KIND, Some(stored)) = (job.state, job.kind.as_str(), &job.result) else {
        return Ok(not_found());
    };
    let etag = ResultEtag::of(&job);
    if etag.is_known_to(&headers) {
        return Ok(etag.not_modified());
    }
    let Some(reader) = app.backend.open(stored).await? else { return Ok(not_found()) };
    let with = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/gif")),
        (header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600")),
    ];
    routes::answer(&app, caller, &method, &headers, reader, etag, with).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_field_is_decoded_and_the_first_counts() {
        assert_eq!(field("text", b"a=1&text=hello+w%C3%B6rld&text=no").unwrap(), "hello w\u{f6}rld");
        assert_eq!(field("text", b"txt=1"), None);
    }
}

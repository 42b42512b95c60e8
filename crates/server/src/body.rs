//! Bodies of requests: bounded in size and time, JSON unless a route says otherwise.

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::problem::{Code, Problem};

/// A body that is too large is read on for this many times the allowed size before it is refused: a client that is still
/// writing when the connection closes would never see the answer.
const LINGER: usize = 8;

/// The media types a route may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Form,
}

/// Returns what the body says it is; `None` for anything else.
pub(crate) fn media(headers: &HeaderMap) -> Option<Media> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(Media::Json),
        "application/x-www-form-urlencoded" => Some(Media::Form),
        _ => None,
    }
}

/// Says which media types a route takes instead.
pub(crate) fn unsupported(takes: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("send {takes} and say so in `Content-Type`"))
}

/// Reads a body that must be JSON.
pub(crate) async fn json<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    if media(headers) != Some(Media::Json) {
        return Err(unsupported("application/json"));
    }
    parse(&read(app, body).await?)
}

/// Reads the body of a route that needs none: empty, or an empty JSON object. A form is refused, so that no page of another
/// site can send one from a browser too old to say where it comes from.
pub(crate) async fn none(app: &App, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    let json = media(headers) == Some(Media::Json);
    if !json && (headers.contains_key(header::CONTENT_TYPE) || !body.is_end_stream()) {
        return Err(unsupported("no body, or application/json"));
    }
    match read(app, body).await? {
        bytes if bytes.is_empty() => Ok(()),
        bytes => parse::<Nothing>(&bytes).map(|Nothing {}| ()),
    }
}

/// Reads a body within the server's bounds.
pub(crate) async fn read(app: &App, body: Body) -> Result<Bytes, Problem> {
    let limit = app.config.body_bytes;
    let read = tokio::time::timeout(app.config.body_timeout, collect(body, limit));
    match read.await {
        Ok(bytes) => bytes,
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("the body did not arrive within {:?}; nothing was done", app.config.body_timeout),
        )),
    }
}

async fn collect(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || Err(Problem::new(Code::BodyTooLarge, format!("a body may have at most {limit} bytes")));
    let (mut kept, mut size) = (BytesMut::new(), 0);
    if body.size_hint().lower() > (limit * LINGER) as u64 {
        return too_large();
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Problem::new(Code::InvalidJson, format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        match size {
            size if size <= limit => kept.extend_from_slice(&data),
            size if size <= limit * LINGER => kept.clear(),
            _ => break,
        }
    }
    if size > limit { too_large() } else { Ok(kept.freeze()) }
}

/// Parses JSON; an error names the line and column, and the field where it is one.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match (inner.classify(), path.as_str()) {
            (serde_json::error::Category::Data, "." | "?") => Problem::new(Code::InvalidJob, inner.to_string()),
            (serde_json::error::Category::Data, field) => Problem::field(Code::InvalidJob, field, inner),
            _ => Problem::new(Code::InvalidJson, inner.to_string()),
        }
    })?;
    json.end().map_err(|error| Problem::new(Code::InvalidJson, error.to_string()))?;
    Ok(value)
}

//! Request bodies: limited in size and time, and JSON unless a route accepts another type.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use longshore_wire as wire;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::problem::{Code, Problem};

/// The largest body that needs no permit.
const SMALL_BYTES: usize = 64 * 1024;

/// The number of bytes that one permit of [`App::body_memory`] stands for.
const PERMIT_BYTES: usize = 16 * 1024;

/// The media types that a route may accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Media {
    Json,
    Form,
}

/// Returns the media type of the body; `None` if it is another one.
pub(crate) fn media(headers: &HeaderMap) -> Option<Media> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Some(Media::Json),
        "application/x-www-form-urlencoded" => Some(Media::Form),
        _ => None,
    }
}

/// Returns the error for an unsupported media type. `takes` describes what the route accepts.
pub(crate) fn unsupported(takes: &str) -> Problem {
    Problem::new(Code::UnsupportedMediaType, format!("send {takes} and set `Content-Type` accordingly"))
}

/// A value that was parsed from a body, with the permits for the body's memory.
#[derive(Debug)]
pub(crate) struct ReadBody<T> {
    pub(crate) value: T,
    _permits: Option<OwnedSemaphorePermit>,
}

impl<T> ReadBody<T> {
    fn map<U>(self, into: impl FnOnce(T) -> Result<U, Problem>) -> Result<ReadBody<U>, Problem> {
        Ok(ReadBody { value: into(self.value)?, _permits: self._permits })
    }
}

/// Reads a body that must be JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReadBody<T>, Problem> {
    json_up_to(app, app.config.body_bytes, headers, body).await
}

/// Reads a body that must be JSON, with its own size limit.
pub(crate) async fn json_up_to<T: DeserializeOwned>(
    app: &App,
    limit: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReadBody<T>, Problem> {
    if media(headers) != Some(Media::Json) {
        return Err(unsupported("application/json"));
    }
    read_up_to(app, limit, body).await?.map(|bytes| Ok(wire::json::parse(&bytes)?))
}

/// Reads a body that must be JSON or empty. An empty body stands for an empty object. As with [`none`], a form is
/// refused.
pub(crate) async fn json_or_none<T: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let json = media(headers) == Some(Media::Json);
    if !json && (headers.contains_key(header::CONTENT_TYPE) || !body.is_end_stream()) {
        return Err(unsupported("no body, or application/json"));
    }
    match read(app, body).await?.value {
        bytes if bytes.is_empty() => Ok(wire::json::parse(b"{}")?),
        bytes => Ok(wire::json::parse(&bytes)?),
    }
}

/// Reads the body of a route that needs none: an empty body, or an empty JSON object. A form is refused, so that no
/// page of another site can send one from an old browser that does not send its origin.
pub(crate) async fn none(app: &App, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    json_or_none::<Nothing>(app, headers, body).await.map(|Nothing {}| ())
}

/// Reads a body within the server's limits.
pub(crate) async fn read(app: &App, body: Body) -> Result<ReadBody<Bytes>, Problem> {
    read_up_to(app, app.config.body_bytes, body).await
}

async fn read_up_to(app: &App, limit: usize, body: Body) -> Result<ReadBody<Bytes>, Problem> {
    let read = tokio::time::timeout(app.config.body_timeout, collect(app, body, limit));
    match read.await {
        Ok(taken) => taken,
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("the body did not arrive within {:?}; nothing was done", app.config.body_timeout),
        )),
    }
}

async fn collect(app: &App, mut body: Body, limit: usize) -> Result<ReadBody<Bytes>, Problem> {
    let too_large = || Err(Problem::new(Code::BodyTooLarge, format!("the body is larger than {limit} bytes")));
    let (mut kept, mut size, mut permits) = (BytesMut::new(), 0, None);
    // The connection throws away what the client still sends, so that the client receives the refusal.
    if body.size_hint().lower() > limit as u64 {
        return too_large();
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Problem::new(Code::InvalidJson, format!("the body ended early: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        if size > limit {
            return too_large();
        }
        acquire_memory(app, &mut permits, size)?;
        kept.extend_from_slice(&data);
    }
    Ok(ReadBody { value: kept.freeze(), _permits: permits })
}

/// Acquires permits for a body that has grown to `size`. Small bodies need none: their number is limited by the number
/// of connections. So clients that send large bodies slowly never block ordinary pushes.
fn acquire_memory(app: &App, permits: &mut Option<OwnedSemaphorePermit>, size: usize) -> Result<(), Problem> {
    let taken = permits.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let needed = if size > SMALL_BYTES { size.div_ceil(PERMIT_BYTES).saturating_sub(taken) } else { 0 };
    if needed == 0 {
        return Ok(());
    }
    let more =
        u32::try_from(needed).ok().and_then(|more| Arc::clone(&app.body_memory).try_acquire_many_owned(more).ok());
    let more = more.ok_or_else(|| {
        let detail = "the server is reading the maximum amount of large bodies; nothing was done";
        Problem::new(Code::TooBusy, detail).retry_after_about(1)
    })?;
    match permits {
        Some(permits) => permits.merge(more),
        None => *permits = Some(more),
    }
    Ok(())
}

/// Returns the permits for this many bytes of large bodies.
pub(crate) fn memory(bytes: usize) -> Semaphore {
    Semaphore::new((bytes / PERMIT_BYTES).min(Semaphore::MAX_PERMITS))
}

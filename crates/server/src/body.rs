//! Bodies of requests: bounded in size and time, JSON unless a route says otherwise.

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

/// A body that is too large is read on for this many times the allowed size before it is refused: a client that is still
/// writing when the connection closes would never see the answer.
const LINGER: usize = 8;

/// The largest body that needs no room of its own.
const SMALL: usize = 64 * 1024;

/// The bytes that one permit of [`App::room`] stands for.
const ROOM: usize = 16 * 1024;

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

/// What was read from a body, with the room that it takes up.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    pub(crate) value: T,
    _room: Option<OwnedSemaphorePermit>,
}

impl<T> Taken<T> {
    fn map<U>(self, into: impl FnOnce(T) -> Result<U, Problem>) -> Result<Taken<U>, Problem> {
        Ok(Taken { value: into(self.value)?, _room: self._room })
    }
}

/// Reads a body that must be JSON.
pub(crate) async fn json<T: DeserializeOwned>(app: &App, headers: &HeaderMap, body: Body) -> Result<Taken<T>, Problem> {
    json_up_to(app, app.config.body_bytes, headers, body).await
}

/// Reads a body that must be JSON, with a bound of its own.
pub(crate) async fn json_up_to<T: DeserializeOwned>(
    app: &App,
    limit: usize,
    headers: &HeaderMap,
    body: Body,
) -> Result<Taken<T>, Problem> {
    if media(headers) != Some(Media::Json) {
        return Err(unsupported("application/json"));
    }
    read_up_to(app, limit, body).await?.map(|bytes| Ok(wire::json::parse(&bytes)?))
}

/// Reads a body that must be JSON or empty, which stands for an empty object. As with [`none`], a form is refused.
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

/// Reads the body of a route that needs none: empty, or an empty JSON object. A form is refused, so that no page of another
/// site can send one from a browser too old to say where it comes from.
pub(crate) async fn none(app: &App, headers: &HeaderMap, body: Body) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}

    json_or_none::<Nothing>(app, headers, body).await.map(|Nothing {}| ())
}

/// Reads a body within the server's bounds.
pub(crate) async fn read(app: &App, body: Body) -> Result<Taken<Bytes>, Problem> {
    read_up_to(app, app.config.body_bytes, body).await
}

async fn read_up_to(app: &App, limit: usize, body: Body) -> Result<Taken<Bytes>, Problem> {
    let read = tokio::time::timeout(app.config.body_timeout, collect(app, body, limit));
    match read.await {
        Ok(taken) => taken,
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("the body did not arrive within {:?}; nothing was done", app.config.body_timeout),
        )),
    }
}

async fn collect(app: &App, mut body: Body, limit: usize) -> Result<Taken<Bytes>, Problem> {
    let too_large = || Err(Problem::new(Code::BodyTooLarge, format!("a body may have at most {limit} bytes")));
    let (mut kept, mut size, mut room) = (BytesMut::new(), 0, None);
    if body.size_hint().lower() > (limit * LINGER) as u64 {
        return too_large();
    }
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| Problem::new(Code::InvalidJson, format!("the body broke off: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        size += data.len();
        match size {
            size if size <= limit => {
                make_room(app, &mut room, size)?;
                kept.extend_from_slice(&data);
            }
            size if size <= limit * LINGER => {
                (kept, room) = (BytesMut::new(), None);
            }
            _ => break,
        }
    }
    if size > limit { too_large() } else { Ok(Taken { value: kept.freeze(), _room: room }) }
}

/// Takes room for a body that has grown to `size`. Small ones need none: there are as many as connections at most, so that
/// who sends large bodies, slowly, never keeps ordinary pushes out.
fn make_room(app: &App, room: &mut Option<OwnedSemaphorePermit>, size: usize) -> Result<(), Problem> {
    let taken = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let needed = if size > SMALL { size.div_ceil(ROOM).saturating_sub(taken) } else { 0 };
    if needed == 0 {
        return Ok(());
    }
    let more = u32::try_from(needed).ok().and_then(|more| Arc::clone(&app.room).try_acquire_many_owned(more).ok());
    let more = more.ok_or_else(|| {
        let detail = "the large bodies under way take up all the room there is for them; nothing was done";
        Problem::new(Code::TooBusy, detail).retry_after_about(1)
    })?;
    match room {
        Some(room) => room.merge(more),
        None => *room = Some(more),
    }
    Ok(())
}

/// Returns how many permits stand for that many bytes of large bodies.
pub(crate) fn room(bytes: usize) -> Semaphore {
    Semaphore::new((bytes / ROOM).min(Semaphore::MAX_PERMITS))
}

//! `GET /v1/jobs/{id}/events`: tells of a job's changes as they happen (server-sent events).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use longshore_core::{Status, Watch};
use longshore_wire as wire;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::caller::Caller;
use crate::lookup;
use crate::openapi::{Answer, Content, ID, Operation, Takes, fails};
use crate::params::Id;
use crate::problem::{Code, Problem};
use crate::streams::Stream;

/// How long a browser waits before it opens a stream again that broke off.
const AGAIN: Duration = Duration::from_secs(2);

/// What the API's document says of [`events`].
pub(crate) const EVENTS: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/events",
    id: "follow",
    summary: "Server-sent events: `status` at once and with each change, until the job is finished",
    open: false,
    parameters: &[ID],
    takes: Takes::None,
    answers: &[
        Answer {
            status: 200,
            says: "The stream; the data of each event `status` is an `Event`.",
            content: Content::Text("text/event-stream"),
            headers: &[],
        },
        Answer::empty(204, "The job is finished, and the caller has heard so (`Last-Event-ID`)."),
    ],
    fails: &[fails::STORE, fails::UNKNOWN, &[Code::TooManyStreams, Code::TooManyOfYourStreams, Code::Draining]],
};

/// Opens a stream: an event `status` at once, one with each change, the last with the final state.
///
/// A browser opens a stream anew when it ends. One that has heard the final state already is answered 204, which tells it
/// to stop. No stream outlives its time: that of a job nobody works on would stay open for as long as the job waits.
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::draining());
    }
    let stream = app.streams.open(caller)?;
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let first = longshore_core::Status::from(&job);
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    if first.state.is_final() && heard == Some(first.version) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let telling = Telling {
        watch: app.backend.watch(job.id),
        next: Next::First(first),
        draining: app.draining.clone(),
        end: Instant::now() + app.config.stream_lifetime,
        _stream: stream,
    };
    let sse = Sse::new(stream::unfold(telling, Telling::tell))
        .keep_alive(KeepAlive::new().interval(app.config.stream_comment));
    // Without the second header nginx would keep events back until its buffer is full.
    let headers = [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, sse).into_response())
}

/// A stream on its way.
struct Telling {
    watch: Watch,
    next: Next,
    draining: CancellationToken,
    end: Instant,
    _stream: Stream,
}

/// What the stream tells next.
enum Next {
    /// What the job was like when the stream was opened.
    First(Status),
    /// Whatever is newer than this version.
    After(u64),
    /// Nothing any more.
    End,
}

impl Telling {
    async fn tell(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let status = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return None,
            Next::First(status) => Some(status),
            Next::After(version) => tokio::select! {
                biased;
                () = self.draining.cancelled() => return None,
                () = tokio::time::sleep_until(self.end) => return None,
                newer = newer(&mut self.watch, version) => newer,
            },
        };
        let event = match status {
            Some(status) => {
                if !status.state.is_final() {
                    self.next = Next::After(status.version);
                }
                let event = Event::default().event("status").id(status.version.to_string()).retry(AGAIN);
                event.json_data(wire::Event::from(status)).expect("strings and numbers can be written")
            }
            None => Event::default().event("gone").data("{}"),
        };
        Some((Ok(event), self))
    }
}

/// Waits for a newer status; `None` once nobody knows the job. A watch may begin with what another one saw earlier.
async fn newer(watch: &mut Watch, than: u64) -> Option<Status> {
    loop {
        let status = watch.next().await?;
        if status.version > than {
            return Some(status);
        }
    }
}

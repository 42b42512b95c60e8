//! `GET /v1/jobs/{id}/events`: sends a job's status as it changes (server-sent events).

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
use crate::openapi::{Answer, Content, ID, Operation, Takes, errors};
use crate::params::Id;
use crate::peer::Client;
use crate::problem::{Code, Problem};
use crate::shares::{Full, Share};

/// How long a browser waits before it reopens a broken stream.
const AGAIN: Duration = Duration::from_secs(2);

/// The OpenAPI description of [`events`].
pub(crate) const EVENTS: Operation = Operation {
    method: "get",
    path: "/v1/jobs/{id}/events",
    id: "follow",
    summary: "Server-sent events: `status` immediately and after each change, until the job is finished",
    public: false,
    parameters: &[ID],
    takes: Takes::None,
    answers: &[
        Answer {
            status: 200,
            description: "The stream. The data of each `status` event is an `Event`.",
            content: Content::Text("text/event-stream"),
            headers: &[],
        },
        Answer::empty(204, "The job is finished, and the client has received the final status (`Last-Event-ID`)."),
    ],
    errors: &[errors::STORE, errors::UNKNOWN, &[Code::TooManyStreams, Code::TooManyOfYourStreams, Code::Draining]],
};

/// Opens a stream. It sends an event `status` immediately and after each change; the last one contains the final state.
///
/// A browser reopens a stream that ends. If it has already received the final state, the answer is 204, which tells it
/// to stop. Every stream has a maximum lifetime: the stream of a job that no worker claims would otherwise stay open
/// for as long as the job waits.
pub(crate) async fn events(
    State(app): State<App>,
    caller: Caller,
    client: Client,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if app.draining.is_cancelled() {
        return Err(Problem::draining());
    }
    let stream = app.streams.take(caller).map_err(|full| match full {
        Full::Total => {
            let detail = format!("the maximum of {} event streams is open", app.config.streams);
            Problem::new(Code::TooManyStreams, detail).retry_after_about(5)
        }
        Full::PerCaller => {
            let detail = format!("you have the maximum of {} event streams open", app.config.streams_per_caller);
            Problem::new(Code::TooManyOfYourStreams, detail).retry_after_about(5)
        }
    })?;
    let job = lookup::job(&app.backend, &id).await?.ok_or_else(|| Problem::unknown_job(&id))?;
    let first = longshore_core::Status::from(&job);
    let heard = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    if first.state.is_final() && heard == Some(first.version) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let events = EventStream {
        watch: app.backend.watch(job.id),
        next: Next::First(first),
        draining: app.draining.clone(),
        client,
        end: Instant::now() + app.config.stream_lifetime,
        _stream: stream,
    };
    let sse = Sse::new(stream::unfold(events, EventStream::next_event))
        .keep_alive(KeepAlive::new().interval(app.config.stream_comment));
    // Without the second header nginx would hold events back until its buffer is full.
    let headers = [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, sse).into_response())
}

/// An open stream.
struct EventStream {
    watch: Watch,
    next: Next,
    draining: CancellationToken,
    client: Client,
    end: Instant,
    _stream: Share,
}

/// What the stream sends next.
enum Next {
    /// The status when the stream was opened.
    First(Status),
    /// Any status that is newer than this version.
    After(u64),
    /// Nothing more.
    End,
}

impl EventStream {
    async fn next_event(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let status = match std::mem::replace(&mut self.next, Next::End) {
            Next::End => return None,
            Next::First(status) => Some(status),
            Next::After(version) => tokio::select! {
                biased;
                () = self.draining.cancelled() => return None,
                () = self.client.gone() => return None,
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
                event.json_data(wire::Event::from(status)).expect("strings and numbers can be serialized")
            }
            None => Event::default().event("gone").data("{}"),
        };
        Some((Ok(event), self))
    }
}

/// Waits for a newer status; `None` if the job no longer exists. A watch may begin with a status that another watch
/// read earlier.
async fn newer(watch: &mut Watch, than: u64) -> Option<Status> {
    loop {
        let status = watch.next().await?;
        if status.version > than {
            return Some(status);
        }
    }
}

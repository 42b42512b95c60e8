//! Notifications between processes.
//!
//! A claim that finds fewer jobs than it wants notes, in the same function, that its worker waits. There is one set of waiting
//! workers for each queue and group of kinds (`keys.rs`). A function that makes a job ready removes one worker from such a set and
//! publishes the job on the channel of the worker's process. A process that has no free slot by then notifies another one. Changes
//! of jobs are published on a channel that only processes with watchers subscribe to. Cancels and changes of rules are published on
//! a channel that all processes subscribe to. A process that reconnects may have missed messages, so it checks everything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use longshore_core::{JobId, News, Notices, Notifications, Reception, Work};
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Msg, RedisError};
use tokio::task::JoinHandle;

use crate::base::Base;
use crate::keys::Channels;
use crate::library;
use crate::link::Backoff;
use crate::reader::Reader;
use crate::route::{CONNECT, Route};
use crate::shared::{TELLS_ALL_WORK, TELLS_CANCELS};

/// A connection without messages for this long is checked with a PING.
const SILENCE: Duration = Duration::from_secs(10);

/// Notifies workers that wait for such jobs. A failure only delays the jobs.
pub(crate) fn notify(base: &Arc<Base>, work: Vec<Work>) {
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let base = Arc::clone(base);
    runtime.spawn(async move {
        for Work { queue, kind, jobs, .. } in work {
            let call = base.framed(&library::NOTIFY, &base.keys.of_queue(&queue)).arg(queue.as_str());
            if let Err(e) = call.arg(kind.as_str()).number(jobs as i64).run().await {
                tracing::debug!(error = %e, "cannot notify another process; its workers find the jobs later");
            }
        }
    });
}

/// Receives notifications of other processes until it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Subscribes, and then receives in the background. No message is missed after this returns.
    pub(crate) async fn start(route: Route, base: &Arc<Base>) -> Result<Self, RedisError> {
        let channels = base.keys.channels(&base.me);
        let mut found = Err(crate::link::timed_out());
        for attempt in 0..route.choices() {
            found = Subscribed::new(&route, &channels, attempt).await;
            if found.is_ok() {
                break;
            }
        }
        let mut subscribed = found?;
        let (weak, notifications) = (Arc::downgrade(base), base.notifications.clone());
        let listen = async move {
            loop {
                let notify_others = |work| {
                    if let Some(base) = weak.upgrade() {
                        notify(&base, vec![work]);
                    }
                };
                let _ = subscribed.receive(&channels, &notifications, notify_others).await; // calls report the error
                tracing::debug!("lost the connection for notifications; reconnecting");
                let mut backoff = Backoff::default();
                subscribed = loop {
                    match Subscribed::new(&route, &channels, backoff.attempts()).await {
                        Ok(subscribed) => break subscribed,
                        Err(_) => backoff.wait().await,
                    }
                };
                let _ = notifications.notify(&Notices::of_everything()); // it names no job that could be left over
            }
        };
        Ok(Listener { task: tokio::spawn(listen) })
    }
}

/// A connection that has subscribed.
struct Subscribed {
    sink: PubSubSink,
    messages: PubSubStream,
}

impl Subscribed {
    async fn new(route: &Route, channels: &Channels, attempt: usize) -> Result<Self, RedisError> {
        in_time(async {
            let mut pubsub = route.client(attempt).await?.get_async_pubsub().await?;
            pubsub.subscribe(&[&channels.all, &channels.work]).await?;
            let (sink, messages) = pubsub.split();
            Ok(Subscribed { sink, messages })
        })
        .await
    }

    /// Passes messages on until the connection is lost.
    async fn receive(
        &mut self,
        channels: &Channels,
        notifications: &Notifications,
        notify_others: impl Fn(Work),
    ) -> Result<(), RedisError> {
        let mut watched = notifications.watched();
        loop {
            let now = Instant::now();
            match watched.next(now) {
                Some(Reception::Begin) => {
                    in_time(self.sink.subscribe(&channels.news)).await?;
                    notifications.notify_news(&News::All); // changes before this subscription
                }
                Some(Reception::End) => in_time(self.sink.unsubscribe(&channels.news)).await?,
                None => {}
            }
            let patience = watched.end_at().map_or(SILENCE, |at| at.saturating_duration_since(now).min(SILENCE));
            tokio::select! {
                message = self.messages.next() => match message {
                    Some(message) => dispatch(&message, channels, notifications, &notify_others),
                    None => return Ok(()),
                },
                () = watched.changed() => {}
                () = tokio::time::sleep(patience) => {
                    in_time(self.sink.ping::<redis::Value>()).await?;
                }
            }
        }
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, RedisError>>) -> Result<T, RedisError> {
    tokio::time::timeout(CONNECT, call).await.unwrap_or_else(|_| Err(crate::link::timed_out()))
}

/// Passes a message on to this process. An invalid message is ignored.
fn dispatch(message: &Msg, channels: &Channels, notifications: &Notifications, notify_others: impl Fn(Work)) {
    let (channel, payload) = (message.get_channel_name(), message.get_payload_bytes());
    if channel == channels.work {
        if let Some(left) = read_work(payload).and_then(|work| notifications.notify_work(work)) {
            notify_others(left);
            if notifications.has_room() {
                notifications.notify_all_work(); // the next claim notes what its worker waits for now
            }
        }
    } else if channel == channels.news {
        let (ids, _) = payload.as_chunks::<16>();
        let named = || News::Jobs(ids.iter().map(|id| JobId::from_bytes(*id)).collect());
        notifications.notify_news(&if ids.is_empty() { News::All } else { named() });
    } else if let [bits] = payload {
        let has = |what: i64| i64::from(*bits) & what != 0;
        let _ = notifications.notify(&Notices::without_names(has(TELLS_ALL_WORK), false, has(TELLS_CANCELS)));
    }
}

/// Reads the queue and the kind from the notification of a job.
fn read_work(payload: &[u8]) -> Option<Work> {
    let mut from = Reader(payload);
    let length = from.u8()?;
    let queue = std::str::from_utf8(from.bytes(usize::from(length))?).ok()?.parse().ok()?;
    let kind = std::str::from_utf8(from.0).ok()?.parse().ok()?;
    Some(Work::new(queue, kind, 1))
}

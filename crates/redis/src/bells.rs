//! Bells between processes: every script that changes something says so on one channel, in one message.
//!
//! A message is who did it (8 bytes, so that nobody hears what he did himself) and which bells ring (a byte). The process that did
//! it rings its own bells when it has the answer. Whoever was not connected for a while may have missed something, and rings all
//! bells when he is there again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::Wakeups;
use redis::RedisError;
use redis::aio::{PubSubSink, PubSubStream};
use tokio::task::JoinHandle;

use crate::link::Backoff;
use crate::route::{CONNECT, Route};
use crate::shared::{BELL_CANCELS, BELL_NEWS, BELL_WORK};

/// A connection on which nothing was heard for this long is asked whether it still is one.
const SILENCE: Duration = Duration::from_secs(10);

/// Rings the bells that a number says.
pub(crate) fn ring(wakeups: &Wakeups, bells: u8) {
    let rings = |bell: i64| i64::from(bells) & bell != 0;
    if rings(BELL_WORK) {
        wakeups.ring_work();
    }
    if rings(BELL_NEWS) {
        wakeups.ring_news();
    }
    if rings(BELL_CANCELS) {
        wakeups.ring_cancels();
    }
}

/// Rings all bells: something may have happened that was not heard.
pub(crate) fn ring_all(wakeups: &Wakeups) {
    ring(wakeups, (BELL_WORK | BELL_NEWS | BELL_CANCELS) as u8);
}

/// Hears the bells of other processes for as long as it is held.
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
    /// Starts listening; returns once it is, so that nothing is missed from then on.
    pub(crate) async fn start(
        route: Route,
        channel: String,
        me: [u8; 8],
        wakeups: Wakeups,
    ) -> Result<Self, RedisError> {
        let route = Arc::new(route);
        let mut found = Err(crate::link::timed_out());
        for attempt in 0..route.choices() {
            found = subscribe(&route, &channel, attempt).await;
            if found.is_ok() {
                break;
            }
        }
        let mut subscribed = found?;
        let listen = async move {
            loop {
                hear(&mut subscribed, me, &wakeups).await;
                tracing::debug!("lost the connection on which bells are heard; connecting anew");
                let mut backoff = Backoff::default();
                subscribed = loop {
                    match subscribe(&route, &channel, backoff.attempts()).await {
                        Ok(subscribed) => break subscribed,
                        Err(_) => backoff.wait().await, // calls tell what is wrong
                    }
                };
                ring_all(&wakeups);
            }
        };
        Ok(Listener { task: tokio::spawn(listen) })
    }
}

async fn subscribe(route: &Route, channel: &str, attempt: usize) -> Result<(PubSubSink, PubSubStream), RedisError> {
    let subscribe = async {
        let mut pubsub = route.client(attempt).await?.get_async_pubsub().await?;
        pubsub.subscribe(channel).await?;
        Ok(pubsub.split())
    };
    tokio::time::timeout(CONNECT, subscribe).await.unwrap_or_else(|_| Err(crate::link::timed_out()))
}

/// Rings what is heard until the connection is lost.
async fn hear((sink, messages): &mut (PubSubSink, PubSubStream), me: [u8; 8], wakeups: &Wakeups) {
    loop {
        match tokio::time::timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => {
                if let [from @ .., bells] = message.get_payload_bytes()
                    && from != me
                {
                    ring(wakeups, *bells);
                }
            }
            Ok(None) => return,
            Err(_) => {
                let alive = tokio::time::timeout(CONNECT, sink.ping::<redis::Value>()).await;
                if !matches!(alive, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}

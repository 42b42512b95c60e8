//! The task that receives the notifications of other processes, and sends those of this one. LISTEN uses a separate
//! connection. A lost notification causes a delay: workers poll every few seconds, and watchers every second.
//!
//! Design: docs/design/notifications.md

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore_core::{Error, ErrorKind, JobId, News, Notices, Notifications, Reception, Work};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};
use tokio_postgres::{AsyncMessage, Notification};
use uuid::Uuid;

use crate::pace::Pace;
use crate::pool::{Driver, Pool};
use crate::publisher::{Channels, Outbox, Way, bounded, notify};

/// The task that listens and notifies, or only notifies behind a pooler. It ends with the store.
#[derive(Debug)]
pub(crate) struct Listener(JoinHandle<()>);

impl Listener {
    pub(crate) fn spawn(pool: Pool, notifications: Notifications, outbox: Arc<Outbox>) -> Self {
        let runtime = pool.runtime().clone();
        Listener(match pool.is_pooled() {
            true => runtime.spawn(tell(pool, outbox)),
            false => runtime.spawn(listen(pool, notifications, outbox)),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How often an idle connection is checked, so that an unresponsive server is detected.
const PING: Duration = Duration::from_secs(15);

/// Listens without end, and reconnects whenever the connection breaks.
async fn listen(pool: Pool, notifications: Notifications, outbox: Arc<Outbox>) {
    let mut failures = 0;
    loop {
        let since = Instant::now();
        let Err(e) = listen_once(&pool, &notifications, &outbox).await;
        outbox.listens.store(false, Ordering::Release);
        failures = if since.elapsed() > PING { 1 } else { failures + 1 };
        if failures == 1 {
            tracing::warn!(error = %e, "cannot receive notifications of other processes; will reconnect, and poll meanwhile");
        }
        let pause = Duration::from_millis(100 << failures.min(6)).mul_f64(0.5 + fastrand::f64());
        tokio::time::sleep(pause).await;
    }
}

/// Listens until the connection breaks.
async fn listen_once(
    pool: &Pool,
    notifications: &Notifications,
    outbox: &Outbox,
) -> Result<std::convert::Infallible, Error> {
    // Notifications are only hints, so they need not wait for the disk.
    let (client, driver) = pool.dial(Instant::now() + pool.patience(), "-c synchronous_commit=off").await?;
    let (tell, mut heard) = mpsc::unbounded_channel();
    let driving = pool.runtime().spawn(drive(driver, tell));
    let _stops = Stops(driving.abort_handle());
    let channels = Channels::new(pool, &outbox.process);
    for channel in [&channels.all, &channels.work] {
        bounded(pool, client.batch_execute(&format!("LISTEN \"{channel}\""))).await?;
    }
    let lock = format!("SELECT pg_advisory_lock_shared(hashtextextended('{}', 0))", outbox.process);
    bounded(pool, client.batch_execute(&lock)).await?;
    outbox.listens.store(true, Ordering::Release);
    let _ = notifications.notify(&Notices::of_everything()); // replaces notifications missed while not connected
    outbox.ready.notify_one();

    let mut watched = notifications.watched();
    let mut pace = Pace::default();
    let mut ping = Instant::now() + PING;
    loop {
        let pending = outbox.pending().bits();
        let now = Instant::now();
        pace.count(outbox.pushes.swap(0, Ordering::Relaxed), now);
        let due = pace.due(pending, now);
        if due != 0 {
            let taken = outbox.pending().take(due);
            let passes_on = !taken.full.is_empty();
            pace.sent(due, now);
            if let Err(e) = notify(Way::Own(pool, &client), &channels, outbox, taken).await {
                outbox.mark_all_pending(); // sent after the connection is restored
                return Err(e);
            }
            if passes_on && notifications.has_room() {
                notifications.notify_all_work(); // a claim tells the server what its worker waits for
            }
            continue;
        }
        match watched.next(now.into_std()) {
            Some(Reception::Begin) => {
                bounded(pool, client.batch_execute(&format!("LISTEN \"{}\"", channels.news))).await?;
                notifications.notify_news(&News::All); // replaces earlier notifications
            }
            Some(Reception::End) => {
                bounded(pool, client.batch_execute(&format!("UNLISTEN \"{}\"", channels.news))).await?;
            }
            None => {}
        }
        let next = [pace.next(pending), watched.end_at().map(Instant::from_std)]
            .into_iter()
            .flatten()
            .fold(ping, Instant::min);
        tokio::select! {
            message = heard.recv() => match message {
                Some(message) => receive(&message, &channels, notifications, outbox, &mut pace),
                None => return Err(Error::new(ErrorKind::Unavailable, "the connection has ended")),
            },
            () = outbox.wake.notified() => {}
            () = watched.changed() => {}
            () = sleep_until(next) => {}
        }
        if Instant::now() >= ping {
            bounded(pool, client.batch_execute("")).await?;
            ping = Instant::now() + PING;
        }
    }
}

/// Notifies other processes without end, through the pool: behind a pooler this process cannot listen, but others may
/// listen elsewhere.
async fn tell(pool: Pool, outbox: Arc<Outbox>) {
    let channels = Channels::new(&pool, &outbox.process);
    let mut pace = Pace::default();
    loop {
        let (pending, now) = (outbox.pending().bits(), Instant::now());
        pace.count(outbox.pushes.swap(0, Ordering::Relaxed), now);
        let due = pace.due(pending, now);
        if due == 0 {
            let next = pace.next(pending).unwrap_or(now + PING);
            tokio::select! {
                () = outbox.wake.notified() => {}
                () = sleep_until(next) => {}
            }
            continue;
        }
        let taken = outbox.pending().take(due);
        pace.sent(due, now);
        if let Err(e) = notify(Way::Pool(&pool), &channels, &outbox, taken).await {
            tracing::debug!(error = %e, "cannot notify other processes; will try again");
            outbox.mark_all_pending();
            tokio::time::sleep(PING.mul_f64(0.1 + fastrand::f64() / 10.0)).await;
        }
    }
}

/// Aborts the task that runs a connection when it is dropped.
struct Stops(tokio::task::AbortHandle);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a connection and forwards its notifications, until it breaks or the receiver is dropped.
async fn drive(mut driver: Driver, tell: mpsc::UnboundedSender<Notification>) {
    while let Some(Ok(message)) = poll_fn(|cx| driver.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message
            && tell.send(notification).is_err()
        {
            return;
        }
    }
}

/// Handles a notification of another process.
fn receive(
    message: &Notification,
    channels: &Channels,
    notifications: &Notifications,
    outbox: &Outbox,
    pace: &mut Pace,
) {
    let (channel, payload) = (message.channel(), message.payload());
    if channel == channels.work {
        pace.count(1, Instant::now());
        let Some(work) = read_work(payload) else { return };
        let Some(left) = notifications.notify_work(work) else { return };
        outbox.queue(|pending| {
            pending.full.push((left.queue.clone(), left.kind.clone()));
            pending.add_work(vec![left]);
        });
    } else if channel == channels.news {
        notifications.notify_news(&read_news(payload));
    } else {
        let _ = notifications.notify(&Notices::without_names(payload.contains('w'), false, payload.contains('c')));
    }
}

/// Reads a notification of one job: its queue and its kind.
fn read_work(payload: &str) -> Option<Work> {
    let (queue, kind) = payload.split_once(' ')?;
    Some(Work::new(queue.parse().ok()?, kind.parse().ok()?, 1))
}

/// Reads concatenated ids.
fn read_news(payload: &str) -> News {
    let ids = payload.as_bytes().chunks(32).map(Uuid::try_parse_ascii);
    let ids: Result<_, _> = ids.map(|id| id.map(|id| JobId::from_bytes(id.into_bytes()))).collect();
    ids.map_or(News::All, News::Jobs)
}

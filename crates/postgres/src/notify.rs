//! Notifications between processes. LISTEN uses a separate connection, and NOTIFY is never sent in a transaction that
//! pushes.
//!
//! Design: docs/design/notifications.md
//!
//! A claim that finds fewer jobs than it wants registers its worker as waiting (`waiter`, sql/notify.sql). After a
//! commit with new work, a process first notifies receivers with room in the same process. For the rest, its listener
//! notifies waiting processes, one per job, each on its own channel. News of jobs go to a channel on which only
//! processes with watchers listen. Cancels and changes of rules go to a channel on which all listen.
//!
//! The first notification is sent at once. Those that follow soon are sent together, a little later, because a commit
//! with a notification takes a lock of the whole database. A lost notification causes a delay: workers poll every few
//! seconds, and watchers every second.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_core::{Error, ErrorKind, JobId, Kind, News, Notices, Notifications, QueueName, Reception, Work};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Notification};
use uuid::Uuid;

use crate::error;
use crate::pool::{Driver, Param, Pool};
use crate::push::uuid;

/// Notifies this process and others after a commit. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    notifications: Notifications,
    /// `None` if other processes are not notified, because the URL disables it.
    outbox: Option<Arc<Outbox>>,
}

/// Pending notifications to other processes.
#[derive(Debug)]
struct Outbox {
    /// The name of this process among waiting processes. The connection that listens for it holds a shared advisory
    /// lock of this name.
    process: String,
    listens: AtomicBool,
    pending: Mutex<Pending>,
    /// How often there was work since the last check.
    pushes: AtomicU32,
    wake: Notify,
    /// Signals that the process listens, for the call that opens the store.
    ready: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    work: HashMap<(QueueName, Kind), usize>,
    /// Jobs that possibly wait again. Only the database knows their queues and kinds.
    released: Vec<JobId>,
    /// Work that other processes notified this one of and for which it has no room.
    full: Vec<(QueueName, Kind)>,
    all_work: bool,
    news: News,
    cancels: bool,
}

/// The most jobs that possibly wait again which are looked up. If there are more, all processes are notified.
const MOST_RELEASED: usize = 1_000;
/// The most jobs in one notification of news, whose size limit is 8,000 bytes.
const MOST_NAMED: usize = 200;

/// The task that listens and notifies, or only notifies behind a pooler. It ends with the store.
#[derive(Debug)]
pub(crate) struct Listener(JoinHandle<()>);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

const WORK: u8 = 1;
const NEWS: u8 = 2;
const CANCELS: u8 = 4;

/// The time between two notifications of work, at a low rate.
const WORK_EVERY: Duration = Duration::from_millis(2);
/// The time between two notifications of one sort, at a high rate: busy workers claim again without a notification.
const EVERY: Duration = Duration::from_millis(25);
/// The rate is high above this many notifications of work per second, sent by this process and received from others.
const BUSY: f64 = 600.0;
/// The period in which they are counted.
const BUSY_FOR: Duration = Duration::from_millis(100);
/// How long opening a store waits for its listener.
const READY: Duration = Duration::from_secs(2);
/// How often an idle connection is checked, so that an unresponsive server is detected.
const PING: Duration = Duration::from_secs(15);

impl Publisher {
    /// Creates a publisher that notifies only this process.
    pub(crate) fn alone() -> Self {
        Publisher { notifications: Notifications::default(), outbox: None }
    }

    /// Creates a publisher that notifies all processes that listen on the same schema.
    pub(crate) fn across(pool: Pool) -> (Self, Listener) {
        let outbox = Arc::new(Outbox {
            process: format!("{:016x}", fastrand::u64(..)),
            listens: AtomicBool::new(false),
            pending: Mutex::default(),
            pushes: AtomicU32::new(0),
            wake: Notify::new(),
            ready: Notify::new(),
        });
        let notifications = Notifications::default();
        let (runtime, to_tell) = (pool.runtime().clone(), Arc::clone(&outbox));
        let listener = Listener(match pool.is_pooled() {
            true => runtime.spawn(tell(pool, to_tell)),
            false => runtime.spawn(listen(pool, notifications.clone(), to_tell)),
        });
        (Publisher { notifications, outbox: Some(outbox) }, listener)
    }

    pub(crate) fn notifications(&self) -> &Notifications {
        &self.notifications
    }

    /// Waits for a limited time until the process listens. A listener that cannot connect does not prevent opening the
    /// store.
    pub(crate) async fn ready(&self) {
        if let Some(outbox) = &self.outbox {
            let _ = timeout(READY, outbox.ready.notified()).await; // it keeps trying
        }
    }

    /// Returns the name of this process for waiting workers, or `None` while it does not listen.
    pub(crate) fn process(&self) -> Option<&str> {
        let listening = self.outbox.as_ref().filter(|outbox| outbox.listens.load(Ordering::Acquire));
        listening.map(|outbox| outbox.process.as_str())
    }

    /// Sends notifications: in this process at once, to others soon. Call it after the commit.
    pub(crate) fn tell(&self, notices: Notices) {
        let left = self.notifications.notify(&notices);
        let Some(outbox) = &self.outbox else { return };
        outbox.pushes.fetch_add(u32::from(!notices.work.is_empty() || notices.all_work), Ordering::Relaxed);
        outbox.queue(|pending| {
            pending.add_work(left);
            pending.all_work |= notices.all_work;
            pending.cancels |= notices.cancels;
            pending.news.merge(notices.news);
        });
    }

    /// Notifies of changed jobs, of which some possibly wait again.
    pub(crate) fn notify_handed_back(&self, ids: Vec<JobId>) {
        self.notifications.notify_all_work();
        let Some(outbox) = &self.outbox else { return };
        outbox.pushes.fetch_add(1, Ordering::Relaxed);
        outbox.queue(|pending| {
            pending.released.extend(ids);
            if pending.released.len() > MOST_RELEASED {
                pending.released.clear();
                pending.all_work = true;
            }
        });
    }

    /// Notifies other processes of work.
    pub(crate) fn notify_others(&self, work: Vec<Work>) {
        if let Some(outbox) = &self.outbox {
            outbox.queue(|pending| pending.add_work(work));
        }
    }
}

impl Outbox {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks all notifications as pending: some were lost, and it is not known which.
    fn mark_all_pending(&self) {
        let mut pending = self.pending();
        (pending.all_work, pending.cancels, pending.news) = (true, true, News::All);
    }

    fn queue(&self, what: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending();
        let before = pending.bits();
        what(&mut pending);
        if pending.bits() & !before != 0 {
            self.wake.notify_one();
        }
    }
}

impl Pending {
    fn add_work(&mut self, work: Vec<Work>) {
        for Work { queue, kind, jobs, .. } in work {
            *self.work.entry((queue, kind)).or_default() += jobs;
        }
    }

    /// Returns which sorts of notifications are pending.
    fn bits(&self) -> u8 {
        let work = !self.work.is_empty() || !self.released.is_empty() || self.all_work;
        (u8::from(work) * WORK) | (u8::from(!self.news.is_empty()) * NEWS) | (u8::from(self.cancels) * CANCELS)
    }

    /// Takes the notifications of the sorts that are due.
    fn take(&mut self, due: u8) -> Pending {
        let mut taken = Pending::default();
        if due & WORK != 0 {
            (taken.work, taken.released) = (std::mem::take(&mut self.work), std::mem::take(&mut self.released));
            (taken.full, taken.all_work) = (std::mem::take(&mut self.full), std::mem::take(&mut self.all_work));
        }
        if due & NEWS != 0 {
            taken.news = std::mem::take(&mut self.news);
        }
        if due & CANCELS != 0 {
            taken.cancels = std::mem::take(&mut self.cancels);
        }
        taken
    }
}

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

/// The channels on which a process listens.
struct Channels {
    all: String,
    news: String,
    work: String,
}

impl Channels {
    fn new(pool: &Pool, process: &str) -> Self {
        let schema = pool.schema().as_str();
        Channels {
            all: format!("longshore:{schema}"),
            news: format!("longshore:{schema}:news"),
            work: format!("longshore:work:{process}"),
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

/// The connection for notifications.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// The connection that listens.
    Own(&'a Pool, &'a Client),
    /// Any connection.
    Pool(&'a Pool),
}

impl Way<'_> {
    async fn run(self, sql: &str, params: &[Param<'_>]) -> Result<(), Error> {
        match self {
            Way::Own(pool, client) => {
                bounded(pool, client.query_typed(&pool.schema().in_sql(sql), params)).await.map(drop)
            }
            Way::Pool(pool) => pool.rows(sql, params).await.map(drop),
        }
    }
}

/// Sends pending notifications to other processes.
async fn notify(
    way: Way<'_>,
    channels: &Channels,
    outbox: &Outbox,
    Pending { work, released, full, all_work, news, cancels }: Pending,
) -> Result<(), Error> {
    if !work.is_empty() || !released.is_empty() {
        let queues: Vec<_> = work.keys().map(|(queue, _)| queue.as_str()).collect();
        let kinds: Vec<_> = work.keys().map(|(_, kind)| kind.as_str()).collect();
        let jobs: Vec<_> = work.values().map(|jobs| i32::try_from(*jobs).unwrap_or(i32::MAX)).collect();
        let ids: Vec<Uuid> = released.into_iter().map(uuid).collect();
        let (full_queues, full_kinds): (Vec<_>, Vec<_>) =
            full.iter().map(|(queue, kind)| (queue.as_str(), kind.as_str())).unzip();
        let params: [Param<'_>; 7] = [
            (&queues, Type::TEXT_ARRAY),
            (&kinds, Type::TEXT_ARRAY),
            (&jobs, Type::INT4_ARRAY),
            (&ids, Type::UUID_ARRAY),
            (&outbox.process, Type::TEXT),
            (&full_queues, Type::TEXT_ARRAY),
            (&full_kinds, Type::TEXT_ARRAY),
        ];
        way.run("SELECT longshore.notify_work($1, $2, $3, $4, $5, $6, $7)", &params).await?;
    }
    let letters = [(all_work, 'w'), (cancels, 'c')].into_iter().filter_map(|(told, letter)| told.then_some(letter));
    let all = letters.collect::<String>();
    let named = match news {
        News::Jobs(ids) if ids.len() <= MOST_NAMED => {
            ids.iter().map(|id| uuid(*id).simple().to_string()).collect::<Vec<_>>().concat()
        }
        _ => "*".to_owned(),
    };
    for (channel, payload) in [(&channels.all, &all), (&channels.news, &named)] {
        if !payload.is_empty() {
            let params: [Param<'_>; 2] = [(channel, Type::TEXT), (payload, Type::TEXT)];
            way.run("SELECT pg_notify($1, $2)", &params).await?;
        }
    }
    Ok(())
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

async fn bounded<T>(pool: &Pool, call: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    let answered = timeout(pool.patience(), call).await;
    answered.map_err(|_| Error::new(ErrorKind::Unavailable, "the server does not answer"))?.map_err(error::of)
}

/// When each sort of notification may be sent again.
#[derive(Debug)]
struct Pace {
    last: [Option<Instant>; 3],
    /// The start of the count, and how often there was work since then.
    counted: (Instant, u32),
    many: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { last: [None; 3], counted: (Instant::now(), 0), many: false }
    }
}

impl Pace {
    /// Returns which of the pending sorts may be sent now.
    fn due(&self, pending: u8, now: Instant) -> u8 {
        let due = (0..3).filter(|sort| pending & (1 << sort) != 0 && self.free(*sort).is_none_or(|free| free <= now));
        due.fold(0, |bits, sort| bits | 1 << sort)
    }

    /// Returns when the next of the pending sorts may be sent.
    fn next(&self, pending: u8) -> Option<Instant> {
        (0..3).filter(|sort| pending & (1 << sort) != 0).filter_map(|sort| self.free(sort)).min()
    }

    fn free(&self, sort: usize) -> Option<Instant> {
        let gap = if sort == 0 && !self.many { WORK_EVERY } else { EVERY };
        self.last[sort].map(|last| last + gap)
    }

    fn sent(&mut self, bits: u8, now: Instant) {
        for sort in (0..3).filter(|sort| bits & (1 << sort) != 0) {
            self.last[sort] = Some(now);
        }
    }

    /// Counts how often there was work.
    fn count(&mut self, times: u32, now: Instant) {
        let (since, count) = &mut self.counted;
        *count += times;
        let passed = now.duration_since(*since);
        if passed >= BUSY_FOR {
            self.many = f64::from(*count) / passed.as_secs_f64() > BUSY;
            self.counted = (now, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent_within(pace: &mut Pace, start: Instant, millis: u64, asked: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut pending = 0;
        let mut sent = Vec::new();
        for ms in 0..millis {
            let now = start + Duration::from_millis(ms);
            if asked(ms) {
                pending |= WORK;
            }
            pace.count(u32::from(asked(ms)), now);
            let due = pace.due(pending, now);
            if due != 0 {
                pending &= !due;
                pace.sent(due, now);
                sent.push(ms);
            }
        }
        sent
    }

    #[test]
    fn first_goes_at_once_and_none_is_forgotten() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        assert_eq!(sent_within(&mut pace, start, 10, |ms| ms < 2), [0, 2]);
        let news = pace.due(NEWS, start);
        assert_eq!(news, NEWS);
        pace.sent(news, start);
        assert_eq!(pace.due(NEWS, start + Duration::from_millis(24)), 0);
        assert_eq!(pace.next(NEWS), Some(start + EVERY));
        assert_eq!(pace.due(NEWS | CANCELS, start + EVERY), NEWS | CANCELS);
    }

    #[test]
    fn few_pushes_are_told_of_one_by_one_and_many_together() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let each = sent_within(&mut pace, start, 1_000, |ms| ms % 5 == 0);
        assert_eq!(each.len(), 200, "two hundred a second wait for nothing");

        let (mut pace, start) = (Pace::default(), Instant::now());
        let many = sent_within(&mut pace, start, 2_000, |_| true);
        assert!(many.len() < 150, "{} notifications in two seconds", many.len());
        let later = sent_within(&mut pace, start + Duration::from_secs(3), 1_000, |ms| ms % 5 == 0);
        assert!(later.len() > 150, "a second later they are few again: {}", later.len());
    }
}

//! Bells across processes: LISTEN on a connection of its own, NOTIFY never in a transaction that pushes.
//!
//! A process rings its own bells itself, after the commit, and then asks for a notification. The first goes out at once; those
//! asked for soon after go together, a little later: a commit that notifies takes a lock of the whole database. A notification that
//! gets lost costs a delay: workers look by themselves at most every few seconds, watchers every second.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use longshore_core::{Error, ErrorKind, Wakeups};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client};

use crate::error;
use crate::pool::{Driver, Pool};

/// Which bells to ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rings {
    pub(crate) work: bool,
    pub(crate) news: bool,
    pub(crate) cancels: bool,
}

/// The bells of this process, and the way to those of others; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Bells {
    wakeups: Wakeups,
    /// `None` where nobody listens: behind a pooler, or because the URL says so.
    herald: Option<Arc<Herald>>,
}

/// What is to be told to others.
#[derive(Debug, Default)]
struct Herald {
    asked: AtomicU8,
    /// How often work was rung for since somebody looked.
    pushes: AtomicU32,
    wake: Notify,
}

/// The task that listens and notifies; ends with the store.
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

/// The letters of the bells in a notification.
const LETTERS: [(u8, char); 3] = [(WORK, 'w'), (NEWS, 'n'), (CANCELS, 'c')];

/// Time between two notifications of work, while there are few of them.
const WORK_EVERY: Duration = Duration::from_millis(2);
/// Time between two notifications of one bell, while there are many: whoever is busy looks again without being told.
const EVERY: Duration = Duration::from_millis(25);
/// More rings for work than this a second, of this process and from others, are many.
const BUSY: f64 = 600.0;
/// How long they are counted.
const BUSY_FOR: Duration = Duration::from_millis(100);
/// How often an idle connection is looked after: a server that is gone without a word is noticed by this.
const PING: Duration = Duration::from_secs(15);

impl Bells {
    /// Makes bells that ring in this process alone.
    pub(crate) fn alone(wakeups: Wakeups) -> Self {
        Bells { wakeups, herald: None }
    }

    /// Makes bells that ring in every process that listens on the same schema.
    pub(crate) fn across(wakeups: Wakeups, pool: Pool) -> (Self, Listener) {
        let herald = Arc::new(Herald::default());
        let listening = listen(pool.clone(), wakeups.clone(), Arc::clone(&herald));
        let listener = Listener(pool.runtime().spawn(listening));
        (Bells { wakeups, herald: Some(herald) }, listener)
    }

    pub(crate) fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }

    /// Rings here at once, and elsewhere soon. Call it after the commit.
    pub(crate) fn ring(&self, rings: Rings) {
        rings.here(&self.wakeups);
        if let Some(herald) = &self.herald {
            let asked = rings.bits();
            herald.pushes.fetch_add(u32::from(rings.work), Ordering::Relaxed);
            if asked != 0 && herald.asked.fetch_or(asked, Ordering::AcqRel) & asked != asked {
                herald.wake.notify_one();
            }
        }
    }
}

impl Rings {
    fn here(self, wakeups: &Wakeups) {
        if self.work {
            wakeups.ring_work();
        }
        if self.news {
            wakeups.ring_news();
        }
        if self.cancels {
            wakeups.ring_cancels();
        }
    }

    fn bits(self) -> u8 {
        (u8::from(self.work) * WORK) | (u8::from(self.news) * NEWS) | (u8::from(self.cancels) * CANCELS)
    }

    fn of(bits: u8) -> Self {
        Rings { work: bits & WORK != 0, news: bits & NEWS != 0, cancels: bits & CANCELS != 0 }
    }
}

/// Listens for ever, connecting again whenever the connection breaks.
async fn listen(pool: Pool, wakeups: Wakeups, herald: Arc<Herald>) {
    let mut failures = 0;
    loop {
        let since = Instant::now();
        let Err(e) = listen_once(&pool, &wakeups, &herald).await;
        failures = if since.elapsed() > PING { 1 } else { failures + 1 };
        if failures == 1 {
            tracing::warn!(error = %e, "cannot hear other processes; will connect again, and look now and then meanwhile");
        }
        let pause = Duration::from_millis(100 << failures.min(6)).mul_f64(0.5 + fastrand::f64());
        tokio::time::sleep(pause).await;
    }
}

/// Listens until the connection breaks.
async fn listen_once(pool: &Pool, wakeups: &Wakeups, herald: &Herald) -> Result<std::convert::Infallible, Error> {
    // What is only a hint need not wait for the disk.
    let (client, driver) = pool.dial(Instant::now() + pool.patience(), "-c synchronous_commit=off").await?;
    let (tell, mut heard) = mpsc::unbounded_channel();
    let driving = pool.runtime().spawn(drive(driver, tell));
    let _stops = Stops(driving.abort_handle());
    let channel = channel(pool);
    bounded(pool, client.batch_execute(&format!("LISTEN \"{channel}\""))).await?;
    Rings { work: true, news: true, cancels: true }.here(wakeups); // for what was told while nobody listened

    let own = format!("{:016x}", fastrand::u64(..));
    let mut pace = Pace::default();
    let mut ping = Instant::now() + PING;
    loop {
        let asked = herald.asked.load(Ordering::Acquire);
        let now = Instant::now();
        pace.count(herald.pushes.swap(0, Ordering::Relaxed), now);
        let due = pace.due(asked, now);
        if due != 0 {
            herald.asked.fetch_and(!due, Ordering::AcqRel);
            pace.sent(due, now);
            if let Err(e) = notify(pool, &client, &channel, due, &own).await {
                herald.asked.fetch_or(due, Ordering::AcqRel); // it is told once we are connected again
                return Err(e);
            }
            continue;
        }
        let next = pace.next(asked).map_or(ping, |next| next.min(ping));
        tokio::select! {
            message = heard.recv() => match message {
                Some(payload) => hear(&payload, &own, wakeups, &mut pace),
                None => return Err(Error::new(ErrorKind::Unavailable, "the connection has ended")),
            },
            () = herald.wake.notified() => {}
            () = sleep_until(next) => {}
        }
        if Instant::now() >= ping {
            bounded(pool, client.batch_execute("")).await?;
            ping = Instant::now() + PING;
        }
    }
}

/// Ends the task that runs a connection.
struct Stops(tokio::task::AbortHandle);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs a connection and passes notifications on, until it breaks or nobody wants them any more.
async fn drive(mut driver: Driver, tell: mpsc::UnboundedSender<String>) {
    while let Some(Ok(message)) = poll_fn(|cx| driver.poll_message(cx)).await {
        if let AsyncMessage::Notification(notification) = message
            && tell.send(notification.payload().to_owned()).is_err()
        {
            return;
        }
    }
}

fn channel(pool: &Pool) -> String {
    format!("longshore:{}", pool.schema().as_str())
}

async fn notify(pool: &Pool, client: &Client, channel: &str, bits: u8, own: &str) -> Result<(), Error> {
    let letters: String = LETTERS.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, letter)| letter).collect();
    let payload = format!("{letters} {own}");
    let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 2] =
        [(&channel, Type::TEXT), (&payload, Type::TEXT)];
    bounded(pool, client.query_typed("SELECT pg_notify($1, $2)", &params)).await.map(|_| ())
}

/// Rings for what another process says; what is our own has rung already.
fn hear(payload: &str, own: &str, wakeups: &Wakeups, pace: &mut Pace) {
    let (letters, from) = payload.split_once(' ').unwrap_or((payload, ""));
    if from == own {
        return;
    }
    let bits = LETTERS.iter().filter(|(_, letter)| letters.contains(*letter)).fold(0, |bits, (bit, _)| bits | bit);
    Rings::of(bits).here(wakeups);
    if bits & WORK != 0 {
        pace.count(1, Instant::now());
    }
}

async fn bounded<T>(pool: &Pool, call: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
    let answered = timeout(pool.patience(), call).await;
    answered.map_err(|_| Error::new(ErrorKind::Unavailable, "the server does not answer"))?.map_err(error::of)
}

/// When which bell may be told of again.
#[derive(Debug)]
struct Pace {
    last: [Option<Instant>; 3],
    /// When counting began, and rings for work since then.
    counted: (Instant, u32),
    many: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { last: [None; 3], counted: (Instant::now(), 0), many: false }
    }
}

impl Pace {
    /// Returns which of the bells asked for may be told of now.
    fn due(&self, asked: u8, now: Instant) -> u8 {
        let due = (0..3).filter(|bell| asked & (1 << bell) != 0 && self.free(*bell).is_none_or(|free| free <= now));
        due.fold(0, |bits, bell| bits | 1 << bell)
    }

    /// Returns when the next of the bells asked for may be told of.
    fn next(&self, asked: u8) -> Option<Instant> {
        (0..3).filter(|bell| asked & (1 << bell) != 0).filter_map(|bell| self.free(bell)).min()
    }

    fn free(&self, bell: usize) -> Option<Instant> {
        let gap = if bell == 0 && !self.many { WORK_EVERY } else { EVERY };
        self.last[bell].map(|last| last + gap)
    }

    fn sent(&mut self, bits: u8, now: Instant) {
        for bell in (0..3).filter(|bell| bits & (1 << bell) != 0) {
            self.last[bell] = Some(now);
        }
    }

    /// Counts rings for work.
    fn count(&mut self, rings: u32, now: Instant) {
        let (since, count) = &mut self.counted;
        *count += rings;
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

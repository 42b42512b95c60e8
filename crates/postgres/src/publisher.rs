//! Tells this process and others of work, news and cancels, after a commit. NOTIFY is never sent in a transaction that pushes.
//!
//! Design: docs/design/notifications.md
//!
//! A claim that finds fewer jobs than it wants registers its worker as waiting (`waiter`, sql/notify.sql). After a
//! commit with new work, a process first notifies receivers with room in the same process. For the rest, the task of
//! `listener.rs` notifies waiting processes, one per job, each on its own channel. News of jobs go to a channel on which
//! only processes with watchers listen. Cancels and changes of rules go to a channel on which all listen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_core::{Error, ErrorKind, JobId, Kind, News, Notices, Notifications, QueueName, Work};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::error;
use crate::listener::Listener;
use crate::pace::{CANCELS, NEWS, WORK};
use crate::pool::{Param, Pool};
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
pub(crate) struct Outbox {
    /// The name of this process among waiting processes. The connection that listens for it holds a shared advisory
    /// lock of this name.
    pub(crate) process: String,
    pub(crate) listens: AtomicBool,
    pending: Mutex<Pending>,
    /// How often there was work since the last check.
    pub(crate) pushes: AtomicU32,
    pub(crate) wake: Notify,
    /// Signals that the process listens, for the call that opens the store.
    pub(crate) ready: Notify,
}

/// Notifications to other processes.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    work: HashMap<(QueueName, Kind), usize>,
    /// Jobs that possibly wait again. Only the database knows their queues and kinds.
    released: Vec<JobId>,
    /// Work that other processes notified this one of and for which it has no room.
    pub(crate) full: Vec<(QueueName, Kind)>,
    all_work: bool,
    news: News,
    cancels: bool,
}

/// The most jobs that possibly wait again which are looked up. If there are more, all processes are notified.
const MOST_RELEASED: usize = 1_000;
/// The most jobs in one notification of news, whose size limit is 8,000 bytes.
const MOST_NAMED: usize = 200;
/// How long opening a store waits for its listener.
const READY: Duration = Duration::from_secs(2);

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
        let listener = Listener::spawn(pool, notifications.clone(), Arc::clone(&outbox));
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
    pub(crate) fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks all notifications as pending: some were lost, and it is not known which.
    pub(crate) fn mark_all_pending(&self) {
        let mut pending = self.pending();
        (pending.all_work, pending.cancels, pending.news) = (true, true, News::All);
    }

    pub(crate) fn queue(&self, what: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending();
        let before = pending.bits();
        what(&mut pending);
        if pending.bits() & !before != 0 {
            self.wake.notify_one();
        }
    }
}

impl Pending {
    pub(crate) fn add_work(&mut self, work: Vec<Work>) {
        for Work { queue, kind, jobs, .. } in work {
            *self.work.entry((queue, kind)).or_default() += jobs;
        }
    }

    /// Returns which sorts of notifications are pending.
    pub(crate) fn bits(&self) -> u8 {
        let work = !self.work.is_empty() || !self.released.is_empty() || self.all_work;
        (u8::from(work) * WORK) | (u8::from(!self.news.is_empty()) * NEWS) | (u8::from(self.cancels) * CANCELS)
    }

    /// Takes the notifications of the sorts that are due.
    pub(crate) fn take(&mut self, due: u8) -> Pending {
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

/// The channels on which a process listens.
pub(crate) struct Channels {
    pub(crate) all: String,
    pub(crate) news: String,
    pub(crate) work: String,
}

impl Channels {
    pub(crate) fn new(pool: &Pool, process: &str) -> Self {
        let schema = pool.schema().as_str();
        Channels {
            all: format!("longshore:{schema}"),
            news: format!("longshore:{schema}:news"),
            work: format!("longshore:work:{process}"),
        }
    }
}

/// The connection for notifications.
#[derive(Clone, Copy)]
pub(crate) enum Way<'a> {
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
pub(crate) async fn notify(
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

/// Runs a call for no longer than the server may take to answer.
pub(crate) async fn bounded<T>(
    pool: &Pool,
    call: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Error> {
    let answered = timeout(pool.patience(), call).await;
    answered.map_err(|_| Error::new(ErrorKind::Unavailable, "the server does not answer"))?.map_err(error::of)
}

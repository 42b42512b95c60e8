//! What all verbs use: calls of scripts, the frame that goes with them, and which queues are known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use longshore_core::{
    Answers, Error, JobId, Kind, Moved, Notifications, QueueName, Settings, StepWatch, Timestamp, WorkerId, store::each,
};
use redis::{Cmd, ServerErrorKind, Value};

use crate::away::Away;
use crate::error;
use crate::keys::{self, Keys};
use crate::link::{Failed, Link};
use crate::record::read_moved;
use crate::script::{self, Script};
use crate::shared::{NOTE_EVERY, ORDER_TRUSTED, bounded};

/// Everything that calls need.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) link: Link,
    pub(crate) keys: Keys,
    pub(crate) settings: Settings,
    pub(crate) notifications: Notifications,
    /// Names this process in notifications: 16 hex digits.
    pub(crate) me: String,
    /// Queues that are registered, and their numbers.
    queues: Mutex<HashMap<QueueName, u16>>,
    /// Queues that workers here have claimed from, not being marked as gone.
    claimed: Mutex<HashSet<(WorkerId, QueueName)>>,
    /// When it was last noted that a worker here knows a kind.
    kinds: Mutex<HashMap<Kind, Timestamp>>,
    /// What is known of the clocks of servers, by the tag that leads there.
    pub(crate) watches: Mutex<BTreeMap<Option<u16>, StepWatch>>,
    /// Queues that claims leave out.
    pub(crate) away: Away,
    /// This machine's idea of the server's clock.
    pub(crate) order: Mutex<Order>,
}

/// Hands out orders that grow over all queues of a process, close to the server's clock in µs.
#[derive(Debug)]
pub(crate) struct Order {
    base: Instant,
    ahead: i64,
    next: i64,
}

impl Order {
    fn new() -> Self {
        Order { base: Instant::now(), ahead: 0, next: 0 }
    }

    fn elapsed(&self, at: Instant) -> i64 {
        at.saturating_duration_since(self.base).as_micros() as i64
    }

    /// Returns the first of so many orders.
    pub(crate) fn take(&mut self, n: usize) -> i64 {
        let first = (self.elapsed(Instant::now()) + self.ahead).max(self.next);
        self.next = first + n as i64;
        first
    }

    /// Notes what the server's clock said some time after it was asked then. An answer that took long says little, and must not
    /// set orders back.
    pub(crate) fn note(&mut self, server_us: i64, asked: Instant) {
        let (least, most) = (server_us - self.elapsed(Instant::now()), server_us - self.elapsed(asked));
        if least > self.ahead {
            self.ahead = least;
        } else if self.ahead > most + ORDER_TRUSTED {
            // The clock was set back, or is another's.
            (self.ahead, self.next) = (most, 0);
        }
    }
}

/// A call on its way.
pub(crate) struct Call<'a> {
    base: &'a Base,
    script: &'static Script,
    command: Cmd,
}

impl Call<'_> {
    pub(crate) fn arg(mut self, arg: impl AsRef<[u8]>) -> Self {
        self.command.arg(arg.as_ref());
        self
    }

    pub(crate) fn number(self, number: i64) -> Self {
        self.arg(number.to_string())
    }

    pub(crate) fn args<T: AsRef<[u8]>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        for arg in args {
            self.command.arg(arg.as_ref());
        }
        self
    }

    /// Runs the script; the server is told its text where it does not know it: after a start, a failover, a flush.
    pub(crate) async fn run(self) -> Result<Value, Error> {
        match self.base.link.send(&self.command).await {
            Err(failed) if is_unknown_script(&failed) => self.run_anew().await,
            answer => Ok(answer?),
        }
    }

    /// Tells the server the script's text, and runs it.
    async fn run_anew(&self) -> Result<Value, Error> {
        let mut whole = redis::cmd("EVAL");
        whole.arg(&self.script.source);
        for arg in self.command.args_iter().skip(2) {
            if let redis::Arg::Simple(arg) = arg {
                whole.arg(arg);
            }
        }
        Ok(self.base.link.send(&whole).await?)
    }

    /// Runs scripts on the one server, one after the other in one round trip; returns the answer of each.
    ///
    /// Where the server does not know one of them, those after it have run too early. They run again, which must be harmless.
    pub(crate) async fn run_in_order(calls: &[Call<'_>]) -> Vec<Result<Value, Error>> {
        let Some(base) = calls.first().map(|call| call.base) else { return Vec::new() };
        let answers = base.link.send_in_order(calls.iter().map(|call| &call.command)).await;
        let unknown = answers.iter().position(|answer| answer.as_ref().is_err_and(is_unknown_script));
        let mut answers: Vec<_> = answers.into_iter().map(|answer| answer.map_err(Error::from)).collect();
        for at in unknown.unwrap_or(calls.len())..calls.len() {
            answers[at] = calls[at].run_anew().await;
        }
        answers
    }

    /// Runs a script that answers with one string.
    pub(crate) async fn bytes(self) -> Result<Vec<u8>, Error> {
        let script = self.script.name;
        bytes(self.run().await?).ok_or_else(|| error::unexpected(script))
    }

    /// Runs a script that answers with a list.
    pub(crate) async fn list(self) -> Result<Vec<Value>, Error> {
        let script = self.script.name;
        list(self.run().await?).ok_or_else(|| error::unexpected(script))
    }
}

fn is_unknown_script(failed: &Failed) -> bool {
    matches!(failed, Failed::Told(e) if e.kind() == redis::ErrorKind::Server(ServerErrorKind::NoScript))
}

/// Returns an answer that is a string.
pub(crate) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Okay => Some(b"OK".to_vec()),
        _ => None,
    }
}

/// Returns an answer that is a list.
pub(crate) fn list(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Some(values),
        Value::Map(pairs) => Some(pairs.into_iter().flat_map(|(key, value)| [key, value]).collect()),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

/// Returns jobs that a script has moved.
pub(crate) fn moved(value: Option<Value>) -> Option<Vec<Moved>> {
    let jobs = list(value?)?.into_iter();
    jobs.map(|job| bytes(job).and_then(|job| read_moved(&job))).collect()
}

/// Returns an answer that is a number, or one written as text.
pub(crate) fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::BulkString(text) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}

impl Base {
    pub(crate) fn new(link: Link, keys: Keys, settings: Settings) -> Self {
        Base {
            link,
            keys,
            settings,
            notifications: Notifications::default(),
            me: format!("{:016x}", fastrand::u64(..)),
            queues: Mutex::default(),
            claimed: Mutex::default(),
            kinds: Mutex::default(),
            watches: Mutex::default(),
            away: Away::default(),
            order: Mutex::new(Order::new()),
        }
    }

    /// Begins a call of a script on what those keys begin with.
    pub(crate) fn call(&self, script: &'static Script, root: &str) -> Call<'_> {
        let mut command = redis::cmd("EVALSHA");
        // A second key that is never there either: while a slot moves to another node, that one then takes no script until it has
        // all keys (TRYAGAIN), rather than run on the few it has.
        command.arg(&script.sha).arg(2).arg(root).arg(format!("{root}-"));
        Call { base: self, script, command }
    }

    /// Begins a call of a script that moves jobs.
    pub(crate) fn framed(&self, script: &'static Script, root: &str) -> Call<'_> {
        let (wall, lease) = self.settings.clock.shift();
        let mut frame = Vec::with_capacity(64);
        for number in [wall, lease, bounded(self.settings.keep_finished), bounded(self.settings.keep_dead)] {
            frame.extend(number.to_le_bytes());
        }
        frame.extend(self.me.as_bytes());
        // In a cluster PUBLISH counts the listeners of one node only.
        frame.push(u8::from(!self.link.is_cluster()));
        frame.extend(self.keys.of_channels().as_bytes());
        self.call(script, root).arg(frame)
    }

    // ---- queues ----

    fn known(&self) -> MutexGuard<'_, HashMap<QueueName, u16>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes queues known to everybody before anything of them is written, so that upkeep and lists find it.
    pub(crate) async fn register<'a>(&self, queues: impl Iterator<Item = &'a QueueName>) -> Result<(), Error> {
        let new: Vec<QueueName> = {
            let known = self.known();
            let mut new: Vec<_> = queues.filter(|queue| !known.contains_key(*queue)).cloned().collect();
            new.sort();
            new.dedup();
            new
        };
        if new.is_empty() {
            return Ok(());
        }
        self.register_anew(new).await
    }

    async fn register_anew(&self, queues: Vec<QueueName>) -> Result<(), Error> {
        let call = self.call(&script::REGISTER, &self.keys.of_all()).args(queues.iter().map(QueueName::as_str));
        let numbers = call.list().await?;
        let mut known = self.known();
        for (queue, number) in queues.into_iter().zip(numbers.iter().map(self::number)) {
            let number = number.ok_or_else(|| error::unexpected("register"))?;
            known.insert(queue, tie(number));
        }
        Ok(())
    }

    /// Returns every queue there is, by name, with its number. Queues of ours that the server has forgotten are registered again.
    pub(crate) async fn queues(&self) -> Result<BTreeMap<QueueName, u16>, Error> {
        let mut command = redis::cmd("HGETALL");
        command.arg(format!("{}{}", self.keys.of_all(), keys::QUEUES));
        let answer = list(self.link.send(&command).await?).ok_or_else(|| error::unexpected("HGETALL"))?;
        let mut queues = BTreeMap::new();
        let mut values = answer.into_iter();
        while let (Some(name), Some(number)) = (values.next(), values.next()) {
            let name = bytes(name).and_then(|name| String::from_utf8(name).ok()).and_then(|name| name.parse().ok());
            if let (Some(name), Some(number)) = (name, self::number(&number)) {
                queues.insert(name, tie(number));
            }
        }
        let forgotten: Vec<QueueName> =
            self.known().keys().filter(|queue| !queues.contains_key(*queue)).cloned().collect();
        if !forgotten.is_empty() {
            self.register_anew(forgotten.clone()).await?;
            let known = self.known();
            queues.extend(forgotten.into_iter().filter_map(|queue| known.get(&queue).map(|tie| (queue.clone(), *tie))));
        }
        self.known().extend(queues.iter().map(|(queue, tie)| (queue.clone(), *tie)));
        Ok(queues)
    }

    // ---- workers ----

    /// Notes that a worker here knows these kinds, at most once a minute each.
    pub(crate) async fn note_kinds<'a>(&self, kinds: impl Iterator<Item = &'a Kind>) -> Result<(), Error> {
        let now = self.settings.clock.now();
        // A clock that was set back would otherwise silence the notes until it has caught up.
        let fresh = |at: &Timestamp| *at <= now && now.as_millis() - at.as_millis() < NOTE_EVERY;
        let noted = || self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let due: Vec<Kind> = {
            let noted = noted();
            kinds.filter(|kind| !noted.get(*kind).is_some_and(fresh)).cloned().collect()
        };
        if due.is_empty() {
            return Ok(());
        }
        let call = self.call(&script::NOTE_KINDS, &self.keys.of_all()).number(self.settings.clock.shift().0);
        call.args(due.iter().map(Kind::as_str)).run().await?;
        noted().extend(due.into_iter().map(|kind| (kind, now)));
        Ok(())
    }

    /// Makes the queues known that a worker is about to claim from; returns whether it may. A release marks the worker first, then
    /// looks for queues; so that whichever is first, one sees the other.
    pub(crate) async fn admit(&self, worker: WorkerId, queues: &[&QueueName]) -> Result<bool, Error> {
        self.register(queues.iter().copied()).await?;
        let claimed = || self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let places = || queues.iter().map(|queue| (worker, (*queue).clone()));
        if places().all(|place| claimed().contains(&place)) {
            return Ok(true);
        }
        let mut command = redis::cmd("ZSCORE");
        command.arg(format!("{}{}", self.keys.of_all(), keys::RELEASED)).arg(&worker.as_bytes()[..]);
        if self.link.send(&command).await? != Value::Nil {
            return Ok(false);
        }
        let mut claimed = claimed();
        if claimed.len() > CLAIMED_KEPT {
            claimed.clear(); // they are only looked at once more
        }
        claimed.extend(places());
        Ok(true)
    }
}

/// Returns what a job's record is called, where all keys of its slot begin with `root`.
pub(crate) fn record_key(root: &str, id: JobId) -> Vec<u8> {
    [root.as_bytes(), keys::RECORD.as_bytes(), id.as_bytes()].concat()
}

/// Returns the number that tells queues apart whose jobs have the same order: enough for 2,048 queues.
fn tie(number: i64) -> u16 {
    number.rem_euclid(TIES) as u16
}

/// How many pairs of a worker and a queue that it claimed from are remembered.
const CLAIMED_KEPT: usize = 10_000;
/// How many queues are told apart.
pub(crate) const TIES: i64 = 2048;

/// Groups things by what they belong to, and remembers the place of each.
pub(crate) fn group<T, G: Ord>(things: Vec<T>, of: impl Fn(&T) -> G) -> BTreeMap<G, Vec<(usize, T)>> {
    let mut groups: BTreeMap<G, Vec<(usize, T)>> = BTreeMap::new();
    for (place, thing) in things.into_iter().enumerate() {
        groups.entry(of(&thing)).or_default().push((place, thing));
    }
    groups
}

/// Makes a call for each group at the same time, and puts the answers in the order of what was asked. A call that failed is the
/// error of each thing in its group, and of no other.
pub(crate) async fn each_group<T, G: Ord, R, F>(
    groups: BTreeMap<G, Vec<(usize, T)>>,
    call: impl Fn(G, Vec<T>) -> F,
) -> Answers<R>
where
    F: Future<Output = Result<Vec<R>, Error>>,
{
    let calls = groups.into_iter().map(|(group, things)| {
        let (places, things): (Vec<usize>, Vec<T>) = things.into_iter().unzip();
        let answers = call(group, things);
        async move { (places, answers.await) }
    });
    let answers = futures_util::future::join_all(calls).await;
    in_order(answers)
}

/// What the things in these places were answered together.
pub(crate) type GroupAnswer<R> = (Vec<usize>, Result<Vec<R>, Error>);

/// Puts the answers of groups in the order of what was asked.
pub(crate) fn in_order<R>(groups: Vec<GroupAnswer<R>>) -> Answers<R> {
    let mut all: Vec<(usize, Result<R, Error>)> = Vec::new();
    for (places, answers) in groups {
        let answers = each(places.len(), answers);
        all.extend(places.into_iter().zip(answers));
    }
    all.sort_unstable_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_grow_and_follow_the_server_but_not_slow_answers() {
        let mut order = Order::new();
        order.note(1_000_000_000, Instant::now());
        let first = order.take(10);
        assert!((1_000_000_000..1_001_000_000).contains(&first));
        assert!(order.take(1) >= first + 10);
        order.note(first - 90_000, Instant::now());
        assert!(order.take(1) > first, "a little behind is what an answer takes");
        order.base -= std::time::Duration::from_secs(60);
        order.note(first + 1_000_000, order.base);
        assert!(order.take(1) > first + 50_000_000, "the answer was on its way for a minute");
        order.note(500, Instant::now());
        assert!(order.take(1) < 1_000_000, "the clock was set back");
    }

    #[tokio::test]
    async fn groups_answer_in_the_order_asked() {
        let asked = vec![3, 10, 4, 11, 5];
        let answers = each_group(group(asked, |n| n / 10), |_, things| async { Ok(things) }).await;
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [3, 10, 4, 11, 5]);
    }

    #[tokio::test]
    async fn group_that_failed_is_an_error_of_its_own_items() {
        let fails = |tens: i32, things| async move { if tens == 1 { Err(Error::invalid("no")) } else { Ok(things) } };
        let answers = each_group(group(vec![3, 10, 4], |n| n / 10), fails).await;
        assert_eq!(answers.into_iter().map(Result::ok).collect::<Vec<_>>(), [Some(3), None, Some(4)]);
    }
}

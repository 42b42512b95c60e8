//! The connection between the tasks of a run and the store: calls are lost, doubled and late, and all are reported to
//! the ledger.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{Clock, Error, ErrorKind, Filter, JobId, Page, Settings, Snapshot, Store, Timestamp, limits};

use crate::bench::{findings, knows_reboots};
use crate::pause::pause;

use super::calls::{Call, Times};
use super::ledger::Ledger;
use super::weather::Weather;
use super::world::sleep;
use super::{Open, UNIT};

/// A call that arrives again, much later.
type Late = Box<dyn Fn(&Net) -> Pin<Box<dyn Future<Output = ()> + '_>>>;

/// The most late calls at a time. The oldest are lost then.
const LATE: usize = 20;
/// A slow answer of a server makes its clock look later than it is by at most this many ms.
const SLOW_ANSWER: i64 = 3_000;

pub(super) struct Net {
    open: Open,
    stores: RefCell<Vec<Arc<dyn Store>>>,
    clock: Clock,
    dice: RefCell<fastrand::Rng>,
    weather: Cell<Option<Weather>>,
    ledger: RefCell<Ledger>,
    late: RefCell<Vec<Late>>,
    story: RefCell<Vec<String>>,
    /// The smallest difference between the wall clock and the boot clock so far, in ms.
    lowest_ahead: Cell<i64>,
}

impl Net {
    pub(super) fn new(open: Open, settings: Settings, weather: Weather, seed: u64) -> Self {
        Net {
            stores: RefCell::new(open()),
            open,
            clock: settings.clock.clone(),
            dice: RefCell::new(fastrand::Rng::with_seed(seed)),
            weather: Cell::new(Some(weather)),
            ledger: RefCell::new(Ledger::new(settings)),
            late: RefCell::default(),
            story: RefCell::default(),
            lowest_ahead: Cell::new(i64::MAX),
        }
    }

    // ---- calls ----

    /// Makes a call once. It may be lost, or its answer may be lost.
    pub(super) async fn send<C: Call>(&self, who: &str, call: C) -> Result<C::Answer, Error> {
        pause().await;
        let weather = self.weather.get();
        let happens = |chance: fn(Weather) -> u16| weather.is_some_and(|weather| self.chance(chance(weather)));
        if happens(|weather| weather.not_done) {
            self.tell(format!("{who}: {} gets lost", call.words(&self.ledger.borrow())));
            return Err(Error::new(ErrorKind::Unavailable, "connection refused"));
        }
        if C::MAY_BE_LATE && happens(|weather| weather.late) {
            let late = call.clone();
            self.late.borrow_mut().push(Box::new(move |net| {
                let call = late.clone();
                Box::pin(async move {
                    let _nobody_waits = net.arrive("a late one", call).await;
                })
            }));
        }
        let mut answer = self.arrive(who, call.clone()).await;
        if happens(|weather| weather.twice) {
            let second = self.arrive(&format!("{who}, again"), call.clone()).await;
            if self.chance(500) {
                answer = second;
            }
        }
        pause().await;
        if happens(|weather| weather.answer_lost) {
            self.tell(format!("{who}: the answer is lost"));
            return Err(Error::new(ErrorKind::Unavailable, "timed out").perhaps_done());
        }
        answer
    }

    /// Makes a call until it is answered.
    pub(super) async fn insist<C: Call>(&self, who: &str, call: C) -> Result<C::Answer, Error> {
        loop {
            match self.send(who, call.clone()).await {
                Err(e) if e.is_retryable() => sleep(self.dice(0..2)).await,
                answer => return answer,
            }
        }
    }

    /// Executes a call, and compares its effects with the ledger.
    async fn arrive<C: Call>(&self, who: &str, call: C) -> Result<C::Answer, Error> {
        let store = &self.choice(&self.stores.borrow());
        let before = self.moment();
        let answer = call.clone().make(store).await;
        let times = Times { before, after: self.moment() };
        let ids = call.touches(&self.ledger.borrow());
        let seen = store.get(ids.clone()).await.expect("reads are answered");
        let ledger = &mut *self.ledger.borrow_mut();
        self.tell(format!("{who}: {} → {}", call.words(ledger), C::say(ledger, &answer)));
        ledger.latest = ledger.latest.max(times.after.wall);
        let changes = ledger.look(ids, seen);
        call.check(ledger, &answer, &changes, &times);
        answer
    }

    /// Delivers late calls, in any order.
    pub(super) async fn bring_late_calls(&self) {
        loop {
            sleep(self.dice(1..8)).await;
            let late = {
                let mut late = self.late.borrow_mut();
                let surplus = late.len().saturating_sub(LATE);
                late.drain(..surplus);
                let n = late.len() as u32;
                (n > 0).then(|| late.swap_remove(self.dice(0..n) as usize))
            };
            if let Some(late) = late {
                late(self).await;
            }
        }
    }

    /// Compares all lists and counts of the store with the ledger.
    pub(super) async fn audit(&self) {
        let stores = self.stores.borrow().clone();
        for store in stores {
            let mut jobs: Vec<Snapshot> = Vec::new();
            let mut after = None;
            loop {
                let listed = store.list(Filter::default(), Page::new(after, limits::PAGE)).await;
                let listed = listed.expect("reads are answered");
                jobs.extend(listed.jobs);
                after = listed.next;
                if after.is_none() {
                    break;
                }
            }
            let queues = store.queues(None, limits::PAGE).await.expect("reads are answered");
            self.ledger.borrow_mut().audit(&jobs, &queues, self.clock.now());
        }
    }

    /// Walks through the store, and asserts that nothing there contradicts itself.
    pub(super) async fn is_sound(&self) {
        let store = Arc::clone(&self.stores.borrow()[0]);
        assert_eq!(findings(&*store).await, []);
    }

    /// Turns off all faults.
    pub(super) fn calm(&self) {
        self.weather.set(None);
        self.late.borrow_mut().clear();
    }

    // ---- time ----

    pub(super) fn moment(&self) -> super::calls::Moment {
        let (wall, boot) = (self.clock.now(), self.clock.boot_time());
        let ahead = wall.as_millis() - boot.ms;
        let lowest = ahead.min(self.lowest_ahead.get());
        self.lowest_ahead.set(lowest);
        let was_set_ahead = ahead - lowest > SLOW_ANSWER;
        let certain = if was_set_ahead { Timestamp::from_millis(boot.ms + lowest - SLOW_ANSWER) } else { wall };
        super::calls::Moment { wall, certain, boot }
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub(super) fn step_wall(&self, units: i64) {
        self.tell(format!("the wall clock is stepped by {units} units"));
        let now = self.clock.now();
        self.with_ledger(|ledger| ledger.latest = ledger.latest.max(now));
        self.clock.step_wall(units * UNIT.as_millis() as i64);
    }

    /// Reboots the machine: calls on their way are lost, and the data is opened again if possible.
    pub(super) fn reboot(&self) {
        if self.stores.borrow().iter().all(|store| knows_reboots(&**store)) {
            self.clock.reboot(); // otherwise leases end at their time
        }
        self.stores.borrow_mut().clear();
        *self.stores.borrow_mut() = (self.open)();
        self.late.borrow_mut().clear();
    }

    // ---- dice ----

    pub(super) fn dice(&self, range: Range<u32>) -> u32 {
        self.dice.borrow_mut().u32(range)
    }

    pub(super) fn any(&self) -> u64 {
        self.dice.borrow_mut().u64(..)
    }

    /// Returns `true` at random, with this probability in thousandths.
    pub(super) fn chance(&self, in_a_thousand: u16) -> bool {
        self.dice.borrow_mut().u16(0..1000) < in_a_thousand
    }

    pub(super) fn choice<T: Clone>(&self, from: &[T]) -> T {
        from[self.dice(0..from.len() as u32) as usize].clone()
    }

    // ---- the log and the ledger ----

    pub(super) fn tell(&self, line: impl Into<String>) {
        self.story.borrow_mut().push(line.into());
    }

    pub(super) fn story(&self) -> Vec<String> {
        self.story.borrow().clone()
    }

    pub(super) fn with_ledger<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(&mut self.ledger.borrow_mut())
    }

    /// Returns a random job that was pushed or is on its way.
    pub(super) fn any_job(&self) -> Option<JobId> {
        let n = self.with_ledger(|ledger| ledger.len()) as u32;
        (n > 0).then(|| self.dice(0..n) as usize).map(|index| self.with_ledger(|ledger| ledger.id(index)))
    }
}

//! The tasks of a run, and which runs next: a scheduler with one thread, random numbers and virtual time.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use longshore_core::{Death, Settings, WorkerSecret};

use crate::pause::paused;

use super::net::Net;
use super::weather::Weather;
use super::{Open, UNIT, drain, person, producer, upkeep, worker};

/// The most units for which a task is suspended: long enough to lose every lease.
const STOPPED: u32 = 30;

/// Changes of the wall clock, in both directions, are limited to keep drains short.
const STEP: i64 = 20;

/// A run.
pub(super) struct World {
    pub(super) net: Rc<Net>,
    weather: Weather,
    /// Virtual time, in units since the start.
    now: Cell<u32>,
    actors: RefCell<Vec<Actor>>,
    born: Cell<usize>,
}

/// The role of a task.
#[derive(Clone)]
enum Role {
    Worker(WorkerSecret),
    Producer,
    Person,
    Upkeep,
    /// Delivers late calls.
    Postman,
    /// Releases the jobs of a worker, and ends.
    Supervisor(WorkerSecret, Death),
}

struct Actor {
    name: String,
    role: Role,
    life: Pin<Box<dyn Future<Output = ()>>>,
    /// Sleeping or suspended until this time.
    until: u32,
}

thread_local! {
    static SLEEP: Cell<u32> = const { Cell::new(0) };
}

/// Sleeps for that many units of virtual time.
pub(super) async fn sleep(units: u32) {
    SLEEP.set(units);
    crate::pause::pause().await;
}

impl World {
    pub(super) fn new(open: Open, settings: Settings, weather: Weather, seed: u64) -> Self {
        let net = Rc::new(Net::new(open, settings, weather, seed));
        let world = World { net, weather, now: Cell::new(0), actors: RefCell::default(), born: Cell::new(0) };
        world.populate();
        world
    }

    fn populate(&self) {
        for role in [Role::Producer, Role::Producer, Role::Person, Role::Upkeep, Role::Upkeep, Role::Postman] {
            self.bear(role);
        }
        for _ in 0..3 {
            self.bear(Role::Worker(WorkerSecret::new()));
        }
    }

    fn bear(&self, role: Role) {
        let number = self.born.replace(self.born.get() + 1);
        let what = match role {
            Role::Worker(_) => "worker",
            Role::Producer => "producer",
            Role::Person => "person",
            Role::Upkeep => "upkeep",
            Role::Postman => "postman",
            Role::Supervisor(..) => "supervisor",
        };
        let (name, net) = (format!("{what} {number}"), Rc::clone(&self.net));
        let who = name.clone();
        let life: Pin<Box<dyn Future<Output = ()>>> = match role.clone() {
            Role::Worker(secret) => Box::pin(worker::work(net, who, secret)),
            Role::Producer => Box::pin(producer::produce(net, who)),
            Role::Person => Box::pin(person::meddle(net, who)),
            Role::Upkeep => Box::pin(upkeep::start_upkeep(net, who)),
            Role::Postman => Box::pin(async move { net.bring_late_calls().await }),
            Role::Supervisor(secret, death) => Box::pin(worker::release(net, who, secret, death)),
        };
        self.actors.borrow_mut().push(Actor { name, role, life, until: self.now.get() });
    }

    /// Runs that many turns. In each, a fault may happen, and a task continues to its next await point.
    pub(super) fn live(&self, turns: usize) {
        for turn in 0..turns {
            self.net.advance(Duration::from_millis(1));
            self.misfortune();
            if self.net.chance(40) {
                self.pass(self.net.dice(1..4));
            }
            self.turn();
            if turn % 50 == 0 {
                self.wait_for(self.net.audit());
            }
        }
    }

    /// Runs all remaining jobs with healthy workers only, and checks what must hold at the end.
    pub(super) fn drain(&self) {
        self.actors.borrow_mut().clear();
        self.net.tell("everybody leaves");
        self.wait_for(drain::drain(&self.net));
    }

    fn misfortune(&self) {
        if self.net.chance(self.weather.crash) {
            self.crash(self.pick());
        }
        if self.net.chance(self.weather.stop) {
            let who = self.pick();
            let actor = &mut self.actors.borrow_mut()[who];
            actor.until = self.now.get() + self.net.dice(1..STOPPED);
            self.net.tell(format!("{} is stopped for a while", actor.name));
        }
        if self.net.chance(self.weather.reboot) {
            self.reboot();
        }
        if self.net.chance(self.weather.step) {
            let units = i64::from(self.net.dice(0..(2 * STEP) as u32 + 1)) - STEP;
            self.net.step_wall(units);
        }
    }

    fn pick(&self) -> usize {
        self.net.dice(0..self.actors.borrow().len() as u32) as usize
    }

    fn crash(&self, who: usize) {
        let actor = self.actors.borrow_mut().swap_remove(who);
        self.net.tell(format!("{} crashes", actor.name));
        let Actor { role, life, .. } = actor;
        drop(life);
        self.follow(role, Death::Crashed);
    }

    /// Replaces a task that has ended.
    fn follow(&self, role: Role, death: Death) {
        match role {
            Role::Worker(secret) => {
                if death == Death::Interrupted || self.net.chance(500) {
                    self.bear(Role::Supervisor(secret, death));
                }
                self.bear(Role::Worker(WorkerSecret::new()));
            }
            Role::Supervisor(..) => {} // whether the store was called or not
            other => self.bear(other),
        }
    }

    fn reboot(&self) {
        self.net.tell("the machine reboots");
        self.actors.borrow_mut().clear();
        self.net.reboot();
        self.populate();
    }

    fn pass(&self, units: u32) {
        self.now.set(self.now.get() + units);
        self.net.advance(UNIT * units);
    }

    /// Lets one of the ready tasks continue. If all sleep, time passes until one is ready.
    fn turn(&self) {
        let awake = |actors: &[Actor]| -> Vec<usize> {
            (0..actors.len()).filter(|index| actors[*index].until <= self.now.get()).collect()
        };
        let mut ready = awake(&self.actors.borrow());
        if ready.is_empty() {
            let next = self.actors.borrow().iter().map(|actor| actor.until).min().unwrap_or(self.now.get());
            self.pass(next - self.now.get());
            ready = awake(&self.actors.borrow());
        }
        let who = ready[self.net.dice(0..ready.len() as u32) as usize];
        let mut actor = self.actors.borrow_mut().swap_remove(who);
        match poll(actor.life.as_mut()) {
            Poll::Pending => {
                actor.until = self.now.get() + SLEEP.take();
                self.actors.borrow_mut().push(actor);
            }
            Poll::Ready(()) => {
                let Actor { role, life, .. } = actor;
                drop(life);
                self.follow(role, Death::Interrupted);
            }
        }
    }

    /// Runs something to its end while no task continues.
    fn wait_for(&self, work: impl Future<Output = ()>) {
        let mut work = std::pin::pin!(work);
        while poll(work.as_mut()).is_pending() {
            self.pass(SLEEP.take());
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls until the future is done or stops at a pause. While it waits for a thread of the store, this thread waits too.
fn poll(mut life: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> Poll<()> {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    paused();
    loop {
        match life.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(()) => return Poll::Ready(()),
            Poll::Pending if paused() => return Poll::Pending,
            Poll::Pending => std::thread::park(),
        }
    }
}

//! Producers and workers that run until the power fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fastrand::Rng;
use longshore_core::{
    Claim, Claimed, Error, Jobs, Kind, Outcome, Output, Progress, Pushed, Reason, Renewal, Renewed, Settled,
    Settlement, State, Stored, Unique, UniqueScope, Upkeep, WorkerSecret, limits,
};
use longshore_lossy::Lossy;
use longshore_sqlite::Sqlite;
use rusqlite::{Connection, OpenFlags};

use crate::ledger::Ledger;
use crate::{Place, job};

/// Runs producers and workers of two processes until the power fails. Returns what was acknowledged.
pub(crate) async fn until_power_fails(
    place: &Place,
    machine: &Arc<Lossy>,
    processes: [Arc<Sqlite>; 2],
    dice: &mut Rng,
) -> Ledger {
    let mut tasks = Vec::new();
    for (n, store) in processes.iter().enumerate() {
        for m in 0..2 {
            tasks.push(tokio::spawn(produce(Arc::clone(store), Arc::clone(machine), 2 * n + m, dice.fork())));
            tasks.push(tokio::spawn(work(Arc::clone(store), Arc::clone(machine), dice.fork())));
        }
    }
    drop(processes);
    let stop = AtomicBool::new(false);
    let checkpointer = Checkpointer { place, machine, stop: &stop, dice: dice.fork() };
    // The checkpoints of a third process, on a separate thread because they block.
    std::thread::scope(|scope| {
        scope.spawn(|| checkpointer.run());
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                // If a task panics, the checkpointer must not wait for a power failure that never comes.
                let _stop = OnDrop(|| stop.store(true, Ordering::SeqCst));
                let mut ledger = Ledger::default();
                for task in tasks {
                    ledger.add(task.await.expect("no task panics"));
                }
                ledger
            })
        })
    })
}

/// Runs a function when it is dropped.
struct OnDrop<F: Fn()>(F);

impl<F: Fn()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Ends a task whose call failed because the power is off; any other error is a bug.
fn power_failed(machine: &Lossy, error: &Error) {
    assert!(machine.is_off(), "a call failed while the power was on: {error}");
}

async fn produce(store: Arc<Sqlite>, machine: Arc<Lossy>, number: usize, mut dice: Rng) -> Ledger {
    let mut ledger = Ledger::default();
    let mut n = 0;
    loop {
        let mut jobs = Vec::new();
        for _ in 0..dice.usize(1..=3) {
            let mut new = job(if dice.u8(..10) == 0 { dice.usize(..12_000) } else { dice.usize(..200) });
            if dice.u8(..8) == 0 {
                let key = format!("{number}-{n}").parse().expect("a label");
                new.unique = Some(Unique { key, scope: UniqueScope::UntilFinished });
            }
            n += 1;
            jobs.push(new);
        }
        let expected: Vec<_> = jobs.iter().map(|job| Pushed::Created(job.id)).collect();
        let ids = jobs.iter().map(|job| job.id).collect();
        match store.push(jobs).await.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(answers) => assert_eq!(answers, expected),
            Err(e) => {
                power_failed(&machine, &e);
                return ledger;
            }
        }
        ledger.pushed(number, ids);
    }
}

async fn work(store: Arc<Sqlite>, machine: Arc<Lossy>, mut dice: Rng) -> Ledger {
    let mut ledger = Ledger::default();
    let worker = WorkerSecret::new().id();
    loop {
        if let Err(e) = turn(&store, worker, &mut ledger, &mut dice).await {
            power_failed(&machine, &e);
            return ledger;
        }
    }
}

/// Claims some jobs, possibly renews them, and settles most.
async fn turn(
    store: &Sqlite,
    worker: longshore_core::WorkerId,
    ledger: &mut Ledger,
    dice: &mut Rng,
) -> Result<(), Error> {
    if dice.u8(..20) == 0 {
        assert_eq!(store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await?.rescued, []);
    }
    let jobs = claim(store, worker, dice.usize(1..=4)).await?;
    if dice.u8(..5) == 0 {
        let renewals =
            jobs.iter().map(|job| Renewal::new(job.id, job.token, limits::LEASE).progress(Some(Progress::of(1, 2))));
        let renewals: Vec<_> = renewals.collect();
        let held = vec![Renewed::Held; renewals.len()];
        assert_eq!(store.renew(renewals).await.into_iter().collect::<Result<Vec<_>, _>>()?, held);
    }
    let mut settlements = Vec::new();
    let mut states = Vec::new();
    for job in jobs {
        if dice.u8(..10) == 0 {
            continue; // its worker still runs it when the power fails
        }
        let (outcome, state) = outcome(dice);
        states.push((job.id, state));
        settlements.push(Settlement::new(job.id, job.token, outcome));
    }
    let done = vec![Settled::Done; settlements.len()];
    assert_eq!(store.settle(settlements).await.into_iter().collect::<Result<Vec<_>, _>>()?, done);
    ledger.settled(states);
    Ok(())
}

pub(crate) async fn claim(
    store: &Sqlite,
    worker: longshore_core::WorkerId,
    limit: usize,
) -> Result<Vec<Claimed>, Error> {
    let kind: Kind = "work".parse().expect("a name");
    let queues = vec!["default".parse().expect("a name")];
    let claim = Claim::new(worker, queues, vec![kind.into()]).limit(limit).idle(true);
    store.claim(claim).await.map(|claims| claims.jobs)
}

/// Chooses how an attempt ends, and the final state if it is final.
fn outcome(dice: &mut Rng) -> (Outcome, Option<State>) {
    match dice.u8(..10) {
        0 => (Outcome::Bury { reason: Reason::Fatal, message: "no use".into() }, Some(State::Dead)),
        1 => (Outcome::Cancel, Some(State::Cancelled)),
        2 => (Outcome::Retry { delay: std::time::Duration::ZERO, message: "not this time".into() }, None),
        3 => (Outcome::Release, None),
        n => {
            let output = Output::new("text/plain", "y".repeat(if n == 4 { dice.usize(..8_000) } else { 20 }));
            (Outcome::Succeed { result: Some(Stored::Inline(output)) }, Some(State::Succeeded))
        }
    }
}

/// Checkpoints from time to time, like another process would.
struct Checkpointer<'a> {
    place: &'a Place,
    machine: &'a Lossy,
    stop: &'a AtomicBool,
    dice: Rng,
}

impl Checkpointer<'_> {
    fn run(mut self) {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut last = 0;
        while !self.stop.load(Ordering::SeqCst) && !self.machine.is_off() {
            let changes = self.machine.changes();
            if changes < last + self.dice.u64(200..1_500) {
                std::thread::yield_now();
                continue;
            }
            last = changes;
            let mode = ["PASSIVE", "FULL", "RESTART", "TRUNCATE"][self.dice.usize(..4)];
            // If the database is busy or the power is off, it does nothing, which is always allowed.
            let _ = Connection::open_with_flags_and_vfs(self.place.path(), flags, self.machine.name())
                .and_then(|connection| connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())));
        }
    }
}

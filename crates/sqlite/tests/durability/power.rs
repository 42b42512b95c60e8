//! The power fails at any moment, once or several times, under each setting of `synchronous`.

use std::sync::Arc;

use fastrand::Rng;
use longshore_conformance::seeds::seeds;
use longshore_core::{Clock, Settings};
use longshore_lossy::Lossy;
use longshore_sqlite::{Options, Synchronous, Testing};

use crate::ledger::{Ledger, Lost, inspect};
use crate::{Place, workload};

#[derive(Clone, Copy)]
enum Level {
    Full,
    Normal,
    Off,
}

impl Level {
    fn set(self, options: Options, testing: Testing) -> Options {
        match self {
            Level::Full => options.testing(testing),
            Level::Normal => options.synchronous(Synchronous::Normal).testing(testing),
            Level::Off => options.testing(Testing { synchronous_off: true, ..testing }),
        }
    }
}

/// The results of many runs.
#[derive(Debug, Default)]
struct Sum {
    seeds: usize,
    pushes: usize,
    settles: usize,
    lost_pushes: usize,
    lost_settles: usize,
    seeds_with_loss: usize,
    broken: usize,
}

impl Sum {
    fn add(&mut self, ledger: &Ledger, lost: &Result<Lost, String>) {
        self.seeds += 1;
        self.pushes += ledger.pushes();
        self.settles += ledger.settles();
        match lost {
            Ok(lost) => {
                self.lost_pushes += lost.pushes;
                self.lost_settles += lost.settles;
                self.seeds_with_loss += usize::from(lost.pushes + lost.settles > 0);
            }
            Err(_) => self.broken += 1,
        }
    }
}

/// One machine: it works until the power fails, starts again, possibly loses power again, and is then checked.
struct Run {
    place: Place,
    settings: Settings,
    machine: Lossy,
    ledger: Ledger,
    lost: Result<Lost, String>,
}

impl Run {
    async fn new(seed: u64, level: Level) -> Self {
        let mut dice = Rng::with_seed(seed);
        let place = Place::new();
        let mut settings = Settings::default();
        settings.clock = Clock::default();
        let machine = Arc::new(Lossy::new());
        let open = |machine: &Lossy| place.open(machine, &settings, |options, testing| level.set(options, testing));
        let processes = [(); 2].map(|()| open(&machine).expect("an empty disk can be used"));
        machine.cut_power_after(2_f64.powf(dice.f64() * 12.5) as u64);
        let ledger = workload::until_power_fails(&place, &machine, processes, &mut dice).await;
        let mut machine = machine.power_loss(dice.u64(..));
        for _ in 0..dice.u8(..3) {
            // It fails again while the database recovers, or a little later.
            machine.cut_power_after(dice.u64(1..40));
            if let Ok(store) = open(&machine) {
                let _ = workload::claim(&store, longshore_core::WorkerSecret::new().id(), 1).await;
            }
            machine = machine.power_loss(dice.u64(..));
        }
        let opened = open(&machine).map(|_| ()).map_err(|e| e.to_string());
        let lost = opened.and_then(|()| inspect(&place, &machine)).map(|found| ledger.lost(&found));
        Run { place, settings, machine, ledger, lost }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn full_keeps_every_acknowledged_push_and_settle() {
    let mut sum = Sum::default();
    for seed in seeds(250) {
        let run = Run::new(seed, Level::Full).await;
        sum.add(&run.ledger, &run.lost);
        let lost = run.lost.unwrap_or_else(|e| panic!("LONGSHORE_SEED={seed}: the database is broken: {e}"));
        assert_eq!((lost.pushes, lost.settles), (0, 0), "LONGSHORE_SEED={seed}: {lost:?}");
        let again = run.place.open(&run.machine, &run.settings, |options, testing| Level::Full.set(options, testing));
        run.ledger.work_off(&again.expect("it was opened before"), &run.settings).await;
        inspect(&run.place, &run.machine).unwrap_or_else(|e| panic!("LONGSHORE_SEED={seed}: later on: {e}"));
    }
    println!("FULL: {sum:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn normal_may_lose_the_newest_but_nothing_breaks() {
    let mut sum = Sum::default();
    for seed in seeds(100) {
        let run = Run::new(seed, Level::Normal).await;
        sum.add(&run.ledger, &run.lost);
        let lost = run.lost.unwrap_or_else(|e| panic!("LONGSHORE_SEED={seed}: the database is broken: {e}"));
        assert_eq!(lost.gaps, 0, "LONGSHORE_SEED={seed}: an older job is gone and a newer one is there: {lost:?}");
    }
    println!("NORMAL: {sum:?}");
    assert!(sum.seeds == 1 || sum.seeds_with_loss > 0, "nothing was lost without syncs: these power cuts are too kind");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn off_is_caught_losing_jobs() {
    let mut sum = Sum::default();
    for seed in seeds(30) {
        let run = Run::new(seed, Level::Off).await;
        sum.add(&run.ledger, &run.lost);
    }
    println!("OFF: {sum:?}");
    assert!(sum.seeds == 1 || sum.seeds_with_loss > 0, "these power cuts are too kind");
}

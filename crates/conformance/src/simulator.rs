//! The simulator: many workers, producers, upkeep and people in one thread, in virtual time, where anything may fail.
//!
//! A run is determined by its seed alone: who runs next, when time passes, which calls are lost, doubled or late, who
//! is dropped at which await point, when the machine reboots and its clock changes. All calls go through the [`net`],
//! which reports each to the [`ledger`]. The ledger computes with [`longshore_core::state::step`] which states a call
//! may lead to, and panics if a job is in another one. At the end, healthy workers drain the store, and every
//! acknowledged push must be finished.
//!
//! A failed run prints its seed and the end of its log. `LONGSHORE_SEED=… cargo test simulator` repeats it.

mod calls;
mod drain;
mod ledger;
mod net;
mod person;
mod producer;
mod upkeep;
mod weather;
mod worker;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use longshore_core::{Reach, Settings, Store};
use tokio::runtime::Handle;

use crate::bench::Bench;
use crate::seeds::{repeated, seeds};

use self::weather::Weather;
use self::world::World;

/// All durations of a run are multiples of this. It is much longer than a run takes, so that real time has no
/// influence.
pub(crate) const UNIT: Duration = Duration::from_secs(10);

/// How many turns a run has before it is drained.
const TURNS: usize = 700;

/// How long finished and dead jobs are kept. It is short, so that runs include deletions.
const KEEP_FINISHED: Duration = UNIT.saturating_mul(60);
const KEEP_DEAD: Duration = UNIT.saturating_mul(90);

/// Opens the stores, one for each connection to the same data; again after each reboot.
type Open = Box<dyn Fn() -> Vec<Arc<dyn Store>>>;

/// The number of printed log lines, enough to see what led to a failure.
const LINES: usize = 40;

pub(crate) async fn fleet_over_a_bad_connection_keeps_every_promise(bench: Bench) {
    runs(bench, Weather::BAD_CONNECTION).await;
}

pub(crate) async fn fleet_that_crashes_keeps_every_promise(bench: Bench) {
    runs(bench, Weather::CRASHES).await;
}

pub(crate) async fn fleet_on_a_shaky_machine_keeps_every_promise(bench: Bench) {
    runs(bench, Weather::SHAKY_MACHINE).await;
}

pub(crate) async fn fleet_with_everything_at_once_keeps_every_promise(bench: Bench) {
    runs(bench, Weather::EVERYTHING).await;
}

pub(crate) async fn same_seed_gives_the_same_run(bench: Bench) {
    if bench.store.capabilities().reach == Reach::Network {
        println!("not told twice: the server's own clock, and how long it takes, have a say in the story");
        return;
    }
    for _ in 0..3 {
        let seed = repeated().unwrap_or_else(|| fastrand::u64(..));
        let (first, second) =
            (run(&bench, Weather::EVERYTHING, seed).await, run(&bench, Weather::EVERYTHING, seed).await);
        let differ = first.iter().zip(&second).position(|(one, other)| one != other);
        if let Some(line) = differ {
            let before = first[line.saturating_sub(5)..line].join("\n");
            panic!("LONGSHORE_SEED={seed}: after\n{before}\ncame once\n{}\nand then\n{}", first[line], second[line]);
        }
        assert_eq!(first.len(), second.len(), "LONGSHORE_SEED={seed}");
    }
}

/// Does many runs, or the one to repeat.
async fn runs(bench: Bench, weather: Weather) {
    for seed in seeds(bench.seeds()) {
        run(&bench, weather, seed).await;
    }
}

/// Does one run over a new store and returns its log.
async fn run(bench: &Bench, weather: Weather, seed: u64) -> Vec<String> {
    let mut settings = Settings::default();
    settings.keep_finished = KEEP_FINISHED;
    settings.keep_dead = KEEP_DEAD;
    let fresh = bench.fresh(settings.clone()).await;
    let handle = Handle::current();
    let open = move || handle.block_on(fresh.stores());
    // On a thread that may block, because the simulated tasks share this one.
    let told = tokio::task::spawn_blocking(move || tell(Box::new(open), settings, weather, seed)).await;
    match told {
        Ok(Ok(story)) => story,
        Ok(Err(panic)) => resume_unwind(panic),
        Err(e) => resume_unwind(e.into_panic()),
    }
}

fn tell(
    open: Open,
    settings: Settings,
    weather: Weather,
    seed: u64,
) -> Result<Vec<String>, Box<dyn std::any::Any + Send>> {
    let world = World::new(open, settings, weather, seed);
    let lived = catch_unwind(AssertUnwindSafe(|| {
        world.live(TURNS);
        world.drain();
    }));
    let story = world.net.story();
    match lived {
        Ok(()) => Ok(story),
        Err(panic) => {
            let end = story.len().saturating_sub(LINES);
            println!("LONGSHORE_SEED={seed}\n{}", story[end..].join("\n"));
            Err(panic)
        }
    }
}

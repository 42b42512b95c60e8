//! Unused names are removed while other processes cache their numbers.

use std::time::Duration;

use longshore_core::{
    Acted, Action, Claim, JobId, Jobs, Kind, NewJob, Payload, Pushed, Queues, Settings, State, Upkeep, WorkerSecret,
    limits,
};
use longshore_sqlite::rusqlite::{Connection, TransactionBehavior};
use longshore_sqlite::{Options, Sqlite};

/// Longer than an unused name is kept, and than the time between two searches.
const LONG: Duration = Duration::from_secs(25 * 3600);

struct Bench {
    /// Caches the numbers of names.
    pusher: Sqlite,
    /// Does upkeep.
    keeper: Sqlite,
    settings: Settings,
    by_hand: Connection,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn open() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.db");
        let mut settings = Settings::default();
        settings.keep_finished = Duration::ZERO;
        let open = || Sqlite::open(&path, Options::with(settings.clone())).unwrap();
        let (pusher, keeper) = (open(), open());
        Bench { pusher, keeper, settings, by_hand: Connection::open(&path).unwrap(), _folder: folder }
    }

    async fn push(&self, kind: &str) -> JobId {
        let new = job(kind);
        let id = new.id;
        assert_eq!(self.pusher.push(vec![new]).await.remove(0).unwrap(), Pushed::Created(id));
        id
    }

    async fn cancel(&self, id: JobId) {
        assert_eq!(self.pusher.act(id, Action::Cancel).await.unwrap(), Acted::Done(State::Cancelled));
    }

    async fn start_upkeep(&self) {
        let kept = self.keeper.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
        assert_eq!(kept.failed, []);
    }

    /// Returns the names in a table, with their numbers.
    fn numbers(&self, table: &str) -> Vec<(String, i64)> {
        let mut statement = self.by_hand.prepare(&format!("SELECT name, id FROM {table} ORDER BY id")).unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    }

    fn names(&self, table: &str) -> Vec<String> {
        self.numbers(table).into_iter().map(|(name, _)| name).collect()
    }
}

fn job(kind: &str) -> NewJob {
    NewJob::new("default".parse().unwrap(), kind.parse().unwrap(), Payload::parse("1").unwrap())
}

#[tokio::test]
async fn kind_is_kept_while_a_job_has_it_or_a_worker_asks_for_it() {
    let bench = Bench::open();
    for kind in ["gone", "asked"] {
        let id = bench.push(kind).await;
        bench.cancel(id).await;
    }
    let waits = bench.push("waits").await;
    bench.start_upkeep().await;
    let ask = async || {
        let kind: Kind = "asked".parse().unwrap();
        let claim = Claim::new(WorkerSecret::new().id(), vec!["elsewhere".parse().unwrap()], vec![kind.into()]);
        assert_eq!(bench.pusher.claim(claim).await.unwrap().jobs, []);
    };
    assert_eq!(bench.names("kind"), ["gone", "asked", "waits"]);
    bench.settings.clock.advance(LONG);
    ask().await;
    bench.start_upkeep().await;
    assert_eq!(bench.names("kind"), ["asked", "waits"]);
    assert_eq!(bench.names("queue"), ["default", "elsewhere"]);
    bench.cancel(waits).await;
    bench.start_upkeep().await;
    bench.settings.clock.advance(LONG);
    bench.start_upkeep().await;
    assert_eq!((bench.names("kind"), bench.names("queue")), (vec![], vec![]));
}

#[tokio::test]
async fn number_that_was_forgotten_is_used_by_nobody_again() {
    let bench = Bench::open();
    let mut used: Vec<[i64; 2]> = Vec::new();
    for round in 0..4 {
        let id = bench.push("work").await;
        let mut app = Connection::open(bench.by_hand.path().unwrap()).unwrap();
        let numbers = [bench.numbers("queue")[0].1, bench.numbers("kind")[0].1];
        assert!(used.iter().all(|before| before[0] != numbers[0] && before[1] != numbers[1]), "{numbers:?}, {used:?}");
        used.push(numbers);
        for store in [&bench.pusher, &bench.keeper] {
            let stats = store.queue("default".parse().unwrap()).await.unwrap().expect("it is there");
            assert_eq!(stats.counts, [0, 1, 0, 0, 0, 0], "in round {round}");
            assert_eq!(store.get(vec![id]).await.unwrap()[0].as_ref().unwrap().kind.as_str(), "work");
        }
        // A transaction of the application reads names by itself.
        let transaction = app.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        let other = job("work");
        let other_id = other.id;
        let pushed = bench.pusher.push_in(&transaction, &[other]).unwrap();
        transaction.commit().unwrap();
        drop(pushed);
        bench.cancel(id).await;
        bench.cancel(other_id).await;
        let jobs: i64 = bench.by_hand.query_row("SELECT jobs FROM kind", [], |row| row.get(0)).unwrap();
        assert_eq!(jobs, 2);
        bench.start_upkeep().await;
        bench.settings.clock.advance(LONG);
        bench.start_upkeep().await;
        assert_eq!((bench.names("kind"), bench.names("queue")), (vec![], vec![]));
    }
}

#[tokio::test]
async fn jobs_pushed_in_the_transaction_of_the_forgetting_are_counted() {
    let bench = Bench::open();
    let id = bench.push("work").await;
    bench.cancel(id).await;
    bench.start_upkeep().await;
    for _ in 0..20 {
        bench.settings.clock.advance(LONG);
        // The keeper's own pushes may share the transaction with its upkeep, before or after it.
        let [first, second] = [job("work"), job("work")];
        let ids = [first.id, second.id];
        let upkeep = Upkeep::new(limits::UPKEEP_ROWS, true);
        let (before, kept, behind) =
            tokio::join!(bench.keeper.push(vec![first]), bench.keeper.upkeep(upkeep), bench.keeper.push(vec![second]));
        assert!(before[0].is_ok() && behind[0].is_ok());
        assert_eq!(kept.unwrap().failed, []);
        let stats = bench.pusher.queue("default".parse().unwrap()).await.unwrap().expect("it is there");
        assert_eq!(stats.count(State::Ready), 2);
        let jobs: i64 = bench.by_hand.query_row("SELECT jobs FROM kind", [], |row| row.get(0)).unwrap();
        assert_eq!(jobs, 2);
        for id in ids {
            bench.cancel(id).await;
        }
        bench.start_upkeep().await;
    }
}

#[tokio::test]
async fn row_that_cannot_be_forgotten_keeps_no_other() {
    let bench = Bench::open();
    for kind in ["a", "b", "c"] {
        let id = bench.push(kind).await;
        bench.cancel(id).await;
    }
    bench.start_upkeep().await;
    let raise = "CREATE TRIGGER refuses BEFORE DELETE ON kind WHEN OLD.name = 'b' BEGIN SELECT RAISE(ABORT, 'not this one'); END";
    bench.by_hand.execute_batch(raise).unwrap();
    bench.settings.clock.advance(LONG);
    let kept = bench.keeper.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
    assert_eq!(kept.failed.len(), 1);
    assert!(kept.failed[0].to_string().starts_with("kinds: 1 of 3 kinds; the first: "), "{}", kept.failed[0]);
    assert_eq!((bench.names("kind"), bench.names("queue")), (vec!["b".to_owned()], vec![]));
}

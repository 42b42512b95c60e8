//! What was acknowledged, and which part of it a database still has.

use std::collections::{BTreeMap, BTreeSet};

use longshore_core::{JobId, Jobs, Outcome, Settings, Settled, Settlement, State, Upkeep, WorkerSecret, limits};
use longshore_lossy::Lossy;
use longshore_sqlite::Sqlite;
use rusqlite::{Connection, OpenFlags};

use crate::{Place, workload};

/// What was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By producer, in the order of the answers.
    pushed: BTreeMap<usize, Vec<JobId>>,
    settled: BTreeMap<JobId, State>,
    settles: usize,
}

/// The lost part of it.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    pub(crate) pushes: usize,
    pub(crate) settles: usize,
    /// Jobs that were lost although a job acknowledged later to the same producer exists.
    pub(crate) gaps: usize,
}

impl Ledger {
    pub(crate) fn pushed(&mut self, producer: usize, ids: Vec<JobId>) {
        self.pushed.entry(producer).or_default().extend(ids);
    }

    pub(crate) fn settled(&mut self, states: Vec<(JobId, Option<State>)>) {
        self.settles += states.len();
        self.settled.extend(states.into_iter().filter_map(|(id, state)| Some((id, state?))));
    }

    pub(crate) fn add(&mut self, other: Ledger) {
        self.pushed.extend(other.pushed);
        self.settled.extend(other.settled);
        self.settles += other.settles;
    }

    pub(crate) fn pushes(&self) -> usize {
        self.pushed.values().map(Vec::len).sum()
    }

    pub(crate) fn settles(&self) -> usize {
        self.settles
    }

    /// Returns which part of it a database has lost.
    pub(crate) fn lost(&self, found: &BTreeMap<JobId, State>) -> Lost {
        let mut lost = Lost::default();
        for ids in self.pushed.values() {
            let known: Vec<bool> = ids.iter().map(|id| found.contains_key(id)).collect();
            lost.pushes += known.iter().filter(|known| !**known).count();
            lost.gaps += known.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        }
        lost.settles = self.settled.iter().filter(|(id, state)| found.get(id) != Some(state)).count();
        lost
    }

    /// Runs everything that waits after a reboot: no settled job runs again, and every other one runs.
    pub(crate) async fn work_off(&self, store: &Sqlite, settings: &Settings) {
        settings.clock.reboot();
        loop {
            // A rescue that waits for a checkpoint of this process is requested again.
            let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.expect("upkeep");
            match kept.again {
                Some(pause) => tokio::time::sleep(pause).await,
                None if kept.more => {}
                None => break,
            }
        }
        let worker = WorkerSecret::new().id();
        let mut ran = BTreeSet::new();
        loop {
            let jobs = workload::claim(store, worker, 200).await.expect("a claim");
            if jobs.is_empty() {
                break;
            }
            for job in &jobs {
                assert!(!self.settled.contains_key(&job.id), "settled job {} runs again", job.id);
                assert!(ran.insert(job.id), "job {} runs twice", job.id);
                assert_eq!(job.crashes, 0, "a power loss is no crash of a worker");
            }
            let settle = |id, token| Settlement::new(id, token, Outcome::Succeed { result: None });
            let settlements: Vec<_> = jobs.iter().map(|job| settle(job.id, job.token)).collect();
            for answer in store.settle(settlements).await {
                assert_eq!(answer.expect("a settle"), Settled::Done);
            }
        }
        let ids: Vec<JobId> = self.pushed.values().flatten().copied().collect();
        for (id, status) in ids.iter().zip(store.status(ids.clone()).await.expect("a look")) {
            let state = status.expect("an acknowledged job is known").state;
            assert!(state.is_final(), "job {id} is {state:?} after everything was worked off");
            // A settle whose answer was lost at the power failure may have taken effect.
            assert_eq!(self.settled.get(id).copied().unwrap_or(state), state, "job {id}");
        }
    }
}

/// Reads every job's state on that machine, after checking the integrity and consistency of the database.
pub(crate) fn inspect(place: &Place, machine: &Lossy) -> Result<BTreeMap<JobId, State>, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags_and_vfs(place.path(), flags, machine.name());
    look(connection).map_err(|e| e.to_string())?
}

/// The same on the disk of this machine.
pub(crate) fn inspect_file(path: &std::path::Path) -> Result<BTreeMap<JobId, State>, String> {
    look(Connection::open(path)).map_err(|e| e.to_string())?
}

/// Returns what is wrong, if anything is. The outer error is SQLite's.
fn look(opened: rusqlite::Result<Connection>) -> rusqlite::Result<Result<BTreeMap<JobId, State>, String>> {
    let connection = opened?;
    let mut check = connection.prepare("PRAGMA integrity_check")?;
    let complaints: Vec<String> = check.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    if complaints != ["ok"] {
        return Ok(Err(format!("integrity_check: {complaints:?}")));
    }
    for (rule, breaches) in [
        ("running jobs alone have a token", "SELECT count(*) FROM job WHERE (state = 2) <> (token_number IS NOT NULL)"),
        ("running jobs alone have a lease", "SELECT count(*) FROM job WHERE (state = 2) <> (lease_until IS NOT NULL)"),
        ("final jobs alone have ended", "SELECT count(*) FROM job WHERE (state >= 3) <> (finished_at IS NOT NULL)"),
        ("a failure is some job's", "SELECT count(*) FROM failure WHERE seq NOT IN (SELECT seq FROM job)"),
        (
            "a large payload is one job's, and a job has one payload",
            "SELECT count(*) FROM job FULL JOIN job_payload USING (seq)
             WHERE (text IS NULL) <> (payload IS NOT NULL) OR id IS NULL",
        ),
        (
            "a log and a tag are some job's",
            "SELECT count(*) FROM (SELECT seq FROM claim_log UNION ALL SELECT seq FROM job_tag)
             WHERE seq NOT IN (SELECT seq FROM job)",
        ),
        (
            "a row of outages has a beginning",
            "SELECT count(*) FROM job WHERE (outages > 0) <> (outage_since IS NOT NULL)",
        ),
        (
            "a unique key is held by a job that has not ended",
            "SELECT count(*) FROM unique_key LEFT JOIN job USING (seq) WHERE state IS NULL OR state >= 3",
        ),
        (
            "a job with a unique key holds it until it ends",
            "SELECT count(*) FROM job WHERE unique_key IS NOT NULL AND state < 3
             AND seq NOT IN (SELECT seq FROM unique_key)",
        ),
        (
            "a job's queue and kind are known",
            "SELECT count(*) FROM job WHERE queue NOT IN (SELECT id FROM queue) OR kind NOT IN (SELECT id FROM kind)",
        ),
        (
            "no token is newer than the newest",
            "SELECT count(*) FROM job, store WHERE max(ifnull(token_number, 0), ifnull(settled_number, 0)) > last_claim",
        ),
        (
            "counters agree with rows",
            "SELECT count(*) FROM queue WHERE (scheduled, ready, running, succeeded, dead, cancelled) <>
             (SELECT count(*) FILTER (WHERE state = 0), count(*) FILTER (WHERE state = 1),
                     count(*) FILTER (WHERE state = 2), count(*) FILTER (WHERE state = 3),
                     count(*) FILTER (WHERE state = 4), count(*) FILTER (WHERE state = 5)
              FROM job WHERE job.queue = queue.id)",
        ),
    ] {
        let n: i64 = connection.query_row(breaches, [], |row| row.get(0))?;
        if n > 0 {
            return Ok(Err(format!("{rule}: {n} do not")));
        }
    }
    let mut jobs = connection.prepare("SELECT id, state FROM job")?;
    let jobs =
        jobs.query_map([], |row| Ok((JobId::from_bytes(row.get(0)?), State::ALL[row.get::<_, u8>(1)? as usize])))?;
    Ok(Ok(jobs.collect::<Result<_, _>>()?))
}

//! What a store of an older version must contain after an upgrade. `upgrade/older.py` lets an older program fill it,
//! and records that program's output.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use longshore_core::{
    Acted, Action, Claim, Clock, DuplicateReason, FailureClass, Filter, JobId, Kind, KnownKind, Label, NewJob, Outcome,
    Page, Payload, Pushed, QueueName, Reuse, Rules, RulesChange, Settled, Settlement, Snapshot, State, Store, Stored,
    Timestamp, Token, Unique, UniqueScope, Upkeep, WorkerSecret, limits,
};
use serde_json::Value;

/// The recorded output of the older program.
pub struct Said(Value);

fn text(value: &Value) -> &str {
    value.as_str().expect("it is text")
}

fn id(job: &Value) -> JobId {
    text(&job["id"]).parse().unwrap()
}

fn label(text: &str) -> Label {
    text.parse().unwrap()
}

fn queue(name: &str) -> QueueName {
    name.parse().unwrap()
}

fn new_job(name: &str) -> NewJob {
    NewJob::new(queue(name), "fine".parse().unwrap(), Payload::parse("{}").unwrap())
}

async fn snapshot(store: &dyn Store, id: JobId) -> Snapshot {
    store.get(vec![id]).await.unwrap().remove(0).expect("the job is known")
}

async fn push(store: &dyn Store, job: NewJob) -> Pushed {
    store.push(vec![job]).await.remove(0).unwrap()
}

impl Said {
    /// Reads what `older.py` wrote.
    ///
    /// # Panics
    ///
    /// Panics if it does not exist.
    pub fn read(path: &Path) -> Self {
        Said(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn jobs(&self) -> &[Value] {
        self.0["jobs"].as_array().unwrap()
    }

    /// Returns the only job of that kind in that state.
    ///
    /// # Panics
    ///
    /// Panics if there is none.
    pub fn job_of(&self, kind: &str, state: &str) -> JobId {
        id(self.jobs().iter().find(|job| job["kind"] == kind && job["state"] == state).expect("there is one"))
    }

    /// Returns the time of its newest event.
    pub fn at(&self) -> Timestamp {
        let times = self.jobs().iter().flat_map(|job| [&job["created_at"], &job["finished_at"]]);
        times.filter_map(Value::as_str).map(|at| at.parse().unwrap()).max().unwrap()
    }

    /// Asserts that all jobs, their logs and their tags are read as before.
    ///
    /// # Panics
    ///
    /// Panics if one is not.
    pub async fn jobs_read_as_before(&self, store: &dyn Store) {
        for job in self.jobs() {
            assert_same(&snapshot(store, id(job)).await, job);
            let log = store.log(id(job), None).await.unwrap().expect("the job is known");
            assert_eq!(log, text(&self.0["logs"][text(&job["id"])]));
        }
        let states: HashSet<&str> = self.jobs().iter().map(|job| text(&job["state"])).collect();
        assert_eq!(states.len(), State::ALL.len(), "there are jobs in all states");
        let page = || Page::first(100);
        let listed = store.list(Filter::default(), page()).await.unwrap().jobs;
        assert_eq!(listed.iter().map(|job| job.id).collect::<Vec<_>>(), self.jobs().iter().map(id).collect::<Vec<_>>());
        let with_alias = id(self.jobs().iter().find(|job| job["alias"] == "an alias").unwrap());
        assert_eq!(store.find(label("an alias")).await.unwrap(), Some(with_alias));
        for tag in ["one", "two", "ü", "crashed", "none"] {
            let has = |job: &&Value| job["tags"].as_array().unwrap().iter().any(|one| one == tag);
            let filter = Filter { tag: Some(label(tag)), ..Filter::default() };
            let listed: Vec<_> = store.list(filter, page()).await.unwrap().jobs.iter().map(|job| job.id).collect();
            assert_eq!(listed, self.jobs().iter().filter(has).map(id).collect::<Vec<_>>(), "{tag}");
        }
        let class = async |id| snapshot(store, id).await.failures.last().expect("it failed").class;
        assert_eq!(class(self.job_of("fatal", "dead")).await, FailureClass::Fatal);
        assert_eq!(class(self.job_of("fails", "dead")).await, FailureClass::Retry);
        assert_eq!(class(self.job_of("sleeps", "cancelled")).await, FailureClass::Crash);
    }

    /// Asserts that queues have the same counts and pauses as before.
    ///
    /// # Panics
    ///
    /// Panics if one has not.
    pub async fn counts_and_pauses_are_kept(&self, store: &dyn Store) {
        let queues = store.queues(None, limits::PAGE).await.unwrap();
        let olds = self.0["queues"]["queues"].as_array().unwrap();
        assert_eq!(queues.len(), olds.len());
        for (stats, old) in queues.iter().zip(olds) {
            assert_eq!(stats.queue.as_str(), text(&old["queue"]));
            for state in State::ALL {
                assert_eq!(
                    Some(stats.count(state)),
                    old["counts"][state.as_str()].as_u64(),
                    "{state} of {}",
                    stats.queue
                );
            }
            let pause = stats.paused();
            assert_eq!(pause.is_some(), !old["paused"].is_null());
            let Some(pause) = pause else { continue };
            assert_eq!((stats.rules.version, stats.rules.level()), (1, 1));
            let old = &old["paused"];
            assert_eq!(pause.since.to_string(), text(&old["since"]));
            assert_eq!(pause.until.map(|until| until.to_string()).as_deref(), old["until"].as_str());
            assert_eq!(pause.reason.as_ref().map(Label::as_str), old["reason"].as_str());
            assert_eq!(pause.by.as_ref().map(Label::as_str), old["by"].as_str());
        }
        assert_eq!(queues.iter().filter(|stats| stats.paused().is_some()).count(), 2);
    }

    /// Asserts that unique keys are held and results reused as before.
    ///
    /// # Panics
    ///
    /// Panics if one is not.
    pub async fn keys_hold(&self, store: &dyn Store) {
        let unique = async |name: &str, key: &str| {
            let unique = Some(Unique { key: label(key), scope: UniqueScope::UntilFinished });
            push(store, NewJob { unique, ..new_job(name) }).await
        };
        for (name, key) in [("default", "held"), ("default", "for a while"), ("mail", "waits")] {
            let jobs = self.jobs();
            let id = id(jobs.iter().find(|job| job["unique_key"] == key).unwrap());
            assert_eq!(unique(name, key).await, Pushed::Existing { id, by: DuplicateReason::Unique }, "{key}");
        }
        assert!(matches!(unique("default", "given back").await, Pushed::Created(_)));
        let reuse = Some(Reuse { key: label("made before"), within: Duration::from_secs(3600) });
        let id = self.job_of("large", "succeeded");
        let reused = push(store, NewJob { reuse, ..new_job("default") }).await;
        assert_eq!(reused, Pushed::Existing { id, by: DuplicateReason::Reuse });
    }

    /// Asserts that work continues: the job that the older worker held with this token is rescued, all waiting jobs
    /// run, and nothing is left at the end.
    ///
    /// # Panics
    ///
    /// Panics if it does not.
    pub async fn work_goes_on(&self, store: &dyn Store, clock: &Clock, held: Token) {
        // A worker of version 1 could still settle its claims; here upkeep is faster.
        clock.advance(limits::LEASE);
        let kept = store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap();
        let sleeper = self.job_of("sleeps", "running");
        assert_eq!(
            kept.rescued.iter().map(|moved| (moved.id, moved.state)).collect::<Vec<_>>(),
            [(sleeper, State::Ready)]
        );
        let late = Settlement::new(sleeper, held, Outcome::Succeed { result: None });
        assert_eq!(store.settle(vec![late]).await.remove(0).unwrap(), Settled::Lost);
        for name in ["mail", "bulk"] {
            let changed = store.change_rules(queue(name), 1, Rules::default()).await.unwrap();
            assert_eq!(changed, RulesChange::Changed(2));
        }
        assert_eq!(store.act(self.job_of("fatal", "dead"), Action::Retry).await.unwrap(), Acted::Done(State::Ready));

        clock.advance(Duration::from_secs(25 * 3600));
        let kinds =
            ["fine", "sleeps", "later", "fatal"].map(|kind| KnownKind::from(kind.parse::<Kind>().unwrap())).to_vec();
        let worker = WorkerSecret::new().id();
        let mut done = HashSet::new();
        loop {
            let queues = ["default", "mail", "bulk"].map(queue).to_vec();
            let claim = Claim::new(worker, queues, kinds.clone()).limit(3);
            let jobs = store.claim(claim).await.unwrap().jobs;
            if jobs.is_empty() {
                break;
            }
            for job in jobs {
                let was = snapshot(store, job.id).await;
                assert_eq!(
                    (&was.payload, was.max_attempts, was.timeout),
                    (&job.payload, job.max_attempts, job.timeout)
                );
                assert!(job.token.number > held.number, "claim numbers grow over an upgrade");
                assert!(store.write_log(job.id, job.token, "new words".into()).await.unwrap());
                assert_eq!(store.log(job.id, None).await.unwrap().as_deref(), Some("new words"));
                done.insert(job.id);
                let outcome = Outcome::Succeed { result: None };
                let settlement = Settlement::new(job.id, job.token, outcome);
                assert_eq!(store.settle(vec![settlement]).await.remove(0).unwrap(), Settled::Done);
            }
        }
        assert_eq!(done.len(), 8, "all that waited, the retried and the rescued one");
        for _ in 0..2 {
            clock.advance(Duration::from_secs(8 * 24 * 3600));
            while store.upkeep(Upkeep::new(limits::UPKEEP_ROWS, true)).await.unwrap().more {}
        }
    }
}

/// Asserts that a job is read as the older program wrote it.
fn assert_same(job: &Snapshot, old: &Value) {
    let time = |at: Option<Timestamp>| at.map_or(Value::Null, |at| at.to_string().into());
    let labels = |label: &Option<Label>| label.as_ref().map_or(Value::Null, |label| label.as_str().into());
    let tags: Vec<&str> = job.tags.iter().map(Label::as_str).collect();
    let payload: Value = serde_json::from_str(job.payload.as_str()).unwrap();
    let progress = job.progress.as_ref().map_or(Value::Null, |progress| serde_json::to_value(progress).unwrap());
    for (name, value) in [
        ("alias", labels(&job.alias)),
        ("queue", job.queue.as_str().into()),
        ("kind", job.kind.as_str().into()),
        ("payload", payload),
        ("state", job.state.as_str().into()),
        ("priority", job.priority.into()),
        ("key", labels(&job.key)),
        ("unique_key", labels(&job.unique_key)),
        ("tags", tags.into()),
        ("attempt", job.attempt.into()),
        ("max_attempts", job.max_attempts.into()),
        ("crashes", job.crashes.into()),
        ("interruptions", job.interruptions.into()),
        ("timeout_ms", (job.timeout.as_millis() as u64).into()),
        ("deadline", time(job.deadline)),
        ("created_at", time(Some(job.created_at))),
        ("run_at", time(Some(job.run_at))),
        ("started_at", time(job.started_at)),
        ("finished_at", time(job.finished_at)),
        ("worker", job.worker.map_or(Value::Null, |worker| worker.to_string().into())),
        ("cancel_asked", job.cancel_asked.into()),
        ("reason", job.reason.map_or(Value::Null, |reason| reason.as_str().into())),
        ("version", job.version.into()),
    ] {
        assert_eq!(value, old[name], "{name} of job {}", job.id);
    }
    for name in ["done", "total", "message"] {
        assert_eq!(progress.get(name), old["progress"].get(name), "progress of job {}", job.id);
    }
    match (&job.result, &old["result"]) {
        (None, result) => assert!(result.is_null(), "{result}"),
        (Some(stored), result) => {
            assert_eq!(stored.content_type(), text(&result["content_type"]));
            let bytes = match stored {
                Stored::Inline(output) => output.body.len() as u64,
                Stored::Artifact { bytes, .. } => *bytes,
            };
            assert_eq!(Some(bytes), result["bytes"].as_u64());
        }
    }
    let failures = old["failures"].as_array().unwrap();
    assert_eq!(job.failures.len(), failures.len());
    for (failure, old) in job.failures.iter().zip(failures) {
        assert_eq!(failure.at.to_string(), text(&old["at"]));
        assert_eq!(Some(u64::from(failure.attempt)), old["attempt"].as_u64());
        assert_eq!(failure.message, text(&old["message"]));
        // Version 1 recorded neither.
        assert_eq!(failure.started_at.map(|at| at.to_string()).as_deref(), old["started_at"].as_str());
        assert_eq!(failure.claim, old["claim"].as_u64());
    }
}

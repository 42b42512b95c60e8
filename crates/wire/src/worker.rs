//! The workers, and the query for them.

use longshore_core::{HeldBackReason, JobId, Kind, QueueName, State, Timestamp, WorkerId, WorkerNote, WorkerSeen};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::page::{page_limit, parsed};
use crate::{FailedAttempt, Job, Queue, WrongField, schema, text};

/// The answer of `GET /v1/workers`: a page of the workers that reported within the last hour, sorted by id.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Workers {
    /// The workers.
    pub workers: Vec<Worker>,
    /// The value of `after` for the next page. Null on the last page.
    pub next: Option<String>,
}

/// A worker, as it reported itself last.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Worker {
    /// The worker's id.
    pub id: String,
    /// Whether the worker reported within the last minute.
    pub alive: bool,
    /// The name of its machine.
    pub host: String,
    /// The id of its process on that machine.
    pub pid: u32,
    /// The version of longshore that it runs.
    pub version: String,
    /// The queues that it claims jobs from.
    pub queues: Vec<String>,
    /// The kinds that it has handlers for.
    pub kinds: Vec<String>,
    /// The maximum number of jobs that it runs at a time.
    pub slots: usize,
    /// The number of jobs that it runs now.
    pub running: usize,
    /// The ids of the jobs that it runs, at most 100.
    pub jobs: Vec<String>,
    /// The number of slots that are occupied by handlers which continue although their attempts have ended.
    pub stuck: usize,
    /// Whether it claims no more jobs: it is quiet or shutting down.
    pub quiet: bool,
    /// When it reported first.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub since: Timestamp,
    /// When it reported last. Workers report every 15 seconds.
    #[serde(with = "text")]
    #[schemars(with = "schema::Time")]
    pub seen: Timestamp,
}

impl Worker {
    /// Converts a worker. `now` is the store's time.
    pub fn of(worker: WorkerSeen, now: Timestamp) -> Self {
        let alive = worker.is_alive(now);
        let WorkerSeen { id, since, seen, note, .. } = worker;
        let WorkerNote { host, pid, version, queues, kinds, slots, jobs, running, stuck, quiet, .. } = note;
        Worker {
            id: id.to_string(),
            alive,
            host,
            pid,
            version,
            queues: queues.iter().map(QueueName::to_string).collect(),
            kinds: kinds.iter().map(Kind::to_string).collect(),
            slots,
            running,
            jobs: jobs.iter().map(JobId::to_string).collect(),
            stuck,
            quiet,
            since,
            seen,
        }
    }

    /// Returns whether the worker runs jobs of this job's queue and kind.
    pub fn serves(&self, job: &Job) -> bool {
        self.alive && !self.quiet && self.queues.contains(&job.queue) && self.kinds.contains(&job.kind)
    }
}

impl Workers {
    /// Creates a page.
    pub fn of(workers: Vec<WorkerSeen>, limit: usize, now: Timestamp) -> Self {
        let next = workers.last().filter(|_| workers.len() == limit).map(|last| last.id.to_string());
        Workers { workers: workers.into_iter().map(|worker| Worker::of(worker, now)).collect(), next }
    }

    /// Returns what a job waits for that is not finished, as far as the registry of workers and the queue tell. Empty if
    /// the job is finished, if its worker is alive, or if a worker may claim it at any moment.
    ///
    /// `self` must contain all workers, not one page of them. `queue` is the job's queue, if it is known.
    pub fn why_waiting(&self, job: &Job, queue: Option<&Queue>) -> Vec<String> {
        match job.state {
            State::Succeeded | State::Dead | State::Cancelled => Vec::new(),
            State::Running => self.why_held(job).into_iter().collect(),
            State::Scheduled | State::Ready => {
                let time = (job.state == State::Scheduled).then(|| why_scheduled(job));
                let paused = queue.and_then(why_held_back);
                // A paused queue says more than a missing worker, which may have been stopped for the same reason.
                let unclaimed = if paused.is_none() { self.why_unclaimed(job) } else { None };
                time.into_iter().chain(paused).chain(unclaimed).collect()
            }
        }
    }

    /// Returns that the worker of a running job is gone, or `None` if it is alive.
    fn why_held(&self, job: &Job) -> Option<String> {
        let id = job.worker.as_deref()?;
        let next = "when its lease ends, another worker runs the job again";
        match self.workers.iter().find(|worker| worker.id == id) {
            Some(worker) if worker.alive => None,
            Some(Worker { host, pid, seen, .. }) => {
                Some(format!("its worker {id} (process {pid} on {host}) has not reported since {seen}; {next}"))
            }
            None => Some(format!("its worker {id} is gone; {next}")),
        }
    }

    /// Returns why no worker claims a job that is ready or becomes ready, or `None` if a worker can claim it.
    fn why_unclaimed(&self, job: &Job) -> Option<String> {
        let serving: Vec<_> = self.workers.iter().filter(|worker| worker.serves(job)).collect();
        if !serving.is_empty() {
            let full = serving.iter().all(|worker| worker.running + worker.stuck >= worker.slots);
            let slots: usize = serving.iter().map(|worker| worker.slots).sum();
            return (full && job.state == State::Ready)
                .then(|| format!("all {slots} slots of the workers that can run it are in use"));
        }
        let alive: Vec<_> = self.workers.iter().filter(|worker| worker.alive).collect();
        Some(if alive.is_empty() {
            "no worker is alive".to_owned()
        } else if !alive.iter().any(|worker| worker.queues.contains(&job.queue)) {
            format!("no live worker claims jobs from queue `{}`", job.queue)
        } else if !alive.iter().any(|worker| worker.kinds.contains(&job.kind)) {
            format!("no live worker has a handler for kind `{}`", job.kind)
        } else {
            format!("no live worker claims jobs of kind `{}` from queue `{}` at the moment", job.kind, job.queue)
        })
    }
}

/// Returns which time a scheduled job waits for, and why.
fn why_scheduled(job: &Job) -> String {
    let due = job.run_at;
    match job.failures.last() {
        Some(failure) if failure.class == "outage" => format!("until {due}, when it is tried again after an outage"),
        Some(FailedAttempt { attempt, .. }) => {
            format!("until {due}, when it is tried again after the failure of attempt {attempt}")
        }
        None => format!("until {due}"),
    }
}

/// Returns why the workers do not receive the jobs of a queue, or `None` if they do.
fn why_held_back(queue: &Queue) -> Option<String> {
    let name = &queue.queue;
    match &queue.paused {
        Some(pause) => Some(format!("queue `{name}` is paused {pause}")),
        None if queue.held_back.as_deref() == Some(HeldBackReason::UnknownRule.as_str()) => {
            Some(format!("queue `{name}` has a rule of a newer version of longshore"))
        }
        None => None,
    }
}

/// The query of `GET /v1/workers`, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkersQuery {
    /// Continues after the previous page: the value of its `next`.
    pub after: Option<String>,
    /// The maximum number of workers, from 1 to 200. Defaults to 50.
    pub limit: Option<String>,
}

impl WorkersQuery {
    /// Returns the part of the list that the query asks for.
    ///
    /// # Errors
    ///
    /// The error names the first invalid parameter.
    pub fn parse(&self) -> Result<(Option<WorkerId>, usize), WrongField> {
        let WorkersQuery { after, limit } = self;
        Ok((parsed("after", after)?, page_limit(limit)?))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Pause;

    fn job(state: &str, failures: serde_json::Value) -> Job {
        let id = "019ab4f0-6b0e-837a-8d2f-1f0c3a5e7b92";
        let time = "2026-02-03T04:05:06.789Z";
        let links = json!({"self": "", "result": "", "events": "", "log": "", "cancel": "", "retry": ""});
        let job = json!({
            "id": id, "alias": null, "queue": "mail", "kind": "send", "payload": {}, "state": state, "status": "",
            "priority": 0, "key": null, "unique_key": null, "tags": [], "attempt": 1, "max_attempts": 20, "crashes": 0,
            "outages": 0, "interruptions": 0, "timeout_ms": 1, "deadline": null, "created_at": time, "run_at": time,
            "started_at": null, "finished_at": null, "worker": "w1", "cancel_asked": false, "progress": null,
            "reason": null, "failures": failures, "result": null, "version": 1, "links": links,
        });
        serde_json::from_value(job).unwrap()
    }

    fn worker(id: &str, alive: bool, queue: &str, kind: &str, running: usize) -> Worker {
        let time = "2026-02-03T04:05:06.789Z".parse().unwrap();
        Worker {
            id: id.into(),
            alive,
            host: "h".into(),
            pid: 7,
            version: String::new(),
            queues: vec![queue.into()],
            kinds: vec![kind.into()],
            slots: 2,
            running,
            jobs: Vec::new(),
            stuck: 0,
            quiet: false,
            since: time,
            seen: time,
        }
    }

    fn why(workers: &[Worker], job: &Job, queue: Option<&Queue>) -> String {
        Workers { workers: workers.to_vec(), next: None }.why_waiting(job, queue).join("; ")
    }

    #[test]
    fn a_ready_job_waits_for_a_worker_that_can_run_it() {
        let ready = job("ready", json!([]));
        assert_eq!(why(&[], &ready, None), "no worker is alive");
        assert_eq!(why(&[worker("a", false, "mail", "send", 0)], &ready, None), "no worker is alive");
        let other_queue = worker("a", true, "bulk", "send", 0);
        assert_eq!(why(&[other_queue], &ready, None), "no live worker claims jobs from queue `mail`");
        let other_kind = worker("a", true, "mail", "draw", 0);
        assert_eq!(why(&[other_kind], &ready, None), "no live worker has a handler for kind `send`");
        let quiet = Worker { quiet: true, ..worker("a", true, "mail", "send", 0) };
        assert!(why(&[quiet], &ready, None).ends_with("from queue `mail` at the moment"));
        let full = worker("a", true, "mail", "send", 2);
        assert_eq!(
            why(std::slice::from_ref(&full), &ready, None),
            "all 2 slots of the workers that can run it are in use"
        );
        assert_eq!(why(&[full, worker("b", true, "mail", "send", 1)], &ready, None), "");
    }

    #[test]
    fn a_paused_queue_is_named_with_its_end_and_reason() {
        let since = "2026-02-03T04:05:06.789Z".parse().unwrap();
        let pause = Pause { since, until: None, reason: Some("fire".into()), by: Some("ada".into()) };
        let paused = Queue { paused: Some(pause), held_back: Some("paused".into()), ..Queue::empty("mail") };
        let told = why(&[], &job("ready", json!([])), Some(&paused));
        assert_eq!(told, "queue `mail` is paused until it is resumed, by ada: fire");
        let newer = Queue { held_back: Some("unknown_rule".into()), ..Queue::empty("mail") };
        assert!(why(&[], &job("ready", json!([])), Some(&newer)).contains("a rule of a newer version"));
    }

    #[test]
    fn a_scheduled_job_waits_for_its_time_and_a_retry_says_so() {
        let serving = [worker("a", true, "mail", "send", 2)];
        assert_eq!(why(&serving, &job("scheduled", json!([])), None), "until 2026-02-03T04:05:06.789Z");
        let failure = json!([{"at": "2026-02-03T04:05:06Z", "started_at": null, "class": "retry", "attempt": 1,
            "claim": 1, "worker": null, "message": "no"}]);
        let told = why(&[], &job("scheduled", failure), None);
        assert!(told.contains("tried again after the failure of attempt 1; no worker is alive"), "{told}");
    }

    #[test]
    fn a_running_job_is_held_by_a_worker_that_is_gone() {
        let running = job("running", json!([]));
        assert_eq!(why(&[worker("w1", true, "mail", "send", 1)], &running, None), "");
        assert!(why(&[], &running, None).contains("its worker w1 is gone"));
        let silent = why(&[worker("w1", false, "mail", "send", 1)], &running, None);
        assert!(silent.contains("process 7 on h) has not reported since 2026"), "{silent}");
        assert_eq!(why(&[], &job("succeeded", json!([])), None), "");
    }
}

//! From core's words to the wire's.

use longshore_core::{
    Failure, Label, Pause as Paused, QueueStats, Reason, Snapshot, State, Status, Stored, WorkerId, millis,
};
use serde_json::value::RawValue;

use super::{Counts, Event, FailedAttempt, Job, Links, Pause, Queue, ResultInfo};

impl From<Snapshot> for Job {
    fn from(job: Snapshot) -> Self {
        let status = Status::from(&job).words();
        let text = |label: Option<Label>| label.map(|label| label.to_string());
        Job {
            id: job.id,
            alias: text(job.alias),
            queue: job.queue.to_string(),
            kind: job.kind.to_string(),
            payload: raw(job.payload.as_str()),
            state: job.state,
            status,
            priority: job.priority,
            key: text(job.key),
            unique_key: text(job.unique_key),
            tags: job.tags.iter().map(Label::to_string).collect(),
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            interruptions: job.interruptions,
            timeout_ms: millis(job.timeout),
            deadline: job.deadline,
            created_at: job.created_at,
            run_at: job.run_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            worker: job.worker.as_ref().map(WorkerId::to_string),
            cancel_asked: job.cancel_asked,
            progress: job.progress,
            reason: job.reason.map(|reason| reason.as_str().to_owned()),
            failures: job.failures.into_iter().map(FailedAttempt::from).collect(),
            result: job.result.as_ref().map(ResultInfo::from),
            version: job.version,
            links: Links::of(job.id),
        }
    }
}

/// Returns a payload as it came. A damaged one, which its handler will refuse, is shown as a JSON string.
fn raw(payload: &str) -> Box<RawValue> {
    RawValue::from_string(payload.to_owned()).unwrap_or_else(|_| {
        let shown = serde_json::to_string(payload).expect("a string can be written");
        RawValue::from_string(shown).expect("what was written can be read")
    })
}

impl From<Failure> for FailedAttempt {
    fn from(failure: Failure) -> Self {
        FailedAttempt {
            at: failure.at,
            attempt: failure.attempt,
            worker: failure.worker.as_ref().map(WorkerId::to_string),
            message: failure.message,
        }
    }
}

impl From<&Stored> for ResultInfo {
    fn from(stored: &Stored) -> Self {
        ResultInfo { content_type: stored.content_type().to_owned(), bytes: stored.bytes() }
    }
}

impl From<Status> for Event {
    fn from(status: Status) -> Self {
        Event {
            id: status.id,
            state: status.state,
            status: status.words(),
            attempt: status.attempt,
            max_attempts: status.max_attempts,
            progress: status.progress,
            reason: status.reason.map(|reason: Reason| reason.as_str().to_owned()),
            message: status.message,
            version: status.version,
        }
    }
}

impl From<QueueStats> for Queue {
    fn from(stats: QueueStats) -> Self {
        Queue {
            queue: stats.queue.to_string(),
            counts: Counts {
                scheduled: stats.count(State::Scheduled),
                ready: stats.count(State::Ready),
                running: stats.count(State::Running),
                succeeded: stats.count(State::Succeeded),
                dead: stats.count(State::Dead),
                cancelled: stats.count(State::Cancelled),
            },
            oldest_ready_ms: stats.oldest_ready.map(millis),
            paused: stats.paused.map(Pause::from),
        }
    }
}

impl From<Paused> for Pause {
    fn from(pause: Paused) -> Self {
        let text = |label: Option<Label>| label.map(|label| label.to_string());
        Pause { since: pause.since, until: pause.until, reason: text(pause.reason), by: text(pause.by) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_is_shown_as_it_came_and_a_damaged_one_as_text() {
        assert_eq!(raw(r#"{"a" :  1.50}"#).get(), r#"{"a" :  1.50}"#);
        assert_eq!(raw(r#"{"a"#).get(), r#""{\"a""#);
    }
}

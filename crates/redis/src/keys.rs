//! The names of all keys. The Lua functions use the same names.
//!
//! All keys of a queue are in one slot of a cluster, because their names begin with the same `<prefix>:{<tag>}:`. The tag is a
//! 16-bit hash of the queue's name, written as four hex digits. A job id contains the tag too, so the id is enough to find its
//! job. Queues may share a tag by chance; therefore the name of the queue is part of every key that belongs to one queue. Data of
//! the whole store is under `<prefix>:{all}:`. In a cluster there are several copies of it; see `copies.rs`.
//!
//! A *member* of a sorted set consists of the job's order (8 bytes, a big-endian number that grows with each push to the queue)
//! and its id (16 bytes). A set "by order" has the same score for all members, so Redis sorts it by member.

use longshore_core::QueueName;

use crate::shared::{CHANNEL_ALL, CHANNEL_NEWS, CHANNEL_WORK};

macro_rules! names {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $name: &str = $text;)+

        /// Returns the constants for Lua: each word, which is the name with `K_` in front, and its value.
        pub(crate) fn words() -> Vec<(String, String)> {
            vec![$((concat!("K_", stringify!($name)).to_owned(), format!("'{}'", $name))),+]
        }
    };
}

names! {
    /// `j:<id>`: a string, the record of a job; see `record.rs`.
    JOB = "j:";
    /// `d:<id>`: a string, the payload if it is too large for the record.
    PAYLOAD = "d:";
    /// `r:<id>`: a string, the result if it is too large for the record.
    RESULT = "r:";
    /// `p:<id>`: a string, the newest progress as JSON.
    PROGRESS = "p:";
    /// `f:<id>`: a list, the newest failures, the oldest first.
    FAILURES = "f:";
    /// `l:<id>`: a hash, logs by the number of their claim: the log of the newest claim, and of claims whose failures are kept.
    LOG = "l:";
    /// `a:<id><claim>`: an artifact. It is a hash with the chunks by number, `size`, `chunk` (the length of all chunks but the last)
    /// and `id` (8 bytes). An artifact written by a version without chunks is one string. `a:<id><claim><8 bytes>`: a hash, the
    /// chunks of an upload.
    ARTIFACT = "a:";
    /// `meta:<queue>`: a hash: the newest token, when workers were present, the rules, each worker's newest claim (`claim:<worker>`).
    QUEUE = "meta:";
    /// `kinds:<queue>`: a set, the kinds of jobs that were ready in the queue.
    KINDS = "kinds:";
    /// `kinds.known:<queue>`: a sorted set, kinds by the last time when a worker that knows them claimed from the queue.
    KINDS_SEEN = "kinds.known:";
    /// `all:<queue>`: a stream, the ids of all jobs; the id of an entry is the job's order.
    ALL = "all:";
    /// `scheduled:<queue>`: a sorted set, scheduled jobs by the time when they are due.
    SCHEDULED = "scheduled:";
    /// `ready:<queue>:<kind>`: a sorted set, ready jobs by priority, then by the time when they were due.
    READY = "ready:";
    /// `isolated:<queue>:<kind>`: a sorted set like `ready:`, for ready jobs that must run isolated.
    ISOLATED = "isolated:";
    /// `running:<queue>`: a sorted set, running jobs by the time when their leases end.
    RUNNING = "running:";
    /// `held:<queue>:<worker>`: a set, the running jobs of a worker.
    HELD = "held:";
    /// `final:<queue>`: a sorted set, finished jobs by the time from which they may be deleted.
    FINAL = "final:";
    /// `dead:<queue>`: a sorted set, dead jobs by order.
    DEAD = "dead:";
    /// `cancelled:<queue>`: a sorted set, cancelled jobs by order.
    CANCELLED = "cancelled:";
    /// `deadline:<queue>`: a sorted set, waiting jobs with a deadline, by their deadline.
    DEADLINE = "deadline:";
    /// `unique:<queue>`: a hash, for each unique key the job that holds it, and until when.
    UNIQUE = "unique:";
    /// `reuse:<queue>:<key>`: a sorted set, jobs whose result may be reused, by the time when they finished.
    REUSE = "reuse:";
    /// `alias:<queue>:<alias>`: a sorted set, jobs by order.
    ALIAS = "alias:";
    /// `tag:<queue>:<tag>`: a sorted set, jobs by order.
    TAG = "tag:";
    /// `answers:<queue>`: a hash, the answers to pushes with an idempotency key.
    ANSWERS = "answers:";
    /// `answers.until:<queue>`: a sorted set, idempotency keys by the time from which they may be deleted.
    ANSWERS_UNTIL = "answers.until:";
    /// `workers.seen:<queue>`: a sorted set, workers by the time when they were last noted.
    WORKERS_SEEN = "workers.seen:";
    /// `waiting:<queue>:<group>`: a sorted set, workers that wait for jobs of a group of kinds, by the time of their last claim. A
    /// member is the id of the process and the id of the worker.
    WAITING = "waiting:";
    /// `groups:<queue>:<kind>`: a sorted set, the groups that contain the kind, by the time when this was noted.
    GROUPS = "groups:";
    /// `artifacts`: a sorted set, the names of the artifacts and uploads of a tag, by name.
    ARTIFACTS = "artifacts";
    /// `artifacts.at`: a hash, when each artifact and upload was written.
    ARTIFACTS_AT = "artifacts.at";
    /// `queues`, for the whole store: a sorted set, every queue by name.
    QUEUES = "queues";
    /// `queues.used`, for the whole store: a sorted set, queues by the last time when a process noted that it uses them.
    QUEUES_USED = "queues.used";
    /// `upkeep`, for the whole store: a string that expires, the process that is elected to do upkeep.
    UPKEEP = "upkeep";
    /// `upkeep.at`, for the whole store: a string, the last queue of the newest call of upkeep.
    UPKEEP_AT = "upkeep.at";
    /// `released`, for the whole store: a sorted set, released workers by the time of their release.
    RELEASED = "released";
    /// `registry`, for the whole store: a hash, for each worker the times of its first and last note, and the note.
    REGISTRY = "registry";
    /// `registry.ids`, for the whole store: a sorted set, the workers of the registry by id.
    REGISTRY_IDS = "registry.ids";
    /// `registry.seen`, for the whole store: a sorted set, the workers of the registry by the time of their last note.
    REGISTRY_SEEN = "registry.seen";
    /// `artifact.tags`, for the whole store: a set, the tags that have artifacts.
    ARTIFACT_TAGS = "artifact.tags";
    /// `layout`, for the whole store: a string, the version of this layout.
    LAYOUT = "layout";
}

/// Builds the prefixes of keys and the names of channels.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Keys { prefix: prefix.to_owned() }
    }

    /// Returns the prefix of all keys under a tag.
    pub(crate) fn under(&self, tag: &str) -> String {
        format!("{}:{{{tag}}}:", self.prefix)
    }

    /// Returns the prefix of all keys of the queues with this tag.
    pub(crate) fn of_tag(&self, tag: u16) -> String {
        self.under(&format!("{tag:04x}"))
    }

    /// Returns the prefix of all keys of a queue.
    pub(crate) fn of_queue(&self, queue: &QueueName) -> String {
        self.of_tag(queue.tag())
    }

    /// Returns the prefix of the names of channels.
    pub(crate) fn of_channels(&self) -> &str {
        &self.prefix
    }

    /// Returns the channels of a process.
    pub(crate) fn channels(&self, process: &str) -> Channels {
        let prefix = &self.prefix;
        Channels {
            all: format!("{prefix}{CHANNEL_ALL}"),
            news: format!("{prefix}{CHANNEL_NEWS}"),
            work: format!("{prefix}{CHANNEL_WORK}{process}"),
        }
    }
}

/// The channels that a process listens to.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    /// `<prefix>:all`, for every process: one byte with the bits `TELLS_…`.
    pub(crate) all: String,
    /// `<prefix>:news`, for processes with watchers: the ids of changed jobs, or an empty message if there are too many.
    pub(crate) news: String,
    /// `<prefix>:work:<process>`: a job that may be claimed: the length of its queue's name (one byte), the name, and its kind.
    pub(crate) work: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_and_its_job_ids_have_the_same_slot() {
        let keys = Keys::new("longshore");
        let mail: QueueName = "mail".parse().unwrap();
        let id = longshore_core::JobId::new(&mail);
        assert_eq!(keys.of_queue(&mail), keys.of_tag(id.queue_tag()));
        assert_eq!(keys.of_tag(0xab), "longshore:{00ab}:");
    }
}

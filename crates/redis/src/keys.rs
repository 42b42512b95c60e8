//! The name of every key, in one place; the scripts get theirs from here.
//!
//! All keys of a queue lie in one slot of a cluster, because their names begin alike: `<prefix>:{<tag>}:`, where the tag is the
//! queue's 16 bits as four hex digits. An id carries the same bits, so that it alone leads to its job. Queues that share a tag by
//! chance are told apart by their name, which is part of every key that is theirs alone. What concerns all queues lies under
//! `<prefix>:{all}:`; in a cluster it is kept in several copies, see `copies.rs`.
//!
//! A *member* of a sorted set is 8 bytes of order (a big-endian number that grows with each push to the queue) and the 16 bytes of
//! the id. Sets "by order" have one score, so that they are sorted by their members.

use longshore_core::QueueName;

use crate::shared::{CHANNEL_ALL, CHANNEL_NEWS, CHANNEL_WORK};

macro_rules! names {
    ($($(#[doc = $meaning:literal])+ $name:ident = $text:literal;)+) => {
        $($(#[doc = $meaning])+ pub const $name: &str = $text;)+

        /// Returns the names as scripts have them: the word, with `K_` in front, and what stands for it.
        pub(crate) fn words() -> Vec<(String, String)> {
            vec![$((concat!("K_", stringify!($name)).to_owned(), format!("'{}'", $name))),+]
        }
    };
}

names! {
    /// `j:<id>`: a string, the record of a job; see `record.rs`.
    JOB = "j:";
    /// `d:<id>`: a string, the payload, where it is too large for the record.
    PAYLOAD = "d:";
    /// `r:<id>`: a string, the result or where it is, where it is too large for the record.
    RESULT = "r:";
    /// `p:<id>`: a string, the newest progress as JSON.
    PROGRESS = "p:";
    /// `f:<id>`: a list, the newest failures, the oldest first.
    FAILURES = "f:";
    /// `l:<id>`: a hash, the log of each claim by its number: that of the newest, and those whose failures are kept.
    LOG = "l:";
    /// `a:<id><claim>`: a hash, an artifact: its chunks by number, and `size`, `chunk` (the length of all but the last) and `id` (8 bytes); or a
    /// string, the whole of one that was written before there were chunks. `a:<id><claim><8 bytes>`: a hash, the chunks of an upload.
    ARTIFACT = "a:";
    /// `meta:<queue>`: a hash: the newest token, presence of workers, the rules, each worker's newest claim (`claim:<worker>`).
    QUEUE = "meta:";
    /// `kinds:<queue>`: a set, kinds of jobs that were ready in the queue.
    KINDS = "kinds:";
    /// `kinds.known:<queue>`: a sorted set, kinds by when a worker that knows them last looked for jobs of the queue.
    KINDS_SEEN = "kinds.known:";
    /// `all:<queue>`: a stream, the ids of all jobs; an entry is named after the job's order.
    ALL = "all:";
    /// `scheduled:<queue>`: a sorted set, by when they are due.
    SCHEDULED = "scheduled:";
    /// `ready:<queue>:<kind>`: a sorted set, the best first: by priority, then by when they were due.
    READY = "ready:";
    /// `isolated:<queue>:<kind>`: the same, for those that must run isolated.
    ISOLATED = "isolated:";
    /// `running:<queue>`: a sorted set, running jobs by when their leases end.
    RUNNING = "running:";
    /// `held:<queue>:<worker>`: a set, the running jobs of a worker.
    HELD = "held:";
    /// `final:<queue>`: a sorted set, finished jobs by when they may be deleted.
    FINAL = "final:";
    /// `dead:<queue>`: a sorted set, dead jobs by order.
    DEAD = "dead:";
    /// `cancelled:<queue>`: a sorted set, cancelled jobs by order.
    CANCELLED = "cancelled:";
    /// `deadline:<queue>`: a sorted set, jobs that wait and must be started in time, by their deadline.
    DEADLINE = "deadline:";
    /// `unique:<queue>`: a hash, who holds each unique key, and until when.
    UNIQUE = "unique:";
    /// `reuse:<queue>:<key>`: a sorted set, jobs whose result may be served, by when they finished.
    REUSE = "reuse:";
    /// `alias:<queue>:<alias>`: a sorted set, jobs by order.
    ALIAS = "alias:";
    /// `tag:<queue>:<tag>`: a sorted set, jobs by order.
    TAG = "tag:";
    /// `answers:<queue>`: a hash, the answers to pushes with an idempotency key.
    ANSWERS = "answers:";
    /// `answers.until:<queue>`: a sorted set, idempotency keys by when they may be forgotten.
    ANSWERS_UNTIL = "answers.until:";
    /// `workers.seen:<queue>`: a sorted set, workers by when they were last noted.
    WORKERS_SEEN = "workers.seen:";
    /// `waiting:<queue>:<group>`: a sorted set, workers that wait for jobs of a group of kinds, each after its process, by when they last
    /// looked.
    WAITING = "waiting:";
    /// `groups:<queue>:<kind>`: a sorted set, the groups that a kind is part of, by when that was noted.
    GROUPS = "groups:";
    /// `artifacts`: a sorted set, the names of the artifacts and uploads of a tag in order.
    ARTIFACTS = "artifacts";
    /// `artifacts.at`: a hash, when each of them was written.
    ARTIFACTS_AT = "artifacts.at";
    /// `queues`, for all: a sorted set, every queue by name.
    QUEUES = "queues";
    /// `queues.used`, for all: a sorted set, queues by when a process last began to use them.
    QUEUES_USED = "queues.used";
    /// `upkeep`, for all: a string that expires, while it is there a process does upkeep for all.
    UPKEEP = "upkeep";
    /// `upkeep.at`, for all: a string, the queue that upkeep came to last.
    UPKEEP_AT = "upkeep.at";
    /// `released`, for all: a sorted set, workers that were released, by when.
    RELEASED = "released";
    /// `registry`, for all: a hash, when each worker noted itself first and last, and what it said.
    REGISTRY = "registry";
    /// `registry.ids`, for all: a sorted set, its workers in order.
    REGISTRY_IDS = "registry.ids";
    /// `registry.seen`, for all: a sorted set, its workers by when they noted themselves last.
    REGISTRY_SEEN = "registry.seen";
    /// `artifact.tags`, for all: a set, the tags under which there are artifacts.
    ARTIFACT_TAGS = "artifact.tags";
    /// `layout`, for all: a string, the version of this layout.
    LAYOUT = "layout";
}

/// What the names of keys begin with.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Keys { prefix: prefix.to_owned() }
    }

    /// Returns what all keys under a tag begin with.
    pub(crate) fn under(&self, tag: &str) -> String {
        format!("{}:{{{tag}}}:", self.prefix)
    }

    /// Returns what all keys of the queues with that tag begin with.
    pub(crate) fn of_tag(&self, tag: u16) -> String {
        self.under(&format!("{tag:04x}"))
    }

    /// Returns what all keys of a queue begin with.
    pub(crate) fn of_queue(&self, queue: &QueueName) -> String {
        self.of_tag(queue.tag())
    }

    /// Returns what the names of channels begin with.
    pub(crate) fn of_channels(&self) -> &str {
        &self.prefix
    }

    /// Returns the channels that a process listens to.
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
    /// `<prefix>:all`, for every process: a byte that says what to look at.
    pub(crate) all: String,
    /// `<prefix>:news`, for processes with watchers: the ids of jobs that have changed, or nothing where they are too many.
    pub(crate) news: String,
    /// `<prefix>:work:<process>`: a job that may be claimed; the length of its queue's name, that name, its kind.
    pub(crate) work: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queue_and_the_ids_of_its_jobs_lead_to_one_slot() {
        let keys = Keys::new("longshore");
        let mail: QueueName = "mail".parse().unwrap();
        let id = longshore_core::JobId::new(&mail);
        assert_eq!(keys.of_queue(&mail), keys.of_tag(id.queue_tag()));
        assert_eq!(keys.of_tag(0xab), "longshore:{00ab}:");
    }
}

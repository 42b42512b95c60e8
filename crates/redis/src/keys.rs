//! The name of every key, in one place; the scripts get theirs from here.
//!
//! All keys of a queue lie in one slot of a cluster, because their names begin alike: `<prefix>:{<tag>}:`, where the tag is the
//! queue's 16 bits as four hex digits. An id carries the same bits, so that it alone leads to its job. Queues that share a tag by
//! chance are told apart by their name, which is part of every key that is theirs alone. What concerns all queues lies under
//! `<prefix>:{all}:`.
//!
//! A *member* of a sorted set is 8 bytes of order (a big-endian number that grows with each push to the queue) and the 16 bytes of
//! the id. Sets "by order" have one score, so that they are sorted by their members.
//!
//! A *grant* stands for the jobs of one claim until their lease is renewed: the first 7 bytes of the numbers of their tokens, which
//! they have in common. So a claim of many jobs is one entry of its worker, and what settles them counts it down.

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
    /// `s:<id>`: a string, all that changes of a job, and what is needed to move it; see `record.rs`.
    RECORD = "s:";
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
    /// `queue:<queue>`: a hash: counters, the newest order and token, presence of workers, the rules.
    QUEUE = "queue:";
    /// `kinds:<queue>`: a set, every kind that was ever ready in the queue.
    KINDS = "kinds:";
    /// `all:<queue>`: a sorted set, all jobs by order; those that were pushed together are one entry, their members one after the
    /// other, so that entries do not overlap.
    ALL = "all:";
    /// `scheduled:<queue>`: a sorted set, by when they are due.
    SCHEDULED = "scheduled:";
    /// `ready:<queue>:<kind>`: a sorted set, the best first: by priority, then by when they were due; those that were pushed together
    /// are one entry, but for those with a deadline.
    READY = "ready:";
    /// `alone:<queue>:<kind>`: the same, for those that must run alone.
    ALONE = "alone:";
    /// `held:<queue>:<worker>`: a sorted set, what a worker runs, by when the leases end: members, and grants.
    HELD = "held:";
    /// `grants:<queue>`: a hash; for each grant the members that were handed out with it, and, with an `n` in front, how many of
    /// them are still held by it.
    GRANTS = "grants:";
    /// `leases:<queue>`: a sorted set, workers that hold something, by when the first of their leases ends, or earlier.
    LEASES = "leases:";
    /// `final:<queue>`: a sorted set, finished jobs by when they may be deleted; those that succeeded together are one entry, their
    /// members one after the other.
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
    /// `workers:<queue>`: a hash, each worker's newest claim, and whether it was released.
    WORKERS = "workers:";
    /// `workers.seen:<queue>`: a sorted set, workers by when they were last noted.
    WORKERS_SEEN = "workers.seen:";
    /// `waiting:<queue>:<group>`: a sorted set, workers that wait for jobs of a group of kinds, each after its process, by when they last
    /// looked.
    WAITING = "waiting:";
    /// `group:<queue>:<group>`: a string that expires: while it is there, the kinds of the group are noted in the sets that follow.
    GROUP = "group:";
    /// `groups:<queue>:<kind>`: a sorted set, the groups that a kind is part of, by when that was noted.
    GROUPS = "groups:";
    /// `artifacts`: a sorted set, the names of the artifacts and uploads of a tag in order.
    ARTIFACTS = "artifacts";
    /// `artifacts.at`: a hash, when each of them was written.
    ARTIFACTS_AT = "artifacts.at";
    /// `queues`, for all: a hash, every queue and its number.
    QUEUES = "queues";
    /// `kinds`, for all: a hash, when a worker that knows each kind last looked for jobs.
    KINDS_SEEN = "kinds";
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

    /// Returns what all keys of the queues with that tag begin with.
    pub(crate) fn of_tag(&self, tag: u16) -> String {
        format!("{}:{{{tag:04x}}}:", self.prefix)
    }

    /// Returns what all keys of a queue begin with.
    pub(crate) fn of_queue(&self, queue: &QueueName) -> String {
        self.of_tag(queue.tag())
    }

    /// Returns what the keys begin with that concern all queues.
    pub(crate) fn of_all(&self) -> String {
        format!("{}:{{all}}:", self.prefix)
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
        assert_ne!(keys.of_all(), keys.of_tag(0xa11));
    }
}

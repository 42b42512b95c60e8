//! Notifications of work between processes.

use crate::notifications::{Work, WorkSubscription};
use crate::{Kind, QueueName};

/// Tells other processes of jobs that may be claimed: each store does, and brokers will.
///
/// Both methods may be called from anywhere at any time, and repeats do no harm.
///
/// A process waits for jobs of a queue since a claim of its own found fewer than it wanted there. One job wakes one process that waits
/// for jobs of its kind, where the engine can address one; else all of them. A process that is told of what it has no room for tells
/// another in its place.
pub trait Notifier: Send + Sync {
    /// Wakes processes other than this one that wait for such jobs, as many as there are jobs. Returns at once, and does what it can:
    /// a notification that is lost costs a delay, never a job.
    fn notify(&self, work: Vec<Work>);

    /// Starts to receive notifications of jobs of these kinds in these queues, from other processes and from this one; as many as the
    /// subscription [has room for](WorkSubscription::set_capacity), which is none at first.
    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription;
}

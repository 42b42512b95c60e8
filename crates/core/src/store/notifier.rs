//! Notifications of work between processes.

use crate::notifications::{Work, WorkSubscription};
use crate::{Kind, QueueName};

/// Notifies other processes of jobs that may be claimed.
///
/// Both methods may be called from anywhere at any time, and a repeat is harmless.
///
/// A process waits for jobs of a queue after one of its claims found fewer jobs than it wanted. One job wakes one
/// process that waits for its kind, if the engine can address a single process; otherwise all of them. A process
/// without room for the job passes the notification on.
pub trait Notifier: Send + Sync {
    /// Wakes other processes that wait for such jobs, at most one per job. Returns at once and makes no guarantee: a
    /// lost notification causes a delay but never loses a job.
    fn notify(&self, work: Vec<Work>);

    /// Subscribes to notifications of jobs of these kinds in these queues, from other processes and from this one. The
    /// subscription receives as many as it [has room for](WorkSubscription::set_capacity), which is none at first.
    fn subscribe(&self, queues: Vec<QueueName>, kinds: Vec<Kind>) -> WorkSubscription;
}

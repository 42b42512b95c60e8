//! The routes, one file per verb. A route that waits also waits for the server's shutdown.

mod act;
mod batch;
mod events;
mod get;
mod health;
mod list;
mod log;
mod push;
mod queue;
mod result;
mod workers;

use crate::openapi::Operation;

pub(crate) use act::{cancel, delete, retry};
pub(crate) use batch::batch;
pub(crate) use events::events;
pub(crate) use get::get;
pub(crate) use health::{healthz, readyz};
pub(crate) use list::{PAGE_READS, list};
pub(crate) use log::log;
pub(crate) use push::push;
pub(crate) use queue::{pause, queues, resume};
pub(crate) use result::{ResultEtag, answer, result};
pub(crate) use workers::workers;

/// The OpenAPI descriptions of the routes, in the order of the router's table.
pub(crate) const OPERATIONS: &[Operation] = &[
    list::LIST,
    push::PUSH,
    batch::BATCH,
    get::GET,
    act::DELETE,
    events::EVENTS,
    result::RESULT,
    log::LOG,
    act::CANCEL,
    act::RETRY,
    queue::QUEUES,
    queue::PAUSE,
    queue::RESUME,
    workers::WORKERS,
    health::HEALTHZ,
    health::READYZ,
];

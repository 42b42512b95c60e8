//! The errors that several operations have in common, in groups.

use crate::problem::Code;

/// Errors of any call to the store.
pub(crate) const STORE: &[Code] = &[Code::Unavailable, Code::StoreRefused, Code::StoreFull];
/// Errors of any request body.
pub(crate) const BODY: &[Code] = &[
    Code::InvalidJson,
    Code::InvalidJob,
    Code::UnsupportedMediaType,
    Code::BodyTooLarge,
    Code::BodyTimeout,
    Code::TooBusy,
];
/// Errors of a path that names a job.
pub(crate) const UNKNOWN: &[Code] = &[Code::UnknownJob, Code::InvalidQuery];
/// Errors of a query, and of a path that names a queue.
pub(crate) const QUERY: &[Code] = &[Code::InvalidQuery];
/// Errors of a push.
pub(crate) const PUSH: &[Code] = &[Code::QueueFull, Code::TooBusy, Code::InvalidHeader];
/// Errors of sending a result.
pub(crate) const SEND: &[Code] = &[Code::RangeNotSatisfiable, Code::TooManyResults, Code::TooManyOfYourResults];
/// Errors of an action on a job.
pub(crate) const ACT: &[Code] = &[Code::WrongState];

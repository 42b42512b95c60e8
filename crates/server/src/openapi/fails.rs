//! The problems that operations have in common, in groups.

use crate::problem::Code;

/// What any call to the store may end with.
pub(crate) const STORE: &[Code] = &[Code::Unavailable, Code::StoreRefused, Code::StoreFull];
/// What any body may end with.
pub(crate) const BODY: &[Code] = &[
    Code::InvalidJson,
    Code::InvalidJob,
    Code::UnsupportedMediaType,
    Code::BodyTooLarge,
    Code::BodyTimeout,
    Code::TooBusy,
];
/// What a path may end with that names a job.
pub(crate) const UNKNOWN: &[Code] = &[Code::UnknownJob, Code::InvalidQuery];
/// What a query may end with, and a path that names a queue.
pub(crate) const QUERY: &[Code] = &[Code::InvalidQuery];
/// What a push may end with.
pub(crate) const PUSH: &[Code] = &[Code::QueueFull, Code::TooBusy, Code::InvalidHeader];
/// What the sending of a result may end with.
pub(crate) const SEND: &[Code] = &[Code::RangeNotSatisfiable, Code::TooManyResults];
/// What an action on a job may end with.
pub(crate) const ACT: &[Code] = &[Code::WrongState];

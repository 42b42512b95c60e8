//! What can go wrong between a program and its store.

use std::fmt;

/// What kind of thing went wrong, so that a caller can decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong; repeating it will fail again.
    Invalid,
    /// The store refuses to work as it is set up, for example a schema from a newer program.
    Refused,
    /// The store cannot be reached or is too busy; the same call may succeed later.
    Unavailable,
    /// The store has no room left; nothing was written.
    Full,
    /// What the store holds makes no sense: a foreign or damaged database.
    Corrupt,
}

/// Whether a failed call may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was changed.
    NotDone,
    /// The reply was lost: the change may or may not have happened. Repeating the call is safe.
    PerhapsDone,
}

/// An error of a backend call: what was tried, what went wrong, and whether it may have happened all the same.
///
/// Losing a race is never an error: it is an answer (`lost`, `existing`).
///
/// # Examples
///
/// ```
/// use longshore_core::{Error, ErrorKind, Effect};
///
/// let error = Error::new(ErrorKind::Unavailable, "connection reset").context("claim jobs from queue \"mail\"");
/// assert_eq!(error.to_string(), "claim jobs from queue \"mail\": connection reset");
/// assert!(error.is_retryable());
/// assert_eq!(error.effect(), Effect::NotDone);
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    effect: Effect,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Makes an error of which nothing took effect.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, effect: Effect::NotDone, message: message.into(), source: None }
    }

    /// Makes an [`ErrorKind::Invalid`] error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Invalid, message)
    }

    /// Says that the call may have taken effect all the same.
    pub fn perhaps_done(mut self) -> Self {
        self.effect = Effect::PerhapsDone;
        self
    }

    /// Keeps the error underneath, for the chain that the command line prints.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was tried in front of the message.
    pub fn context(mut self, tried: impl fmt::Display) -> Self {
        self.message = format!("{tried}: {}", self.message);
        self
    }

    /// Returns the same error for another who waited for the same call; without what is underneath.
    pub fn shared(&self) -> Self {
        Error { kind: self.kind, effect: self.effect, message: self.message.clone(), source: None }
    }

    /// Returns what kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the call may have taken effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Full)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

//! Errors of a store or backend call.

use std::fmt;

/// The kind of an error, so that a caller can decide what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request is invalid. A repeat fails again.
    Invalid,
    /// The store refuses to work in its present setup, for example because a newer program wrote its schema.
    Refused,
    /// The store cannot be reached or is too busy. The same call may succeed later.
    Unavailable,
    /// The store has no room left; nothing was written.
    Full,
    /// The store holds corrupt data: the database is damaged or was changed by another program.
    Corrupt,
}

/// Whether a failed call may have taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was changed.
    NotDone,
    /// The answer was lost, so the change may or may not have happened. A repeat is safe.
    PerhapsDone,
}

/// An error of a backend call: what was attempted, what went wrong, and whether the call may still have taken effect.
///
/// Losing a race is never an error. It is an answer (`lost`, `existing`).
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
    partial: bool,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// Creates an error of a call that had no effect.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, effect: Effect::NotDone, partial: false, message: message.into(), source: None }
    }

    /// Creates an [`ErrorKind::Invalid`] error.
    pub fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Invalid, message)
    }

    /// Marks that the call may have taken effect.
    pub fn perhaps_done(mut self) -> Self {
        self.effect = Effect::PerhapsDone;
        self
    }

    /// Marks that the error concerns one server of a store, or one requirement of the call, so that the store as a whole may well be
    /// reachable. Such an error is no outage: rescues of other jobs go on.
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Sets the source of the error. The command line prints the chain of sources.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Prefixes the message with what was attempted.
    pub fn context(mut self, tried: impl fmt::Display) -> Self {
        self.message = format!("{tried}: {}", self.message);
        self
    }

    /// Returns a copy without the source, for another caller that waited for the same call.
    pub fn shared(&self) -> Self {
        Error {
            kind: self.kind,
            effect: self.effect,
            partial: self.partial,
            message: self.message.clone(),
            source: None,
        }
    }

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns whether the call may have taken effect.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Returns whether the error says nothing about the store as a whole.
    pub fn is_partial(&self) -> bool {
        self.partial
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

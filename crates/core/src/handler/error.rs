//! The error of a handler: why an attempt returned no result, and what happens next.

use std::time::Duration;

/// The return type of a handler.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an attempt returned no result, and what happens next.
///
/// `?` converts errors of all kinds into it, and then it means *try again*: every `std::error::Error`,
/// `anyhow::Error`, `eyre::Report`, `Box<dyn Error + Send + Sync>`, and text. Its constructors take the same. The
/// message contains the causes of the error, too. A `Box<dyn Error>` that is not `Send` needs
/// `.map_err(|e| e.to_string())?`.
///
/// It does not implement `std::error::Error`, because that would rule out this conversion.
///
/// # Examples
///
/// ```
/// use longshore_core::handler::{Error, Fatal, Result};
/// use std::time::Duration;
///
/// fn report(input: &str) -> Result<u32> {
///     let rows: u32 = input.parse().fatal()?;              // never right, however often it is tried
///     if rows == 0 {
///         return Err(Error::snooze(Duration::from_secs(60))); // nothing to do yet
///     }
///     fetch(rows)?;                                        // an `anyhow::Error`: may be right next time
///     if rows > 1_000 {
///         Err("too many rows for now")?;
///     }
///     Ok(rows)
/// }
///
/// fn fetch(_rows: u32) -> anyhow::Result<()> {
///     Ok(())
/// }
/// # assert_eq!(report("3").unwrap(), 3);
/// ```
#[derive(Debug)]
pub struct Error {
    pub(crate) then: Then,
    pub(crate) message: String,
}

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Retry,
    RetryIn(Duration),
    Outage(Option<Duration>),
    Bury,
    Snooze(Duration),
    Interrupted,
    Cancel,
}

/// An error of any kind. The conversion into it is what `?` uses.
type Cause = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// Fails the attempt. The job is retried according to the policy of its kind.
    pub fn retry(cause: impl Into<Cause>) -> Self {
        Error::of(Then::Retry, cause)
    }

    /// Fails the attempt. The job is retried after this delay, for example because a service asked for it.
    pub fn retry_in(delay: Duration, cause: impl Into<Cause>) -> Self {
        Error::of(Then::RetryIn(delay), cause)
    }

    /// Reports that something the job needs is unavailable: a service, a network, a licence server.
    ///
    /// The job is retried first after about 5 seconds, and then after twice as long each time, up to 5 minutes. None of
    /// this costs an attempt. After 24 hours of nothing but outages the job is dead.
    ///
    /// # Examples
    ///
    /// ```
    /// # use longshore_core::handler;
    /// # fn post() -> Result<(), std::io::Error> { Ok(()) }
    /// fn send() -> handler::Result<()> {
    ///     post().map_err(handler::Error::outage)
    /// }
    /// ```
    pub fn outage(cause: impl Into<Cause>) -> Self {
        Error::of(Then::Outage(None), cause)
    }

    /// Does the same as [`Error::outage`], with a known delay. The delay is at least one second.
    pub fn outage_for(delay: Duration, cause: impl Into<Cause>) -> Self {
        Error::of(Then::Outage(Some(delay)), cause)
    }

    /// Fails the job permanently: it is dead at once.
    pub fn fatal(cause: impl Into<Cause>) -> Self {
        Error::of(Then::Bury, cause)
    }

    /// Postpones the job. This costs no attempt.
    pub fn snooze(delay: Duration) -> Self {
        Error { then: Then::Snooze(delay), message: String::new() }
    }

    /// Ends the attempt for a reason outside the job, such as the shutdown of the machine. The job is ready again at
    /// once. This costs no attempt and counts as an interruption. Use [`Error::snooze`] to wait before the next attempt.
    pub fn interrupted() -> Self {
        Error { then: Then::Interrupted, message: String::new() }
    }

    /// Cancels the job, for example because it is no longer needed.
    pub fn cancel() -> Self {
        Error { then: Then::Cancel, message: String::new() }
    }

    fn of(then: Then, cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let mut message = cause.to_string();
        let mut source = cause.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Error { then, message }
    }
}

/// `anyhow::Error` and `Box<dyn Error>` are no `std::error::Error`. All of them convert into a box.
impl<E: Into<Cause>> From<E> for Error {
    fn from(error: E) -> Self {
        Error::retry(error)
    }
}

/// Converts an error into one that is never retried: `parse(input).fatal()?`.
pub trait Fatal<T> {
    /// Makes an `Err` fatal.
    ///
    /// # Errors
    ///
    /// Returns the same error, marked as fatal.
    fn fatal(self) -> Result<T>;
}

impl<T, E: Into<Error>> Fatal<T> for std::result::Result<T, E> {
    fn fatal(self) -> Result<T> {
        self.map_err(|error| Error { then: Then::Bury, ..error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Answer<E> = std::result::Result<(), E>;

    fn refused() -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused")
    }

    /// An error with a cause.
    #[derive(Debug, thiserror::Error)]
    #[error("cannot send")]
    struct CannotSend(#[source] std::io::Error);

    fn message<E>(failed: impl FnOnce() -> Answer<E>) -> String
    where
        Error: From<E>,
    {
        let handler = || -> Result<()> { Ok(failed()?) };
        let error = handler().unwrap_err();
        assert_eq!(error.then, Then::Retry);
        error.message
    }

    #[test]
    fn question_mark_converts_errors_of_all_kinds_with_their_causes() {
        let failed = || Answer::<std::io::Error>::Err(refused());
        let all = "cannot send: connection refused";
        assert_eq!(message(|| Err(CannotSend(refused()))), all);
        assert_eq!(message(|| anyhow::Context::context(failed(), "cannot send")), all);
        assert_eq!(message(|| eyre::WrapErr::wrap_err(failed(), "cannot send")), all);
        assert_eq!(
            message(|| Answer::<Box<dyn std::error::Error + Send + Sync>>::Err(CannotSend(refused()).into())),
            all
        );
        assert_eq!(message(|| Err("no luck")), "no luck");
        assert_eq!(message(|| Err(format!("no {}", "luck"))), "no luck");
        let not_send: Answer<Box<dyn std::error::Error>> = Err(refused().into());
        assert_eq!(message(|| not_send.map_err(|e| e.to_string())), "connection refused");
    }

    #[test]
    fn what_happens_next_can_be_said_of_errors_of_all_kinds() {
        let fatal = Answer::<anyhow::Error>::Err(anyhow::Error::from(refused()).context("cannot send")).fatal();
        let fatal = fatal.unwrap_err();
        assert_eq!((fatal.then, fatal.message.as_str()), (Then::Bury, "cannot send: connection refused"));
        let again = Answer::<Error>::Err(Error::snooze(Duration::ZERO)).fatal().unwrap_err();
        assert_eq!(again.then, Then::Bury, "the last word counts");
        let outage = Error::outage(CannotSend(refused()));
        assert_eq!((outage.then, outage.message.as_str()), (Then::Outage(None), "cannot send: connection refused"));
        let own = || -> Result<()> { Err(Error::snooze(Duration::ZERO))? };
        assert_eq!(own().unwrap_err().then, Then::Snooze(Duration::ZERO), "`?` on the error itself changes nothing");
    }
}

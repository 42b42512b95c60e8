//! Contexts for tests that call a handler directly.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::ctx::{Ctx, Latest};
use crate::log::Log;
use crate::{Claimed, JobId, Payload, Progress, QueueName, Token, WorkerSecret, limits};

impl Ctx {
    /// Creates a context for a test that calls a handler directly: the first attempt of a job of kind `test` in the
    /// queue `default`. No store and no worker are behind it. Feature `testing`.
    ///
    /// # Examples
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// use longshore_core::Progress;
    /// use longshore_core::handler::{Ctx, Result};
    ///
    /// struct Copy { files: u64 }
    ///
    /// async fn copy(job: Copy, ctx: Ctx) -> Result<u16> {
    ///     for file in 1..=job.files {
    ///         if ctx.is_stopping() {
    ///             Err("stopped")?;
    ///         }
    ///         ctx.progress(Progress::of(file, job.files));
    ///         ctx.log(&format!("copied file {file}"));
    ///     }
    ///     Ok(ctx.attempt())
    /// }
    ///
    /// let ctx = Ctx::for_test().with_attempt(2, 3);
    /// assert_eq!(copy(Copy { files: 2 }, ctx.clone()).await.unwrap(), 2);
    /// assert_eq!(ctx.last_progress(), Some(Progress::of(2, 2)));
    /// assert_eq!(ctx.logged(), "copied file 1\ncopied file 2\n");
    ///
    /// ctx.stop();
    /// assert!(copy(Copy { files: 2 }, ctx).await.is_err());
    /// # });
    /// ```
    pub fn for_test() -> Self {
        let queue = QueueName::default();
        let job = Claimed {
            id: JobId::new(&queue),
            token: Token::new(1),
            queue,
            kind: "test".parse().expect("a valid kind"),
            key: None,
            payload: Payload::from_store("null"),
            attempt: 1,
            max_attempts: limits::DEFAULT_ATTEMPTS,
            timeout: limits::DEFAULT_TIMEOUT,
            crashes: 0,
            outages: 0,
            outage_for: std::time::Duration::ZERO,
            waited: std::time::Duration::ZERO,
        };
        Ctx {
            job: Arc::new(job),
            worker: WorkerSecret::new().id(),
            stopping: CancellationToken::new(),
            draining: CancellationToken::new(),
            latest: Arc::new(Latest::new(Arc::new(Notify::new()))),
            log: Arc::new(Log::default()),
            shared: Arc::default(),
        }
    }

    /// Sets the number of the attempt and how many attempts the job has. Feature `testing`.
    pub fn with_attempt(mut self, attempt: u16, max_attempts: u16) -> Self {
        self.job = Arc::new(Claimed { attempt, max_attempts, ..Claimed::clone(&self.job) });
        self
    }

    /// Shares a value, as [`Worker::share`](crate::worker::Worker::share) does, for a test of an extractor. Feature
    /// `testing`.
    pub fn with_shared<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        Arc::make_mut(&mut self.shared).insert(value);
        self
    }

    /// Asks the handler to stop, as a time-out, a cancel or a shutdown does. Feature `testing`.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Returns the latest progress that the handler has reported. Feature `testing`.
    pub fn last_progress(&self) -> Option<Progress> {
        self.latest.last()
    }

    /// Returns the lines that the handler has logged. Feature `testing`.
    pub fn logged(&self) -> String {
        self.log.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::{FromCtx, Shared};

    #[tokio::test]
    async fn context_for_a_test_provides_what_a_worker_would() {
        let ctx = Ctx::for_test().with_attempt(3, 3).with_shared(7_u32);
        assert!(ctx.is_last_attempt() && !ctx.is_stopping());
        let Shared(seven) = Shared::<u32>::from_ctx(&ctx).await.unwrap();
        assert_eq!(seven, 7);
        let missing = Shared::<u8>::from_ctx(&ctx).await.unwrap_err();
        assert!(missing.message.contains("u8"), "{}", missing.message);
        ctx.stop();
        ctx.stopping().await;
    }
}

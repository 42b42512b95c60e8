//! Following a job until it is finished, also while the server restarts or does not answer.

use std::time::{Duration, Instant};

use longshore::{Error, JobId};
use longshore_wire as wire;
use tokio::sync::mpsc;

use crate::exit::unknown_job;
use crate::remote::{Heard, Remote, SILENCE};
use crate::target::Target;

/// How long a lost server is tried again, unless the caller waits for a time of its own.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The delay before the first repeat. It doubles with each further one, up to [`LONGEST_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

impl Target {
    /// Follows a job until it is finished, and calls `tell` with each status.
    ///
    /// A store that cannot be reached is waited for. A server that was reached and is lost is tried again for `patience`.
    ///
    /// # Errors
    ///
    /// If the job is not found, the server refuses the request, or the server stays unreachable.
    pub async fn follow(&self, id: JobId, patience: Duration, mut tell: impl FnMut(&wire::Event)) -> Result<(), Error> {
        let remote = match self {
            Target::Server(remote) => remote,
            Target::Store(longshore) => {
                let mut watch = longshore.backend().watch(id);
                loop {
                    let event =
                        watch.next().await.map(wire::Event::from).ok_or_else(|| unknown_job(&id.to_string()))?;
                    tell(&event);
                    if event.state.is_final() {
                        return Ok(());
                    }
                }
            }
        };
        let mut outage = Outage::new(patience);
        loop {
            let mut heard = listen(remote, id);
            let lost = loop {
                match tokio::time::timeout(SILENCE, heard.recv()).await {
                    Ok(Some(Ok(sign))) => {
                        outage.over();
                        if let Heard::Status(event) = sign {
                            tell(&event);
                            if event.state.is_final() {
                                return Ok(());
                            }
                        }
                    }
                    Ok(Some(Err(e))) if e.is_retryable() && outage.was_reached => break Some(e),
                    Ok(Some(Err(e))) => return Err(e),
                    // The stream ended early because the server shuts down, or because of its age. The next request
                    // shows which.
                    Ok(None) => break None,
                    Err(_) => break Some(remote.silent()),
                }
            };
            outage.wait(lost).await?;
        }
    }

    /// Repeats a call to a server that was just reached, as long as `patience`, if the server restarts meanwhile.
    ///
    /// # Errors
    ///
    /// The error of the last try.
    pub async fn patiently<T>(
        &self,
        patience: Duration,
        mut call: impl AsyncFnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut outage = Outage::new(patience);
        outage.over();
        loop {
            match call().await {
                Err(e) if e.is_retryable() && matches!(self, Target::Server(_)) => outage.wait(Some(e)).await?,
                done => return done,
            }
        }
    }
}

/// Reads an event stream on a thread of its own. A thread whose server sends nothing is left to the end of the process.
fn listen(remote: &Remote, id: JobId) -> mpsc::UnboundedReceiver<Result<Heard, Error>> {
    let (sender, heard) = mpsc::unbounded_channel();
    let (remote, id) = (remote.clone(), id.to_string());
    tokio::task::spawn_blocking(move || {
        let ended = remote.follow(&id, &mut |heard| sender.send(Ok(heard)).is_ok());
        if let Err(e) = ended {
            let _ = sender.send(Err(e)); // nobody waits any more
        }
    });
    heard
}

/// The time since a server was last heard of.
struct Outage {
    patience: Duration,
    began: Option<Instant>,
    delay: Duration,
    was_reached: bool,
}

impl Outage {
    fn new(patience: Duration) -> Self {
        Outage { patience, began: None, delay: FIRST_DELAY, was_reached: false }
    }

    /// Notes that the server is there.
    fn over(&mut self) {
        (self.began, self.delay, self.was_reached) = (None, FIRST_DELAY, true);
    }

    /// Waits before the next try, or returns the error if the server has been away for too long.
    async fn wait(&mut self, lost: Option<Error>) -> Result<(), Error> {
        if let Some(lost) = lost {
            let began = *self.began.get_or_insert_with(Instant::now);
            if began.elapsed() >= self.patience {
                return Err(lost);
            }
            tracing::warn!(error = %lost, again_in = ?self.delay, "the server is lost; trying again");
        }
        tokio::time::sleep(self.delay).await;
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        Ok(())
    }
}

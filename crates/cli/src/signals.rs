//! What signals mean to the program: they are only noted where they arrive, and dealt with in one place.
//!
//! The first TERM, INT, QUIT, HUP or USR1 drains, the second cancels what still runs, the third exits at once. TSTP makes a worker quiet,
//! CONT resumes it, USR2 writes what it does to the log.

use tokio::signal::unix::{Signal, SignalKind, signal};

use longshore::worker::{Ended, Running};
use longshore::{Error, ErrorKind};

/// The signals a working process listens to.
#[derive(Debug)]
pub struct Signals {
    end: Vec<Signal>,
    quiet: Signal,
    resume: Signal,
    report: Signal,
}

/// How often the process was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Never,
    Once,
    Twice,
}

impl Signals {
    /// Starts listening; from now on none of these signals ends the process by itself.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn listen() -> Result<Self, Error> {
        let failed = |e: std::io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).context("listen to signals");
        let on = |kind| signal(kind).map_err(failed);
        let hangup = SignalKind::hangup();
        let ends =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit(), hangup, SignalKind::user_defined1()];
        Ok(Signals {
            end: ends.into_iter().map(on).collect::<Result<_, _>>()?,
            quiet: on(SignalKind::from_raw(TSTP))?,
            resume: on(SignalKind::from_raw(CONT))?,
            report: on(SignalKind::user_defined2())?,
        })
    }

    /// Waits for a signal that asks the process to end.
    pub async fn end(&mut self) {
        let waits = self.end.iter_mut().map(|signal| Box::pin(async { signal.recv().await }));
        first(waits.collect()).await;
    }

    /// Does what signals ask of a worker until it has ended.
    pub async fn obey(&mut self, running: &Running) -> Ended {
        let mut asked = Asked::Never;
        let (drain, cancel) = (running.drain(), running.cancel());
        tokio::pin!(drain, cancel);
        loop {
            let Signals { end, quiet, resume, report } = self;
            let ends = end.iter_mut().map(|signal| Box::pin(async { signal.recv().await })).collect();
            tokio::select! {
                () = first(ends) => {
                    asked = match asked {
                        Asked::Never => Asked::Once,
                        Asked::Once => Asked::Twice,
                        Asked::Twice => std::process::exit(Ended::Abandoned.exit_code()),
                    };
                    tracing::info!("asked to end: {}", if asked == Asked::Once { "draining" } else { "cancelling" });
                }
                ended = &mut drain, if asked == Asked::Once => return ended,
                ended = &mut cancel, if asked == Asked::Twice => return ended,
                ended = running.ended() => return ended,
                _ = quiet.recv() => running.quiet(),
                _ = resume.recv() => running.resume(),
                _ = report.recv() => log_report(running).await,
            }
        }
    }
}

/// Waits until one of them is ready.
async fn first<F: Future + Unpin>(mut all: Vec<F>) {
    std::future::poll_fn(|cx| {
        let ready = all.iter_mut().any(|one| std::pin::Pin::new(one).poll(cx).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn log_report(running: &Running) {
    if let Some(report) = running.report().await {
        tracing::info!(?report, "what the worker does");
    }
}

#[cfg(target_os = "linux")]
const TSTP: i32 = 20;
#[cfg(target_os = "linux")]
const CONT: i32 = 18;
#[cfg(not(target_os = "linux"))]
const TSTP: i32 = 18;
#[cfg(not(target_os = "linux"))]
const CONT: i32 = 19;

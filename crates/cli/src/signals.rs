//! Signals of the program. A signal handler only records a signal; one loop handles all of them.
//!
//! The first TERM, INT, QUIT, HUP or USR1 drains, the second cancels running jobs, the third exits immediately. TSTP
//! makes a worker quiet, CONT resumes it, USR2 logs its state.

use tokio::signal::unix::{Signal, SignalKind, signal};

use longshore::worker::{Ended, Running};
use longshore::{Error, ErrorKind};

/// The signals that the program handles.
#[derive(Debug)]
pub struct Signals {
    end: Vec<Signal>,
    quiet: Signal,
    resume: Signal,
    report: Signal,
}

/// How many times shutdown was requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Never,
    Once,
    Twice,
}

impl Signals {
    /// Starts handling the signals. From now on none of them ends the process by itself.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn listen() -> Result<Self, Error> {
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

    /// Waits for a signal that requests shutdown.
    pub async fn end(&mut self) {
        let waits = self.end.iter_mut().map(|signal| Box::pin(async { signal.recv().await }));
        first(waits.collect()).await;
    }

    /// Handles the signals of a worker until it has ended.
    pub async fn handle(&mut self, running: &Running) -> Ended {
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
                    tracing::info!("shutdown requested: {}", if asked == Asked::Once { "draining" } else { "cancelling" });
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

/// The signals that end a tool. Those that were ignored when the program was started stay ignored: `nohup` and shells
/// protect commands in the background in this way.
#[derive(Debug)]
pub struct Interrupt {
    signals: Vec<(SignalKind, Signal)>,
}

impl Interrupt {
    /// Starts handling the signals. From now on none of them ends the process by itself.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn listen() -> Result<Self, Error> {
        let ignored = ignored();
        let ends = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let heard = ends.into_iter().filter(|kind| ignored & (1 << (kind.as_raw_value() - 1)) == 0);
        let signals = heard.map(|kind| Ok((kind, on(kind)?))).collect::<Result<_, Error>>()?;
        Ok(Interrupt { signals })
    }

    /// Waits for one of the signals, and returns its number.
    pub async fn signal(mut self) -> i32 {
        std::future::poll_fn(|cx| {
            let came =
                self.signals.iter_mut().find_map(|(kind, signal)| signal.poll_recv(cx).is_ready().then_some(*kind));
            came.map_or(std::task::Poll::Pending, |kind| std::task::Poll::Ready(kind.as_raw_value()))
        })
        .await
    }
}

/// Returns the set of signals that this process ignores, one bit for each. None where the system does not tell.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

fn on(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|e| Error::new(ErrorKind::Unavailable, e.to_string()).context("install signal handlers"))
}

/// Waits until one of the futures is ready.
async fn first<F: Future + Unpin>(mut all: Vec<F>) {
    std::future::poll_fn(|cx| {
        let ready = all.iter_mut().any(|one| std::pin::Pin::new(one).poll(cx).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

async fn log_report(running: &Running) {
    if let Some(report) = running.report().await {
        tracing::info!(?report, "worker report");
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

//! Signals of the program. A signal handler only records a signal; one loop handles all of them.
//!
//! The first TERM, INT, QUIT, HUP or USR1 drains, the second cancels running jobs, the third exits immediately. TSTP
//! makes a worker quiet, CONT resumes it, USR2 logs its state. A signal that was ignored when the program started stays
//! ignored, so that `nohup` and the background jobs of a shell mean what they always mean.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use longshore::worker::{Ended, Running};
use longshore::{Error, ErrorKind};
use longshore_server::Server;

use crate::Exit;

/// The signals that the program handles.
#[derive(Debug)]
pub struct Signals {
    end: Vec<Signal>,
    quiet: Option<Signal>,
    resume: Option<Signal>,
    report: Option<Signal>,
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
        let ignored = Ignored::at_start();
        let on = |kind| ignored.handle(kind);
        let hangup = SignalKind::hangup();
        let ends =
            [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::quit(), hangup, SignalKind::user_defined1()];
        Ok(Signals {
            end: ends.into_iter().map(on).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
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

    /// Runs a server until a signal. The first one lets open requests end, a second one ends them at once.
    pub async fn serve(&mut self, server: Server) -> Result<(), Exit> {
        let stop = CancellationToken::new();
        let serving = server.run(stop.clone().cancelled_owned());
        tokio::pin!(serving);
        tokio::select! {
            () = &mut serving => return Ok(()),
            () = self.end() => {}
        }
        tracing::info!(
            "shutdown requested: open requests may end, for a few seconds; a second signal ends them at once"
        );
        stop.cancel();
        self.finish(serving).await
    }

    /// Waits for the end of a server that shuts down. A signal ends its open requests at once.
    pub async fn finish(&mut self, serving: impl Future<Output = ()>) -> Result<(), Exit> {
        tokio::select! {
            () = serving => Ok(()),
            () = self.end() => {
                tracing::warn!("another signal: open requests are cut off");
                Err(Exit::cut_off())
            }
        }
    }

    /// Handles the signals of a worker until it has ended. `grace` is the time that its running jobs get.
    pub async fn handle(&mut self, running: &Running, grace: Duration) -> Ended {
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
                        Asked::Twice => {
                            tracing::warn!("third signal: exiting at once; the jobs run again when their leases end");
                            std::process::exit(Ended::Abandoned.exit_code())
                        }
                    };
                    announce(running, asked, grace).await;
                }
                ended = &mut drain, if asked == Asked::Once => return ended,
                ended = &mut cancel, if asked == Asked::Twice => return ended,
                ended = running.ended() => return ended,
                () = next(quiet) => running.quiet(),
                () = next(resume) => running.resume(),
                () = next(report) => log_report(running).await,
            }
        }
    }
}

/// The signals that end a tool.
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
        let ignored = Ignored::at_start();
        let ends = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let heard = ends.into_iter().map(|kind| Ok(ignored.handle(kind)?.map(|signal| (kind, signal))));
        let signals = heard.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect();
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

/// Says what a signal has begun, how long it may take, and what another one does.
async fn announce(running: &Running, asked: Asked, grace: Duration) {
    let jobs = running.report().await.map_or(0, |report| report.running.len());
    let jobs = match jobs {
        0 => "no job is running".to_owned(),
        1 => "1 job is running".to_owned(),
        n => format!("{n} jobs are running"),
    };
    match asked {
        Asked::Once => {
            let grace = humantime::format_duration(grace);
            tracing::info!(
                "shutdown requested: no more jobs are claimed; {jobs}, with {grace} to finish; a second signal cuts this short"
            );
        }
        _ => tracing::info!("second signal: {jobs} and will be stopped and released; a third signal exits at once"),
    }
}

/// Waits for the next signal of a kind; for ever if it is ignored.
async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
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

/// The signals that this process ignores, as its parent decided: `nohup` ignores HUP, and a shell without job control
/// ignores INT and QUIT for its background jobs.
#[derive(Clone, Copy, Debug)]
struct Ignored(u64);

impl Ignored {
    /// Reads them. Without `/proc`, none counts as ignored.
    fn at_start() -> Self {
        Ignored::read(&std::fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn read(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Ignored(mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0))
    }

    /// Starts handling a signal, unless it is ignored.
    fn handle(self, kind: SignalKind) -> Result<Option<Signal>, Error> {
        let failed =
            |e: std::io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).context("install signal handlers");
        if self.contains(kind) { Ok(None) } else { signal(kind).map(Some).map_err(failed) }
    }

    fn contains(self, kind: SignalKind) -> bool {
        let bit = u32::try_from(kind.as_raw_value() - 1).ok().and_then(|shift| 1u64.checked_shl(shift));
        bit.is_some_and(|bit| self.0 & bit != 0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let ignored = Ignored::read("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000000\n");
        assert!(ignored.contains(SignalKind::hangup()) && ignored.contains(SignalKind::pipe()));
        assert!(!ignored.contains(SignalKind::terminate()));
        assert!(!Ignored::read("").contains(SignalKind::hangup()));
    }
}

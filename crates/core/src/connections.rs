//! The thread for connections to servers. A handler that blocks its own runtime cannot delay lease renewals there.

use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime::{Builder, Handle};

use crate::{Error, ErrorKind};

/// Runs a task on the connection thread. The task runs to its end even if the caller is dropped.
///
/// A store opens its connection here, so that the tasks of the connection are spawned here too. One thread serves all
/// stores of a process and lives as long as the process.
///
/// # Errors
///
/// Returns the error of the task, or [`ErrorKind::Unavailable`] if the thread cannot be started or the task was
/// aborted.
pub async fn on_their_thread<T: Send + 'static>(
    work: Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>, // boxed, because this future is large
) -> Result<T, Error> {
    let failed = |text: String| Error::new(ErrorKind::Unavailable, text).context("run the connection thread");
    let handle = runtime().map_err(|e| failed(e.to_string()))?;
    handle.spawn(work).await.unwrap_or_else(|e| Err(failed(e.to_string()).perhaps_done()))
}

fn runtime() -> std::io::Result<&'static Handle> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle);
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let mut first = false;
    let known = RUNTIME.get_or_init(|| {
        first = true;
        handle
    });
    if first {
        let live = move || runtime.block_on(std::future::pending::<()>());
        thread::Builder::new().name("longshore-connections".into()).spawn(live)?;
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_on_one_thread_from_any_runtime_and_from_none_that_blocks() {
        let name = || Box::pin(async { Ok(thread::current().name().map(str::to_owned)) });
        for _ in 0..2 {
            let runtime = Builder::new_current_thread().build().unwrap();
            let ran = runtime.block_on(on_their_thread(name())).unwrap();
            assert_eq!(ran.as_deref(), Some("longshore-connections"));
        }
    }
}

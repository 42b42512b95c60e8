//! Which job is meant: its own id or a foreign one.

use longshore_core::{Backend, Error, JobId, Label, Snapshot};

/// Returns the job with that id; else the newest one with that alias; `None` where there is neither.
///
/// An alias may look like an id, as foreign ids often do, so a text that is no known id is looked up as an alias too.
pub(crate) async fn job(backend: &Backend, text: &str) -> Result<Option<Snapshot>, Error> {
    if let Ok(id) = text.parse::<JobId>()
        && let Some(job) = backend.job(id).await?
    {
        return Ok(Some(job));
    }
    let Ok(alias) = text.parse::<Label>() else { return Ok(None) };
    match backend.find(alias).await? {
        Some(id) => backend.job(id).await,
        None => Ok(None),
    }
}

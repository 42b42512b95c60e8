//! Finds a job by its id or by its alias.

use longshore_core::{Backend, Error, JobId, Label, Snapshot};

/// Returns the job with this id, or else the newest job with this alias, or `None`.
///
/// An alias may look like an id. So a text that is not the id of a job is looked up as an alias too.
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

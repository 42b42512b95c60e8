//! Results too large or too binary for a job's row: one interface, a folder, and a map for tests.
//!
//! An artifact is written before the settle that points at it, so that nobody sees a row without its bytes; it is named by
//! job and claim, so that a stale worker never overwrites another's. Only upkeep deletes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Error, ErrorKind, JobId, limits};

/// The name of an artifact: the job it belongs to and the number of the claim that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactName {
    /// The job.
    pub job: JobId,
    /// The claim's number.
    pub claim: u64,
}

impl fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.job, self.claim)
    }
}

impl FromStr for ArtifactName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid(format!("`{text}` is no artifact name"));
        let (job, claim) = text.split_once('.').ok_or_else(wrong)?;
        Ok(ArtifactName { job: job.parse().map_err(|_| wrong())?, claim: claim.parse().map_err(|_| wrong())? })
    }
}

/// Keeps results outside the store. Every process that works or serves must see the same artifacts.
///
/// All calls may be made concurrently and repeated without harm; callers retry.
#[async_trait]
pub trait Artifacts: Send + Sync + 'static {
    /// Keeps the bytes; when it returns they survive whatever the store's own rows survive.
    async fn put(&self, name: ArtifactName, body: Bytes) -> Result<(), Error>;

    /// Returns the bytes, or `None` where there is no such artifact.
    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error>;

    /// Deletes the artifact; one that is not there is fine.
    async fn delete(&self, name: ArtifactName) -> Result<(), Error>;

    /// Returns up to `limit` names of artifacts older than `age`, in order, from the first one after `after`.
    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error>;
}

/// Artifacts as files in a folder: written under another name, synced, then renamed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Uses that folder; it is made with the first artifact.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder { path: path.into() }
    }

    /// Returns the file an artifact is kept in. Files are spread over 256 folders by the id's last, random, byte.
    fn file(&self, name: ArtifactName) -> PathBuf {
        self.path.join(format!("{:02x}", name.job.as_bytes()[15])).join(name.to_string())
    }
}

#[async_trait]
impl Artifacts for Folder {
    async fn put(&self, name: ArtifactName, body: Bytes) -> Result<(), Error> {
        let file = self.file(name);
        blocking("write", name, move || write_durably(&file, &body)).await
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error> {
        let file = self.file(name);
        blocking("read", name, move || absent_is_none(fs::read(file).map(Bytes::from))).await
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        let file = self.file(name);
        blocking("delete", name, move || absent_is_none(fs::remove_file(file)).map(|_| ())).await
    }

    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        let path = self.path.clone();
        let list = move || list_folder(&path, age, after, limit);
        tokio::task::spawn_blocking(list)
            .await
            .map_err(|e| failed("list artifacts", io::Error::other(e)))?
            .map_err(|e| failed("list artifacts", e))
    }
}

async fn blocking<T: Send + 'static>(
    verb: &str,
    name: ArtifactName,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)));
    done.map_err(|e| failed(&format!("{verb} artifact {name}"), e))
}

fn failed(tried: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, error.to_string()).caused_by(error).context(tried)
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn write_durably(file: &Path, body: &[u8]) -> io::Result<()> {
    let folder = file.parent().expect("an artifact lies in a folder");
    // For its owner alone, as the database: results may be secrets.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A name of its own for each try: a stale attempt and its heir may write at the same time.
    let mut unfinished = file.as_os_str().to_owned();
    unfinished.push(format!(".{:016x}{UNFINISHED}", fastrand::u64(..)));
    let unfinished = PathBuf::from(unfinished);
    let mut out = fs::File::create(&unfinished)?;
    out.write_all(body)?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    // The rename, and the folder itself where it is new, are durable only once the folders above are synced.
    fs::File::open(folder)?.sync_all()?;
    folder.parent().map_or(Ok(()), |root| fs::File::open(root)?.sync_all())
}

/// What the names of files end in that are not written to their end.
const UNFINISHED: &str = ".unfinished";

/// Lists folder by folder, and clears away what was never finished; other files that are no artifacts are never touched.
fn list_folder(root: &Path, age: Duration, after: Option<ArtifactName>, limit: usize) -> io::Result<Vec<ArtifactName>> {
    let shard = |name: ArtifactName| (name.job.as_bytes()[15], name);
    let mut names = Vec::new();
    for index in after.map_or(0, |name| name.job.as_bytes()[15])..=u8::MAX {
        let Some(folder) = absent_is_none(fs::read_dir(root.join(format!("{index:02x}"))))? else { continue };
        for entry in folder {
            let entry = entry?;
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str() else { continue };
            let Some(written) = absent_is_none(entry.metadata())?.and_then(|data| data.modified().ok()) else {
                continue;
            };
            let old = SystemTime::now().duration_since(written).is_ok_and(|passed| passed >= age);
            if old && age >= limits::ORPHAN_AGE && text.ends_with(UNFINISHED) {
                absent_is_none(fs::remove_file(entry.path()))?;
            }
            let Ok(name) = text.parse() else { continue };
            if old && after.is_none_or(|after| shard(name) > shard(after)) {
                names.push(name);
            }
        }
        if names.len() >= limit {
            break;
        }
    }
    names.sort_by_key(|name| shard(*name));
    names.truncate(limit);
    Ok(names)
}

/// Artifacts in memory, for the memory store and for SQLite in memory.
#[derive(Debug, Default)]
pub struct InMemory {
    kept: Mutex<BTreeMap<ArtifactName, (SystemTime, Bytes)>>,
}

impl InMemory {
    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<ArtifactName, (SystemTime, Bytes)>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Artifacts for InMemory {
    async fn put(&self, name: ArtifactName, body: Bytes) -> Result<(), Error> {
        self.kept().insert(name, (SystemTime::now(), body));
        Ok(())
    }

    async fn get(&self, name: ArtifactName) -> Result<Option<Bytes>, Error> {
        Ok(self.kept().get(&name).map(|(_, body)| body.clone()))
    }

    async fn delete(&self, name: ArtifactName) -> Result<(), Error> {
        self.kept().remove(&name);
        Ok(())
    }

    async fn older_than(
        &self,
        age: Duration,
        after: Option<ArtifactName>,
        limit: usize,
    ) -> Result<Vec<ArtifactName>, Error> {
        let old = |written: &SystemTime| written.elapsed().is_ok_and(|passed| passed >= age);
        let kept = self.kept();
        let later = kept.iter().filter(|(name, (written, _))| after.is_none_or(|after| **name > after) && old(written));
        Ok(later.take(limit).map(|(name, _)| *name).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::QueueName;

    async fn holds_the_contract(artifacts: &dyn Artifacts) {
        let mut names: Vec<_> =
            (0..5).map(|claim| ArtifactName { job: JobId::new(&QueueName::default()), claim }).collect();
        assert_eq!(artifacts.older_than(Duration::ZERO, None, 10).await.unwrap(), []);
        for name in &names {
            artifacts.put(*name, Bytes::from(name.to_string())).await.unwrap();
            artifacts.put(*name, Bytes::from(name.to_string())).await.unwrap();
        }
        assert_eq!(artifacts.get(names[2]).await.unwrap().unwrap(), names[2].to_string());
        let first = artifacts.older_than(Duration::ZERO, None, 3).await.unwrap();
        let rest = artifacts.older_than(Duration::ZERO, Some(first[2]), 3).await.unwrap();
        let mut listed: Vec<_> = first.into_iter().chain(rest).collect();
        listed.sort();
        names.sort();
        assert_eq!(listed, names);
        assert_eq!(artifacts.older_than(Duration::from_secs(60), None, 3).await.unwrap(), []);
        artifacts.delete(names[0]).await.unwrap();
        artifacts.delete(names[0]).await.unwrap();
        assert_eq!(artifacts.get(names[0]).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_folder_holds_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        holds_the_contract(&Folder::new(folder.path().join("artifacts"))).await;
    }

    #[tokio::test]
    async fn two_attempts_of_one_job_do_not_write_over_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let artifacts = Arc::new(Folder::new(folder.path()));
        let job = JobId::new(&QueueName::default());
        let put = |claim: u64| {
            let artifacts = Arc::clone(&artifacts);
            let body = Bytes::from(vec![claim as u8; 1 << 20]);
            tokio::spawn(async move { artifacts.put(ArtifactName { job, claim }, body).await })
        };
        let puts: Vec<_> = (0..8).map(|n| put(n % 4)).collect();
        for put in puts {
            put.await.unwrap().unwrap();
        }
        for claim in 0..4 {
            let body = artifacts.get(ArtifactName { job, claim }).await.unwrap().unwrap();
            assert!(body.len() == 1 << 20 && body.iter().all(|byte| u64::from(*byte) == claim));
        }
    }

    #[tokio::test]
    async fn memory_holds_the_contract() {
        holds_the_contract(&InMemory::default()).await;
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        for wrong in [
            "../../etc/passwd.1",
            "x.1",
            "0199c0de-0000-8000-8000-000000000000",
            "0199c0de-0000-8000-8000-000000000000.-1",
        ] {
            assert!(wrong.parse::<ArtifactName>().is_err(), "{wrong}");
        }
    }
}

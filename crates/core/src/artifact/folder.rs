//! Artifacts as files in a folder.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;

use super::{ArtifactName, Artifacts, Chunks, Reader, Source};
use crate::{Error, ErrorKind, limits};

/// Stores artifacts as files in a folder. A file is written under a temporary name, synced, and then renamed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Uses that folder. The folder is created with the first artifact.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Folder { path: path.into() }
    }

    /// Returns the path of an artifact's file. Files are spread over 256 folders by the last byte of the id, which is
    /// random.
    fn file(&self, name: ArtifactName) -> PathBuf {
        self.path.join(format!("{:02x}", name.job.as_bytes()[15])).join(name.to_string())
    }
}

#[async_trait]
impl Artifacts for Folder {
    async fn write(&self, name: ArtifactName, source: &mut dyn Source) -> Result<u64, Error> {
        let file = self.file(name);
        let to = file.clone();
        let mut unfinished = blocking("write", name, move || Unfinished::create(&to)).await?;
        let (mut chunks, mut size) = (Chunks::new(source), 0);
        while let Some(chunk) = chunks.next().await? {
            size += chunk.len() as u64;
            let append = move || unfinished.file.write_all(&chunk).map(|()| unfinished);
            unfinished = blocking("write", name, append).await?;
        }
        blocking("write", name, move || unfinished.finish(&file)).await?;
        Ok(size)
    }

    async fn open(&self, name: ArtifactName) -> Result<Option<Box<dyn Reader>>, Error> {
        let path = self.file(name);
        let open = move || {
            let Some(file) = absent_is_none(fs::File::open(path))? else { return Ok(None) };
            let size = file.metadata()?.len();
            Ok(Some(OpenFile { name, file: Arc::new(file), size }))
        };
        let opened = blocking("read", name, open).await?;
        Ok(opened.map(|file| Box::new(file) as _))
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

/// A file that is read by position. Its content stays readable after its name is deleted, until the file is closed.
struct OpenFile {
    name: ArtifactName,
    file: Arc<fs::File>,
    size: u64,
}

#[async_trait]
impl Reader for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    async fn read(&self, from: u64) -> Result<Bytes, Error> {
        let most = self.size.saturating_sub(from).min(limits::ARTIFACT_CHUNK_BYTES as u64) as usize;
        if most == 0 {
            return Ok(Bytes::new());
        }
        let file = Arc::clone(&self.file);
        let read = move || {
            let mut chunk = vec![0; most];
            file.read_exact_at(&mut chunk, from).map(|()| Bytes::from(chunk))
        };
        blocking("read", self.name, read).await
    }
}

/// A file that is being written under a temporary name. It is deleted if the write is abandoned.
struct Unfinished {
    path: PathBuf,
    file: fs::File,
}

impl Unfinished {
    fn create(file: &Path) -> io::Result<Self> {
        let folder = file.parent().expect("an artifact lies in a folder");
        // Only the owner may read it, like the database: results may be secret.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Each try has its own name: an outdated attempt and its successor may write at the same time.
        let mut path = file.as_os_str().to_owned();
        path.push(format!(".{:016x}{UNFINISHED}", fastrand::u64(..)));
        let path = PathBuf::from(path);
        Ok(Unfinished { file: fs::File::create(&path)?, path })
    }

    fn finish(self, file: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, file)?;
        // The rename, and a new folder, are durable only after the folders above are synced.
        let folder = file.parent().expect("an artifact lies in a folder");
        fs::File::open(folder)?.sync_all()?;
        folder.parent().map_or(Ok(()), |root| fs::File::open(root)?.sync_all())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // a finished file was renamed; the search for orphans finds what remains
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
        // A repeat helps only after somebody has changed the rights or the folder.
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => ErrorKind::Refused,
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

/// The suffix of files that are not complete.
const UNFINISHED: &str = ".unfinished";

/// Lists folder by folder and removes unfinished files. Never touches files that are not artifacts.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{JobId, QueueName};

    #[tokio::test]
    async fn folder_that_cannot_be_used_is_an_error_that_a_repeat_does_not_help() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("artifacts");
        fs::write(&path, "a file, and no folder").unwrap();
        let (folder, name) = (Folder::new(&path), ArtifactName { job: JobId::new(&QueueName::default()), claim: 1 });
        let read = folder.open(name).await.map(|_| ()).unwrap_err();
        assert_eq!((read.kind(), read.is_retryable()), (ErrorKind::Refused, false), "{read}");
        let denied = failed("read", io::Error::from(io::ErrorKind::PermissionDenied));
        assert_eq!(denied.kind(), ErrorKind::Refused);
    }
}

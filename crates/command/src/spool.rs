//! A command's standard output: in memory while it is small, otherwise in an unnamed file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU64, Ordering};

use longshore_core::limits;

/// The maximum number of bytes in memory, in addition to the last chunk.
const HELD: usize = limits::ARTIFACT_CHUNK_BYTES;

/// Output that is being collected.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    held: Vec<u8>,
    file: Option<File>,
    size: u64,
    /// The error of a failed write. All output after it is dropped.
    failed: Option<io::Error>,
}

/// Complete output.
#[derive(Debug)]
pub(crate) enum Spooled {
    Held(Vec<u8>),
    /// A file of this size, which no other process can open.
    File(File, u64),
}

impl Spool {
    /// Returns the number of bytes so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends a chunk. If this future is dropped before it completes, the output is unusable.
    pub(crate) async fn take(&mut self, chunk: &[u8]) {
        self.size += chunk.len() as u64;
        if self.failed.is_some() {
            return;
        }
        if self.held.len() + chunk.len() > HELD {
            let (held, file) = (std::mem::take(&mut self.held), self.file.take());
            // Writing to a disk may block.
            let written = tokio::task::spawn_blocking(move || write(held, file)).await;
            match written.unwrap_or_else(|e| Err(io::Error::other(e))) {
                Ok((held, file)) => (self.held, self.file) = (held, Some(file)),
                Err(e) => {
                    self.failed = Some(e);
                    return;
                }
            }
        }
        self.held.extend_from_slice(chunk);
    }

    /// Returns the complete output.
    ///
    /// # Errors
    ///
    /// If the output could not be stored, usually because there is no space for temporary files.
    pub(crate) async fn finish(self) -> io::Result<Spooled> {
        if let Some(e) = self.failed {
            return Err(e);
        }
        match self.file {
            None => Ok(Spooled::Held(self.held)),
            file => {
                let written = tokio::task::spawn_blocking(move || write(self.held, file)).await;
                let (_, file) = written.map_err(io::Error::other)??;
                Ok(Spooled::File(file, self.size))
            }
        }
    }
}

/// Appends the bytes to the file, and returns the emptied buffer for reuse.
fn write(mut held: Vec<u8>, file: Option<File>) -> io::Result<(Vec<u8>, File)> {
    let mut file = file.map_or_else(create, Ok)?;
    file.write_all(&held)?;
    held.clear();
    Ok((held, file))
}

/// Creates a file in the folder of temporary files (`TMPDIR`). It has no name, so it disappears when it is closed.
fn create() -> io::Result<File> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let folder = std::env::temp_dir();
    loop {
        let name = format!("longshore-output-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = folder.join(name);
        match File::options().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return fs::remove_file(&path).map(|()| file),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {} // of an earlier process with the same id
            Err(e) => {
                let text = format!("create a temporary file in `{}`: {e}", folder.display());
                return Err(io::Error::new(e.kind(), text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt;

    #[tokio::test]
    async fn small_output_is_held_and_large_output_is_in_a_file() {
        for size in [0, 1, HELD, HELD + 1, 5 * HELD + 17] {
            let all: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let mut spool = Spool::default();
            for chunk in all.chunks(30_000) {
                spool.take(chunk).await;
                assert!(spool.held.len() <= HELD);
            }
            assert_eq!(spool.size(), size as u64);
            let kept = match spool.finish().await.unwrap() {
                Spooled::Held(held) => held,
                Spooled::File(file, reported) => {
                    assert!(size > HELD && reported == size as u64 && file.metadata().unwrap().len() == reported);
                    let mut kept = vec![0; size];
                    file.read_exact_at(&mut kept, 0).unwrap();
                    kept
                }
            };
            assert!(kept == all, "{size} bytes");
        }
    }
}

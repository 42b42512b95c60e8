//! Results of jobs: bytes with a content type, stored in the job's row or as an artifact.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::artifact::Source;
use crate::{Error, ErrorKind, limits};

/// The result of a job: bytes and their media type.
///
/// If a handler returns a serde type, the result is JSON. A handler that returns an `Output` chooses the bytes and the
/// media type.
#[derive(Clone)]
pub struct Output {
    /// A media type such as `image/gif`.
    pub content_type: String,
    /// The bytes; empty if they are in a file ([`Output::file`]).
    pub body: Bytes,
    file: Option<Arc<OutputFile>>,
}

/// A file that contains a result.
struct OutputFile {
    file: File,
    size: u64,
}

impl Output {
    /// Creates a result of that media type.
    ///
    /// # Examples
    ///
    /// ```
    /// let picture = longshore_core::Output::new("image/gif", vec![0x47, 0x49, 0x46]);
    /// assert_eq!(picture.content_type, "image/gif");
    /// ```
    pub fn new(content_type: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Output { content_type: content_type.into(), body: body.into(), file: None }
    }

    /// Creates a result of that media type from a file: all bytes from its start to its present end.
    ///
    /// The worker copies the file in chunks to the artifact store, so that it is never in memory as a whole. The
    /// content of the file must not change afterwards, but its name may be deleted at once. Only handlers create such
    /// results: a result that is read back has its bytes in memory.
    ///
    /// # Errors
    ///
    /// Returns an error if the size of the file cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("report.csv");
    /// let mut file = std::fs::File::create_new(&path)?;
    /// for row in 0..1_000 {
    ///     writeln!(file, "{row},{}", row * row)?;
    /// }
    /// let output = longshore_core::Output::file("text/csv", std::fs::File::open(&path)?)?;
    /// assert_eq!(output.size(), 10_427);
    /// # Ok(()) }
    /// ```
    pub fn file(content_type: impl Into<String>, file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let file = Some(Arc::new(OutputFile { file, size }));
        Ok(Output { content_type: content_type.into(), body: Bytes::new(), file })
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.file.as_ref().map_or(self.body.len() as u64, |file| file.size)
    }

    /// Returns whether the result is small text, which is stored in the job's row. All other results become artifacts.
    pub fn fits_inline(&self) -> bool {
        let text = self.content_type.starts_with("text/") || self.content_type == "application/json";
        text && self.size() <= limits::INLINE_RESULT_BYTES as u64
    }

    /// Returns whether the result is empty: JSON's `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.content_type == "application/json" && self.file.is_none() && self.body == "null"
    }

    /// Returns the bytes as a source to write.
    pub(crate) fn source(&self) -> Box<dyn Source> {
        match &self.file {
            None => Box::new(self.body.clone()),
            Some(file) => Box::new(FileSource { file: Arc::clone(file), at: 0 }),
        }
    }

    /// Reads a file that fits into a job's row.
    pub(crate) async fn into_memory(mut self) -> Result<Self, Error> {
        if let Some(file) = self.file.take() {
            self.body = FileSource { file, at: 0 }.next().await?.unwrap_or_default();
        }
        Ok(self)
    }
}

/// Two outputs are equal if their bytes in memory are equal, or if they use the same file.
impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        let file = |output: &Self| output.file.as_ref().map(Arc::as_ptr);
        (&self.content_type, &self.body, file(self)) == (&other.content_type, &other.body, file(other))
    }
}

impl Eq for Output {}

/// Reads a file in chunks, by position, so that several readers may use it at the same time.
struct FileSource {
    file: Arc<OutputFile>,
    at: u64,
}

#[async_trait]
impl Source for FileSource {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let most = (self.file.size - self.at).min(limits::ARTIFACT_CHUNK_BYTES as u64) as usize;
        if most == 0 {
            return Ok(None);
        }
        let (file, at) = (Arc::clone(&self.file), self.at);
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = vec![0; most];
            file.file.read_exact_at(&mut chunk, at).map(|()| Bytes::from(chunk))
        });
        let chunk = read.await.unwrap_or_else(|e| Err(io::Error::other(e)));
        let failed = |e: io::Error| Error::new(ErrorKind::Unavailable, e.to_string()).caused_by(e);
        let chunk = chunk.map_err(|e| failed(e).context("read the file of a result"))?;
        self.at += chunk.len() as u64;
        Ok(Some(chunk))
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({}, {} bytes)", self.content_type, self.size())
    }
}

/// The return type of a handler. Serde types become JSON; an [`Output`] is stored as it is.
pub trait Answer: Send + Sized + 'static {
    /// Converts the value to bytes.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be written.
    fn into_output(self) -> Result<Output, Error>;

    /// Converts the bytes back to the value.
    ///
    /// # Errors
    ///
    /// Returns an error if the bytes do not fit the type.
    fn from_output(output: Output) -> Result<Self, Error>;
}

impl<T: Serialize + DeserializeOwned + Send + 'static> Answer for T {
    fn into_output(self) -> Result<Output, Error> {
        let body =
            serde_json::to_vec(&self).map_err(|e| Error::invalid("result cannot be written as JSON").caused_by(e))?;
        Ok(Output::new("application/json", body))
    }

    fn from_output(output: Output) -> Result<Self, Error> {
        serde_json::from_slice(&output.body)
            .map_err(|e| Error::invalid(format!("result does not fit the job's output type: {e}")).caused_by(e))
    }
}

impl Answer for Output {
    fn into_output(self) -> Result<Output, Error> {
        Ok(self)
    }

    fn from_output(output: Output) -> Result<Self, Error> {
        Ok(output)
    }
}

/// Where the result of a finished job is stored.
///
/// This enum is exhaustive on purpose: the compiler reports every store that does not handle a new variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// In the job's row.
    Inline(Output),
    /// In the artifact store.
    Artifact {
        /// The artifact's name.
        name: crate::ArtifactName,
        /// Its media type.
        content_type: String,
        /// Its size in bytes.
        bytes: u64,
    },
}

impl Stored {
    /// Returns the media type.
    pub fn content_type(&self) -> &str {
        match self {
            Stored::Inline(output) => &output.content_type,
            Stored::Artifact { content_type, .. } => content_type,
        }
    }

    /// Returns the size in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            Stored::Inline(output) => output.body.len() as u64,
            Stored::Artifact { bytes, .. } => *bytes,
        }
    }
}

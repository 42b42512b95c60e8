//! What a job gives back: bytes with a content type, kept in the job's row or as an artifact.

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

/// The result of a job: bytes and what they are.
///
/// A handler that returns anything serde can write returns JSON; one that returns an `Output` decides itself.
#[derive(Clone)]
pub struct Output {
    /// A media type such as `image/gif`.
    pub content_type: String,
    /// The bytes; none where they are in a file ([`Output::file`]).
    pub body: Bytes,
    file: Option<Arc<OutputFile>>,
}

/// A file whose bytes are a result.
struct OutputFile {
    file: File,
    size: u64,
}

impl Output {
    /// Makes a result of that media type.
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

    /// Makes a result of that media type whose bytes are in a file, from its first byte to its present end.
    ///
    /// The worker copies it in chunks to where large results are kept, so that it is never in memory as a whole. It must not be changed any more;
    /// its name may be deleted at once. Only a handler returns such a result: whoever reads one has the bytes.
    ///
    /// # Errors
    ///
    /// If the file's size cannot be told.
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

    /// Returns whether this is small text that belongs in the job's row; all else becomes an artifact.
    pub fn fits_inline(&self) -> bool {
        let text = self.content_type.starts_with("text/") || self.content_type == "application/json";
        text && self.size() <= limits::INLINE_RESULT_BYTES as u64
    }

    /// Returns whether it stands for no result at all: JSON's `null`.
    pub(crate) fn is_nothing(&self) -> bool {
        self.content_type == "application/json" && self.file.is_none() && self.body == "null"
    }

    /// Returns the bytes as they are written.
    pub(crate) fn source(&self) -> Box<dyn Source> {
        match &self.file {
            None => Box::new(self.body.clone()),
            Some(file) => Box::new(FileSource { file: Arc::clone(file), at: 0 }),
        }
    }

    /// Reads a file that fits a job's row.
    pub(crate) async fn into_memory(mut self) -> Result<Self, Error> {
        if let Some(file) = self.file.take() {
            self.body = FileSource { file, at: 0 }.next().await?.unwrap_or_default();
        }
        Ok(self)
    }
}

/// Two are equal with equal bytes in memory, or with the same file.
impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        let file = |output: &Self| output.file.as_ref().map(Arc::as_ptr);
        (&self.content_type, &self.body, file(self)) == (&other.content_type, &other.body, file(other))
    }
}

impl Eq for Output {}

/// Reads a file in chunks, by position: several may read it at the same time.
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

/// What a handler may return. Anything that serde reads and writes is JSON; an [`Output`] is taken as it is.
pub trait Answer: Send + Sized + 'static {
    /// Turns the value into bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn into_output(self) -> Result<Output, Error>;

    /// Reads the value back.
    ///
    /// # Errors
    ///
    /// If the bytes are something else.
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

/// Where a finished job's result is.
///
/// Exhaustive on purpose: the compiler names every store that misses a new one.
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

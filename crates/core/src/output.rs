//! What a job gives back: bytes with a content type, kept in the job's row or as an artifact.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, limits};

/// The result of a job: bytes and what they are.
///
/// A handler that returns anything serde can write returns JSON; one that returns an `Output` decides itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// A media type such as `image/gif`.
    pub content_type: String,
    /// The bytes.
    pub body: Bytes,
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
        Output { content_type: content_type.into(), body: body.into() }
    }

    /// Returns whether this is small text that belongs in the job's row; all else becomes an artifact.
    pub fn fits_inline(&self) -> bool {
        let text = self.content_type.starts_with("text/") || self.content_type == "application/json";
        text && self.body.len() <= limits::INLINE_RESULT_BYTES
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output({}, {} bytes)", self.content_type, self.body.len())
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

//! The jobs the demo runs.

pub mod image;

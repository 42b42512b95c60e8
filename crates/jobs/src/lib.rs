//! The built-in kinds of longshore. So far: [`image`].

pub mod image;

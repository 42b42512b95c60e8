//! The built-in kinds of longshore: [`image`], and [`command`], which makes a kind of any program.

pub mod command;
pub mod image;

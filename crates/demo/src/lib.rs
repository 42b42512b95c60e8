//! The demo's kind `image`: draws a text as an animated GIF, with black letters in a moving rainbow.
//!
//! In reading order: [`Image`] (the job, and its handler [`draw`]), [`render`] (the image, frame by frame), [`Text`] (a
//! valid text), `font` and `lettering` (its outlines), `distance` and `bands` (the map of palette indices), `palette`
//! (the hues of a frame), `animation` (the file), [`id_of`] (the id that equal texts share). This crate does no I/O.

mod job;
mod render;
mod text;
mod font;
mod lettering;
mod distance;
mod bands;
mod palette;
mod animation;
mod id;

pub use animation::FRAMES;
pub use id::{id_of, php_json};
pub use job::{Image, Pace, REUSE, draw};
pub use render::{HEIGHT, Step, WIDTH, render};
pub use text::{MAX_LINE_CHARS, MAX_LINES, Refused, Text};

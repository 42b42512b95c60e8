//! Renders a text as an animated GIF: black letters in a moving rainbow.
//!
//! The letters are stroked many times, from wide to narrow, and every stroke has its own hue. Only the hues change from
//! one frame to the next. So the strokes are drawn once, into a map of palette indices (`bands`), and each frame is
//! this map with its own palette (`palette`).
//!
//! ```text
//! "hello_world" ─ Text ─ Lettering ─ bands ─┐
//!                                           ├─ Animation ─ GIF
//!                            palette × 20 ──┘
//! ```

use std::ops::ControlFlow;

use crate::animation::{Animation, FRAMES};
use crate::bands;
use crate::lettering::Lettering;
use crate::text::Text;

/// The width of an image, in pixels.
pub const WIDTH: u16 = 433;

/// The height of an image, in pixels.
pub const HEIGHT: u16 = 153;

/// The progress of [`render`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// A frame was drawn.
    Frame {
        /// The number of frames drawn so far, starting with 1.
        done: usize,
        /// The total number of frames: [`FRAMES`].
        of: usize,
    },
    /// All frames are drawn; the file is written next.
    Writing,
}

/// Renders a text and returns the bytes of a GIF file.
///
/// The image is [`WIDTH`] × [`HEIGHT`] pixels with a transparent background. It has [`FRAMES`] frames of 50 ms each and
/// loops forever. A long text is scaled down to fit. The same text gives the same bytes.
///
/// `on_step` is called after each frame, and once before the file is written. If it returns [`ControlFlow::Break`],
/// rendering stops and the result is `None`.
///
/// The call uses one core for some milliseconds and never waits.
///
/// # Examples
///
/// ```
/// use std::ops::ControlFlow;
/// use longshore_demo::{Text, render};
///
/// let text = Text::parse("hello_world")?;
/// let gif = render(&text, &mut |_| ControlFlow::Continue(())).expect("`on_step` did not stop it");
/// assert!(gif.starts_with(b"GIF89a"));
/// # Ok::<(), longshore_demo::Refused>(())
/// ```
#[must_use]
pub fn render(text: &Text, on_step: &mut dyn FnMut(Step) -> ControlFlow<()>) -> Option<Vec<u8>> {
    let lettering = Lettering::set(text);
    let mut animation = Animation::new(bands::draw(&lettering));
    for done in 1..=FRAMES {
        animation.push_frame();
        if on_step(Step::Frame { done, of: FRAMES }).is_break() {
            return None;
        }
    }
    if on_step(Step::Writing).is_break() {
        return None;
    }
    Some(animation.into_gif())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps_until(stop: Option<Step>) -> (Vec<Step>, Option<Vec<u8>>) {
        let mut steps = Vec::new();
        let gif = render(&Text::parse("hi").unwrap(), &mut |step| {
            steps.push(step);
            if Some(step) == stop {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        (steps, gif)
    }

    #[test]
    fn every_frame_is_reported_and_then_the_writing() {
        let (steps, gif) = steps_until(None);

        let mut expected: Vec<_> = (1..=20).map(|done| Step::Frame { done, of: 20 }).collect();
        expected.push(Step::Writing);
        assert_eq!(steps, expected);
        assert!(gif.is_some());
    }

    #[test]
    fn break_stops_at_a_frame() {
        let seventh = Step::Frame { done: 7, of: 20 };

        let (steps, gif) = steps_until(Some(seventh));

        assert_eq!(steps.len(), 7);
        assert_eq!(gif, None);
    }

    #[test]
    fn break_stops_before_the_file() {
        let (steps, gif) = steps_until(Some(Step::Writing));

        assert_eq!(steps.len(), 21);
        assert_eq!(gif, None);
    }

    #[test]
    fn the_same_text_gives_the_same_bytes() {
        assert_eq!(steps_until(None).1, steps_until(None).1);
    }
}

//! Lays out a text on the image.

use tiny_skia::{Path, Rect, Transform};

use crate::font::{EM, Font};
use crate::{HEIGHT, Text, WIDTH};

/// How far the widest stroke extends beyond the letters, in font units.
const REACH: f32 = 0.24 * EM;

/// The space between two letters, so that the colours between them are visible.
const TRACKING: f32 = 0.05 * EM;

/// The distance between the baselines of two lines.
const LINE_HEIGHT: f32 = 0.95 * EM;

/// The free space at every edge of the image, in pixels.
const MARGIN: f32 = 1.0;

/// A text, laid out on the image.
pub(crate) struct Lettering {
    /// The outlines of the letters, in pixels.
    pub(crate) letters: Vec<Path>,
    /// How far the widest stroke extends beyond the letters, in pixels.
    pub(crate) reach: f32,
}

impl Lettering {
    /// Lays out a text in the middle of the image, as large as it fits with its widest stroke.
    pub(crate) fn set(text: &Text) -> Self {
        let letters = set_lines(text.lines());
        let all = bounds(&letters).outset(REACH, REACH).expect("letters have a finite size");
        let fit = fit(all);
        let letters =
            letters.into_iter().map(|letter| letter.transform(fit).expect("a scaled outline is valid")).collect();
        Self { letters, reach: REACH * fit.sx }
    }
}

/// Lays out lines below each other, each centred, in font units.
fn set_lines(lines: &[String]) -> Vec<Path> {
    let font = Font::open();
    let mut letters = Vec::new();
    let mut baseline = 0.0;
    for line in lines {
        let length: f32 = line.chars().map(|c| font.advance(c) + TRACKING).sum();
        let mut x = (TRACKING - length) / 2.0;
        for character in line.chars() {
            letters.extend(font.outline(character, x, baseline));
            x += font.advance(character) + TRACKING;
        }
        baseline += LINE_HEIGHT;
    }
    letters
}

/// Returns the smallest rectangle around all letters.
fn bounds(letters: &[Path]) -> Rect {
    letters
        .iter()
        .filter_map(Path::compute_tight_bounds)
        .reduce(|all, one| all.join(&one).expect("letters have a size"))
        .expect("a text has at least one visible character")
}

/// Returns the transform that moves a rectangle to the middle of the image and scales it to fit.
fn fit(rect: Rect) -> Transform {
    let (width, height) = (f32::from(WIDTH), f32::from(HEIGHT));
    let scale = f32::min((width - 2.0 * MARGIN) / rect.width(), (height - 2.0 * MARGIN) / rect.height());
    let x = width / 2.0 - scale * (rect.left() + rect.right()) / 2.0;
    let y = height / 2.0 - scale * (rect.top() + rect.bottom()) / 2.0;
    Transform::from_row(scale, 0.0, 0.0, scale, x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the free space left, above, right and below of the widest stroke.
    fn free_space(text: &str) -> [f32; 4] {
        let lettering = Lettering::set(&Text::parse(text).unwrap());
        let all = bounds(&lettering.letters).outset(lettering.reach, lettering.reach).unwrap();
        [all.left(), all.top(), f32::from(WIDTH) - all.right(), f32::from(HEIGHT) - all.bottom()]
    }

    #[test]
    fn every_text_fits_and_is_centred() {
        let widest = "W".repeat(64);
        let four_lines = [widest.as_str(); 4].join("_");
        for text in ["hello_world", "i", ".", "-", "a_b_c_d", "_low", &widest, &four_lines] {
            let [left, top, right, bottom] = free_space(text);
            let least = [left, top, right, bottom].into_iter().fold(f32::MAX, f32::min);
            assert!((least - MARGIN).abs() < 0.1, "{text}: {least} pixels free");
            assert!((left - right).abs() < 0.1, "{text}: {left} left, {right} right");
            assert!((top - bottom).abs() < 0.1, "{text}: {top} above, {bottom} below");
        }
    }

    #[test]
    fn a_longer_text_has_narrower_strokes() {
        let reach = |text| Lettering::set(&Text::parse(text).unwrap()).reach;
        assert!(reach("hello") > reach("hello hello"));
    }
}

//! Draws the strokes and the letters, once for all frames.

use tiny_skia::{FillRule, Mask, Path, Transform};

use crate::distance;
use crate::lettering::Lettering;
use crate::palette::{self, BANDS};
use crate::{HEIGHT, WIDTH};

/// Draws the pixel map of the image: the palette index of every pixel, row by row.
///
/// A pixel at a soft edge lies in several bands at once. It gets the mean of the bands, weighted by the part of the
/// pixel that each covers. Neighbouring bands have similar hues, so the mean is a blend.
pub(crate) fn draw(lettering: &Lettering) -> Vec<u8> {
    let distances = distance::measure(&lettering.letters, lettering.reach + 1.0);
    let letters = fill(&lettering.letters);
    distances
        .into_iter()
        .zip(letters.data())
        .map(|(distance, &ink)| stroke(distance, lettering.reach).index(f32::from(ink) / 255.0))
        .collect()
}

/// Strokes a pixel once for each band, from the widest to the narrowest.
fn stroke(distance: f32, widest: f32) -> Pixel {
    let mut pixel = Pixel::default();
    for band in 0..BANDS {
        let reach = widest * (BANDS - band) as f32 / BANDS as f32;
        // A pixel whose centre is exactly at the edge of the stroke is half covered.
        pixel.paint(band as f32, (reach - distance + 0.5).clamp(0.0, 1.0));
    }
    pixel
}

/// Fills the letters.
fn fill(letters: &[Path]) -> Mask {
    let mut mask = Mask::new(WIDTH.into(), HEIGHT.into()).expect("the image has a size");
    for letter in letters {
        mask.fill_path(letter, FillRule::Winding, true, Transform::identity());
    }
    mask
}

/// The state of a pixel after the strokes so far.
#[derive(Clone, Copy, Default)]
struct Pixel {
    /// The mean of the bands, multiplied by `coverage`.
    band: f32,
    /// The part of the pixel that is covered, from 0 to 1.
    coverage: f32,
}

impl Pixel {
    fn paint(&mut self, band: f32, coverage: f32) {
        self.band += (band - self.band) * coverage;
        self.coverage += (1.0 - self.coverage) * coverage;
    }

    /// Returns the palette index, when a letter covers the part `ink` of the pixel.
    fn index(self, ink: f32) -> u8 {
        // GIF does not support half-transparent pixels.
        if self.coverage < 0.5 && ink < 0.5 {
            return palette::TRANSPARENT;
        }
        palette::ink(ink).unwrap_or_else(|| palette::band(self.band / self.coverage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn map_of(text: &str) -> Vec<u8> {
        draw(&Lettering::set(&Text::parse(text).unwrap()))
    }

    #[test]
    fn the_border_is_transparent() {
        let map = map_of("hello_world");
        let (width, height) = (usize::from(WIDTH), usize::from(HEIGHT));
        assert_eq!(map.len(), width * height);
        let top_and_bottom = (0..width).flat_map(|x| [(x, 0), (x, height - 1)]);
        let sides = (0..height).flat_map(|y| [(0, y), (width - 1, y)]);
        for (x, y) in top_and_bottom.chain(sides) {
            assert_eq!(map[y * width + x], palette::TRANSPARENT, "{x}, {y}");
        }
    }

    #[test]
    fn every_band_and_the_letters_are_visible() {
        let map = map_of("hello_world");
        for band in 0..BANDS {
            assert!(map.contains(&palette::band(band as f32)), "band {band}");
        }
        assert!(map.contains(&palette::ink(1.0).unwrap()));
    }

    #[test]
    fn the_smallest_text_is_still_visible() {
        let line = "W#@&%$MQ".repeat(8);
        let map = map_of(&[line.as_str(); 4].join("_"));
        assert!(map.contains(&palette::ink(1.0).unwrap()));
    }

    #[test]
    fn every_character_is_drawn() {
        for character in ('!'..='~').filter(|&c| c != '_') {
            let map = map_of(&character.to_string());
            assert!(map.contains(&palette::ink(1.0).unwrap()), "{character:?}");
        }
    }
}

//! The colours of a frame. The order is the same in all frames.
//!
//! | indices | colour |
//! |---|---|
//! | 0 | transparent |
//! | then | the bands from the widest to the narrowest, each followed by shades towards the next |
//! | then | the narrowest band with increasing ink, up to black |
//!
//! There are at most 64 colours, so that a pixel starts as 6 bits and the file stays small.

use std::f32::consts::TAU;

use crate::FRAMES;

/// The number of strokes around the letters.
pub(crate) const BANDS: usize = 25;

/// The index of pixels where nothing is drawn.
pub(crate) const TRANSPARENT: u8 = 0;

/// The number of shades between two bands.
const SHADES: usize = 2;

/// The number of colours of the bands and the shades between them.
const BAND_COLOURS: usize = (BANDS - 1) * SHADES + 1;

/// The number of steps from no ink to black.
const INK_STEPS: usize = 12;

/// The strength of the colours: 0 is grey, 0.5 is soft. Above 0.5 the waves of the rainbow are limited to full light.
const STRENGTH: f32 = 0.58;

/// The number of colours of a palette.
const COLOURS: usize = 1 + BAND_COLOURS + INK_STEPS;

const _: () = assert!(COLOURS <= 64);

/// Returns the index of a band's colour. A fraction is a shade between two bands.
pub(crate) fn band(band: f32) -> u8 {
    let shade = (band * SHADES as f32).round() as usize;
    (1 + shade.min(BAND_COLOURS - 1)) as u8
}

/// Returns the index for a pixel of which a letter covers a part, from 0 to 1; `None` if the part is too small to be
/// visible.
pub(crate) fn ink(part: f32) -> Option<u8> {
    let step = (part * INK_STEPS as f32).round() as usize;
    (step > 0).then_some((BAND_COLOURS + step) as u8)
}

/// Returns the palette of a frame as red, green and blue bytes. The first frame is 0.
///
/// The hue makes one turn of the colour circle from the widest band to the narrowest, and one turn over all frames, so
/// that the first frame follows the last smoothly.
pub(crate) fn of_frame(frame: usize) -> Vec<u8> {
    let turn = frame as f32 / FRAMES as f32;
    let band_hue = |band: f32| band / BANDS as f32 + turn;
    let transparent = [0; 3];
    let bands = (0..BAND_COLOURS).map(|shade| rainbow(band_hue(shade as f32 / SHADES as f32)));
    let narrowest = rainbow(band_hue((BANDS - 1) as f32));
    let inks = (1..=INK_STEPS).map(|step| dim(narrowest, 1.0 - step as f32 / INK_STEPS as f32));
    std::iter::once(transparent).chain(bands).chain(inks).flatten().collect()
}

/// Returns the full colour of a hue, in turns of the colour circle: 0 and 1 are red.
///
/// It consists of three cosine waves, shifted by a third of a turn. They are smoother than the sharp corners of HSV, in
/// which green and blue make broad flat stripes.
fn rainbow(hue: f32) -> [u8; 3] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|shift| {
        let wave = (TAU * (hue - shift)).cos();
        let light = (0.5 + STRENGTH * wave).clamp(0.0, 1.0);
        (light * 255.0).round() as u8
    })
}

/// Returns a colour with only a part of its light, from 0 to 1.
fn dim(colour: [u8; 3], part: f32) -> [u8; 3] {
    colour.map(|light| (f32::from(light) * part).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_fits_in_six_bits() {
        for frame in 0..FRAMES {
            assert!(of_frame(frame).len() <= 3 * 64);
        }
    }

    #[test]
    fn indices_run_from_transparent_over_bands_to_black() {
        assert_eq!(band(0.0), 1);
        assert_eq!(usize::from(band(24.0)), BAND_COLOURS);
        assert_eq!(ink(0.0), None);
        assert_eq!(usize::from(ink(1.0).unwrap()), COLOURS - 1);
        assert!(of_frame(3).ends_with(&[0, 0, 0]));
    }

    #[test]
    fn the_rainbow_goes_from_red_over_green_and_blue_to_red() {
        assert_eq!(rainbow(0.0), [255, 54, 54]);
        assert_eq!(rainbow(1.0 / 3.0), [54, 255, 54]);
        assert_eq!(rainbow(2.0 / 3.0), [54, 54, 255]);
        assert_eq!(rainbow(1.0), [255, 54, 54]);
    }

    #[test]
    fn no_two_frames_have_the_same_colours() {
        for frame in 1..FRAMES {
            assert_ne!(of_frame(frame - 1), of_frame(frame));
        }
        assert_eq!(of_frame(FRAMES), of_frame(0));
    }
}

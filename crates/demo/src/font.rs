//! The font, and the outlines of its letters.

use skrifa::instance::{Location, LocationRef, Size};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, MetadataProvider};
use tiny_skia::{Path, PathBuilder};

/// The font Kablammo, reduced to ASCII. Its licence is in the same folder.
static FILE: &[u8] = include_bytes!("../assets/kablammo-ascii.ttf");

/// The side of the square on which the letters are designed, in font units.
pub(crate) const EM: f32 = 2000.0;

/// The position of the letters on the font's `MORF` axis, from 0 to 60.
const MORF: f32 = 0.0;

/// The opened font.
pub(crate) struct Font {
    file: FontRef<'static>,
    location: Location,
}

impl Font {
    /// Opens the font in the program. Cheap, because nothing is copied.
    pub(crate) fn open() -> Self {
        let file = FontRef::new(FILE).expect("the font in the program is valid");
        let location = file.axes().location([("MORF", MORF)]);
        Self { file, location }
    }

    /// Returns whether the font contains a character.
    pub(crate) fn has(&self, character: char) -> bool {
        self.file.charmap().map(character).is_some()
    }

    /// Returns the advance width of a character, in font units.
    ///
    /// Zero for a character that the font lacks.
    pub(crate) fn advance(&self, character: char) -> f32 {
        let glyph = self.file.charmap().map(character).unwrap_or_default();
        let metrics = self.file.glyph_metrics(Size::unscaled(), &self.location);
        metrics.advance_width(glyph).unwrap_or(0.0)
    }

    /// Returns the outline of a character with its origin at `x` and `baseline`, and a y axis that points down.
    ///
    /// `None` for a blank and for a character that the font lacks.
    pub(crate) fn outline(&self, character: char, x: f32, baseline: f32) -> Option<Path> {
        let glyph = self.file.charmap().map(character)?;
        let outline = self.file.outline_glyphs().get(glyph)?;
        let settings = DrawSettings::unhinted(Size::unscaled(), LocationRef::from(&self.location));
        let mut pen = Pen { x, baseline, path: PathBuilder::new() };
        outline.draw(settings, &mut pen).expect("the font in the program is valid");
        pen.path.finish()
    }
}

/// Converts the y axis of the font, which points up, to that of a path, which points down.
struct Pen {
    x: f32,
    baseline: f32,
    path: PathBuilder,
}

impl OutlinePen for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.path.move_to(self.x + x, self.baseline - y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.path.line_to(self.x + x, self.baseline - y);
    }

    fn quad_to(&mut self, cx0: f32, cy0: f32, x: f32, y: f32) {
        let (left, base) = (self.x, self.baseline);
        self.path.quad_to(left + cx0, base - cy0, left + x, base - y);
    }

    fn curve_to(&mut self, _: f32, _: f32, _: f32, _: f32, _: f32, _: f32) {
        unreachable!("a TrueType outline has no cubic curves");
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_em_is_the_fonts() {
        let metrics = Font::open().file.metrics(Size::unscaled(), LocationRef::default());
        assert_eq!(f32::from(metrics.units_per_em), EM);
    }

    #[test]
    fn every_character_but_the_blank_has_an_outline() {
        let font = Font::open();
        for character in '!'..='~' {
            assert!(font.outline(character, 0.0, 0.0).is_some(), "{character:?}");
            assert!(font.advance(character) > 0.0, "{character:?}");
        }
    }
}

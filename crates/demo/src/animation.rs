//! Writes frames to a GIF file.

use std::borrow::Cow;

use gif::{DisposalMethod, Encoder, EncodingError, Frame, Repeat};

use crate::{HEIGHT, WIDTH, palette};

/// The number of frames of an image.
pub const FRAMES: usize = 20;

/// How long a frame is shown, in hundredths of a second.
const DELAY_CS: u16 = 5;

/// Frames that share one pixel map and differ in their palettes.
pub(crate) struct Animation {
    /// The pixel map in the format of the file: compressed once for all frames.
    pixels: Vec<u8>,
    palettes: Vec<Vec<u8>>,
}

impl Animation {
    /// Creates an animation without frames. `pixels` are palette indices, row by row.
    pub(crate) fn new(pixels: Vec<u8>) -> Self {
        let mut frame = Frame { buffer: Cow::Owned(pixels), ..Frame::default() };
        frame.make_lzw_pre_encoded();
        Self { pixels: frame.buffer.into_owned(), palettes: Vec::with_capacity(FRAMES) }
    }

    /// Adds the next frame.
    pub(crate) fn push_frame(&mut self) {
        self.palettes.push(palette::of_frame(self.palettes.len()));
    }

    /// Returns the bytes of the file.
    pub(crate) fn into_gif(self) -> Vec<u8> {
        self.write().expect("writing to a buffer cannot fail")
    }

    fn write(self) -> Result<Vec<u8>, EncodingError> {
        let size = self.palettes.len() * (self.pixels.len() + 1024);
        let mut encoder = Encoder::new(Vec::with_capacity(size), WIDTH, HEIGHT, &[])?;
        encoder.set_repeat(Repeat::Infinite)?;
        for palette in self.palettes {
            encoder.write_lzw_pre_encoded_frame(&Frame {
                delay: DELAY_CS,
                // A viewer must clear a frame before it draws the next; otherwise it would show through transparent
                // pixels.
                dispose: DisposalMethod::Background,
                transparent: Some(palette::TRANSPARENT),
                width: WIDTH,
                height: HEIGHT,
                palette: Some(palette),
                buffer: Cow::Borrowed(&self.pixels),
                ..Frame::default()
            })?;
        }
        encoder.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::ControlFlow;

    use gif::{ColorOutput, DecodeOptions, Decoder};

    use crate::{Text, render};

    fn file(text: &str) -> Vec<u8> {
        render(&Text::parse(text).unwrap(), &mut |_| ControlFlow::Continue(())).unwrap()
    }

    fn decoder(file: &[u8], output: ColorOutput) -> Decoder<&[u8]> {
        let mut options = DecodeOptions::new();
        options.set_color_output(output);
        options.read_info(file).unwrap()
    }

    fn frames(file: &[u8], output: ColorOutput) -> Vec<Frame<'static>> {
        let mut decoder = decoder(file, output);
        std::iter::from_fn(|| decoder.read_next_frame().unwrap().cloned()).collect()
    }

    #[test]
    fn the_file_says_its_kind_and_size_first() {
        let file = file("hello_world");
        assert_eq!(file[..6], *b"GIF89a");
        assert_eq!(file[6..8], 433_u16.to_le_bytes());
        assert_eq!(file[8..10], 153_u16.to_le_bytes());
        assert_eq!(file.last(), Some(&b';'));
    }

    #[test]
    fn it_loops_for_ever() {
        let file = file("hello_world");
        let mut decoder = decoder(&file, ColorOutput::Indexed);
        while decoder.read_next_frame().unwrap().is_some() {}
        assert_eq!(decoder.repeat(), Repeat::Infinite);
        assert!(file.windows(11).any(|bytes| bytes == b"NETSCAPE2.0"));
    }

    #[test]
    fn there_are_twenty_whole_frames_of_fifty_milliseconds() {
        let frames = frames(&file("hello_world"), ColorOutput::Indexed);
        assert_eq!(frames.len(), 20);
        for frame in frames {
            assert_eq!(frame.delay, 5);
            assert_eq!(frame.dispose, DisposalMethod::Background);
            assert_eq!(frame.transparent, Some(0));
            assert_eq!((frame.left, frame.top), (0, 0));
            assert_eq!((frame.width, frame.height), (433, 153));
            assert!(frame.palette.unwrap().len() <= 3 * 256);
        }
    }

    #[test]
    fn colours_move_while_letters_and_background_stay() {
        let frames = frames(&file("hello_world"), ColorOutput::RGBA);
        let mut moved = 0;
        for (first, later) in frames[0].buffer.chunks(4).zip(frames[7].buffer.chunks(4)) {
            assert_eq!(first[3], later[3], "a pixel is transparent in both or in none");
            moved += usize::from(first != later);
        }
        assert!(moved > 10_000, "only {moved} pixels moved");
    }

    #[test]
    fn the_longest_text_is_drawn() {
        let line = "@".repeat(64);
        let frames = frames(&file(&[line.as_str(); 4].join("_")), ColorOutput::Indexed);
        assert_eq!(frames.len(), 20);
        assert!(frames[0].buffer.iter().any(|&index| index != 0));
    }
}

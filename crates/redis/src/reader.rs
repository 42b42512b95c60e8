//! Reads values from bytes.

use std::borrow::Cow;

use longshore_core::Label;

/// Reads values one after the other. Each method returns `None` if fewer bytes are left than the value needs.
///
/// Numbers are little-endian, unless the method says otherwise.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (read, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(read)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// Reads a text after its length, which is one byte. Bytes that are not UTF-8 are replaced.
    pub(crate) fn text(&mut self) -> Option<Cow<'a, str>> {
        let n = self.u8()?;
        self.bytes(usize::from(n)).map(String::from_utf8_lossy)
    }

    /// Reads bytes after their length, which is two bytes.
    pub(crate) fn long(&mut self) -> Option<&'a [u8]> {
        let n = self.u16()?;
        self.bytes(usize::from(n))
    }

    /// Reads a label; `Some(None)` if the text is not a valid label.
    pub(crate) fn label(&mut self) -> Option<Option<Label>> {
        self.text().map(|text| text.parse().ok())
    }
}

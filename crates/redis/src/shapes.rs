//! What the parts of a batch have in common, told a script once.

use crate::base::Call;

/// Shapes, each once, and which of them each part of a batch has.
#[derive(Default)]
pub(crate) struct Shapes {
    known: Vec<Vec<u8>>,
    of: Vec<u32>,
}

impl Shapes {
    /// Adds the shape of the next part.
    pub(crate) fn add(&mut self, shape: Vec<u8>) {
        // Those before it are most likely alike.
        let known = self.known.iter().rposition(|known| *known == shape).unwrap_or_else(|| {
            self.known.push(shape);
            self.known.len() - 1
        });
        self.of.push(known as u32 + 1);
    }

    /// Returns how many parts there are.
    pub(crate) fn parts(&self) -> usize {
        self.of.len()
    }

    /// Returns how many shapes there are.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns the number of each part's shape, counted from 1; nothing where all have the first.
    pub(crate) fn numbers(&self) -> Vec<u8> {
        if self.known.len() == 1 {
            Vec::new()
        } else {
            self.of.iter().flat_map(|number| number.to_le_bytes()).collect()
        }
    }

    /// Tells a script the shapes.
    pub(crate) fn args<'a>(&self, call: Call<'a>) -> Call<'a> {
        call.args(&self.known)
    }
}

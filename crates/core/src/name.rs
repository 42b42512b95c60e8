//! Validated names. They are parsed once at the edge, so inner code does not check them.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::{Error, limits};

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                check_name($what, text)?;
                Ok($name(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name! {
    /// The name of a queue: 1 to 64 of `A-Z a-z 0-9 _ . -`, starting with a letter or digit.
    ///
    /// # Examples
    ///
    /// ```
    /// use longshore_core::QueueName;
    ///
    /// assert!("mail.bulk".parse::<QueueName>().is_ok());
    /// assert!("../etc".parse::<QueueName>().is_err());
    /// ```
    QueueName, "queue name"
}

name! {
    /// The kind of a job, which selects its handler. The same rules apply as for a [`QueueName`].
    Kind, "kind"
}

impl QueueName {
    /// Returns the 16 bits that all ids of this queue's jobs contain.
    pub fn tag(&self) -> u16 {
        thread_local! {
            /// The last queue and its tag: most calls are for the same queue as the call before.
            static LAST: RefCell<Option<(QueueName, u16)>> = const { RefCell::new(None) };
        }
        LAST.with_borrow_mut(|last| match last {
            Some((name, tag)) if name == self => *tag,
            _ => {
                let hash = Sha256::digest(self.0.as_bytes());
                let tag = u16::from_be_bytes([hash[0], hash[1]]);
                *last = Some((self.clone(), tag));
                tag
            }
        })
    }
}

impl Default for QueueName {
    /// Returns the default queue, `default`.
    fn default() -> Self {
        QueueName("default".into())
    }
}

fn check_name(what: &str, text: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if text.is_empty() || text.len() > limits::NAME_BYTES {
        return Err(Error::invalid(format!(
            "{what} `{}` has {} bytes: use 1 to {}",
            cut(text, limits::NAME_BYTES),
            text.len(),
            limits::NAME_BYTES
        )));
    }
    if let Some(wrong) = text.chars().find(|c| !allowed(*c)) {
        return Err(Error::invalid(format!(
            "{what} {text:?} contains {wrong:?}: use letters, digits, `_`, `.` and `-`"
        )));
    }
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Error::invalid(format!("{what} `{text}` must start with a letter or a digit")));
    }
    Ok(())
}

/// A short text that the user chooses: a tag, a key, a unique key, a reuse key or an alias.
///
/// A label has 1 to 200 bytes and no control characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(Arc<str>);

impl Label {
    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() || text.len() > limits::LABEL_BYTES {
            return Err(Error::invalid(format!(
                "label {:?} has {} bytes: use 1 to {}",
                cut(text, limits::LABEL_BYTES),
                text.len(),
                limits::LABEL_BYTES
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::invalid(format!("label {text:?} contains a control character")));
        }
        Ok(Label(text.into()))
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// Returns the longest prefix of `text` that has at most `bytes` bytes and ends between characters.
pub fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_paths_keys_or_markup_are_refused() {
        for wrong in ["", "a b", "../x", ".hidden", "-x", "a/b", "a:b", "{a}", "<b>", "ä", "a\0", &"x".repeat(65)] {
            assert!(wrong.parse::<QueueName>().is_err(), "{wrong:?} must be refused");
        }
        for right in ["a", "0", "mail.bulk-2_x", &"x".repeat(64)] {
            assert!(right.parse::<Kind>().is_ok(), "{right:?} must be accepted");
        }
    }

    #[test]
    fn a_label_may_be_any_short_printable_text() {
        assert!("Kunde 7 ü/{}".parse::<Label>().is_ok());
        assert!("a\nb".parse::<Label>().is_err());
        assert!("".parse::<Label>().is_err());
        assert!("x".repeat(201).parse::<Label>().is_err());
    }
}

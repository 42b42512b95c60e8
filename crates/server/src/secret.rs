//! The token that callers must send.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The minimum number of characters of a token.
const MIN_CHARACTERS: usize = 16;

/// A token. Only its SHA-256 is kept, so it can be compared, but not shown or logged.
///
/// # Examples
///
/// ```
/// use longshore_server::Secret;
///
/// let secret = Secret::new("5f6c3ab2e1d94f07")?;
/// assert!(secret.is("5f6c3ab2e1d94f07"));
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert!(Secret::new("").is_err());
/// # Ok::<(), longshore_server::secret::Weak>(())
/// ```
#[derive(Clone)]
pub struct Secret {
    digest: [u8; 32],
}

/// The token is too short, or contains characters that a header cannot contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a token must have at least {MIN_CHARACTERS} characters, all of them visible ASCII; create one with `openssl rand -hex 32`"
)]
pub struct Weak;

impl Secret {
    /// Creates a secret from a token.
    ///
    /// # Errors
    ///
    /// If the token has fewer than 16 characters, so that an empty variable never opens a server, or if it contains
    /// characters other than visible ASCII.
    pub fn new(token: &str) -> Result<Self, Weak> {
        if token.len() < MIN_CHARACTERS || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Weak);
        }
        Ok(Secret { digest: Sha256::digest(token).into() })
    }

    /// Returns the token's SHA-256.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Returns whether this is the token. The comparison takes constant time.
    pub fn is(&self, shown: &str) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.digest.ct_eq(&shown).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_token_is_right() {
        let secret = Secret::new("0123456789abcdef").unwrap();
        assert!(secret.is("0123456789abcdef"));
        for wrong in ["", "0123456789abcde", "0123456789abcdefg", "0123456789ABCDEF", "Secret(…)"] {
            assert!(!secret.is(wrong), "{wrong:?} must be refused");
        }
    }

    #[test]
    fn a_token_that_is_short_or_not_valid_in_a_header_is_refused() {
        for weak in ["", " ", "0123456789abcde", "0123456789abc def", "0123456789abcdef\n", "ü0123456789abcdef"] {
            assert!(Secret::new(weak).is_err(), "{weak:?} must be refused");
        }
    }
}

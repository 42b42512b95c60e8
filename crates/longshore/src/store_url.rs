//! The URL of a store. Its password is never shown.

use std::fmt;

/// A store's URL. Displays without its password.
///
/// # Examples
///
/// ```
/// let url = longshore::StoreUrl::new("postgres://app:secret@db.example/jobs");
/// assert_eq!(url.to_string(), "postgres://app:…@db.example/jobs");
/// assert_eq!(url.reveal(), "postgres://app:secret@db.example/jobs");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// Creates a store URL from its text.
    pub fn new(url: impl Into<String>) -> Self {
        StoreUrl(url.into())
    }

    /// Returns the URL with its password, for connecting.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A password may contain any character, so the last `@` counts.
        let signed_in = self.0.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
        let rest = match signed_in {
            Some((scheme, (user, rest))) => {
                match user.split_once(':') {
                    Some((user, _)) => write!(f, "{scheme}://{user}:…@")?,
                    None => write!(f, "{scheme}://{user}@")?,
                }
                rest
            }
            None => &self.0,
        };
        let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
        f.write_str(place)?;
        for (place, option) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
            let sign = if place == 0 { '?' } else { '&' };
            match option.split_once('=') {
                Some((name, _)) if name.contains("pass") => write!(f, "{sign}{name}=…")?,
                _ => write!(f, "{sign}{option}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown_wherever_they_stand() {
        for (url, shown) in [
            ("sqlite:longshore.db?synchronous=normal", "sqlite:longshore.db?synchronous=normal"),
            ("redis://:p@ss@h:6379/1", "redis://:…@h:6379/1"),
            ("redis://me@h", "redis://me@h"),
            ("postgres://u:p?w@h/db", "postgres://u:…@h/db"),
            (
                "postgres:///db?host=/run&user=u&password=p&sslmode=require",
                "postgres:///db?host=/run&user=u&password=…&sslmode=require",
            ),
        ] {
            assert_eq!(StoreUrl::new(url).to_string(), shown);
        }
    }
}

//! Jobs by the beginning of their id, as git finds commits.

use longshore::{Filter, JobId, Page, Timestamp, limits};
use longshore_wire as wire;

use crate::Exit;
use crate::exit::{ambiguous, unknown_job};
use crate::target::Target;

/// The fewest digits of a beginning. Fewer are the same for all jobs of some years.
const FEWEST: usize = 4;
/// How many jobs are looked at, the newest first, before the search ends.
const LOOKED_AT: usize = 20_000;
/// How many ids are listed if a beginning is ambiguous.
const LISTED: usize = 5;
/// How much the clock of a producer, which makes the ids, may be ahead of the clock of the store.
const SKEW_MS: i64 = 3_600_000;

impl Target {
    /// Returns a job by its id, by its alias, or by the beginning of its id if that is unique.
    ///
    /// # Errors
    ///
    /// If there is no such job, if there are several, or if the target fails.
    pub async fn resolve(&self, text: &str) -> Result<wire::Job, Exit> {
        if let Some(job) = self.find(text).await? {
            return Ok(job);
        }
        let Some(beginning) = Beginning::parse(text) else { return Err(unknown_job(text).into()) };
        let mut found: Vec<wire::Job> = Vec::new();
        let (mut after, mut looked_at) = (None, 0);
        // Stores list jobs in the order of their pushes, so an older job than the time in the beginning ends the search.
        let is_complete = 'search: loop {
            let page = self.list(Filter::default(), Page::new(after, limits::PAGE)).await?;
            looked_at += page.jobs.len();
            for job in page.jobs {
                if job.created_at < beginning.earliest {
                    break 'search true;
                }
                if beginning.is_of(job.id) && found.iter().all(|known| known.id != job.id) {
                    found.push(job);
                }
                if found.len() == LISTED {
                    break 'search true;
                }
            }
            match page.next {
                None => break true,
                Some(_) if looked_at >= LOOKED_AT => break false,
                Some(next) => after = Some(next.parse()?),
            }
        };
        match found.len() {
            1 if is_complete => Ok(found.remove(0)),
            0 if is_complete => Err(unknown_job(text).into()),
            0 | 1 => Err(Exit::usage(format!(
                "`{text}` is the beginning of none or more than one of the newest {LOOKED_AT} jobs, and there are more; write the whole id"
            ))),
            _ => Err(ambiguous(text, &found.iter().map(|job| job.id).collect::<Vec<_>>())),
        }
    }
}

/// The beginning of an id: hexadecimal digits, with or without the hyphens.
#[derive(Debug, PartialEq, Eq)]
struct Beginning {
    digits: String,
    /// The earliest time at which a job with such an id can have been pushed.
    earliest: Timestamp,
}

impl Beginning {
    /// Returns `None` for a text that cannot be the beginning of an id.
    fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
        if !(FEWEST..32).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        // The first twelve digits of an id are its time in milliseconds.
        let time = format!("{digits:0<12.12}");
        let ms = i64::from_str_radix(&time, 16).ok()?;
        Some(Beginning { digits, earliest: Timestamp::from_millis(ms.saturating_sub(SKEW_MS)) })
    }

    fn is_of(&self, id: JobId) -> bool {
        id.to_string().replace('-', "").starts_with(&self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_has_hexadecimal_digits_and_a_time() {
        let id: JobId = "019ab4f0-6b0e-837a-8d2f-1f0c3a5e7b92".parse().unwrap();
        for text in ["019a", "019AB4F0", "019ab4f0-6b0e-8", "019ab4f06b0e837a8d2f1f0c3a5e7b9"] {
            let beginning = Beginning::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert!(beginning.is_of(id), "{text}");
            assert!(beginning.earliest.as_millis() < 0x019a_b4f0_6b0e, "{text}");
        }
        assert!(!Beginning::parse("019ab4f1").unwrap().is_of(id));
        for text in ["", "019", "my-alias", "019ab4f0-6b0e-837a-8d2f-1f0c3a5e7b92", "019äb4"] {
            assert_eq!(Beginning::parse(text), None, "{text}");
        }
    }
}

//! The mark of an attempt: two environment variables that every process of its command inherits.

use std::fmt;
use std::str::FromStr;

use longshore_core::JobId;
use longshore_core::handler::Ctx;

/// The variable with the job's id.
pub(crate) const JOB: &str = "LONGSHORE_JOB_ID";
/// The variable with the number of the claim.
pub(crate) const FENCE: &str = "LONGSHORE_FENCE";

/// Identifies one attempt. No other attempt has the same job and claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Mark {
    job: JobId,
    fence: u64,
}

impl Mark {
    /// Returns the mark of a handler's attempt.
    pub(crate) fn of(ctx: &Ctx) -> Self {
        Mark { job: ctx.id(), fence: ctx.fence() }
    }

    /// Returns the mark in an environment, which is in the format of `/proc`.
    pub(crate) fn of_environment(environment: &[u8]) -> Option<Self> {
        let value = |name: &str| {
            let mut variables = environment.split(|byte| *byte == 0);
            let value =
                variables.find_map(|variable| variable.strip_prefix(name.as_bytes())?.strip_prefix(b"=".as_slice()))?;
            std::str::from_utf8(value).ok()
        };
        Some(Mark { job: value(JOB)?.parse().ok()?, fence: value(FENCE)?.parse().ok()? })
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.job, self.fence)
    }
}

impl FromStr for Mark {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (job, fence) = text.split_once(' ').ok_or(())?;
        Ok(Mark { job: job.parse().map_err(|_| ())?, fence: fence.parse().map_err(|_| ())? })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use longshore_core::QueueName;

    use super::*;

    /// Returns a mark that no other call returns.
    pub(crate) fn fresh() -> Mark {
        let queue: QueueName = "default".parse().unwrap();
        Mark { job: JobId::new(&queue), fence: 7 }
    }

    #[test]
    fn an_environment_must_have_both_variables_in_full() {
        let mark = fresh();
        let (job, other) = (mark.job, fresh().job);
        let found = |text: String| Mark::of_environment(text.replace(' ', "\0").as_bytes());
        assert_eq!(found(format!("X=1 LONGSHORE_FENCE=7 LONGSHORE_JOB_ID={job} ")), Some(mark));
        assert_ne!(found(format!("LONGSHORE_FENCE=77 LONGSHORE_JOB_ID={job} ")), Some(mark));
        assert_ne!(found(format!("LONGSHORE_FENCE=7 LONGSHORE_JOB_ID={other} ")), Some(mark));
        assert_eq!(found(format!("X_LONGSHORE_FENCE=7 LONGSHORE_JOB_ID={job} ")), None);
        assert_eq!(found(format!("LONGSHORE_FENCE= LONGSHORE_JOB_ID={job} ")), None);
        assert_eq!(found(format!("LONGSHORE_JOB_ID={job}")), None);
        assert_eq!(found(String::new()), None);
    }

    #[test]
    fn a_mark_is_read_as_it_is_written() {
        let mark = fresh();
        assert_eq!(mark.to_string().parse(), Ok(mark));
        assert_eq!("7".parse::<Mark>(), Err(()));
    }
}

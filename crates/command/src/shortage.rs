//! What a machine may lack for a moment: descriptors, processes, memory. No job is at fault for that.

use std::io;
use std::time::Duration;

use rustix::io::Errno;

/// The longest time that an attempt waits for the machine before it gives the job back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// The first pause before a command is started again. It doubles each time.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How long a job waits that was given back.
pub(crate) const DELAY: Duration = Duration::from_secs(10);

/// Returns whether an error means that the machine, or this process, has too few descriptors, processes or memory.
pub(crate) fn is_shortage(error: &io::Error) -> bool {
    let shortages = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| shortages.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_no_shortage() {
        assert!(is_shortage(&Errno::MFILE.into()));
        assert!(!is_shortage(&Errno::NOENT.into()) && !is_shortage(&io::Error::other("x")));
    }
}

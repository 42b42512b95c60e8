//! Fits the limits of a server to the number of files that the process may have open.

use crate::Config;
use crate::excess::EXCESS;

/// The number of file descriptors that stay free for the store, for workers in the same process and for their commands.
const RESERVE: usize = 256;

/// Lowers the limits on connections and on results in transfer if the process may not have that many files open, and
/// says so in the log.
pub(crate) fn fit(config: &mut Config) {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else { return };
    let (connections, results) = fitting(limit, config.connections, config.results);
    if (connections, results) == (config.connections, config.results) {
        return;
    }
    tracing::warn!(
        "the process may have only {limit} files open, so the server accepts at most {connections} connections instead of {}, \
         and sends at most {results} large results at a time; raise the limit of open files (`ulimit -n`, or `LimitNOFILE` of \
         systemd), or lower `http.connections`",
        config.connections
    );
    config.connections_per_caller = config.connections_per_caller.min(connections);
    (config.connections, config.results) = (connections, results);
}

/// Returns the numbers of connections and of results that fit. A large result may need a file in addition to its
/// connection.
fn fitting(limit: usize, connections: usize, results: usize) -> (usize, usize) {
    let left = limit - RESERVE.min(limit / 2);
    let left = left - EXCESS.min(left / 4);
    if connections + results <= left {
        return (connections, results);
    }
    let results = results.min(left / 4).max(1);
    (connections.min(left - left / 4).max(1), results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_results_leave_descriptors_for_the_rest() {
        assert_eq!(fitting(20_000, 2_048, 256), (2_048, 256));
        for limit in [0, 1, 2, 16, 64, 256, 1_024, 2_400] {
            let (connections, results) = fitting(limit, 2_048, 256);
            assert!(connections >= 1 && results >= 1);
            let rest = limit.saturating_sub(connections + results);
            assert!(limit < 16 || rest >= RESERVE.min(limit / 2), "{limit}: {connections} + {results}");
        }
        assert_eq!(fitting(1_024, 100, 10), (100, 10), "limits that fit stay as they are");
    }
}

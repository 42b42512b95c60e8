//! The whole store's data, in several copies in a cluster, so that no single server is required.
//!
//! A write goes to every copy and succeeds if one copy has it. A read asks every copy and merges the answers. A copy that was
//! unreachable gets missed data when it is noted again: queues in use are noted every minute, and sooner after a copy failed.

use futures_util::future::join_all;
use longshore_core::Error;
use redis::Value;

use crate::base::Base;
use crate::call::Call;
use crate::keys::Keys;

/// The tags of the copies in a cluster. Each slot is in the middle of one eighth of all slots, so that each of three or more
/// masters has some copies.
const TAGS: [&str; 8] = ["all43", "all116", "all230", "all117", "all147", "all260", "all146", "all366"];
/// The tag for one server.
const TAG: &str = "all";

/// The prefixes of the keys of each copy.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) roots: Vec<String>,
}

impl Copies {
    pub(crate) fn new(keys: &Keys, is_cluster: bool) -> Self {
        let tags = if is_cluster { &TAGS[..] } else { &[TAG] };
        Copies { roots: tags.iter().map(|tag| keys.under(tag)).collect() }
    }
}

/// Makes a call on every copy. Returns the answers, and whether a copy did not answer.
///
/// # Errors
///
/// If no copy answered.
pub(crate) async fn on_each<'a>(base: &'a Base, call: impl Fn(&str) -> Call<'a>) -> Result<(Vec<Value>, bool), Error> {
    let calls = base.copies.roots.iter().map(|root| on_one(base, root, &call));
    let (mut answers, mut failed) = (Vec::new(), None);
    for answer in join_all(calls).await {
        match answer {
            Ok(answer) => answers.push(answer),
            Err(e) => failed = Some(e),
        }
    }
    match failed {
        Some(e) if answers.is_empty() => Err(e),
        failed => Ok((answers, failed.is_some())),
    }
}

/// Makes a call on the first copy that answers.
///
/// # Errors
///
/// If no copy answers.
pub(crate) async fn on_first<'a>(base: &'a Base, call: impl Fn(&str) -> Call<'a>) -> Result<Value, Error> {
    let mut failed = None;
    for root in &base.copies.roots {
        match on_one(base, root, &call).await {
            Ok(answer) => return Ok(answer),
            Err(e) => failed = Some(e),
        }
    }
    Err(failed.expect("there is a copy"))
}

/// Makes a call on a copy. With several copies, the wait for each is limited.
async fn on_one<'a>(base: &'a Base, root: &str, call: &impl Fn(&str) -> Call<'a>) -> Result<Value, Error> {
    let answer = call(root).run();
    if base.copies.roots.len() == 1 {
        return answer.await;
    }
    base.unreachable.ask(root, answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_in_a_cluster_are_spread_over_all_slots() {
        let eighth = |tag: &str| {
            let slot = (0..16384).find(|slot| {
                redis::cluster_routing::Slot::new(*slot) == Some(redis::cluster_routing::Slot::for_key(tag))
            });
            slot.expect("a tag has a slot") / 2048
        };
        assert_eq!(TAGS.map(eighth), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
}

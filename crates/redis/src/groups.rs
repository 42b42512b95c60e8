//! Splits a batch into groups that may be on different servers, calls for all groups at the same time, and merges the answers in order.

use std::collections::BTreeMap;
use std::future::Future;

use longshore_core::{Answers, Error, store::each};

/// Groups items by a key, and remembers the position of each.
pub(crate) fn group<T, G: Ord>(things: Vec<T>, of: impl Fn(&T) -> G) -> BTreeMap<G, Vec<(usize, T)>> {
    let mut groups: BTreeMap<G, Vec<(usize, T)>> = BTreeMap::new();
    for (place, thing) in things.into_iter().enumerate() {
        groups.entry(of(&thing)).or_default().push((place, thing));
    }
    groups
}

/// Makes a call for each group at the same time, and returns the answers in the order of the batch. If a call fails, each item of
/// its group gets the error, and the other groups are not affected.
pub(crate) async fn each_group<T, G: Ord, R, F>(
    groups: BTreeMap<G, Vec<(usize, T)>>,
    call: impl Fn(G, Vec<T>) -> F,
) -> Answers<R>
where
    F: Future<Output = Result<Vec<R>, Error>>,
{
    let calls = groups.into_iter().map(|(group, things)| {
        let (places, things): (Vec<usize>, Vec<T>) = things.into_iter().unzip();
        let answers = call(group, things);
        async move { (places, answers.await) }
    });
    in_order(futures_util::future::join_all(calls).await)
}

/// The positions of a group's items, and the answer to the group.
pub(crate) type GroupAnswer<R> = (Vec<usize>, Result<Vec<R>, Error>);

/// Returns the answers of groups in the order of the batch.
pub(crate) fn in_order<R>(groups: Vec<GroupAnswer<R>>) -> Answers<R> {
    let mut all: Vec<(usize, Result<R, Error>)> = Vec::new();
    for (places, answers) in groups {
        let answers = each(places.len(), answers);
        all.extend(places.into_iter().zip(answers));
    }
    all.sort_unstable_by_key(|(place, _)| *place);
    all.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn groups_answer_in_the_order_asked() {
        let asked = vec![3, 10, 4, 11, 5];
        let answers = each_group(group(asked, |n| n / 10), |_, things| async { Ok(things) }).await;
        assert_eq!(answers.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [3, 10, 4, 11, 5]);
    }

    #[tokio::test]
    async fn group_that_failed_is_an_error_of_its_own_items() {
        let fails = |tens: i32, things| async move { if tens == 1 { Err(Error::invalid("no")) } else { Ok(things) } };
        let answers = each_group(group(vec![3, 10, 4], |n| n / 10), fails).await;
        assert_eq!(answers.into_iter().map(Result::ok).collect::<Vec<_>>(), [Some(3), None, Some(4)]);
    }
}

//! Whose queue is first: weights with a rotating start, so that none starves; or strictly in order.

use crate::QueueName;

/// The order in which a worker's claims look at its queues.
///
/// Smooth weighted round robin, as nginx balances its upstreams: with each turn a queue's credit grows by its weight, and the
/// one with the most credit is first and pays the sum of weights.
#[derive(Debug)]
pub(crate) struct Turns {
    queues: Vec<Turn>,
    strict: bool,
}

#[derive(Debug)]
struct Turn {
    name: QueueName,
    weight: i64,
    credit: i64,
}

impl Turns {
    pub(crate) fn new(queues: Vec<(QueueName, u32)>, strict: bool) -> Self {
        let turn = |(name, weight)| Turn { name, weight: i64::from(weight), credit: 0 };
        Turns { queues: queues.into_iter().map(turn).collect(), strict }
    }

    /// Returns all queues, in the order given.
    pub(crate) fn names(&self) -> Vec<QueueName> {
        self.queues.iter().map(|turn| turn.name.clone()).collect()
    }

    /// Returns all queues, in the order of the next claim.
    pub(crate) fn next(&mut self) -> Vec<QueueName> {
        if self.strict || self.queues.len() < 2 {
            return self.names();
        }
        let sum: i64 = self.queues.iter().map(|turn| turn.weight).sum();
        self.queues.iter_mut().for_each(|turn| turn.credit += turn.weight);
        let mut order: Vec<usize> = (0..self.queues.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.queues[*index].credit));
        self.queues[order[0]].credit -= sum;
        order.into_iter().map(|index| self.queues[index].name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(turns: &mut Turns, n: usize) -> String {
        (0..n).map(|_| turns.next()[0].to_string()).collect()
    }

    fn queues() -> Vec<(QueueName, u32)> {
        [("a", 3), ("b", 1)].into_iter().map(|(name, weight)| (name.parse().unwrap(), weight)).collect()
    }

    #[test]
    fn a_queue_is_first_in_proportion_to_its_weight_and_none_starves() {
        assert_eq!(firsts(&mut Turns::new(queues(), false), 8), "aabaaaba");
    }

    #[test]
    fn every_turn_names_every_queue() {
        let mut turns = Turns::new(queues(), false);
        assert!((0..8).all(|_| turns.next().len() == 2));
    }

    #[test]
    fn strict_order_is_the_order_given() {
        assert_eq!(firsts(&mut Turns::new(queues(), true), 4), "aaaa");
    }
}

//! The order of queues: weighted with a rotating start, so that no queue starves, or strict.

use crate::QueueName;

/// The order in which a worker's claims search its queues.
///
/// Smooth weighted round robin, like the upstream balancing of nginx: with each turn a queue's credit grows by its
/// weight. The queue with the most credit comes first and pays the sum of all weights.
#[derive(Debug)]
pub(crate) struct QueueOrder {
    queues: Vec<Weighted>,
    strict: bool,
}

#[derive(Debug)]
struct Weighted {
    name: QueueName,
    weight: i64,
    credit: i64,
}

impl QueueOrder {
    pub(crate) fn new(queues: Vec<(QueueName, u32)>, strict: bool) -> Self {
        let queue = |(name, weight)| Weighted { name, weight: i64::from(weight), credit: 0 };
        QueueOrder { queues: queues.into_iter().map(queue).collect(), strict }
    }

    /// Returns all queues, in the order they were added.
    pub(crate) fn names(&self) -> Vec<QueueName> {
        self.queues.iter().map(|queue| queue.name.clone()).collect()
    }

    /// Returns all queues, in the order of the next claim.
    pub(crate) fn next(&mut self) -> Vec<QueueName> {
        if self.strict || self.queues.len() < 2 {
            return self.names();
        }
        let sum: i64 = self.queues.iter().map(|queue| queue.weight).sum();
        self.queues.iter_mut().for_each(|queue| queue.credit += queue.weight);
        let mut order: Vec<usize> = (0..self.queues.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(self.queues[*index].credit));
        self.queues[order[0]].credit -= sum;
        order.into_iter().map(|index| self.queues[index].name.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(queue_order: &mut QueueOrder, n: usize) -> String {
        (0..n).map(|_| queue_order.next()[0].to_string()).collect()
    }

    fn queues() -> Vec<(QueueName, u32)> {
        [("a", 3), ("b", 1)].into_iter().map(|(name, weight)| (name.parse().unwrap(), weight)).collect()
    }

    #[test]
    fn a_queue_is_first_in_proportion_to_its_weight_and_none_starves() {
        assert_eq!(firsts(&mut QueueOrder::new(queues(), false), 8), "aabaaaba");
    }

    #[test]
    fn every_turn_names_every_queue() {
        let mut queue_order = QueueOrder::new(queues(), false);
        assert!((0..8).all(|_| queue_order.next().len() == 2));
    }

    #[test]
    fn strict_order_is_the_order_given() {
        assert_eq!(firsts(&mut QueueOrder::new(queues(), true), 4), "aaaa");
    }
}

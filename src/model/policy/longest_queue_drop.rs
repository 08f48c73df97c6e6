//! Push-out: the queue that holds most of the reserve loses its last packet.

use std::cmp::Reverse;

use crate::id::QueueId;

/// The queue that loses a packet, among those with what they hold of a reserve: the one with most,
/// the first of equals; none unless it holds more than `own`, what the queue that asks would have.
pub(crate) fn victim(holders: impl Iterator<Item = (QueueId, i64)>, own: i64) -> Option<QueueId> {
    let longer = holders.filter(|(_, held)| *held > own);
    longer.max_by_key(|(id, held)| (*held, Reverse(*id))).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_longest_queues_loses_unless_the_one_that_asks_would_be_as_long() {
        let holders =
            || [3, 5, 5, 1].into_iter().zip(0..).map(|(held, id)| (QueueId::new(id), held));
        assert_eq!(victim(holders(), 4), Some(QueueId::new(1)));
        assert_eq!(victim(holders(), 5), None);
    }
}

//! The calendar of events: a fixed set of slots, each with the time of its next event or none.
//!
//! A tournament tree over the slots. The earliest event wins; at one instant the lowest slot wins,
//! so the order of slots *is* the order of things that happen at the same time. Setting a slot and
//! asking for the winner both cost one path through the tree.
//!
//! ```text
//!              slot 2 @ 5            root = the next event
//!            /           \
//!      slot 1 @ 9     slot 2 @ 5
//!       /     \        /     \
//!    0 @ -  1 @ 9  2 @ 5   3 @ 5     ties go to the left
//! ```

use crate::units::SimTime;

/// A slot of the calendar: something that has at most one event ahead of it.
pub type Slot = usize;

/// The next event of every slot, in order of (time, slot).
#[derive(Debug, Clone)]
pub struct Calendar {
    /// A complete binary tree: node 1 is the root, the children of `n` are `2n` and `2n + 1`, and
    /// the leaves, one a slot, make up the second half. Each node holds the winner of its subtree.
    nodes: Vec<Entry>,
    leaves: usize,
}

/// A slot and the time of its event, `SimTime::MAX` for none: time in the high half and slot in the
/// low half of one number, so that one comparison without branches decides by (time, slot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    #[inline]
    fn new(time: SimTime, slot: Slot) -> Self {
        Self(u128::from(time.as_ps()) << 64 | slot as u128)
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low half is a slot, made from usize")]
    fn parts(self) -> (SimTime, Slot) {
        (SimTime::from_ps((self.0 >> 64) as u64), self.0 as u64 as usize)
    }
}

impl Calendar {
    /// A calendar of `slots` slots, all empty.
    #[must_use]
    pub fn new(slots: usize) -> Self {
        let leaves = slots.next_power_of_two().max(2);
        let nodes = (0..2 * leaves)
            .map(|node| Entry::new(SimTime::MAX, leftmost(node.max(1), leaves)))
            .collect();
        Self { nodes, leaves }
    }

    /// The slot and time of the next event, `None` when nothing is left to happen.
    #[must_use]
    #[inline]
    pub fn next(&self) -> Option<(SimTime, Slot)> {
        let (time, slot) = self.nodes[1].parts();
        (time != SimTime::MAX).then_some((time, slot))
    }

    /// The time of a slot's event, `None` when it has none.
    #[must_use]
    pub fn time_of(&self, slot: Slot) -> Option<SimTime> {
        let (time, _) = self.nodes[self.leaves + slot].parts();
        (time != SimTime::MAX).then_some(time)
    }

    /// Sets, moves or (with `SimTime::MAX`) removes a slot's event. O(log slots).
    #[inline]
    pub fn set(&mut self, slot: Slot, time: SimTime) {
        let mut node = self.leaves + slot;
        let mut best = Entry::new(time, slot);
        self.nodes[node] = best;
        while node > 1 {
            best = best.min(self.nodes[node ^ 1]);
            node /= 2;
            self.nodes[node] = best;
        }
    }

    /// Removes a slot's event.
    pub fn clear(&mut self, slot: Slot) {
        self.set(slot, SimTime::MAX);
    }
}

/// The lowest slot below `node` in a tree with `leaves` leaves.
fn leftmost(mut node: usize, leaves: usize) -> usize {
    while node < leaves {
        node *= 2;
    }
    node - leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_winner_is_the_earliest_event_of_the_lowest_slot(
            slots in 1_usize..40,
            operations in prop::collection::vec((0_usize..40, 0_u64..20), 1..200),
        ) {
            let mut calendar = Calendar::new(slots);
            let mut model = vec![u64::MAX; slots];
            for (slot, time) in operations {
                let slot = slot % slots;
                let time = if time == 0 { u64::MAX } else { time };
                calendar.set(slot, SimTime::from_ps(time));
                model[slot] = time;
                let expected = model
                    .iter()
                    .enumerate()
                    .map(|(slot, time)| (SimTime::from_ps(*time), slot))
                    .min()
                    .filter(|(time, _)| *time != SimTime::MAX);
                prop_assert_eq!(calendar.next(), expected);
            }
        }
    }
}

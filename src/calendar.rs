//! The calendar of events: a fixed set of slots, each with the time of its next event or none.
//!
//! A tournament over the slots in groups of four. The earliest event wins; at one instant the
//! lowest slot wins, so the order of slots *is* the order of things that happen at the same time.
//! Setting a slot costs one path through the tournament.
//!
//! ```text
//!                    [ 2@5  4@7  -  - ]                 first = slot 2 at time 5
//!                      /       \
//!   [ 0@9  1@-  2@5  3@5 ]   [ 4@7  5@8  6@-  7@- ]     ties go to the left
//! ```

use crate::units::SimTime;

/// A slot of the calendar: something that has at most one event ahead of it.
pub type Slot = usize;

/// The next event of every slot, in order of (time, slot).
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Groups of four entries, level by level: the slots themselves first, then the winners of the
    /// groups before, up to a single group.
    groups: Vec<[Entry; FAN]>,
    /// Where each level begins in `groups`.
    levels: Vec<usize>,
    /// The winner of the single group at the top.
    first: Entry,
}

/// Entries of a group: four compare in parallel, and a path has half the length of a binary one.
const FAN: usize = 4;

/// A slot and the time of its event, `SimTime::MAX` for none: time in the high half and slot in the
/// low half of one number, so that one comparison without branches decides by (time, slot).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    /// No event: later than any.
    const NONE: Self = Self(u128::MAX);

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
        let mut calendar = Self { groups: Vec::new(), levels: Vec::new(), first: Entry::NONE };
        let mut entries = slots.max(1);
        loop {
            let groups = entries.div_ceil(FAN);
            calendar.levels.push(calendar.groups.len());
            calendar.groups.resize(calendar.groups.len() + groups, [Entry::NONE; FAN]);
            if groups == 1 {
                return calendar;
            }
            entries = groups;
        }
    }

    /// The slot and time of the next event, `None` when nothing is left to happen.
    #[must_use]
    #[inline]
    pub fn next(&self) -> Option<(SimTime, Slot)> {
        let (time, slot) = self.first.parts();
        (time != SimTime::MAX).then_some((time, slot))
    }

    /// The time of a slot's event, `None` when it has none.
    #[must_use]
    pub fn time_of(&self, slot: Slot) -> Option<SimTime> {
        let (time, _) = self.groups[slot / FAN][slot % FAN].parts();
        (time != SimTime::MAX).then_some(time)
    }

    /// Sets, moves or (with `SimTime::MAX`) removes a slot's event. O(log slots).
    #[inline]
    pub fn set(&mut self, slot: Slot, time: SimTime) {
        let mut best = Entry::new(time, slot);
        let mut index = slot;
        for level in &self.levels {
            let group = &mut self.groups[level + index / FAN];
            let lane = index % FAN;
            group[lane] = best;
            // The others are compared first: they do not wait for the level below.
            let others = group[lane ^ 1].min(group[lane ^ 2]).min(group[lane ^ 3]);
            best = best.min(others);
            index /= FAN;
        }
        self.first = best;
    }

    /// Removes a slot's event.
    pub fn clear(&mut self, slot: Slot) {
        self.set(slot, SimTime::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_winner_is_the_earliest_event_of_the_lowest_slot(
            slots in 1_usize..90,
            operations in prop::collection::vec((0_usize..90, 0_u64..20), 1..200),
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

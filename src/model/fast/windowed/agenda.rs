//! What happens to the reserve in a window, in order of time.

use crate::model::fast::windows::part_shift;

/// A request for a buffer of the reserve, or the return of one, in a number that sorts by time,
/// returns before requests and requests by the order of their packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::model::fast) struct Event(u64);

/// Bits of an event that hold the packet's order, or the queue that returns.
const WHO_BITS: u32 = 32;

/// The longest window whose times fit an event.
pub(in crate::model::fast) const WINDOW_MAX: u64 = 1 << (u64::BITS - 1 - WHO_BITS);

impl Event {
    /// Later than any.
    pub(super) const MAX: Self = Self(u64::MAX);

    /// The packet of this order asks, `since` the window's beginning.
    #[inline]
    pub(in crate::model::fast) fn request(since: u64, order: u32) -> Self {
        Self((since << 1 | 1) << WHO_BITS | u64::from(order))
    }

    /// A buffer comes back from a queue.
    #[inline]
    pub(in crate::model::fast) fn comeback(since: u64, queue: u32) -> Self {
        Self(since << 1 << WHO_BITS | u64::from(queue))
    }

    #[inline]
    pub(in crate::model::fast) const fn since(self) -> u64 {
        self.0 >> WHO_BITS >> 1
    }

    #[inline]
    pub(in crate::model::fast) const fn is_request(self) -> bool {
        self.0 >> WHO_BITS & 1 == 1
    }

    /// How far events are shifted for their parts, where a window of this `length` has at most
    /// `1 << bits` of them.
    pub(super) fn shift(length: u64, bits: u32) -> u32 {
        part_shift(length, bits) + WHO_BITS + 1
    }

    /// The part of a window it lies in.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "there are few parts")]
    pub(super) const fn part(self, shift: u32) -> usize {
        (self.0 >> shift) as usize
    }

    /// The packet's order, or the queue.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the low half")]
    pub(in crate::model::fast) const fn who(self) -> u32 {
        self.0 as u32
    }
}

/// The events of a window, to be had in order of time.
///
/// They lie in parts of the window, and only those of parts that matter are sorted.
#[derive(Debug, Default)]
pub(in crate::model::fast) struct Agenda {
    pub(in crate::model::fast) events: Vec<Event>,
    /// The event that lies in the same part as each event, and came to it before.
    others: Vec<u32>,
    /// The last event of each part; only where a bit says that there is one.
    last: Vec<u32>,
    /// Parts with events, and parts in which a buffer comes back, a bit each.
    any: Bits,
    comebacks: Bits,
    /// The part to look at next.
    part: usize,
    /// The events of a part.
    sorted: Vec<Event>,
}

/// A bit for each part.
#[derive(Debug)]
struct Bits([u64; PARTS / 64]);

impl Default for Bits {
    fn default() -> Self {
        Self([0; PARTS / 64])
    }
}

/// Parts of a window: so many that few have more than one event.
const PARTS: usize = 4096;

/// No event.
const NONE: u32 = u32::MAX;

impl Agenda {
    /// Distributes the events to the parts; the last one comes no later than `until` after the
    /// window's beginning.
    pub(in crate::model::fast) fn arrange(&mut self, until: u64) {
        let shift = Event::shift(until, PARTS.ilog2());
        self.last.resize(PARTS, NONE);
        self.others.resize(self.others.len().max(self.events.len()), NONE);
        for ((index, event), other) in (0..).zip(&self.events).zip(&mut self.others) {
            let part = event.part(shift) % PARTS;
            let last = std::mem::replace(&mut self.last[part], index);
            let bits = self.any.0[part / 64];
            *other = if bits >> (part % 64) & 1 == 1 { last } else { NONE };
            self.any.0[part / 64] = bits | 1 << (part % 64);
            if !event.is_request() {
                self.comebacks.0[part / 64] |= 1 << (part % 64);
            }
        }
    }

    /// The events of the next part in order of time: of any part, or of one in which a buffer comes
    /// back. `None` if there is no more.
    #[inline]
    pub(in crate::model::fast) fn next(&mut self, any: bool) -> Option<&[Event]> {
        let bits = if any { &self.any } else { &self.comebacks };
        let part = bits.next(self.part)?;
        self.part = part + 1;
        let mut index = self.last[part] as usize;
        if self.others[index] == NONE {
            return Some(std::slice::from_ref(&self.events[index]));
        }
        self.sorted.clear();
        loop {
            self.sorted.push(self.events[index]);
            match self.others[index] {
                NONE => break,
                other => index = other as usize,
            }
        }
        self.sorted.sort_unstable();
        Some(&self.sorted)
    }

    /// Forgets everything.
    pub(in crate::model::fast) fn clear(&mut self) {
        self.events.clear();
        (self.any, self.comebacks, self.part) = (Bits::default(), Bits::default(), 0);
    }
}

impl Bits {
    /// The first that is set, from number `from` on.
    #[inline]
    fn next(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut rest = self.0.get(word)? & u64::MAX << (from % 64);
        while rest == 0 {
            word += 1;
            rest = *self.0.get(word)?;
        }
        Some(word * 64 + rest.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_come_in_order(
            events in prop::collection::vec((0_u64..50_000, any::<bool>(), 0_u32..9), 0..200),
            until in 50_000_u64..1 << 31,
        ) {
            let event = |(since, is_request, who)| match is_request {
                true => Event::request(since, who),
                false => Event::comeback(since, who),
            };
            let mut expected: Vec<Event> = events.iter().copied().map(event).collect();
            let mut agenda = Agenda { events: expected.clone(), ..Agenda::default() };
            expected.sort_unstable();
            agenda.arrange(until);
            let mut got = Vec::new();
            while let Some(events) = agenda.next(true) {
                got.extend_from_slice(events);
            }
            prop_assert_eq!(got, expected);
        }
    }
}

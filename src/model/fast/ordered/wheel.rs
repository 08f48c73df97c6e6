//! What comes back in a window, in order of time.

use crate::model::fast::windows::part_shift;

/// Buffers that come back, those of a window by its parts.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The beginning of the window, and how far times are shifted for their parts.
    base: u64,
    shift: u32,
    /// Parts that hold some, a bit each; those under way are taken out.
    any: [u64; WORDS],
    /// The last one of each part that holds some.
    last: Box<[u32; PARTS]>,
    returns: Vec<Return>,
    /// The part under way, and what is left of it: the first last.
    part: usize,
    current: Vec<u32>,
    /// No later than any that is left; `NEVER` if none is.
    pub(super) due: u64,
}

/// Parts of a window.
const PARTS: usize = 4096;
const WORDS: usize = PARTS / 64;

/// No other one.
const NONE: u32 = u32::MAX;
const NEVER: u64 = u64::MAX;

/// A buffer that comes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Return {
    /// The first instant whose arrivals find it free.
    pub(super) at: u64,
    /// When it comes back.
    pub(super) done: u64,
    pub(super) queue: u32,
    /// The one that came to the same part before.
    other: u32,
    is_cancelled: bool,
}

impl Return {
    /// One that comes back at once.
    pub(super) const fn new(now: u64, queue: u32) -> Self {
        Self { at: now, done: now, queue, other: NONE, is_cancelled: false }
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            base: 0,
            shift: 0,
            any: [0; WORDS],
            last: Box::new([NONE; PARTS]),
            returns: Vec::new(),
            part: 0,
            current: Vec::new(),
            due: NEVER,
        }
    }
}

impl Wheel {
    /// Begins anew with what comes back from `base` on and before `to`.
    pub(super) fn reset(&mut self, base: u64, to: u64) {
        debug_assert_eq!(self.due, NEVER, "all is taken out");
        self.base = base;
        self.shift = part_shift(to - base, PARTS.ilog2());
        self.returns.clear();
        self.part = 0;
    }

    /// Adds one; returns its number.
    #[inline]
    pub(super) fn add(&mut self, at: u64, done: u64, queue: u32) -> u32 {
        let number = u32::try_from(self.returns.len()).expect("few in a window");
        let part = usize::try_from((at - self.base) >> self.shift).expect("few parts") % PARTS;
        let (word, bit) = (&mut self.any[part / 64], 1 << (part % 64));
        let other = if *word & bit == 0 { NONE } else { self.last[part] };
        self.returns.push(Return { at, done, queue, other, is_cancelled: false });
        self.due = self.due.min(at);
        if part == self.part && !self.current.is_empty() {
            let later = |other: &u32| self.order(*other) > (at, done, number);
            let place = self.current.partition_point(later);
            self.current.insert(place, number);
            return number;
        }
        *word |= bit;
        self.last[part] = number;
        number
    }

    /// Takes the one with this number out, that has not come back.
    pub(super) fn cancel(&mut self, number: u32) {
        self.returns[number as usize].is_cancelled = true;
    }

    /// The next one that is there by `now`.
    #[inline]
    pub(super) fn next(&mut self, now: u64) -> Option<Return> {
        loop {
            let Some(number) = self.current.last() else {
                if !self.open_part(now) {
                    return None;
                }
                continue;
            };
            let next = self.returns[*number as usize];
            self.due = next.at;
            if next.at > now {
                return None;
            }
            self.current.pop();
            if !next.is_cancelled {
                return Some(next);
            }
        }
    }

    /// Goes on to the next part that holds some, unless it begins after `now`.
    #[inline]
    fn open_part(&mut self, now: u64) -> bool {
        let mut word = self.part / 64;
        let mut bits = self.any[word] & u64::MAX << (self.part % 64);
        while bits == 0 {
            word += 1;
            if word == WORDS {
                self.due = NEVER;
                return false;
            }
            bits = self.any[word];
        }
        let part = word * 64 + bits.trailing_zeros() as usize;
        self.due = self.base + ((part as u64) << self.shift);
        if self.due > now {
            return false;
        }
        self.part = part;
        self.any[word] &= !(1 << (part % 64));
        let mut number = self.last[part];
        while number != NONE {
            self.current.push(number);
            number = self.returns[number as usize].other;
        }
        if self.current.len() > 1 {
            let mut current = std::mem::take(&mut self.current);
            current.sort_unstable_by_key(|number| std::cmp::Reverse(self.order(*number)));
            self.current = current;
        }
        true
    }

    fn order(&self, number: u32) -> (u64, u64, u32) {
        let Return { at, done, .. } = self.returns[number as usize];
        (at, done, number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buffers_come_back_in_order(
            known in prop::collection::vec(0_u64..9000, 0..20),
            asked in prop::collection::vec((1_u64..2000, 1_u64..3000, any::<bool>()), 0..40),
        ) {
            const END: u64 = 100_000;
            let mut wheel = Wheel::default();
            wheel.reset(0, END);
            let mut left = known.clone();
            known.iter().for_each(|at| _ = wheel.add(*at, *at, 0));
            let mut now = 0;
            for (wait, later, is_cancelled) in asked {
                now += wait;
                left.sort_unstable();
                let due = left.partition_point(|at| *at <= now);
                let expected: Vec<u64> = left.drain(..due).collect();
                let got = std::iter::from_fn(|| wheel.next(now)).map(|one| one.at);
                prop_assert_eq!(got.collect::<Vec<u64>>(), expected);
                // Some come back soon, in the part under way.
                for at in [now + 1, now + later, now + 3] {
                    let number = wheel.add(at, at, 0);
                    if is_cancelled { wheel.cancel(number) } else { left.push(at) }
                }
            }
        }
    }
}

//! The most packets in all queues together, where departures are no events.

use crate::model::fast::windows::part_shift;

/// Parts of a window in which the maximum is bounded.
const PARTS: usize = 256;

/// The maximum over all queues.
#[derive(Debug, Default)]
pub(super) struct Total {
    pub(super) max: u64,
    /// Packets there before the window.
    pub(super) before: u64,
    /// When one more is there, and when one less, in the window under way.
    pub(super) rises: Vec<u64>,
    pub(super) falls: Vec<u64>,
}

impl Total {
    /// Whether the window under way may have a new maximum.
    pub(super) fn may_rise(&self) -> bool {
        self.before + self.rises.len() as u64 > self.max
    }

    /// Looks at a window from `base` to `to`, of which all is known.
    pub(super) fn watch(&mut self, base: u64, to: u64) {
        let shift = part_shift(to - base, PARTS.ilog2());
        let part = |time: &u64| usize::try_from((time - base) >> shift).expect("few") % PARTS;
        let (mut ups, mut downs) = ([0_u32; PARTS], [0_u32; PARTS]);
        self.rises.iter().for_each(|time| ups[part(time)] += 1);
        self.falls.iter().for_each(|time| downs[part(time)] += 1);
        let (mut level, mut bound) = (self.before, 0);
        for (up, down) in ups.iter().zip(&downs) {
            level += u64::from(*up);
            bound = bound.max(level);
            level -= u64::from(*down);
        }
        if bound > self.max {
            self.search();
        }
    }

    /// Finds the maximum, packet by packet; what leaves at an instant leaves first.
    fn search(&mut self) {
        self.rises.sort_unstable();
        self.falls.sort_unstable();
        let (mut level, mut fallen) = (self.before, 0);
        for rise in &self.rises {
            let more = self.falls[fallen..].iter().take_while(|fall| *fall <= rise).count();
            fallen += more;
            level = level + 1 - more as u64;
            self.max = self.max.max(level);
        }
    }

    /// The window is over; `now` packets are there.
    pub(super) fn next(&mut self, now: u64) {
        self.before = now;
        self.rises.clear();
        self.falls.clear();
    }
}

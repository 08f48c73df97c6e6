//! The buffers of a reserve that are in use.

use crate::stats::Level;
use crate::units::SimTime;

/// Buffers that queues share: how many are in use.
#[derive(Debug, Default)]
pub(super) struct Pool {
    pub(super) in_use: u32,
    pub(super) max: u32,
    /// Whether all are.
    pub(super) exhausted: Level,
}

impl Pool {
    /// One is taken at `now`, the last one maybe.
    #[inline]
    pub(super) fn give(&mut self, is_last: bool, now: SimTime) {
        self.in_use += 1;
        self.max = self.max.max(self.in_use);
        if is_last {
            self.exhausted.change(1, now);
        }
    }

    /// One comes back at `now`; none may have been free.
    #[inline]
    pub(super) fn take_back(&mut self, was_exhausted: bool, now: SimTime) {
        self.in_use -= 1;
        if was_exhausted {
            self.exhausted.change(-1, now);
        }
    }

    /// The window of measurement opens at `start`: the maximum is what is in use.
    pub(super) fn open(&mut self, start: u64) {
        self.max = self.in_use;
        self.exhausted.open(SimTime::from_ps(start));
    }
}

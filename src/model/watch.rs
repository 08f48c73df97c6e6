//! Looking at a run while it happens.

use std::fmt;

use crate::id::QueueId;
use crate::model::buffers::{Buffers, small};
use crate::model::ledger::{DropReason, Ledger, PacketCounts};
use crate::units::SimTime;

/// A run at an instant of its window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When: nothing that happens at this time has happened.
    pub time: SimTime,
    /// Each queue.
    pub queues: Vec<QueueLook>,
    /// Reserve buffers in use.
    pub reserve_in_use: u32,
    /// The most of them since the last look.
    pub reserve_highest: u32,
    /// Drops of the window by reason, in the order of [`DropReason::ALL`].
    pub drops: [u64; DropReason::ALL.len()],
}

/// A queue at an instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueLook {
    /// Buffers in use.
    pub in_use: u32,
    /// Those of them that are of the reserve.
    pub reserve_in_use: u32,
    /// The most buffers in use since the last look.
    pub highest: u32,
    /// Packets of the window so far.
    pub packets: PacketCounts,
}

/// Is shown a run, and says when to look again: later than it just did.
pub type Watcher<'a> = dyn FnMut(&Look) -> SimTime + 'a;

/// A watcher and what it will be shown.
pub(crate) struct Watch<'a> {
    watcher: &'a mut Watcher<'a>,
    next: SimTime,
    highest: Vec<u32>,
    reserve_highest: u32,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<'a> Watch<'a> {
    /// First looks at `start`.
    pub(crate) fn new(watcher: &'a mut Watcher<'a>, start: SimTime, queues: usize) -> Self {
        Self { watcher, next: start, highest: vec![0; queues], reserve_highest: 0 }
    }

    /// Shows what is due at or before `now`, before anything happens then.
    pub(crate) fn advance(&mut self, now: SimTime, buffers: &Buffers, ledger: &Ledger) {
        while self.next <= now && self.next != SimTime::MAX {
            let look = self.look(self.next, buffers, ledger);
            let next = (self.watcher)(&look);
            assert!(next > self.next, "the next look is later than this one");
            self.next = next;
        }
    }

    /// Shows the end.
    pub(crate) fn finish(&mut self, end: SimTime, buffers: &Buffers, ledger: &Ledger) {
        self.advance(end, buffers, ledger);
        let look = self.look(end, buffers, ledger);
        (self.watcher)(&look);
    }

    /// Notes that `queue` has just been given buffers.
    pub(crate) fn rise(&mut self, queue: QueueId, buffers: &Buffers) {
        let highest = &mut self.highest[queue.index()];
        *highest = small(buffers.in_use(queue).value()).max(*highest);
        self.reserve_highest = small(buffers.reserve_total().value()).max(self.reserve_highest);
    }

    fn look(&mut self, time: SimTime, buffers: &Buffers, ledger: &Ledger) -> Look {
        let reserve_in_use = small(buffers.reserve_total().value());
        let reserve_highest = std::mem::replace(&mut self.reserve_highest, reserve_in_use);
        let queues = self.highest.iter_mut().zip(ledger.queues()).zip(0..);
        let queues = queues.map(|((highest, packets), id)| {
            let queue = QueueId::new(id);
            let in_use = small(buffers.in_use(queue).value());
            let reserve_in_use = small(buffers.reserve_in_use(queue).value());
            let highest = std::mem::replace(highest, in_use).max(in_use);
            QueueLook { in_use, reserve_in_use, highest, packets: *packets }
        });
        Look {
            time,
            queues: queues.collect(),
            reserve_in_use,
            reserve_highest: reserve_highest.max(reserve_in_use),
            drops: ledger.drops(),
        }
    }
}

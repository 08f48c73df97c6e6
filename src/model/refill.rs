//! The core that posts the buffers of a reserve again, where that is not the queues' cores' work.

use std::collections::VecDeque;

use crate::calendar::Slot;
use crate::id::{GroupId, QueueId};
use crate::model::buffers::{Refiller, ReserveSpec};
use crate::model::machine::Machine;
use crate::units::{SimDuration, SimTime};

/// One such core for each reserve; none where the cores that take packets do it.
#[derive(Debug, Clone)]
pub(crate) struct Refills {
    /// Time for a buffer.
    cost: SimDuration,
    /// The event of the first one, after which those of the others follow.
    first: Slot,
    /// Batches handed to each; the first one is under way.
    handed: Vec<VecDeque<(QueueId, u32)>>,
}

impl Refills {
    pub(crate) fn new(reserve: Option<&ReserveSpec>, first: Slot) -> Self {
        let own = reserve.filter(|reserve| reserve.refiller == Refiller::OneCore);
        Self {
            cost: own.map_or(SimDuration::ZERO, |reserve| reserve.sync_cost),
            first,
            handed: own
                .map_or_else(Vec::new, |reserve| vec![VecDeque::new(); reserve.groups as usize]),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.handed.len()
    }

    /// A batch of a queue is handed to the core of its reserve; when that will have posted it, if
    /// it begins now.
    pub(crate) fn hand(
        &mut self,
        group: GroupId,
        batch: (QueueId, u32),
        now: SimTime,
    ) -> Option<(Slot, SimTime)> {
        let handed = &mut self.handed[group.index()];
        handed.push_back(batch);
        (handed.len() == 1).then(|| (self.first + group.index(), now + self.time_of(batch)))
    }

    fn time_of(&self, (_, count): (QueueId, u32)) -> SimDuration {
        self.cost * u64::from(count)
    }

    /// A core is done with its first batch: that, and when it will be done with the next.
    fn next(&mut self, slot: Slot, now: SimTime) -> ((QueueId, u32), SimTime) {
        let core = slot - self.first;
        let done = self.handed[core].pop_front().expect("a batch is under way");
        let next = self.handed[core].front().map(|batch| now + self.time_of(*batch));
        (done, next.unwrap_or(SimTime::MAX))
    }
}

impl Machine<'_> {
    /// Hands buffers that came back to the core of their reserve, if there are any.
    pub(super) fn hand(&mut self, queue: QueueId, count: u32) {
        if count == 0 {
            return;
        }
        let group = self.buffers.group(queue);
        if let Some((slot, end)) = self.refills.hand(group, (queue, count), self.now) {
            self.ledger.refilling(self.now, end);
            self.calendar.set(slot, end);
        }
    }

    /// The core of a reserve has posted a batch.
    pub(super) fn refill_due(&mut self, slot: Slot) {
        let ((queue, count), next) = self.refills.next(slot, self.now);
        self.buffers.refilled(queue, count, self.now);
        if next != SimTime::MAX {
            self.ledger.refilling(self.now, next);
        }
        self.calendar.set(slot, next);
        self.released = true;
        self.last_activity = self.now;
    }
}

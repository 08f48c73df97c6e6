//! Pages that the stack or the application keeps after delivery.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::Packet;
use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::units::SimTime;

/// Pages that have left the poll.
#[derive(Debug, Clone)]
pub(super) struct Pages {
    /// In order of their return, then of delivery.
    returns: BinaryHeap<Reverse<(SimTime, u64, QueueId, Buffers)>>,
    delivered: u64,
    /// Held above the ring.
    held: u64,
    /// Buffers of the ring that the application has, per queue.
    lent: BTreeMap<QueueId, Buffers>,
    slot: Slot,
}

/// A lease that can be ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Buffers {
    dedicated: u32,
    reserve: u32,
}

impl Pages {
    /// None yet; `slot` is the release slot of the next return.
    pub(super) fn new(slot: Slot) -> Self {
        Self { returns: BinaryHeap::new(), delivered: 0, held: 0, lent: BTreeMap::new(), slot }
    }

    /// Pages held above the ring now.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Buffers of this queue's ring that the application has.
    pub(super) fn lent(&self, queue: QueueId) -> Lease {
        let Buffers { dedicated, reserve } = self.lent.get(&queue).copied().unwrap_or_default();
        Lease { dedicated, reserve }
    }

    /// The stack keeps the pages of a delivered packet; the ring gets others.
    pub(super) fn hold(&mut self, queue: QueueId, packet: &Packet, machine: &mut Machine<'_>) {
        if packet.work.is_zero() {
            return;
        }
        let pages = packet.lease.total();
        self.held += u64::from(pages);
        machine.ledger.held(i64::from(pages), machine.now);
        self.push(queue, packet, machine);
    }

    /// The application keeps the buffers of a delivered packet, and their slots stay empty.
    pub(super) fn lend(&mut self, queue: QueueId, packet: &Packet, machine: &mut Machine<'_>) {
        let lent = self.lent.entry(queue).or_default();
        lent.dedicated += packet.lease.dedicated;
        lent.reserve += packet.lease.reserve;
        self.push(queue, packet, machine);
    }

    fn push(&mut self, queue: QueueId, packet: &Packet, machine: &mut Machine<'_>) {
        let Lease { dedicated, reserve } = packet.lease;
        let time = machine.now + packet.work;
        self.returns.push(Reverse((time, self.delivered, queue, Buffers { dedicated, reserve })));
        self.delivered += 1;
        self.schedule(machine);
    }

    /// The next return, which is due: whose, and of which buffers.
    pub(super) fn pop(&mut self, machine: &mut Machine<'_>) -> (QueueId, Lease) {
        let Reverse((_, _, queue, Buffers { dedicated, reserve })) =
            self.returns.pop().expect("a return is due");
        self.schedule(machine);
        let lease = Lease { dedicated, reserve };
        if let Some(lent) = self.lent.get_mut(&queue) {
            lent.dedicated -= dedicated;
            lent.reserve -= reserve;
        } else {
            self.held -= u64::from(lease.total());
            machine.ledger.held(-i64::from(lease.total()), machine.now);
            machine.active();
        }
        (queue, lease)
    }

    fn schedule(&self, machine: &mut Machine<'_>) {
        let time = self.returns.peek().map_or(SimTime::MAX, |Reverse((time, ..))| *time);
        machine.calendar.set(self.slot, time);
    }
}

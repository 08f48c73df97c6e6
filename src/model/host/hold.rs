//! Every packet holds its buffers for its own time, independently of all others.
//!
//! No queueing: buffers are the servers of a loss system, M/G/n/n and its overflow. The host takes
//! a packet the moment it arrives, so it never holds a completion entry. Validated against Erlang B
//! and the exact overflow chain.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{HostSlots, Packet};
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::units::SimTime;

/// The slot of the next release.
const RELEASE: usize = 0;

/// All packets, by the time of their release.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    packets: BinaryHeap<Reverse<Held>>,
    /// Packets held for no time at all: released when the arrivals of this instant are over.
    passing: Vec<(QueueId, Packet)>,
    slots: HostSlots,
    order: u64,
    /// Sum of the queue's leases, and number of its packets.
    held: Vec<(Lease, u64)>,
}

/// A packet and its release, ordered by (time, order of placement).
#[derive(Debug, Clone)]
struct Held {
    release: SimTime,
    order: u64,
    queue: QueueId,
    packet: Packet,
}

impl Hold {
    pub(super) fn new(queues: usize, slots: HostSlots) -> Self {
        let held = vec![(Lease::default(), 0); queues];
        Self { packets: BinaryHeap::new(), passing: Vec::new(), slots, order: 0, held }
    }

    pub(super) fn packet_placed(
        &mut self,
        queue: QueueId,
        packet: Packet,
        machine: &mut Machine<'_>,
    ) {
        machine.free_completion(queue);
        let (lease, count) = &mut self.held[queue.index()];
        *lease = lease.plus(packet.lease);
        *count += 1;
        if packet.work.is_zero() {
            self.passing.push((queue, packet));
            machine.calendar.set(self.slots.first_visit, machine.now);
            return;
        }
        let release = machine.now + packet.work;
        self.packets.push(Reverse(Held { release, order: self.order, queue, packet }));
        self.order += 1;
        self.schedule(machine);
    }

    pub(super) fn release_due(&mut self, machine: &mut Machine<'_>) {
        let Reverse(Held { queue, packet, .. }) = self.packets.pop().expect("a release is due");
        self.release(queue, &packet, machine);
        self.schedule(machine);
    }

    /// Packets that are held for no time leave.
    pub(super) fn passing_due(&mut self, machine: &mut Machine<'_>) {
        machine.calendar.clear(self.slots.first_visit);
        for (queue, packet) in std::mem::take(&mut self.passing) {
            self.release(queue, &packet, machine);
        }
    }

    fn release(&mut self, queue: QueueId, packet: &Packet, machine: &mut Machine<'_>) {
        let (lease, count) = &mut self.held[queue.index()];
        lease.dedicated -= packet.lease.dedicated;
        lease.reserve -= packet.lease.reserve;
        *count -= 1;
        let emptied = *count == 0;
        machine.deliver(queue, packet);
        let lease = machine.buffers.destination(queue, packet.lease);
        machine.release(queue, lease);
        if emptied {
            machine.flush(queue);
        }
    }

    fn schedule(&self, machine: &mut Machine<'_>) {
        let next = self.packets.peek().map_or(SimTime::MAX, |Reverse(held)| held.release);
        machine.calendar.set(RELEASE, next);
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        self.held[queue.index()]
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.release, self.order).cmp(&(other.release, other.order))
    }
}

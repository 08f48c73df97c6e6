//! Buffers come back when a recording says so.
//!
//! At each recorded return the `count` oldest outstanding buffers of the queue are reposted, fewer
//! if fewer are outstanding. A packet is delivered, and its completion entry freed, when the last
//! of its buffers is returned. Validated on recordings of real kernel rings.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Packet, RecordedReturn, sum_leases};
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::units::SimTime;

/// The slot of the next return.
const RETURN: usize = 0;

/// Replays recorded returns.
#[derive(Debug, Clone)]
pub(crate) struct TraceReplay {
    returns: Arc<[RecordedReturn]>,
    next: usize,
    /// Packets with the buffers they still hold.
    queues: Vec<VecDeque<Packet>>,
}

impl TraceReplay {
    pub(super) fn new(returns: Arc<[RecordedReturn]>, queues: usize) -> Self {
        Self { returns, next: 0, queues: (0..queues).map(|_| VecDeque::new()).collect() }
    }

    pub(super) fn schedule(&self, machine: &mut Machine<'_>) {
        let time = self.returns.get(self.next).map_or(SimTime::MAX, |next| next.time);
        machine.calendar.set(RETURN, time);
    }

    pub(super) fn packet_placed(
        &mut self,
        queue: QueueId,
        packet: Packet,
        _machine: &mut Machine<'_>,
    ) {
        self.queues[queue.index()].push_back(packet);
    }

    pub(super) fn release_due(&mut self, machine: &mut Machine<'_>) {
        let RecordedReturn { queue, mut count, .. } = self.returns[self.next];
        self.next += 1;
        while count > 0 {
            let Some(packet) = self.queues[queue.index()].front_mut() else {
                machine.ledger.returned_nothing(count);
                break;
            };
            let dedicated = packet.lease.dedicated.min(count);
            let reserve = packet.lease.reserve.min(count - dedicated);
            packet.lease.dedicated -= dedicated;
            packet.lease.reserve -= reserve;
            count -= dedicated + reserve;
            let emptied = packet.lease == Lease::default();
            let returned = machine.buffers.destination(queue, Lease { dedicated, reserve });
            machine.release(queue, returned);
            if emptied {
                self.deliver_first(queue, machine);
            }
        }
        self.schedule(machine);
    }

    fn deliver_first(&mut self, queue: QueueId, machine: &mut Machine<'_>) {
        let packets = &mut self.queues[queue.index()];
        let packet = packets.pop_front().expect("its last buffer has just come back");
        machine.free_completion(queue);
        machine.deliver(queue, &packet);
        if packets.is_empty() {
            machine.flush(queue);
        }
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        sum_leases(self.queues[queue.index()].iter())
    }
}

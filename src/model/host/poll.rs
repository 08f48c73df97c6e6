//! All queues are polled at every multiple of a period.
//!
//! A queue gives up to `budget` of the packets that wait; the j-th of them is delivered and frees
//! its buffers `j x per_packet` later, at once where that is zero. A queue still busy with the last
//! poll gives nothing at this one. Validated against the exact chain at poll epochs.

use std::collections::VecDeque;

use super::{HostSlots, Packet, sum_leases};
use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::units::{SimDuration, SimTime};

/// All queues and the poll clock.
#[derive(Debug, Clone)]
pub(crate) struct Poll {
    period: SimDuration,
    budget: Option<u32>,
    per_packet: SimDuration,
    queues: Vec<Queue>,
    /// Polls so far, counted at multiples of the period from time zero.
    polls: u64,
    slots: HostSlots,
}

#[derive(Debug, Clone, Default)]
struct Queue {
    packets: VecDeque<Packet>,
    /// How many at the front have been taken and not yet released.
    taken: usize,
}

impl Poll {
    pub(super) fn new(
        period: SimDuration,
        budget: Option<u32>,
        per_packet: SimDuration,
        queues: usize,
        slots: HostSlots,
    ) -> Self {
        let queues = (0..queues).map(|_| Queue::default()).collect();
        Self { period, budget, per_packet, queues, polls: 0, slots }
    }

    pub(super) fn packet_placed(
        &mut self,
        queue: QueueId,
        packet: Packet,
        machine: &mut Machine<'_>,
    ) {
        self.queues[queue.index()].packets.push_back(packet);
        if machine.calendar.time_of(self.slots.first_visit).is_none() {
            self.schedule_poll(machine);
        }
    }

    pub(super) fn poll_due(&mut self, machine: &mut Machine<'_>) {
        self.polls = machine.now.as_ps() / self.period.as_ps() + 1;
        for index in 0..self.queues.len() {
            let id = machine.queue(index);
            let queue = &mut self.queues[index];
            if queue.taken > 0 {
                continue;
            }
            let budget = self.budget.map_or(usize::MAX, |budget| budget as usize);
            queue.taken = queue.packets.len().min(budget);
            for _ in 0..queue.taken {
                machine.free_completion(id);
            }
            if self.per_packet.is_zero() {
                while self.queues[index].taken > 0 {
                    self.release_first(id, machine);
                }
            } else if queue.taken > 0 {
                let work = self.per_packet * queue.taken as u64;
                machine.ledger.busy(machine.now, machine.now + work);
                machine.calendar.set(index, machine.now + self.per_packet);
            }
        }
        if self.queues.iter().all(|queue| queue.packets.len() == queue.taken) {
            machine.calendar.clear(self.slots.first_visit);
        } else {
            self.schedule_poll(machine);
        }
    }

    pub(super) fn release_due(&mut self, slot: Slot, machine: &mut Machine<'_>) {
        self.release_first(machine.queue(slot), machine);
        let next = match self.queues[slot].taken {
            0 => SimTime::MAX,
            _ => machine.now + self.per_packet,
        };
        machine.calendar.set(slot, next);
    }

    fn release_first(&mut self, id: QueueId, machine: &mut Machine<'_>) {
        let queue = &mut self.queues[id.index()];
        let packet = queue.packets.pop_front().expect("a taken packet is at the front");
        queue.taken -= 1;
        machine.deliver(id, &packet);
        let lease = machine.buffers.destination(id, packet.lease);
        machine.release(id, lease);
        if queue.packets.is_empty() {
            machine.flush(id);
        }
    }

    /// The next poll is at the first multiple of the period from now on that has had none: a packet
    /// that arrives at the very instant of a poll comes before it, one that the FIFO gives up at
    /// that instant because the poll made room comes after it.
    fn schedule_poll(&self, machine: &mut Machine<'_>) {
        let number = machine.now.as_ps().div_ceil(self.period.as_ps()).max(self.polls);
        machine.calendar.set(self.slots.first_visit, SimTime::ZERO + self.period * number);
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        sum_leases(self.queues[queue.index()].packets.iter())
    }
}

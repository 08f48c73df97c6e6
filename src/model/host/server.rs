//! One server a queue: a packet holds its buffers from arrival until its service ends.
//!
//! A packet that finds its queue empty is first served `wakeup` later, once per busy period. Each
//! queue is a core: a service due to start during a stall starts when the stall is over, one in
//! progress is finished. The cost of reposting reserve buffers lengthens the service that completes
//! a repost batch; a partial batch is flushed when the queue empties, and its cost keeps the server
//! from the next packet.
//!
//! Validated against M/M/1/K, M/D/1/K, batch and on-off queues, exact chains for shared reserves.

use std::collections::VecDeque;

use super::{HostSlots, Packet, Work, sum_leases};
use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::distribution::Distribution;
use crate::model::machine::Machine;
use crate::model::stall::Stalls;
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime};

/// All servers.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    queues: Vec<Queue>,
    /// Queues whose next service starts at this instant, once its arrivals are over.
    starts: Vec<QueueId>,
    wakeup: Distribution,
    sync_cost: SimDuration,
    slots: HostSlots,
}

#[derive(Debug, Clone)]
struct Queue {
    /// Packets in order of arrival, the one in service at the front.
    packets: VecDeque<Packet>,
    state: State,
    stalls: Stalls,
    wakeups: Generator,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not in service: empty, waking up, or about to start.
    Idle,
    /// Serving the front packet.
    Serving,
    /// The front packet is done but for the repost of this batch, which it completes.
    Reposting,
    /// Empty; a partial repost batch is being flushed until this time.
    Flushing(SimTime),
}

impl Server {
    pub(super) fn new(
        wakeup: &Distribution,
        stalls: Vec<Stalls>,
        sync_cost: SimDuration,
        slots: HostSlots,
        streams: Streams,
    ) -> Self {
        let queues = stalls
            .into_iter()
            .enumerate()
            .map(|(queue, stalls)| Queue {
                packets: VecDeque::new(),
                state: State::Idle,
                stalls,
                wakeups: streams.stream(&format!("host queue {queue} wakeup")),
            })
            .collect();
        Self { queues, starts: Vec::new(), wakeup: wakeup.clone(), sync_cost, slots }
    }

    pub(super) fn packet_placed(&mut self, id: QueueId, packet: Packet, machine: &mut Machine<'_>) {
        let queue = &mut self.queues[id.index()];
        queue.packets.push_back(packet);
        if queue.packets.len() > 1 {
            return;
        }
        machine.ledger.woken(machine.now);
        let wakeup = SimDuration::from_ps(self.wakeup.sample(&mut queue.wakeups));
        let mut start = machine.now + wakeup;
        if let State::Flushing(until) = queue.state {
            start = start.max(until);
        }
        self.start_at(id, start, machine);
    }

    pub(super) fn has_starts(&self) -> bool {
        !self.starts.is_empty()
    }

    pub(super) fn start_services(&mut self, machine: &mut Machine<'_>) {
        while let Some(id) = self.starts.pop() {
            self.start(id, machine);
        }
    }

    /// A start that was put off by a wake-up or a stall is due.
    pub(super) fn start_due(&mut self, visit: usize, machine: &mut Machine<'_>) {
        machine.calendar.clear(self.slots.first_visit + visit);
        self.start(machine.queue(visit), machine);
    }

    pub(super) fn release_due(&mut self, slot: Slot, machine: &mut Machine<'_>) {
        let id = machine.queue(slot);
        let queue = &mut self.queues[id.index()];
        if let State::Flushing(_) = queue.state {
            machine.flush(id);
            queue.state = State::Idle;
            machine.calendar.clear(slot);
            return;
        }
        let lease = queue.packets.front().expect("a packet is in service").lease;
        let lease = machine.buffers.destination(id, lease);
        if queue.state == State::Serving && !self.sync_cost.is_zero() {
            let due = machine.buffers.due(id, lease.reserve);
            if due > 0 {
                queue.state = State::Reposting;
                machine.synchronize(id, slot, self.sync_cost * u64::from(due));
                return;
            }
        }
        self.depart(id, lease, slot, machine);
    }

    fn depart(&mut self, id: QueueId, lease: Lease, slot: Slot, machine: &mut Machine<'_>) {
        let queue = &mut self.queues[id.index()];
        let packet = queue.packets.pop_front().expect("a packet is in service");
        queue.state = State::Idle;
        machine.deliver(id, &packet);
        machine.release(id, lease);
        if !queue.packets.is_empty() {
            if !self.start_early(id, machine) {
                machine.calendar.clear(slot);
                self.starts.push(id);
            }
            return;
        }
        machine.calendar.clear(slot);
        let partial = machine.buffers.awaiting_repost(id);
        if partial > 0 {
            let end = machine.synchronize(id, slot, self.sync_cost * u64::from(partial));
            self.queues[id.index()].state = State::Flushing(end);
        }
    }

    /// Starts the queue's next service at `time`, or later if that instant is not over.
    fn start_at(&mut self, id: QueueId, time: SimTime, machine: &mut Machine<'_>) {
        if time == machine.now {
            if !self.start_early(id, machine) {
                self.starts.push(id);
            }
        } else {
            machine.calendar.set(self.slots.first_visit + id.index(), time);
        }
    }

    /// Starts a service before the arrivals of this instant are over, where that cannot be told
    /// from starting it after them: no stall, the service takes time, and completion entries, which
    /// it frees, never run out. Saves an event a packet.
    #[inline]
    fn start_early(&mut self, id: QueueId, machine: &mut Machine<'_>) -> bool {
        let queue = &self.queues[id.index()];
        let works = queue.packets.front().is_some_and(|packet| !packet.work.is_zero());
        let early = works && queue.stalls.is_empty() && !machine.buffers.completions_run_out();
        if early {
            self.serve(id, machine);
        }
        early
    }

    /// Starts a service now, or when the stall under way is over.
    fn start(&mut self, id: QueueId, machine: &mut Machine<'_>) {
        let free = self.queues[id.index()].stalls.free_from(machine.now);
        if free > machine.now {
            machine.calendar.set(self.slots.first_visit + id.index(), free);
        } else {
            self.serve(id, machine);
        }
    }

    #[inline]
    fn serve(&mut self, id: QueueId, machine: &mut Machine<'_>) {
        let queue = &mut self.queues[id.index()];
        let packet = queue.packets.front().expect("a service starts only with a packet");
        queue.state = State::Serving;
        machine.free_completion(id);
        let end = machine.now + packet.work + packet.handling.copying;
        machine.ledger.busy(machine.now, end);
        machine.calendar.set(id.index(), end);
    }

    /// Goes on with streams of its own. The work of packets whose service has not begun, of which
    /// nothing is known yet, is drawn anew; so are services and wake-ups under way where what is
    /// left of them does not depend on how long they have lasted.
    pub(super) fn branch_off(
        &mut self,
        work: &mut Work,
        machine: &mut Machine<'_>,
        chance: &mut Generator,
    ) {
        for (index, queue) in self.queues.iter_mut().enumerate() {
            let id = machine.queue(index);
            queue.wakeups = branch_off(chance);
            queue.stalls.branch_off(chance);
            let begun = matches!(queue.state, State::Serving | State::Reposting);
            for packet in queue.packets.iter_mut().skip(usize::from(begun)) {
                packet.work = work.draw(id);
            }
            let start = self.slots.first_visit + index;
            if queue.state == State::Serving {
                if let Some(left) = work.memoryless_residual(id) {
                    machine.calendar.set(index, machine.now + left);
                }
            } else if queue.stalls.is_empty()
                && queue.state == State::Idle
                && self.slots.visits > 0
                && machine.calendar.time_of(start).is_some()
                && let Some(left) = self.wakeup.memoryless_residual(&mut queue.wakeups)
            {
                machine.calendar.set(start, machine.now + SimDuration::from_ps(left));
            }
        }
    }

    /// Takes back the last packet of a queue that holds reserve buffers, but for its first, which
    /// is in service or about to be.
    pub(super) fn take_back(&mut self, id: QueueId, machine: &Machine<'_>) -> Option<Packet> {
        let packets = &mut self.queues[id.index()].packets;
        let repays = |lease| machine.buffers.destination(id, lease).reserve > 0;
        let last = (1..packets.len()).rev().find(|index| repays(packets[*index].lease))?;
        packets.remove(last)
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        sum_leases(self.queues[queue.index()].packets.iter())
    }
}

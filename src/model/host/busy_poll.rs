//! Cores that visit their queues in turn, for ever: DPDK's poll mode, AF_XDP busy loops.
//!
//! ```text
//!  visit:  | poll_overhead | packet 1 | packet 2 | repost | packet 3 | ... | repost | next visit
//!          ^ m = min(waiting, budget) taken      ^ after every `refill` packets and at the end
//! ```
//!
//! A visit that would start during a stall starts when the stall is over; what was begun is
//! finished. With no overhead an idle core waits for the next arrival on any of its queues; with
//! overhead it keeps visiting, and the empty visits up to the next arrival are counted, not
//! simulated one by one. A partial batch of reserve buffers is flushed at the end of the visit that
//! empties the queue. Validated on recordings of a real AF_XDP consumer, and against a step-by-step
//! loop.

use std::collections::VecDeque;

use super::{BusyPollSpec, HostSlots, Packet, sum_leases};
use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::model::stall::Stalls;
use crate::random::Generator;
use crate::units::{SimDuration, SimTime};

/// All cores and queues.
#[derive(Debug, Clone)]
pub(crate) struct BusyPoll {
    spec: BusyPollSpec,
    sync_cost: SimDuration,
    cores: Vec<Core>,
    queues: Vec<VecDeque<Packet>>,
    /// Buffers of delivered packets that await the next refill, per queue.
    unposted: Vec<Lease>,
    slots: HostSlots,
}

#[derive(Debug, Clone)]
struct Core {
    queues: Vec<QueueId>,
    /// Position in `queues` of the visit under way, or of the next one.
    turn: usize,
    state: State,
    stalls: Stalls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All queues are empty; the next visit would start at this time.
    Idle(SimTime),
    /// The next visit has its place in the calendar.
    Between,
    /// Working on a packet, or paying for an empty visit: packets left of this visit, and packets
    /// since the last repost.
    Working { left: u32, since_refill: u32 },
    /// Paying for reposting reserve buffers.
    Reposting { left: u32 },
    /// Paying for the flush of a partial batch at the end of a visit.
    Flushing,
}

impl BusyPoll {
    pub(super) fn new(
        spec: &BusyPollSpec,
        stalls: Vec<Stalls>,
        sync_cost: SimDuration,
        queues: usize,
        slots: HostSlots,
    ) -> Self {
        let count = stalls.len();
        let cores = stalls
            .into_iter()
            .enumerate()
            .map(|(core, stalls)| Core {
                queues: (0..)
                    .map(QueueId::new)
                    .take(queues)
                    .filter(|queue| queue.index() % count == core)
                    .collect(),
                turn: 0,
                state: State::Idle(SimTime::ZERO),
                stalls,
            })
            .collect();
        Self {
            spec: spec.clone(),
            sync_cost,
            cores,
            queues: (0..queues).map(|_| VecDeque::new()).collect(),
            unposted: vec![Lease::default(); queues],
            slots,
        }
    }

    pub(super) fn packet_placed(
        &mut self,
        queue: QueueId,
        packet: Packet,
        machine: &mut Machine<'_>,
    ) {
        self.queues[queue.index()].push_back(packet);
        let index = queue.index() % self.cores.len();
        if let State::Idle(next) = self.cores[index].state {
            let core = &mut self.cores[index];
            let start = if self.spec.poll_overhead.is_zero() {
                machine.now
            } else {
                // A packet that comes after the visits of this instant is for a later one.
                let after = SimDuration::from_ps(u64::from(machine.visits_over));
                let (turn, arrival) = ((core.turn, core.queues.len()), machine.now + after);
                let overhead = self.spec.poll_overhead;
                let (start, turn) = skip_visits(&mut core.stalls, turn, next, overhead, arrival);
                core.turn = turn;
                start
            };
            self.cores[index].state = State::Between;
            machine.calendar.set(self.slots.first_visit + index, start);
        }
    }

    pub(super) fn visit_due(&mut self, index: usize, machine: &mut Machine<'_>) {
        let visit_slot = self.slots.first_visit + index;
        let core = &mut self.cores[index];
        let free = core.stalls.free_from(machine.now);
        if free > machine.now {
            machine.calendar.set(visit_slot, free);
            return;
        }
        machine.calendar.clear(visit_slot);
        let Some(turn) = core.next_turn(&self.queues, self.spec.poll_overhead) else {
            core.state = State::Idle(machine.now);
            return;
        };
        core.turn = turn;
        let id = core.queues[turn];
        let waiting = self.queues[id.index()].len();
        let left = u32::try_from(waiting).unwrap_or(u32::MAX).min(self.spec.budget);
        for _ in 0..left {
            machine.free_completion(id);
        }
        core.state = State::Working { left, since_refill: 0 };
        let begin = machine.now + self.spec.poll_overhead;
        self.work_on_next(index, begin, machine);
    }

    /// Begins the next packet of the visit at `begin`, or the end of the visit if none is left.
    fn work_on_next(&mut self, index: usize, begin: SimTime, machine: &mut Machine<'_>) {
        let core = &self.cores[index];
        let State::Working { left, .. } = core.state else { unreachable!("the core is working") };
        let mut end = begin;
        if left > 0 {
            let packet = self.queues[core.queue().index()].front().expect("packets are left");
            let bytes = self.spec.per_byte * u64::from(packet.len);
            end = begin + self.spec.per_packet + bytes + packet.handling.copying;
            machine.ledger.busy(begin, end);
        }
        machine.calendar.set(index, end);
    }

    pub(super) fn release_due(&mut self, index: Slot, machine: &mut Machine<'_>) {
        machine.calendar.clear(index);
        let id = self.cores[index].queue();
        match self.cores[index].state {
            State::Working { left: 0, .. } => self.end_visit(index, machine),
            State::Working { left, since_refill } => {
                let packet = self.queues[id.index()].pop_front().expect("packets are left");
                machine.deliver(id, &packet);
                let unposted = &mut self.unposted[id.index()];
                *unposted = unposted.plus(packet.lease);
                let (left, since_refill) = (left - 1, since_refill + 1);
                if left > 0 && since_refill < self.spec.refill {
                    self.cores[index].state = State::Working { left, since_refill };
                    self.work_on_next(index, machine.now, machine);
                } else {
                    self.begin_repost(index, left, machine);
                }
            }
            State::Reposting { left } => self.repost(index, left, machine),
            State::Flushing => {
                machine.flush(id);
                self.next_visit(index, machine);
            }
            State::Idle(_) | State::Between => unreachable!("no work is under way"),
        }
    }

    fn begin_repost(&mut self, index: usize, left: u32, machine: &mut Machine<'_>) {
        let id = self.cores[index].queue();
        let returning = machine.buffers.destination(id, self.unposted[id.index()]);
        let cost = self.sync_cost * u64::from(machine.buffers.due(id, returning.reserve));
        if cost.is_zero() {
            self.repost(index, left, machine);
        } else {
            self.cores[index].state = State::Reposting { left };
            machine.synchronize(id, index, cost);
        }
    }

    fn repost(&mut self, index: usize, left: u32, machine: &mut Machine<'_>) {
        let id = self.cores[index].queue();
        let unposted = std::mem::take(&mut self.unposted[id.index()]);
        let returning = machine.buffers.destination(id, unposted);
        machine.release(id, returning);
        if left > 0 {
            self.cores[index].state = State::Working { left, since_refill: 0 };
            self.work_on_next(index, machine.now, machine);
        } else {
            self.end_visit(index, machine);
        }
    }

    fn end_visit(&mut self, index: usize, machine: &mut Machine<'_>) {
        let id = self.cores[index].queue();
        let partial = machine.buffers.awaiting_repost(id);
        if partial > 0 && self.queues[id.index()].is_empty() {
            self.cores[index].state = State::Flushing;
            machine.synchronize(id, index, self.sync_cost * u64::from(partial));
        } else {
            self.next_visit(index, machine);
        }
    }

    fn next_visit(&mut self, index: usize, machine: &mut Machine<'_>) {
        let core = &mut self.cores[index];
        core.turn = (core.turn + 1) % core.queues.len();
        if core.queues.iter().all(|queue| self.queues[queue.index()].is_empty()) {
            core.state = State::Idle(machine.now);
        } else {
            core.state = State::Between;
            machine.calendar.set(self.slots.first_visit + index, machine.now);
        }
    }

    /// Goes on with streams of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        for core in &mut self.cores {
            core.stalls.branch_off(chance);
        }
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        let (lease, count) = sum_leases(self.queues[queue.index()].iter());
        (lease.plus(self.unposted[queue.index()]), count)
    }
}

impl Core {
    fn queue(&self) -> QueueId {
        self.queues[self.turn]
    }

    /// The position of the queue to visit now: the next in turn, or, where empty visits cost
    /// nothing, the next one with packets. `None`: nothing to visit for.
    fn next_turn(&self, queues: &[VecDeque<Packet>], overhead: SimDuration) -> Option<usize> {
        let empty = |turn: usize| queues[self.queues[turn].index()].is_empty();
        if !overhead.is_zero() {
            return Some(self.turn);
        }
        let count = self.queues.len();
        (0..count).map(|step| (self.turn + step) % count).find(|turn| !empty(*turn))
    }
}

/// Passes over the visits of an idle core that start before an arrival at `arrival`; the next one
/// would start at `next`, at the queue whose turn it is of so many. Returns the start of the first
/// visit at or after the arrival, and whose turn it is then.
pub(in crate::model) fn skip_visits(
    stalls: &mut Stalls,
    (mut turn, queues): (usize, usize),
    next: SimTime,
    overhead: SimDuration,
    arrival: SimTime,
) -> (SimTime, usize) {
    let mut next = stalls.free_from(next);
    while next < arrival {
        // Visits go on evenly until the arrival or the next stall.
        let until = arrival.min(stalls.next_start());
        let visits = until.saturating_since(next).as_ps().div_ceil(overhead.as_ps()).max(1);
        let steps = usize::try_from(visits % queues as u64).expect("below the number of queues");
        turn = (turn + steps) % queues;
        next = stalls.free_from(next + overhead * visits);
    }
    (next, turn)
}

//! A host as Linux has it: interrupts, NAPI polls in the softirq of a core or in threads.
//!
//! ```text
//!  packets      x x    x  x x x
//!  interrupt      |<- rx_usecs ->!              (or with the rx_frames-th)
//!  core                          |<- wakeup ->| poll_overhead | x | x | x ... | repost |
//!                                             poll of up to `budget` packets
//! ```
//!
//! What Linux 7.3 does, where a scenario does not say:
//!
//! - *Coalescing* is the rule of include/uapi/linux/ethtool.h: an interrupt when `usecs > 0 && time
//!   since first completion >= usecs`, or `frames > 0 && completions >= frames`. In CQE mode the
//!   timer restarts with every completion. Completions that a poll left behind count as of the
//!   instant at which it enables interrupts again.
//! - *A poll* takes packets as long as it finds any, those that arrive meanwhile too, up to
//!   `budget`. One that finds fewer has completed: interrupts are enabled. One that used its budget
//!   is polled again, even if the ring is empty now (`__napi_poll`, net/core/dev.c).
//! - *The softirq* goes round the NAPIs scheduled on its core (`net_rx_action`; see `softirq`). An
//!   interrupt while it runs adds its NAPI to the list and needs no wake-up.
//! - *Threads* (`threaded`) wake up each by itself, and share their core poll by poll.
//! - *Deferred interrupts* (`napi_complete_done`): after a poll that found packets the next one
//!   comes `gro_flush_timeout` later instead of an interrupt; `napi_defer_hard_irqs` polls in a row
//!   that find nothing enable interrupts. The timer is an interrupt, too: it needs a wake-up.
//! - *`busy_poll`*: after a poll that found packets an application spins on the queue for so long.
//!   A packet that arrives meanwhile is polled at once, without interrupt or wake-up.
//! - *Refill*: every poll's slots at its end (ice), or in batches in the middle of polls, where a
//!   partial batch waits for the next packets (ixgbe: 16; i40e: half the ring). A partial batch of
//!   the *reserve* is flushed when a poll completes.
//! - *Moderation* (`adaptive`): see `dim`; a poll that completes is its sample.
//!
//! A stall holds up the next poll; what was begun is finished, and interrupts are noted meanwhile.
//! Time limits are exact where Linux counts jiffies. In rotation, for the cache, are the entries of
//! queues that have had packets, reserve buffers in use and pages held above the ring; a packet
//! misses with probability `1 - share / rotation`, and its cost is the mean. Validated against the
//! server host, hand-computed timelines and a step-by-step loop.

mod dim;
mod interrupt;
mod pages;
mod softirq;
mod spec;

use std::collections::VecDeque;

use super::{HostSlots, Packet, sum_leases};
use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::machine::Machine;
use crate::model::stall::Stalls;
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime};

use pages::Pages;

pub(in crate::model) use interrupt::{Completed, Event, Interrupts};
pub(in crate::model) use softirq::{Polled, Then, Turns};
pub use spec::{CacheSpec, Coalescing, Defer, Moderation, NapiContext, NapiSpec, Recycle, Refill};

/// All cores and queues.
#[derive(Debug, Clone)]
pub(crate) struct Napi {
    spec: NapiSpec,
    sync_cost: SimDuration,
    cores: Vec<Core>,
    queues: Vec<Queue>,
    pages: Pages,
    /// Entries of the rings that have had packets.
    entries_used: u64,
    slots: HostSlots,
}

#[derive(Debug, Clone)]
struct Core {
    turns: Turns,
    stalls: Stalls,
    doing: Doing,
    /// Wake-ups under way, where it sleeps until the first of them and for nothing else.
    wakeups: u32,
}

#[derive(Debug, Clone)]
struct Queue {
    packets: VecDeque<Packet>,
    /// Buffers of delivered packets that await the next refill.
    unposted: Lease,
    interrupts: Interrupts,
    used: bool,
}

/// What a core does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing, or waiting for a wake-up or ksoftirqd that has its place in the calendar.
    Sleeping,
    /// The next poll has its place in the calendar.
    Between,
    /// Polling.
    Poll(Poll),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Poll {
    queue: QueueId,
    /// Packets delivered.
    done: u32,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Paying the overhead.
    Overhead,
    /// Looking for the next packet once the arrivals of this instant are over.
    Looking,
    /// Working on the packet at the front.
    Packet,
    /// Paying for reposting reserve buffers in the middle of the poll.
    Reposting,
    /// Paying for reposting reserve buffers at the end of the poll.
    LastRepost,
    /// Paying for the flush of a partial batch.
    Flushing,
}

impl Napi {
    pub(super) fn new(
        spec: &NapiSpec,
        stalls: Vec<Stalls>,
        sync_cost: SimDuration,
        queues: usize,
        slots: HostSlots,
        streams: Streams,
    ) -> Self {
        let cores: Vec<Core> = (0..)
            .zip(stalls)
            .map(|(core, stalls): (u32, Stalls)| {
                let delays = streams.stream(&format!("host core {core} ksoftirqd"));
                Core {
                    turns: Turns::new(&spec.context, delays),
                    stalls,
                    doing: Doing::Sleeping,
                    wakeups: 0,
                }
            })
            .collect();
        let queues = (0..queues)
            .map(|queue| Queue {
                packets: VecDeque::new(),
                unposted: Lease::default(),
                interrupts: Interrupts::new(
                    spec,
                    streams.stream(&format!("host queue {queue} wakeup")),
                ),
                used: false,
            })
            .collect();
        let pages = Pages::new(cores.len());
        Self { spec: spec.clone(), sync_cost, cores, queues, pages, entries_used: 0, slots }
    }

    /// Goes on with streams of its own. What is left of wake-ups under way is drawn anew where that
    /// does not depend on how long they have lasted.
    pub(super) fn branch_off(&mut self, machine: &mut Machine<'_>, chance: &mut Generator) {
        for (index, queue) in self.queues.iter_mut().enumerate() {
            queue.interrupts.branch_off(chance);
            if let Some(left) = queue.interrupts.thread_wakes() {
                machine.calendar.set(self.slots.first_visit + index, machine.now + left);
            }
        }
        for index in 0..self.cores.len() {
            let slot = self.core_slot(index);
            let core = &mut self.cores[index];
            core.stalls.branch_off(chance);
            core.turns.branch_off(chance);
            let mut wakeups = branch_off(chance);
            let draw = || self.spec.wakeup.memoryless_residual(&mut wakeups);
            let first = std::iter::repeat_with(draw).take(core.wakeups as usize).flatten().min();
            if let Some(left) = first {
                machine.calendar.set(slot, machine.now + SimDuration::from_ps(left));
            }
        }
    }

    fn core_of(&self, queue: QueueId) -> usize {
        queue.index() % self.cores.len()
    }

    /// The slot of a queue's timer: of its interrupt, its next deferred poll or its thread.
    fn timer_slot(&self, queue: QueueId) -> Slot {
        self.slots.first_visit + queue.index()
    }

    fn core_slot(&self, core: usize) -> Slot {
        self.slots.first_visit + self.queues.len() + core
    }

    pub(super) fn packet_placed(&mut self, id: QueueId, packet: Packet, machine: &mut Machine<'_>) {
        let queue = &mut self.queues[id.index()];
        if !std::mem::replace(&mut queue.used, true) {
            self.entries_used += u64::from(machine.buffers.rx(id));
        }
        queue.packets.push_back(packet);
        let event = queue.interrupts.completion(machine.now);
        self.follow(id, event, machine);
    }

    /// Does what the interrupts of a queue ask for.
    fn follow(&mut self, id: QueueId, event: Event, machine: &mut Machine<'_>) {
        match event {
            Event::None => {}
            Event::Timer(time) => machine.calendar.set(self.timer_slot(id), time),
            Event::Interrupt { wakeup } => {
                machine.calendar.clear(self.timer_slot(id));
                machine.ledger.woken(machine.now);
                let awake = machine.now + wakeup;
                if let NapiContext::Threads = self.spec.context {
                    // INVARIANT: a queue that wakes its thread has no other timer.
                    machine.calendar.set(self.timer_slot(id), awake);
                } else {
                    self.schedule(id, awake, machine);
                }
            }
            Event::Ready => {
                machine.calendar.clear(self.timer_slot(id));
                self.schedule(id, machine.now, machine);
            }
        }
    }

    /// Puts a queue on its core's list; a core that sleeps begins at `awake`.
    fn schedule(&mut self, id: QueueId, awake: SimTime, machine: &mut Machine<'_>) {
        let index = self.core_of(id);
        let slot = self.core_slot(index);
        let core = &mut self.cores[index];
        core.turns.schedule(id);
        if core.doing == Doing::Sleeping {
            let sleeps_until = machine.calendar.time_of(slot);
            let only_wakes = sleeps_until.is_none() || core.wakeups > 0;
            core.wakeups = if only_wakes && awake > machine.now { core.wakeups + 1 } else { 0 };
            machine.calendar.set(slot, sleeps_until.map_or(awake, |begin| begin.min(awake)));
        }
    }

    /// A timer, or a core's next poll or look, is due.
    pub(super) fn visit_due(&mut self, visit: usize, machine: &mut Machine<'_>) {
        machine.calendar.clear(self.slots.first_visit + visit);
        if visit < self.queues.len() {
            let id = machine.queue(visit);
            let waiting = self.queues[visit].packets.len();
            let event = self.queues[visit].interrupts.timer_due(machine.now, waiting);
            return self.follow(id, event, machine);
        }
        let index = visit - self.queues.len();
        match self.cores[index].doing {
            Doing::Poll(poll) => self.look(index, poll, machine),
            Doing::Sleeping | Doing::Between => self.begin_poll(index, machine),
        }
    }

    fn begin_poll(&mut self, index: usize, machine: &mut Machine<'_>) {
        let slot = self.core_slot(index);
        let core = &mut self.cores[index];
        core.wakeups = 0;
        let free = core.stalls.free_from(machine.now);
        if free > machine.now {
            return machine.calendar.set(slot, free);
        }
        if core.doing == Doing::Sleeping {
            core.turns.enter(machine.now);
        }
        let queue = core.turns.next(machine.now);
        let poll = Poll { queue, done: 0, stage: Stage::Overhead };
        core.doing = Doing::Poll(poll);
        self.queues[queue.index()].interrupts.polled();
        if self.spec.poll_overhead.is_zero() {
            self.look(index, poll, machine);
        } else {
            self.work(index, poll, self.spec.poll_overhead, machine);
        }
    }

    /// The core is busy with a stage of its poll for `cost`.
    fn work(&mut self, index: usize, poll: Poll, cost: SimDuration, machine: &mut Machine<'_>) {
        self.cores[index].doing = Doing::Poll(poll);
        let end = machine.now + cost;
        machine.ledger.busy(machine.now, end);
        machine.calendar.set(index, end);
    }

    /// Takes the next packet, or ends the poll if there is none.
    fn look(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        let Some(packet) = self.queues[poll.queue.index()].packets.front() else {
            return self.end_poll(index, poll, machine);
        };
        let bytes = self.spec.per_byte * u64::from(packet.len);
        let mut cost = self.spec.per_packet + bytes + packet.handling.copying;
        if let Some(cache) = &self.spec.cache {
            cost = cost + cache.extra(self.rotation(machine));
        }
        machine.free_completion(poll.queue);
        self.work(index, Poll { stage: Stage::Packet, ..poll }, cost, machine);
    }

    /// Bytes of the buffers that are used one after another.
    fn rotation(&self, machine: &Machine<'_>) -> u64 {
        let reserve = u64::try_from(machine.buffers.reserve_total().value())
            .expect("levels are not negative");
        let buffers = self.entries_used + reserve + self.pages.held();
        buffers.saturating_mul(machine.buffers.rx_buf_len())
    }

    pub(super) fn release_due(&mut self, slot: Slot, machine: &mut Machine<'_>) {
        if slot == self.cores.len() {
            return self.page_due(machine);
        }
        machine.calendar.clear(slot);
        let Doing::Poll(poll) = self.cores[slot].doing else {
            unreachable!("only a poll has such events")
        };
        match poll.stage {
            Stage::Overhead => self.go_on(slot, poll, machine),
            Stage::Packet => self.packet_done(slot, poll, machine),
            Stage::Reposting => {
                self.repost(poll.queue, machine);
                self.go_on(slot, poll, machine);
            }
            Stage::LastRepost => {
                self.repost(poll.queue, machine);
                self.flush_or_finish(slot, poll, machine);
            }
            Stage::Flushing => {
                machine.flush(poll.queue);
                self.finish_poll(slot, poll, machine);
            }
            Stage::Looking => unreachable!("a look has a visit slot"),
        }
    }

    fn packet_done(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        let id = poll.queue;
        let poll = Poll { done: poll.done + 1, ..poll };
        let queue = &mut self.queues[id.index()];
        let packet = queue.packets.pop_front().expect("it was worked on");
        queue.interrupts.counts(packet.len);
        machine.deliver(id, &packet);
        if self.spec.recycle == Recycle::Return {
            if packet.work.is_zero() {
                self.give_back(id, packet.lease, machine);
            } else {
                self.pages.lend(id, &packet, machine);
            }
            return self.go_on(index, poll, machine);
        }
        queue.unposted = queue.unposted.plus(packet.lease);
        let unposted = queue.unposted;
        self.pages.hold(id, &packet, machine);
        let threshold = self.spec.refill.threshold(machine.buffers.rx(id));
        if threshold.is_none_or(|threshold| unposted.total() < threshold) {
            return self.go_on(index, poll, machine);
        }
        let cost = self.repost_cost(id, machine);
        if cost.is_zero() {
            self.repost(id, machine);
            self.go_on(index, poll, machine);
        } else {
            self.cores[index].doing = Doing::Poll(Poll { stage: Stage::Reposting, ..poll });
            machine.synchronize(poll.queue, index, cost);
        }
    }

    /// Goes on with the next packet, or the end of the poll if its budget is used.
    fn go_on(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        if poll.done == self.spec.budget {
            return self.end_poll(index, poll, machine);
        }
        // What would be found is found already, and that a completion entry is freed before the
        // arrivals of this instant can matter to nobody.
        let takes_time = !self.spec.per_packet.is_zero() && self.spec.cache.is_none();
        let waiting = !self.queues[poll.queue.index()].packets.is_empty();
        if waiting && takes_time && !machine.buffers.completions_run_out() {
            return self.look(index, poll, machine);
        }
        self.cores[index].doing = Doing::Poll(Poll { stage: Stage::Looking, ..poll });
        machine.calendar.set(self.core_slot(index), machine.now);
    }

    fn end_poll(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        let unposted = self.queues[poll.queue.index()].unposted;
        if self.spec.refill != Refill::EveryPoll || unposted == Lease::default() {
            return self.flush_or_finish(index, poll, machine);
        }
        let cost = self.repost_cost(poll.queue, machine);
        if cost.is_zero() {
            self.repost(poll.queue, machine);
            self.flush_or_finish(index, poll, machine);
        } else {
            self.cores[index].doing = Doing::Poll(Poll { stage: Stage::LastRepost, ..poll });
            machine.synchronize(poll.queue, index, cost);
        }
    }

    fn repost_cost(&self, id: QueueId, machine: &Machine<'_>) -> SimDuration {
        let returning = machine.buffers.destination(id, self.queues[id.index()].unposted);
        self.sync_cost * u64::from(machine.buffers.due(id, returning.reserve))
    }

    fn repost(&mut self, id: QueueId, machine: &mut Machine<'_>) {
        let unposted = std::mem::take(&mut self.queues[id.index()].unposted);
        let returning = machine.buffers.destination(id, unposted);
        machine.release(id, returning);
    }

    fn flush_or_finish(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        let partial = machine.buffers.awaiting_repost(poll.queue);
        if partial == 0 || poll.done == self.spec.budget {
            return self.finish_poll(index, poll, machine);
        }
        let cost = self.sync_cost * u64::from(partial);
        if cost.is_zero() {
            machine.flush(poll.queue);
            self.finish_poll(index, poll, machine);
        } else {
            self.cores[index].doing = Doing::Poll(Poll { stage: Stage::Flushing, ..poll });
            machine.synchronize(poll.queue, index, cost);
        }
    }

    fn finish_poll(&mut self, index: usize, poll: Poll, machine: &mut Machine<'_>) {
        let again = poll.done == self.spec.budget;
        let id = poll.queue;
        machine.active();
        let mut squeezes = 0;
        let core = &mut self.cores[index];
        let polled = Polled { queue: id, packets: poll.done, again };
        let then = core.turns.polled(polled, machine.now, &mut squeezes);
        machine.ledger.squeezed(squeezes, machine.now);
        let slot = self.core_slot(index);
        let core = &mut self.cores[index];
        match then {
            Then::Poll => {
                core.doing = Doing::Between;
                machine.calendar.set(slot, machine.now);
            }
            Then::Ksoftirqd(delay) => {
                core.doing = Doing::Sleeping;
                machine.calendar.set(slot, machine.now + delay);
            }
            Then::Idle => core.doing = Doing::Sleeping,
        }
        if !again {
            let queue = &mut self.queues[id.index()];
            let completed = Completed { found: poll.done > 0, waiting: queue.packets.len() };
            let event = queue.interrupts.completed(completed, machine.now);
            self.follow(id, event, machine);
        }
    }

    /// The hold of a packet's pages is over.
    fn page_due(&mut self, machine: &mut Machine<'_>) {
        let (id, lease) = self.pages.pop(machine);
        if self.spec.recycle == Recycle::Return {
            self.give_back(id, lease, machine);
        }
    }

    /// The application returns the buffers of a packet, and they are posted.
    fn give_back(&mut self, id: QueueId, lease: Lease, machine: &mut Machine<'_>) {
        let returning = machine.buffers.destination(id, lease);
        machine.release(id, returning);
        if self.queues[id.index()].packets.is_empty() && self.pages.lent(id) == Lease::default() {
            machine.flush(id);
        }
    }

    pub(super) fn held(&self, queue: QueueId) -> (Lease, u64) {
        let state = &self.queues[queue.index()];
        let (lease, count) = sum_leases(state.packets.iter());
        (lease.plus(state.unposted).plus(self.pages.lent(queue)), count)
    }
}

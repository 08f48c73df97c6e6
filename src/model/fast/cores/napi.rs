//! A core that polls its queues, in the softirq or in threads.
//!
//! Interrupts and whose turn it is are the reference engine's own. What is left out are the events
//! of packets: those that a poll finds are worked on in one go, and arrivals at a queue that is
//! scheduled, or whose interrupt is on its way, are looked at when a poll comes to them.

use crate::model::host::{
    Completed, Event, Interrupts, NapiContext, NapiSpec, Polled, Refill, Then, Turns,
};
use crate::model::stall::Stalls;
use crate::model::system::SystemSpec;
use crate::random::Streams;
use crate::units::SimTime;

use super::books::Desk;
use super::queue::{Queue, When, steps};
use super::{Cost, Machine};

/// A core.
#[derive(Debug)]
pub(super) struct Poller {
    cost: Cost,
    budget: u32,
    has_threads: bool,
    /// Number of cores, to tell queues.
    cores: usize,
    turns: Turns,
    stalls: Stalls,
    lines: Vec<Line>,
    doing: Doing,
    /// When that ends, or begins; `u64::MAX`: never.
    at: u64,
    /// The queue that is polled, and the packets it has given.
    polled: usize,
    done: u32,
}

/// The interrupt of one queue.
#[derive(Debug)]
struct Line {
    interrupts: Interrupts,
    /// When its timer goes off.
    timer: u64,
    /// Whether a packet may make something follow.
    listens: bool,
    /// Packets of the window that have been heard of, while it listens.
    heard: usize,
    /// Slots that are posted together in the middle of a poll; `usize::MAX`: at its end.
    batch: usize,
    reposts_at_end: bool,
}

/// What a core does, as the reference engine has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Sleeping,
    Between,
    Overhead,
    Packet,
    Looking,
}

/// What may happen at one instant, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// The core's work ends.
    Release,
    /// A packet of this order arrives at a line that listens.
    Arrival { order: u32, line: usize },
    /// A timer goes off.
    Timer { line: usize },
    /// The core looks for a packet, or begins a poll.
    Visit,
}

impl Poller {
    /// Core number `core` of `cores`.
    pub(super) fn new(
        system: &SystemSpec,
        spec: &NapiSpec,
        (core, cores): (usize, usize),
        stalls: Stalls,
        streams: Streams,
    ) -> Self {
        let line = |(queue, rx): (usize, &u32)| {
            let wakeups = streams.stream(&format!("host queue {queue} wakeup"));
            let interrupts = Interrupts::new(spec, wakeups);
            Line {
                listens: interrupts.listens(),
                interrupts,
                timer: u64::MAX,
                heard: 0,
                batch: spec.refill.threshold(*rx).map_or(usize::MAX, |slots| slots as usize),
                reposts_at_end: spec.refill == Refill::EveryPoll,
            }
        };
        let delays = streams.stream(&format!("host core {core} ksoftirqd"));
        Self {
            cost: Cost::of(system).expect("the caller asks first"),
            budget: spec.budget,
            has_threads: spec.context == NapiContext::Threads,
            cores,
            turns: Turns::new(&spec.context, delays),
            stalls,
            lines: system
                .buffers
                .rx
                .iter()
                .enumerate()
                .skip(core)
                .step_by(cores)
                .map(line)
                .collect(),
            doing: Doing::Sleeping,
            at: u64::MAX,
            polled: 0,
            done: 0,
        }
    }

    /// What happens next, and when.
    #[inline]
    fn next(&self, queues: &[Queue]) -> (u64, Phase) {
        let phase = match self.doing {
            Doing::Overhead | Doing::Packet => Phase::Release,
            Doing::Sleeping | Doing::Between | Doing::Looking => Phase::Visit,
        };
        let mut next = (self.at, phase);
        for (index, (line, queue)) in self.lines.iter().zip(queues).enumerate() {
            next = next.min((line.timer, Phase::Timer { line: index }));
            if line.listens
                && let Some(time) = queue.times.get(line.heard)
                && *time <= next.0
            {
                let order = queue.order(line.heard);
                next = next.min((*time, Phase::Arrival { order, line: index }));
            }
        }
        next
    }

    /// A packet arrives at a line that listens; `false` where it is open whether it is admitted.
    fn hear(&mut self, line: usize, now: u64, queue: &mut Queue, desk: &mut Desk<'_>) -> bool {
        let heard = self.lines[line].heard;
        if queue.sorted == heard {
            queue.sort_out_next(1, desk);
        }
        let Some(is_admitted) = queue.is_admitted(heard) else { return false };
        self.lines[line].heard += 1;
        if is_admitted {
            let event = self.lines[line].interrupts.completion(SimTime::from_ps(now));
            self.follow(line, event, now, queue, desk);
        }
        true
    }

    /// Does what the interrupts of a queue ask for.
    fn follow(&mut self, index: usize, event: Event, now: u64, queue: &Queue, desk: &mut Desk<'_>) {
        let line = &mut self.lines[index];
        let listened = std::mem::replace(&mut line.listens, line.interrupts.listens());
        if line.listens && !listened {
            // What has come until now has been found.
            line.heard = queue.sorted;
        }
        match event {
            Event::None => {}
            Event::Timer(time) => line.timer = time.as_ps(),
            Event::Interrupt { wakeup } => {
                line.timer = u64::MAX;
                desk.books.woken(now);
                let awake = (SimTime::from_ps(now) + wakeup).as_ps();
                if self.has_threads {
                    line.timer = awake;
                } else {
                    self.schedule(queue, awake);
                }
            }
            Event::Ready => {
                line.timer = u64::MAX;
                self.schedule(queue, now);
            }
        }
    }

    /// Puts a queue on the core's list; a core that sleeps begins at `awake`.
    fn schedule(&mut self, queue: &Queue, awake: u64) {
        self.turns.schedule(queue.id);
        if self.doing == Doing::Sleeping {
            self.at = self.at.min(awake);
        }
    }

    fn begin_poll(&mut self, now: u64, desk: &mut Desk<'_>) {
        let time = SimTime::from_ps(now);
        let free = self.stalls.free_from(time);
        if free > time {
            self.at = free.as_ps();
            return;
        }
        if self.doing == Doing::Sleeping {
            self.turns.enter(time);
        }
        let queue = self.turns.next(time);
        (self.polled, self.done) = (queue.index() / self.cores, 0);
        self.lines[self.polled].interrupts.polled();
        if self.cost.overhead == 0 {
            self.doing = Doing::Looking;
        } else {
            self.doing = Doing::Overhead;
            self.at = now + self.cost.overhead;
            desk.books.busy(now, self.at);
        }
    }

    /// Takes the next packet, or ends the poll if there is none; `false` where that is open.
    fn look(&mut self, now: u64, queue: &mut Queue, desk: &mut Desk<'_>) -> bool {
        if queue.waiting() == 0 {
            queue.sort_out(now + 1, desk);
            queue.merge(desk);
        }
        if queue.waiting() > 0 {
            self.begin_packet(now, queue, desk);
            return true;
        }
        if queue.has_open() {
            return false;
        }
        self.end_poll(When::late(now), queue, desk);
        true
    }

    #[inline]
    fn begin_packet(&mut self, now: u64, queue: &mut Queue, desk: &mut Desk<'_>) {
        queue.free_completions(std::iter::once(now), true);
        self.doing = Doing::Packet;
        self.at = now + self.cost.of_first(queue);
        desk.books.busy(now, self.at);
    }

    /// Works on packets from the one on that ends now, before `to`. The one that uses up the budget
    /// is left to itself, as the end of the poll comes after what happens at other queues before.
    fn work(&mut self, queue: &mut Queue, to: u64, desk: &mut Desk<'_>) {
        let (end, cost) = (self.at, self.cost.fixed.unwrap_or(0));
        let batch = self.lines[self.polled].batch;
        let most = (self.budget - self.done).saturating_sub(1).max(1) as usize;
        if queue.waiting() < most {
            queue.merge(desk);
        }
        let most = most.min(queue.waiting());
        let count = self.cost.ending_before(to, end, most);
        let count = if batch == 1 {
            queue.deliver_and_post(steps(count, end, cost), desk);
            count
        } else {
            let count = count.min(batch - queue.unposted());
            queue.deliver(steps(count, end, cost), desk);
            count
        };
        self.done += u32::try_from(count).expect("no more than the budget");
        let last = end + (count as u64 - 1) * cost;
        if count > 1 {
            desk.books.busy(end, last);
            queue.free_completions(steps(count - 1, end, cost), true);
        }
        if queue.unposted() == batch {
            queue.repost(When::early(last), desk);
        }
        if self.done == self.budget {
            self.end_poll(When::early(last), queue, desk);
        } else if queue.waiting() > 0 {
            self.begin_packet(last, queue, desk);
        } else {
            (self.doing, self.at) = (Doing::Looking, last);
        }
    }

    fn end_poll(&mut self, when: When, queue: &mut Queue, desk: &mut Desk<'_>) {
        if self.lines[self.polled].reposts_at_end && queue.unposted() > 0 {
            queue.repost(when, desk);
        }
        let (now, again) = (SimTime::from_ps(when.time), self.done == self.budget);
        let mut squeezes = 0;
        let polled = Polled { queue: queue.id, packets: self.done, again };
        let then = self.turns.polled(polled, now, &mut squeezes);
        desk.books.squeezed(squeezes, when.time);
        (self.doing, self.at) = match then {
            Then::Poll => (Doing::Between, when.time),
            Then::Ksoftirqd(delay) => (Doing::Sleeping, (now + delay).as_ps()),
            Then::Idle => (Doing::Sleeping, u64::MAX),
        };
        if !again {
            // It has just looked, and nothing was there.
            let completed = Completed { found: self.done > 0, waiting: 0 };
            let event = self.lines[self.polled].interrupts.completed(completed, now);
            self.follow(self.polled, event, when.time, queue, desk);
        }
    }

    fn visit(&mut self, now: u64, queues: &mut [Queue], desk: &mut Desk<'_>) -> bool {
        if self.doing != Doing::Looking {
            self.begin_poll(now, desk);
            if self.doing != Doing::Looking {
                return true;
            }
        }
        self.look(now, &mut queues[self.polled], desk)
    }

    /// Does what happens next; `false` where it has to know an answer.
    fn step(
        &mut self,
        (now, phase): (u64, Phase),
        queues: &mut [Queue],
        to: u64,
        desk: &mut Desk<'_>,
    ) -> bool {
        match phase {
            Phase::Release if self.doing == Doing::Overhead => self.doing = Doing::Looking,
            Phase::Release => self.work(&mut queues[self.polled], to, desk),
            Phase::Arrival { line, .. } => return self.hear(line, now, &mut queues[line], desk),
            Phase::Timer { line } => {
                self.lines[line].timer = u64::MAX;
                // An application that spins polls at once: nothing waits.
                let event = self.lines[line].interrupts.timer_due(SimTime::from_ps(now), 0);
                self.follow(line, event, now, &queues[line], desk);
            }
            Phase::Visit => return self.visit(now, queues, desk),
        }
        true
    }
}

impl Machine for Poller {
    type Tape = ();

    fn run(&mut self, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Option<u64> {
        loop {
            let next = self.next(queues);
            if next.0 >= to {
                break;
            }
            if !self.step(next, queues, to, desk) {
                let after = next.0 + 1;
                queues.iter_mut().for_each(|queue| queue.sort_out(after, desk));
                return Some(after);
            }
        }
        queues.iter_mut().for_each(|queue| queue.sort_out(to, desk));
        None
    }

    fn end_window(&mut self) {
        self.lines.iter_mut().for_each(|line| line.heard = 0);
    }

    fn next_event(&self) -> u64 {
        self.lines.iter().map(|line| line.timer).fold(self.at, u64::min)
    }
}

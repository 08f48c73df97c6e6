//! The NAPI host, one step at a time: fixed coalescing and constant times only.

use std::collections::VecDeque;

use rxplan::model::distribution::Distribution;
use rxplan::model::host::{Coalescing, Moderation, NapiContext, NapiSpec, Recycle, Refill};

use super::hosts::stalled;
use super::{Buffers, Host, Nic};

/// All queues and cores.
pub(super) struct Napis {
    spec: NapiSpec,
    queues: Vec<Queue>,
    cores: Vec<Core>,
    /// Return time and number of the packets whose buffers the application has.
    lent: Vec<(u64, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Armed(u32),
    Spinning,
    Deferred,
    Waking,
    Scheduled,
}

struct Queue {
    state: State,
    timer: Option<u64>,
    deferrals: u32,
    /// Packets delivered and not yet reposted.
    unposted: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    /// The softirq is entered, or goes on, no sooner than this.
    Next(u64),
    /// Between the packets of a poll.
    Looking,
    Overhead(u64),
    Packet(u64),
    Repost(u64),
    LastRepost(u64),
    Flush(u64),
}

struct Core {
    doing: Doing,
    /// The next poll enters the softirq.
    asleep: bool,
    queue: usize,
    done: u32,
    scheduled: VecDeque<usize>,
    run: Option<Run>,
    runs: u32,
    entered: u64,
}

struct Run {
    list: VecDeque<usize>,
    repoll: VecDeque<usize>,
    packets: u32,
    begun: u64,
}

fn constant(distribution: &Distribution) -> u64 {
    let Distribution::Constant(value) = distribution else { panic!("times are constant") };
    *value
}

impl Napis {
    pub(super) fn new(spec: &NapiSpec, queues: usize) -> Self {
        let queue =
            |_| Queue { state: State::Armed(0), timer: None, deferrals: 0, unposted: Vec::new() };
        let core = |_| Core {
            doing: Doing::Nothing,
            asleep: true,
            queue: 0,
            done: 0,
            scheduled: VecDeque::new(),
            run: None,
            runs: 0,
            entered: 0,
        };
        Self {
            spec: spec.clone(),
            queues: (0..queues).map(queue).collect(),
            cores: (0..queues.min(spec.cores as usize)).map(core).collect(),
            lent: Vec::new(),
        }
    }

    fn is_threaded(&self) -> bool {
        self.spec.context == NapiContext::Threads
    }

    /// So many completions since the last interrupt; the timer runs anew if `restart`.
    fn complete(&mut self, queue: usize, completions: u32, restart: bool, now: u64) {
        let Moderation::Fixed(Coalescing { usecs, frames }) = self.spec.moderation else {
            panic!("coalescing is fixed")
        };
        if frames > 0 && completions >= frames {
            return self.interrupt(queue, now);
        }
        self.queues[queue].state = State::Armed(completions);
        if usecs.as_ps() > 0 && (restart || self.spec.cqe_mode) {
            self.queues[queue].timer = Some(now + usecs.as_ps());
        }
    }

    fn interrupt(&mut self, queue: usize, now: u64) {
        let awake = now + constant(&self.spec.wakeup);
        self.queues[queue].timer = None;
        if self.is_threaded() {
            self.queues[queue].state = State::Waking;
            self.queues[queue].timer = Some(awake);
        } else {
            self.schedule(queue, awake);
        }
    }

    fn schedule(&mut self, queue: usize, awake: u64) {
        self.queues[queue].state = State::Scheduled;
        self.queues[queue].timer = None;
        let count = self.cores.len();
        let core = &mut self.cores[queue % count];
        core.scheduled.push_back(queue);
        match core.doing {
            Doing::Nothing => core.doing = Doing::Next(awake),
            Doing::Next(other) if core.asleep => core.doing = Doing::Next(awake.min(other)),
            _ => {}
        }
    }

    fn timer(&mut self, queue: usize, nic: &Nic<'_>) {
        self.queues[queue].timer = None;
        match self.queues[queue].state {
            State::Armed(_) | State::Deferred => self.interrupt(queue, nic.now),
            State::Spinning => self.rest(queue, true, nic),
            State::Waking => self.schedule(queue, nic.now),
            State::Scheduled => unreachable!("it has no timer"),
        }
    }

    /// Polls have found nothing more: a timer, or interrupts.
    fn rest(&mut self, queue: usize, found: bool, nic: &Nic<'_>) {
        let state = &mut self.queues[queue];
        if let Some(defer) = self.spec.defer {
            if found {
                state.deferrals = defer.hard_irqs;
            }
            if state.deferrals > 0 {
                state.deferrals -= 1;
                state.state = State::Deferred;
                state.timer = Some(nic.now + defer.timeout.as_ps());
                return;
            }
        }
        let waiting = u32::try_from(nic.queues[queue].ring.len()).expect("few packets");
        state.state = State::Armed(0);
        if waiting > 0 {
            self.complete(queue, waiting, true, nic.now);
        }
    }

    fn begin(&mut self, index: usize, now: u64) {
        let core = &mut self.cores[index];
        if core.asleep {
            (core.runs, core.entered, core.asleep) = (0, now, false);
        }
        core.queue = if self.spec.context == NapiContext::Threads {
            core.scheduled.pop_front()
        } else {
            let scheduled = &mut core.scheduled;
            let run = core.run.get_or_insert_with(|| Run {
                list: std::mem::take(scheduled),
                repoll: VecDeque::new(),
                packets: 0,
                begun: now,
            });
            run.list.pop_front()
        }
        .expect("something is scheduled");
        core.done = 0;
        core.doing = Doing::Overhead(now + self.spec.poll_overhead.as_ps());
        if self.spec.poll_overhead.is_zero() {
            core.doing = Doing::Looking;
        }
    }

    fn look(&mut self, index: usize, nic: &mut Nic<'_>) {
        let core = &mut self.cores[index];
        let state = &mut nic.queues[core.queue];
        let Some(number) = state.ring.front().filter(|_| core.done < self.spec.budget) else {
            return self.end(index, nic);
        };
        state.completions -= 1;
        let len = u64::from(nic.packets[*number].incoming.len);
        let cost = self.spec.per_packet.as_ps() + self.spec.per_byte.as_ps() * len;
        core.doing = Doing::Packet(nic.now + cost);
    }

    fn packet(&mut self, index: usize, nic: &mut Nic<'_>) {
        let core = &mut self.cores[index];
        let queue = core.queue;
        core.done += 1;
        core.doing = Doing::Looking;
        let number = nic.queues[queue].ring.pop_front().expect("it was worked on");
        nic.deliver(number);
        let hold = constant(&self.spec.hold);
        if self.spec.recycle == Recycle::Return {
            self.lent.push((nic.now + hold, number));
            if hold == 0 {
                self.give_back(self.lent.len() - 1, nic);
            }
        } else {
            self.queues[queue].unposted.push(number);
            let rx = u64::from(nic.spec.buffers.rx[queue]);
            let enough = match self.spec.refill {
                Refill::EveryPoll => u64::MAX,
                Refill::Batch(count) => u64::from(count).min(rx),
                Refill::Fraction { numerator, denominator, most } => {
                    (rx * u64::from(numerator) / u64::from(denominator)).min(u64::from(most))
                }
            };
            let unposted = self.unposted(queue, nic);
            if u64::from(unposted.dedicated + unposted.reserve) >= enough {
                let end = nic.synchronized(queue, nic.due(queue, unposted));
                self.cores[index].doing = Doing::Repost(end);
                if end == nic.now {
                    self.repost(index, nic);
                }
            }
        }
        self.end_if_used(index, nic);
    }

    /// A poll that has used its budget looks for nothing more.
    fn end_if_used(&mut self, index: usize, nic: &mut Nic<'_>) {
        let core = &self.cores[index];
        if core.doing == Doing::Looking && core.done == self.spec.budget {
            self.end(index, nic);
        }
    }

    fn unposted(&self, queue: usize, nic: &Nic<'_>) -> Buffers {
        let held = || self.queues[queue].unposted.iter().map(|number| nic.packets[*number].held);
        Buffers {
            dedicated: held().map(|buffers| buffers.dedicated).sum(),
            reserve: held().map(|buffers| buffers.reserve).sum(),
        }
    }

    fn repost(&mut self, index: usize, nic: &mut Nic<'_>) {
        let queue = self.cores[index].queue;
        nic.release(queue, self.unposted(queue, nic));
        self.queues[queue].unposted.clear();
        self.cores[index].doing = Doing::Looking;
    }

    fn end(&mut self, index: usize, nic: &mut Nic<'_>) {
        let queue = self.cores[index].queue;
        if self.spec.refill == Refill::EveryPoll && !self.queues[queue].unposted.is_empty() {
            let end = nic.synchronized(queue, nic.due(queue, self.unposted(queue, nic)));
            self.cores[index].doing = Doing::LastRepost(end);
            if end > nic.now {
                return;
            }
            self.repost(index, nic);
        }
        self.flush(index, nic);
    }

    fn flush(&mut self, index: usize, nic: &mut Nic<'_>) {
        let queue = self.cores[index].queue;
        let partial = nic.queues[queue].reserve_waiting;
        if partial > 0 && self.cores[index].done < self.spec.budget {
            let end = nic.synchronized(queue, partial);
            self.cores[index].doing = Doing::Flush(end);
            if end > nic.now {
                return;
            }
            nic.flush(queue);
        }
        self.close(index, nic);
    }

    /// The poll is over.
    fn close(&mut self, index: usize, nic: &mut Nic<'_>) {
        let (queue, done) = (self.cores[index].queue, self.cores[index].done);
        let again = done == self.spec.budget;
        self.turn(index, again, nic.now);
        if again {
            return;
        }
        if done > 0 && !self.spec.busy_poll.is_zero() {
            if nic.queues[queue].ring.is_empty() {
                self.queues[queue].state = State::Spinning;
                self.queues[queue].timer = Some(nic.now + self.spec.busy_poll.as_ps());
            } else {
                self.schedule(queue, nic.now);
            }
        } else {
            self.rest(queue, done > 0, nic);
        }
    }

    /// Whose turn it is after the poll.
    fn turn(&mut self, index: usize, again: bool, now: u64) {
        let core = &mut self.cores[index];
        let NapiContext::Softirq { netdev_budget, netdev_budget_usecs, ksoftirqd_delay } =
            &self.spec.context
        else {
            core.scheduled.extend(again.then_some(core.queue));
            core.asleep = core.scheduled.is_empty();
            core.doing = if core.asleep { Doing::Nothing } else { Doing::Next(now) };
            return;
        };
        let run = core.run.as_mut().expect("a poll is in a run");
        run.repoll.extend(again.then_some(core.queue));
        run.packets += core.done;
        let squeezed =
            run.packets >= *netdev_budget || now - run.begun >= netdev_budget_usecs.as_ps();
        if !squeezed && run.list.is_empty() && run.repoll.is_empty() {
            run.list.append(&mut core.scheduled);
        }
        core.doing = Doing::Next(now);
        if !squeezed && !run.list.is_empty() {
            return;
        }
        let run = core.run.take().expect("it is there");
        let before = std::mem::take(&mut core.scheduled);
        core.scheduled = run.list.into_iter().chain(before).chain(run.repoll).collect();
        core.runs += 1;
        if core.scheduled.is_empty() {
            (core.doing, core.asleep) = (Doing::Nothing, true);
        } else if squeezed || core.runs == 10 || now - core.entered >= 2_000_000_000 {
            (core.doing, core.asleep) = (Doing::Next(now + constant(ksoftirqd_delay)), true);
        }
    }

    /// The application returns the buffers of a packet.
    fn give_back(&mut self, index: usize, nic: &mut Nic<'_>) {
        let (_, number) = self.lent.remove(index);
        let queue = nic.packets[number].incoming.queue;
        nic.release(queue, nic.packets[number].held);
        // Packets without buffers of the ring bring none back.
        let same = |other: &(u64, usize)| {
            let packet = &nic.packets[other.1];
            packet.incoming.queue == queue && packet.held.dedicated + packet.held.reserve > 0
        };
        if nic.queues[queue].ring.is_empty() && !self.lent.iter().any(same) {
            nic.flush(queue);
        }
    }
}

impl Host for Napis {
    fn placed(&mut self, nic: &mut Nic<'_>, number: usize) {
        let queue = nic.packets[number].incoming.queue;
        match self.queues[queue].state {
            State::Armed(count) => self.complete(queue, count + 1, count == 0, nic.now),
            State::Spinning => self.schedule(queue, nic.now),
            State::Deferred | State::Waking | State::Scheduled => {}
        }
    }

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        for index in 0..self.cores.len() {
            match self.cores[index].doing {
                Doing::Overhead(end) if end == nic.now => self.cores[index].doing = Doing::Looking,
                Doing::Packet(end) if end == nic.now => self.packet(index, nic),
                Doing::Repost(end) if end == nic.now => {
                    self.repost(index, nic);
                    self.end_if_used(index, nic);
                }
                Doing::LastRepost(end) if end == nic.now => {
                    self.repost(index, nic);
                    self.flush(index, nic);
                }
                Doing::Flush(end) if end == nic.now => {
                    nic.flush(self.cores[index].queue);
                    self.close(index, nic);
                }
                _ => continue,
            }
            return true;
        }
        let Some(index) = self.lent.iter().position(|(time, _)| *time == nic.now) else {
            return false;
        };
        self.give_back(index, nic);
        true
    }

    fn start(&mut self, nic: &mut Nic<'_>) -> bool {
        let due = |queue: &Queue| queue.timer == Some(nic.now);
        if let Some(queue) = self.queues.iter().position(due) {
            self.timer(queue, nic);
            return true;
        }
        for index in 0..self.cores.len() {
            match self.cores[index].doing {
                Doing::Looking => self.look(index, nic),
                Doing::Next(time) if time <= nic.now && !stalled(&nic.spec.stalls, nic.now) => {
                    self.begin(index, nic.now);
                    if self.cores[index].doing == Doing::Looking {
                        self.look(index, nic);
                    }
                }
                _ => continue,
            }
            return true;
        }
        false
    }
}

//! The host models of the contract, one step at a time.

use std::collections::VecDeque;

use rxplan::id::QueueId;
use rxplan::model::distribution::Distribution;
use rxplan::model::host::{BusyPollSpec, HostSpec, RecordedReturn};
use rxplan::model::stall::{StallPattern, StallSpec};
use rxplan::model::system::SystemSpec;

use super::napi::Napis;
use super::{Buffers, Host, Nic};

/// The host that `spec` describes.
pub(super) fn new(spec: &SystemSpec) -> Box<dyn Host> {
    let queues = spec.buffers.rx.len();
    match &spec.host {
        HostSpec::Server { wakeup, .. } => {
            let Distribution::Constant(wakeup) = wakeup else { panic!("wake-ups are constant") };
            let desks = (0..queues).map(|_| Desk { doing: Doing::Nothing, ready: 0 }).collect();
            Box::new(Servers { wakeup: *wakeup, desks })
        }
        HostSpec::Hold { .. } => Box::new(Holding { packets: Vec::new() }),
        HostSpec::Poll { period, budget, per_packet } => Box::new(Polls {
            period: period.as_ps(),
            budget: budget.map_or(usize::MAX, |budget| budget as usize),
            per_packet: per_packet.as_ps(),
            last: None,
            ends: vec![VecDeque::new(); queues],
        }),
        HostSpec::BusyPoll(busy_poll) => {
            let all = busy_poll.cores as usize;
            let cores = (0..all.min(queues))
                .map(|core| Core {
                    queues: (0..queues).filter(|queue| queue % all == core).collect(),
                    turn: 0,
                    doing: Doing::Nothing,
                    left: 0,
                    unposted: Vec::new(),
                })
                .collect();
            Box::new(Cores { spec: busy_poll.clone(), cores })
        }
        HostSpec::Napi(napi) => Box::new(Napis::new(napi, queues)),
        HostSpec::Trace { returns } => Box::new(Returns { returns: returns.to_vec().into() }),
    }
}

/// What a server or core is busy with, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Packet(u64),
    Repost(u64),
    Flush(u64),
    EmptyVisit(u64),
}

impl Doing {
    fn until(self) -> Option<u64> {
        match self {
            Self::Nothing => None,
            Self::Packet(end) | Self::Repost(end) | Self::Flush(end) | Self::EmptyVisit(end) => {
                Some(end)
            }
        }
    }
}

/// Whether a stall covers `now`.
pub(super) fn stalled(stalls: &[StallSpec], now: u64) -> bool {
    stalls.iter().any(|stall| {
        let StallPattern::Recorded(spans) = &stall.pattern else { panic!("stalls are recorded") };
        spans.iter().any(|span| {
            (span.start.as_ps()..span.start.as_ps() + span.duration.as_ps()).contains(&now)
        })
    })
}

/// One server a queue.
struct Servers {
    wakeup: u64,
    desks: Vec<Desk>,
}

struct Desk {
    doing: Doing,
    /// The front packet is not served before this time.
    ready: u64,
}

impl Servers {
    /// The front packet leaves, with all its buffers.
    fn depart(&mut self, queue: usize, nic: &mut Nic<'_>) {
        let number = nic.queues[queue].ring.pop_front().expect("it was served");
        nic.deliver(number);
        nic.release(queue, nic.packets[number].held);
        self.desks[queue] = Desk { doing: Doing::Nothing, ready: nic.now };
        let partial = nic.queues[queue].reserve_waiting;
        if nic.queues[queue].ring.is_empty() && partial > 0 {
            self.desks[queue].doing = Doing::Flush(nic.synchronized(queue, partial));
        }
    }
}

impl Host for Servers {
    fn placed(&mut self, nic: &mut Nic<'_>, number: usize) {
        let queue = nic.packets[number].incoming.queue;
        if nic.queues[queue].ring.len() == 1 {
            self.desks[queue].ready = nic.now + self.wakeup;
        }
    }

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        let ends = |desk: &Desk| desk.doing.until() == Some(nic.now);
        let Some(queue) = self.desks.iter().position(ends) else { return false };
        match self.desks[queue].doing {
            Doing::Packet(_) => {
                let due = nic.due(queue, nic.packets[nic.queues[queue].ring[0]].held);
                match nic.synchronized(queue, due) {
                    end if end > nic.now => self.desks[queue].doing = Doing::Repost(end),
                    _ => self.depart(queue, nic),
                }
            }
            Doing::Repost(_) => self.depart(queue, nic),
            Doing::Flush(_) => {
                nic.flush(queue);
                self.desks[queue].doing = Doing::Nothing;
            }
            Doing::Nothing | Doing::EmptyVisit(_) => unreachable!("this does not end"),
        }
        true
    }

    fn start(&mut self, nic: &mut Nic<'_>) -> bool {
        if stalled(&nic.spec.stalls, nic.now) {
            return false;
        }
        let mut started = false;
        for (desk, state) in self.desks.iter_mut().zip(&mut nic.queues) {
            if desk.doing == Doing::Nothing && desk.ready <= nic.now && !state.ring.is_empty() {
                state.completions -= 1;
                desk.doing = Doing::Packet(nic.now + nic.packets[state.ring[0]].incoming.work);
                started = true;
            }
        }
        started
    }

    fn take_back(&mut self, nic: &mut Nic<'_>, queue: usize) -> Option<usize> {
        let ring = &nic.queues[queue].ring;
        let repays = |number: usize| nic.destination(queue, nic.packets[number].held).reserve > 0;
        let place = (1..ring.len()).rev().find(|place| repays(ring[*place]))?;
        nic.queues[queue].ring.remove(place)
    }
}

/// Every packet for itself.
struct Holding {
    /// Release time and number, in order of placement.
    packets: Vec<(u64, usize)>,
}

impl Holding {
    /// Releases one packet due now whose holding time is zero, or is not.
    fn release_one(&mut self, zero: bool, nic: &mut Nic<'_>) -> bool {
        let due = |packet: &(u64, usize)| {
            packet.0 == nic.now && (nic.packets[packet.1].incoming.work == 0) == zero
        };
        let Some(index) = self.packets.iter().position(due) else { return false };
        let (_, number) = self.packets.remove(index);
        let queue = nic.packets[number].incoming.queue;
        nic.queues[queue].ring.retain(|other| *other != number);
        nic.deliver(number);
        nic.release(queue, nic.packets[number].held);
        if nic.queues[queue].ring.is_empty() {
            nic.flush(queue);
        }
        true
    }
}

impl Host for Holding {
    fn placed(&mut self, nic: &mut Nic<'_>, number: usize) {
        let incoming = nic.packets[number].incoming;
        nic.queues[incoming.queue].completions -= 1;
        self.packets.push((nic.now.saturating_add(incoming.work), number));
    }

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        self.release_one(false, nic)
    }

    /// What is held for no time leaves when the arrivals of the instant are over, all at once.
    fn start(&mut self, nic: &mut Nic<'_>) -> bool {
        let mut released = false;
        while self.release_one(true, nic) {
            released = true;
        }
        released
    }
}

/// All queues at every multiple of the period.
struct Polls {
    period: u64,
    budget: usize,
    per_packet: u64,
    /// The last poll.
    last: Option<u64>,
    /// When the packets taken at the last poll are done, per queue.
    ends: Vec<VecDeque<u64>>,
}

impl Host for Polls {
    fn placed(&mut self, _nic: &mut Nic<'_>, _number: usize) {}

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        let done = |ends: &VecDeque<u64>| ends.front() == Some(&nic.now);
        let Some(queue) = self.ends.iter().position(done) else { return false };
        self.ends[queue].pop_front();
        let number = nic.queues[queue].ring.pop_front().expect("it was taken");
        nic.deliver(number);
        nic.release(queue, nic.packets[number].held);
        if nic.queues[queue].ring.is_empty() {
            nic.flush(queue);
        }
        true
    }

    fn start(&mut self, nic: &mut Nic<'_>) -> bool {
        if !nic.now.is_multiple_of(self.period) || self.last == Some(nic.now) {
            return false;
        }
        self.last = Some(nic.now);
        for (ends, state) in self.ends.iter_mut().zip(&mut nic.queues) {
            if ends.is_empty() {
                let taken = state.ring.len().min(self.budget) as u64;
                ends.extend((1..=taken).map(|j| nic.now + j * self.per_packet));
                state.completions -= u32::try_from(taken).expect("few packets");
            }
        }
        true
    }
}

/// Cores that visit their queues in turn.
struct Cores {
    spec: BusyPollSpec,
    cores: Vec<Core>,
}

struct Core {
    queues: Vec<usize>,
    /// Position of the visit under way or of the next one.
    turn: usize,
    doing: Doing,
    /// Packets left of this visit.
    left: usize,
    /// Packets delivered since the last repost.
    unposted: Vec<usize>,
}

impl Cores {
    /// When the front packet of `queue` is done if work on it begins at `begin`.
    fn worked(&self, queue: usize, begin: u64, nic: &Nic<'_>) -> u64 {
        let len = nic.packets[nic.queues[queue].ring[0]].incoming.len;
        begin + self.spec.per_packet.as_ps() + self.spec.per_byte.as_ps() * u64::from(len)
    }

    fn finish_packet(&mut self, index: usize, queue: usize, nic: &mut Nic<'_>) {
        let core = &mut self.cores[index];
        let number = nic.queues[queue].ring.pop_front().expect("it was worked on");
        nic.deliver(number);
        core.left -= 1;
        core.unposted.push(number);
        if core.left > 0 && core.unposted.len() < self.spec.refill as usize {
            self.cores[index].doing = Doing::Packet(self.worked(queue, nic.now, nic));
        } else {
            let due = nic.due(queue, self.cores[index].returning(nic));
            self.cores[index].doing = Doing::Repost(nic.synchronized(queue, due));
        }
    }

    fn finish_repost(&mut self, index: usize, queue: usize, nic: &mut Nic<'_>) {
        let core = &mut self.cores[index];
        nic.release(queue, core.returning(nic));
        core.unposted.clear();
        if core.left > 0 {
            self.cores[index].doing = Doing::Packet(self.worked(queue, nic.now, nic));
        } else {
            core.end_visit(queue, nic);
        }
    }
}

impl Core {
    fn returning(&self, nic: &Nic<'_>) -> Buffers {
        let held = || self.unposted.iter().map(|number| nic.packets[*number].held);
        Buffers {
            dedicated: held().map(|buffers| buffers.dedicated).sum(),
            reserve: held().map(|buffers| buffers.reserve).sum(),
        }
    }

    fn end_visit(&mut self, queue: usize, nic: &mut Nic<'_>) {
        let partial = nic.queues[queue].reserve_waiting;
        if nic.queues[queue].ring.is_empty() && partial > 0 {
            self.doing = Doing::Flush(nic.synchronized(queue, partial));
        } else {
            self.next_visit();
        }
    }

    fn next_visit(&mut self) {
        self.doing = Doing::Nothing;
        self.turn = (self.turn + 1) % self.queues.len();
    }
}

impl Host for Cores {
    fn placed(&mut self, _nic: &mut Nic<'_>, _number: usize) {}

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        let ends = |core: &Core| core.doing.until() == Some(nic.now);
        let Some(index) = self.cores.iter().position(ends) else { return false };
        let core = &mut self.cores[index];
        let queue = core.queues[core.turn];
        match core.doing {
            Doing::Packet(_) => self.finish_packet(index, queue, nic),
            Doing::Repost(_) => self.finish_repost(index, queue, nic),
            Doing::EmptyVisit(_) => core.end_visit(queue, nic),
            Doing::Flush(_) => {
                nic.flush(queue);
                core.next_visit();
            }
            Doing::Nothing => unreachable!("this does not end"),
        }
        true
    }

    fn start(&mut self, nic: &mut Nic<'_>) -> bool {
        if stalled(&nic.spec.stalls, nic.now) {
            return false;
        }
        let begin = nic.now + self.spec.poll_overhead.as_ps();
        let mut started = false;
        for index in 0..self.cores.len() {
            let core = &mut self.cores[index];
            if core.doing != Doing::Nothing {
                continue;
            }
            let waiting = |core: &Core| nic.queues[core.queues[core.turn]].ring.len();
            if begin == nic.now {
                // Empty visits take no time.
                let count = core.queues.len();
                let Some(steps) = (0..count).find(|step| {
                    let queue = core.queues[(core.turn + step) % count];
                    !nic.queues[queue].ring.is_empty()
                }) else {
                    continue;
                };
                core.turn = (core.turn + steps) % count;
            }
            core.left = waiting(core).min(self.spec.budget as usize);
            let (queue, left) = (core.queues[core.turn], core.left);
            nic.queues[queue].completions -= u32::try_from(left).expect("few packets");
            self.cores[index].doing = match left {
                0 => Doing::EmptyVisit(begin),
                _ => Doing::Packet(self.worked(queue, begin, nic)),
            };
            started = true;
        }
        started
    }
}

/// Buffers come back when a recording says so.
struct Returns {
    returns: VecDeque<RecordedReturn>,
}

impl Returns {
    /// The oldest packet gives back `count` buffers at most, dedicated ones first.
    fn give_back(queue: usize, count: u32, nic: &mut Nic<'_>) -> u32 {
        let number = nic.queues[queue].ring[0];
        let held = &mut nic.packets[number].held;
        let dedicated = held.dedicated.min(count);
        let reserve = held.reserve.min(count - dedicated);
        held.dedicated -= dedicated;
        held.reserve -= reserve;
        let emptied = held.dedicated + held.reserve == 0;
        nic.release(queue, Buffers { dedicated, reserve });
        if emptied {
            nic.queues[queue].ring.pop_front();
            nic.queues[queue].completions -= 1;
            nic.deliver(number);
            if nic.queues[queue].ring.is_empty() {
                nic.flush(queue);
            }
        }
        dedicated + reserve
    }
}

impl Host for Returns {
    fn placed(&mut self, _nic: &mut Nic<'_>, _number: usize) {}

    fn finish(&mut self, nic: &mut Nic<'_>) -> bool {
        let due = self.returns.front().is_some_and(|next| next.time.as_ps() == nic.now);
        if due {
            let RecordedReturn { queue, mut count, .. } = self.returns.pop_front().expect("due");
            let queue = QueueId::index(queue);
            while count > 0 && !nic.queues[queue].ring.is_empty() {
                count -= Self::give_back(queue, count, nic);
            }
        }
        due
    }

    fn start(&mut self, _nic: &mut Nic<'_>) -> bool {
        false
    }
}

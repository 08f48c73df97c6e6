//! Hosts: what takes packets from the rings and gives their buffers back.
//!
//! Each model is an event-driven state machine over the calendar's slots. At one instant releases
//! come first (the host's release slots are the lowest), arrivals next, and polls, visits and
//! service starts last.

mod busy_poll;
mod hold;
mod napi;
mod poll;
mod server;
mod trace;

use std::sync::Arc;

use crate::calendar::Slot;
use crate::id::QueueId;
use crate::model::buffers::Lease;
use crate::model::distribution::Distribution;
use crate::model::log::LogId;
use crate::model::machine::Machine;
use crate::model::placement::Handling;
use crate::model::policy::Policy;
use crate::model::stall::{StallSpec, Stalls};
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime};

use busy_poll::BusyPoll;
use hold::Hold;
use napi::Napi;
use poll::Poll;
use server::Server;
use trace::TraceReplay;

pub(in crate::model) use busy_poll::skip_visits;
pub use napi::{CacheSpec, Coalescing, Defer, Moderation, NapiContext, NapiSpec, Recycle, Refill};
pub(in crate::model) use napi::{Completed, Event, Interrupts, Polled, Then, Turns};

/// How the host takes packets; see each variant.
#[derive(Debug, Clone, PartialEq)]
pub enum HostSpec {
    /// One server a queue, first in first out.
    Server {
        /// Service time of each queue, in picoseconds.
        service: Vec<Distribution>,
        /// How much later a packet that finds its queue empty is first served, in picoseconds.
        wakeup: Distribution,
    },
    /// Every packet holds its buffer for its own time, independently.
    Hold {
        /// How long, in picoseconds.
        time: Distribution,
    },
    /// All queues are polled at every multiple of a period.
    Poll {
        /// The period, above 0.
        period: SimDuration,
        /// Packets a queue gives at one poll; `None`: all that wait.
        budget: Option<u32>,
        /// The j-th packet of a poll frees its buffer `j x per_packet` later.
        per_packet: SimDuration,
    },
    /// Cores visit their queues in turn, for ever.
    BusyPoll(BusyPollSpec),
    /// Interrupts and NAPI polls, as Linux has them.
    Napi(Box<NapiSpec>),
    /// Recorded returns of buffers.
    Trace {
        /// Sorted by time.
        returns: Arc<[RecordedReturn]>,
    },
}

/// Busy polling: see [`HostSpec::BusyPoll`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyPollSpec {
    /// Number of cores; queue q is on core `q mod cores`.
    pub cores: u32,
    /// Packets taken at a visit, at most.
    pub budget: u32,
    /// Time for each packet.
    pub per_packet: SimDuration,
    /// Time for each byte of a packet.
    pub per_byte: SimDuration,
    /// Time paid at the beginning of every visit, empty ones too.
    pub poll_overhead: SimDuration,
    /// Buffers are reposted after every so many packets of a visit, and at its end.
    pub refill: u32,
}

/// Buffers given back in a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedReturn {
    /// When.
    pub time: SimTime,
    /// To which queue.
    pub queue: QueueId,
    /// How many, the oldest first.
    pub count: u32,
}

impl HostSpec {
    /// The name used in scenarios.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Server { .. } => "server",
            Self::Hold { .. } => "hold",
            Self::Poll { .. } => "poll",
            Self::BusyPoll(_) => "busy-poll",
            Self::Napi(_) => "napi",
            Self::Trace { .. } => "trace",
        }
    }

    /// Number of cores that work on packets, 0 where the model has no cores.
    #[must_use]
    pub fn cores(&self, queues: usize) -> usize {
        match self {
            Self::Server { .. } | Self::Poll { .. } => queues,
            Self::BusyPoll(spec) => (spec.cores as usize).min(queues),
            Self::Napi(spec) => (spec.cores as usize).min(queues),
            Self::Hold { .. } | Self::Trace { .. } => 0,
        }
    }

    /// Mean packets per second that queue `queue` can be served at, were it alone on its core;
    /// infinite where nothing limits it.
    #[must_use]
    pub fn capacity_per_queue(&self, queue: usize, mean_len: f64) -> f64 {
        let per_second = |ps: f64| if ps > 0.0 { 1e12 / ps } else { f64::INFINITY };
        let ps = |span: SimDuration| span.as_secs_f64() * 1e12;
        match self {
            Self::Server { service, .. } => per_second(service[queue].mean()),
            Self::Poll { period, budget, per_packet } => budget.map_or_else(
                || per_second(ps(*per_packet)),
                |budget| {
                    // A queue still busy with its last poll gives nothing at the next one.
                    let work = f64::from(budget) * ps(*per_packet);
                    let polls = (work / ps(*period)).ceil().max(1.0);
                    f64::from(budget) * per_second(polls * ps(*period))
                },
            ),
            Self::BusyPoll(spec) => {
                let budget = f64::from(spec.budget);
                let visit = ps(spec.poll_overhead)
                    + budget * (ps(spec.per_packet) + ps(spec.per_byte) * mean_len);
                if visit > 0.0 { budget * 1e12 / visit } else { f64::INFINITY }
            }
            Self::Napi(spec) => {
                let budget = f64::from(spec.budget);
                let poll = ps(spec.poll_overhead)
                    + budget * (ps(spec.per_packet) + ps(spec.per_byte) * mean_len);
                if poll > 0.0 { budget * 1e12 / poll } else { f64::INFINITY }
            }
            Self::Hold { .. } | Self::Trace { .. } => f64::INFINITY,
        }
    }

    /// Whether queues share cores that can stall and that pay for reposts.
    #[must_use]
    pub const fn has_cores(&self) -> bool {
        matches!(self, Self::Server { .. } | Self::BusyPoll(_) | Self::Napi(_))
    }

    /// Whether long times are rare: see [`Distribution::is_light_tailed`].
    #[must_use]
    pub fn is_light_tailed(&self) -> bool {
        match self {
            Self::Server { service, wakeup } => {
                service.iter().chain([wakeup]).all(Distribution::is_light_tailed)
            }
            Self::Hold { time } => time.is_light_tailed(),
            Self::Napi(spec) => spec.is_light_tailed(),
            Self::Poll { .. } | Self::BusyPoll(_) | Self::Trace { .. } => true,
        }
    }

    /// Whether rings that outgrow the cache cost time.
    #[must_use]
    pub const fn slows_with_size(&self) -> bool {
        matches!(self, Self::Napi(spec) if spec.cache.is_some())
    }

    /// The bytes of cache that received packets may fill, where the host's costs depend on it.
    #[must_use]
    pub fn llc_share(&self) -> Option<u64> {
        if let Self::Napi(spec) = self { spec.cache.map(|cache| cache.llc_share) } else { None }
    }

    /// Whether the model draws random numbers.
    #[must_use]
    pub fn is_random(&self) -> bool {
        match self {
            Self::Server { service, wakeup } => {
                !wakeup.is_constant() || service.iter().any(|service| !service.is_constant())
            }
            Self::Hold { time } => !time.is_constant(),
            Self::Napi(spec) => spec.is_random(),
            Self::Poll { .. } | Self::BusyPoll(_) | Self::Trace { .. } => false,
        }
    }
}

/// A packet in the NIC or the rings.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) arrival: SimTime,
    pub(crate) len: u32,
    /// Its service or holding time: drawn on arrival, so that a packet's work does not depend on
    /// what became of the packets before it.
    pub(crate) work: SimDuration,
    pub(crate) lease: Lease,
    /// What it needs and costs besides.
    pub(crate) handling: Handling,
    pub(crate) log: Option<LogId>,
}

/// A host, live.
#[derive(Debug, Clone)]
pub(crate) enum Host {
    Server(Server),
    Hold(Hold),
    Poll(Poll),
    BusyPoll(BusyPoll),
    Napi(Box<Napi>),
    Trace(TraceReplay),
}

/// The slots of a host in the calendar.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostSlots {
    /// Slots `0..releases` hold releases; the last of these are not the host's.
    pub(crate) releases: usize,
    /// Number of slots, from `first_visit` on, that hold polls, visits and delayed starts.
    pub(crate) visits: usize,
    /// The first of these; known once the arrival slots have been counted.
    pub(crate) first_visit: Slot,
}

impl Host {
    /// Slots needed: releases and visits. `delays`: whether stalls or costs put off services.
    pub(crate) fn slots(spec: &HostSpec, queues: usize, delays: bool) -> (usize, usize) {
        match spec {
            HostSpec::Server { wakeup, .. } if wakeup.is_zero() && !delays => (queues, 0),
            HostSpec::Server { .. } => (queues, queues),
            HostSpec::Hold { .. } => (1, 1),
            HostSpec::Trace { .. } => (1, 0),
            HostSpec::Poll { .. } => (queues, 1),
            HostSpec::BusyPoll(_) => (spec.cores(queues), spec.cores(queues)),
            HostSpec::Napi(_) => (spec.cores(queues) + 1, queues + spec.cores(queues)),
        }
    }

    pub(crate) fn new(
        spec: &HostSpec,
        stalls: &[StallSpec],
        end: SimTime,
        sync_cost: SimDuration,
        queues: usize,
        slots: HostSlots,
        streams: Streams,
    ) -> Self {
        let core_stalls = || {
            (0..spec.cores(queues)).map(|core| Stalls::new(stalls, core, streams, end)).collect()
        };
        match spec {
            HostSpec::Server { wakeup, .. } => {
                Self::Server(Server::new(wakeup, core_stalls(), sync_cost, slots, streams))
            }
            HostSpec::Hold { .. } => Self::Hold(Hold::new(queues, slots)),
            HostSpec::Poll { period, budget, per_packet } => {
                Self::Poll(Poll::new(*period, *budget, *per_packet, queues, slots))
            }
            HostSpec::BusyPoll(spec) => {
                Self::BusyPoll(BusyPoll::new(spec, core_stalls(), sync_cost, queues, slots))
            }
            HostSpec::Napi(spec) => {
                let napi = Napi::new(spec, core_stalls(), sync_cost, queues, slots, streams);
                Self::Napi(Box::new(napi))
            }
            HostSpec::Trace { returns } => {
                Self::Trace(TraceReplay::new(Arc::clone(returns), queues))
            }
        }
    }

    /// Puts the events that need no packet into the calendar.
    pub(crate) fn start(&mut self, machine: &mut Machine<'_>) {
        if let Self::Trace(trace) = self {
            trace.schedule(machine);
        }
    }

    /// A packet has been put into buffers of `queue`.
    pub(crate) fn packet_placed(
        &mut self,
        queue: QueueId,
        packet: Packet,
        machine: &mut Machine<'_>,
    ) {
        match self {
            Self::Server(server) => server.packet_placed(queue, packet, machine),
            Self::Hold(hold) => hold.packet_placed(queue, packet, machine),
            Self::Poll(poll) => poll.packet_placed(queue, packet, machine),
            Self::BusyPoll(busy_poll) => busy_poll.packet_placed(queue, packet, machine),
            Self::Napi(napi) => napi.packet_placed(queue, packet, machine),
            Self::Trace(trace) => trace.packet_placed(queue, packet, machine),
        }
    }

    /// The event of a release slot is due.
    pub(crate) fn release_due(&mut self, slot: Slot, machine: &mut Machine<'_>) {
        match self {
            Self::Server(server) => server.release_due(slot, machine),
            Self::Hold(hold) => hold.release_due(machine),
            Self::Poll(poll) => poll.release_due(slot, machine),
            Self::BusyPoll(busy_poll) => busy_poll.release_due(slot, machine),
            Self::Napi(napi) => napi.release_due(slot, machine),
            Self::Trace(trace) => trace.release_due(machine),
        }
    }

    /// The event of a visit slot (counted from the first one) is due.
    pub(crate) fn visit_due(&mut self, visit: usize, machine: &mut Machine<'_>) {
        match self {
            Self::Server(server) => server.start_due(visit, machine),
            Self::Poll(poll) => poll.poll_due(machine),
            Self::BusyPoll(busy_poll) => busy_poll.visit_due(visit, machine),
            Self::Napi(napi) => napi.visit_due(visit, machine),
            Self::Hold(hold) => hold.passing_due(machine),
            Self::Trace(_) => unreachable!("a recording has no visit slots"),
        }
    }

    /// Whether services wait for the arrivals of this instant to be over.
    #[inline]
    pub(crate) fn has_starts(&self) -> bool {
        matches!(self, Self::Server(server) if server.has_starts())
    }

    /// Starts the services that wait.
    pub(crate) fn start_services(&mut self, machine: &mut Machine<'_>) {
        if let Self::Server(server) = self {
            server.start_services(machine);
        }
    }

    /// Makes room in a reserve whose policy is push-out, for a packet of `len` bytes of `queue`:
    /// the longest queue loses its last packet, unless `queue` itself would be the longest. Whether
    /// it did; hosts other than servers give nothing back.
    pub(crate) fn push_out(&mut self, queue: QueueId, len: u32, machine: &mut Machine<'_>) -> bool {
        let Self::Server(server) = self else { return false };
        if machine.buffers.policy() != Policy::LongestQueueDrop {
            return false;
        }
        let Some(longest) = machine.buffers.longest_beyond(queue, len) else { return false };
        let Some(packet) = server.take_back(longest, machine) else { return false };
        machine.push_out(longest, &packet);
        true
    }

    /// Goes on with streams of its own.
    pub(crate) fn branch_off(
        &mut self,
        work: &mut Work,
        machine: &mut Machine<'_>,
        chance: &mut Generator,
    ) {
        match self {
            Self::Server(server) => server.branch_off(work, machine, chance),
            Self::BusyPoll(busy_poll) => busy_poll.branch_off(chance),
            Self::Napi(napi) => napi.branch_off(machine, chance),
            Self::Hold(_) | Self::Poll(_) | Self::Trace(_) => {}
        }
    }

    /// What the packets of a queue hold, and how many they are: for the conservation check.
    pub(crate) fn held(&self, queue: QueueId) -> (Lease, u64) {
        match self {
            Self::Server(server) => server.held(queue),
            Self::Hold(hold) => hold.held(queue),
            Self::Poll(poll) => poll.held(queue),
            Self::BusyPoll(busy_poll) => busy_poll.held(queue),
            Self::Napi(napi) => napi.held(queue),
            Self::Trace(trace) => trace.held(queue),
        }
    }
}

/// Draws each packet's service or holding time.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    queues: Vec<(Distribution, Generator)>,
}

impl Work {
    pub(crate) fn new(spec: &HostSpec, queues: usize, streams: Streams) -> Self {
        let distribution = |queue: usize| match spec {
            HostSpec::Server { service, .. } => service[queue].clone(),
            HostSpec::Hold { time } => time.clone(),
            HostSpec::Napi(spec) => spec.hold.clone(),
            _ => Distribution::Constant(0),
        };
        let stream = |queue| streams.stream(&format!("host queue {queue} work"));
        Self { queues: (0..queues).map(|queue| (distribution(queue), stream(queue))).collect() }
    }

    /// Goes on with streams of its own.
    pub(crate) fn branch_off(&mut self, chance: &mut Generator) {
        for (_, generator) in &mut self.queues {
            *generator = branch_off(chance);
        }
    }

    /// What is left of work under way, drawn anew where that does not depend on how long it has
    /// lasted.
    pub(crate) fn memoryless_residual(&mut self, queue: QueueId) -> Option<SimDuration> {
        let (distribution, generator) = &mut self.queues[queue.index()];
        distribution.memoryless_residual(generator).map(SimDuration::from_ps)
    }

    /// The work of every packet of the queue with this index, if it is always the same.
    pub(crate) fn constant(&self, queue: usize) -> Option<SimDuration> {
        match self.queues[queue].0 {
            Distribution::Constant(ps) => Some(SimDuration::from_ps(ps)),
            _ => None,
        }
    }

    /// Draws the work of the next packets of the queue with this index, in picoseconds.
    pub(crate) fn draw_block(&mut self, queue: usize, block: &mut [u64]) {
        let (distribution, generator) = &mut self.queues[queue];
        distribution.sample_block(generator, block);
    }

    #[inline]
    pub(crate) fn draw(&mut self, queue: QueueId) -> SimDuration {
        let (distribution, generator) = &mut self.queues[queue.index()];
        SimDuration::from_ps(distribution.sample(generator))
    }
}

/// Sum of the buffers of some packets, with their number.
fn sum_leases<'a>(packets: impl Iterator<Item = &'a Packet>) -> (Lease, u64) {
    packets.fold((Lease::default(), 0), |(sum, count), packet| (sum.plus(packet.lease), count + 1))
}

//! Traffic: where packets come from.
//!
//! A [`TrafficSpec`] is one `[[traffic]]` table. It becomes one source per queue (or one for
//! all queues where they share an order, as in a trace), each with streams of its own, so that a
//! source gives the same packets whatever else is in the scenario. Processes with phases start
//! stationary.

mod batch;
mod on_off;
mod recorded;
mod steady;
mod transfers;

use std::sync::Arc;

use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::placement::{Change, Load};
use crate::random::{Generator, Streams};
use crate::units::{PacketRate, SimDuration, SimTime, to_f64};

use batch::{BatchSource, BatchStreams};
use on_off::OnOffSource;
use recorded::RecordedSource;
use steady::{ConstantSource, PoissonSource};
use transfers::TransfersSource;

pub use transfers::{NetworkSpec, StormSpec, TransfersSpec};

/// One table of traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficSpec {
    /// The queues it feeds; every named queue gets its own stream.
    pub queues: Vec<QueueId>,
    /// Length of a frame without FCS, in bytes; not used by recorded traffic.
    pub size: Distribution,
    /// What kind of process it is.
    pub kind: TrafficKind,
}

/// The process by which packets arrive at one queue.
#[derive(Debug, Clone, PartialEq)]
pub enum TrafficKind {
    /// Independent exponential gaps.
    Poisson {
        /// Packets per second and queue.
        rate: PacketRate,
    },
    /// Equal gaps from a random phase: packet k at `floor(phase + k / rate)`.
    Constant {
        /// Packets per second and queue.
        rate: PacketRate,
    },
    /// Bursts with silence, or a lower rate, between them.
    OnOff(OnOffSpec),
    /// Whole batches at random epochs.
    Batch(BatchSpec),
    /// Responses whose packets carry placement headers.
    Transfers(Box<TransfersSpec>),
    /// Packets read from a trace or a capture, sorted by time.
    Recorded(Arc<[RecordedPacket]>),
}

/// On-off traffic: see [`TrafficKind::OnOff`].
#[derive(Debug, Clone, PartialEq)]
pub struct OnOffSpec {
    /// Rate while ON.
    pub rate: PacketRate,
    /// Rate while OFF.
    pub rate_off: PacketRate,
    /// Length of an ON period, in picoseconds.
    pub on: Distribution,
    /// Length of an OFF period, in picoseconds.
    pub off: Distribution,
    /// How packets lie within a period.
    pub spacing: Spacing,
    /// The first this many queues share one phase process; 0 and 1: all independent.
    pub in_phase: usize,
}

/// How packets lie within an ON or OFF period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Exponential gaps.
    Poisson,
    /// Equal gaps; the first packet one full gap after the period began.
    Constant,
}

/// Batch traffic: see [`TrafficKind::Batch`].
#[derive(Debug, Clone, PartialEq)]
pub struct BatchSpec {
    /// Time between epochs, in picoseconds.
    pub every: Distribution,
    /// Packets of a batch.
    pub count: Distribution,
    /// Time between a batch's packets at one queue.
    pub spacing: SimDuration,
    /// The first this many queues share one stream of epochs and counts.
    pub in_phase: usize,
}

/// A packet of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedPacket {
    /// When it arrived.
    pub time: SimTime,
    /// At which queue.
    pub queue: QueueId,
    /// Its length without FCS, in bytes.
    pub len: u32,
}

/// A packet on its way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it arrives.
    pub time: SimTime,
    /// The queue it is steered to.
    pub queue: QueueId,
    /// Its length without FCS, in bytes.
    pub len: u32,
}

/// The measured part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First instant measured: the end of the warm-up.
    pub start: SimTime,
    /// Arrivals are measured before this instant; `None`: until everything recorded has passed.
    pub end: Option<SimTime>,
}

impl Window {
    /// The end, or the end of time.
    #[must_use]
    pub fn end_or_max(&self) -> SimTime {
        self.end.unwrap_or(SimTime::MAX)
    }
}

/// A stream of packets in order of time.
#[derive(Debug)]
pub(crate) struct Source {
    process: Process,
    window: Window,
    bursts: u64,
    counts_bursts: bool,
}

#[derive(Debug)]
enum Process {
    Poisson(PoissonSource),
    Constant(ConstantSource),
    OnOff(Box<OnOffSource>),
    Batch(Box<BatchSource>),
    Transfers(Box<TransfersSource>),
    Recorded(RecordedSource),
}

/// Draws frame lengths.
#[derive(Debug, Clone)]
struct Sizes {
    size: Distribution,
    generator: Generator,
}

impl Sizes {
    fn new(spec: &TrafficSpec, name: &str, streams: Streams) -> Self {
        Self { size: spec.size.clone(), generator: streams.stream(&format!("{name} size")) }
    }

    #[inline]
    fn draw(&mut self) -> u32 {
        let len = self.size.sample(&mut self.generator).clamp(1, u64::from(u32::MAX));
        u32::try_from(len).expect("clamped to 32 bits")
    }
}

impl Source {
    /// The next packet before the window's end, `None` when there is none.
    pub(crate) fn next(&mut self) -> Option<Arrival> {
        let end = self.window.end_or_max();
        let (arrival, bursts) = match &mut self.process {
            Process::Poisson(source) => source.next(end),
            Process::Constant(source) => source.next(end),
            Process::OnOff(source) => source.next(self.window.start, end),
            Process::Batch(source) => source.next(self.window.start, end),
            Process::Transfers(source) => source.next(self.window.start, end),
            Process::Recorded(source) => source.next(end),
        };
        let measured = arrival.is_some_and(|arrival| arrival.time >= self.window.start);
        self.bursts += match &self.process {
            Process::Poisson(_) => u64::from(measured),
            _ => bursts,
        };
        arrival
    }

    /// Sends, in order, some of the packets that come before `limit`: those that it can tell of in
    /// one go, which may be none.
    #[inline]
    pub(crate) fn send_run(&mut self, limit: SimTime, mut send: impl FnMut(Arrival)) {
        let limit = limit.min(self.window.end_or_max());
        match &mut self.process {
            Process::Poisson(source) => {
                let (start, mut measured) = (self.window.start, 0);
                source.send_run(limit, &mut |arrival| {
                    measured += u64::from(arrival.time >= start);
                    send(arrival);
                });
                self.bursts += measured;
            }
            Process::OnOff(source) => source.send_run(limit, &mut send),
            Process::Constant(_)
            | Process::Batch(_)
            | Process::Transfers(_)
            | Process::Recorded(_) => {}
        }
    }

    /// Whether it comes in bursts that are independent of one another.
    pub(crate) const fn is_bursty(&self) -> bool {
        matches!(self.process, Process::OnOff(_) | Process::Batch(_) | Process::Transfers(_))
    }

    /// What the packet given out last carries for placement.
    pub(crate) fn load(&self) -> Option<Load> {
        if let Process::Transfers(source) = &self.process { source.load() } else { None }
    }

    /// Changes of the NIC's table of regions that have become known with the last packet.
    pub(crate) fn changes(&mut self) -> impl Iterator<Item = Change> {
        let source =
            if let Process::Transfers(source) = &mut self.process { Some(source) } else { None };
        source.into_iter().flat_map(|source| source.changes())
    }

    /// Independent bursts begun in the window so far: what a bound on unseen drops may count.
    pub(crate) fn bursts(&self) -> u64 {
        if self.counts_bursts { self.bursts } else { 0 }
    }
}

impl TrafficSpec {
    /// The live sources of this table, number `table` of the scenario, in the order in which their
    /// packets arrive at one instant.
    pub(crate) fn sources(&self, table: usize, streams: Streams, window: Window) -> Vec<Source> {
        let source = |process, counts_bursts| Source { process, window, bursts: 0, counts_bursts };
        let shared = match &self.kind {
            TrafficKind::Recorded(packets) => {
                let process = Process::Recorded(RecordedSource::new(Arc::clone(packets)));
                return vec![source(process, true)];
            }
            TrafficKind::Transfers(spec) => {
                let name = format!("traffic {table}");
                let process = TransfersSource::new(spec, &self.queues, &name, streams);
                return vec![source(Process::Transfers(Box::new(process)), true)];
            }
            TrafficKind::Batch(batch) => self.in_phase_queues(batch.in_phase),
            TrafficKind::OnOff(on_off) => self.in_phase_queues(on_off.in_phase),
            TrafficKind::Poisson { .. } | TrafficKind::Constant { .. } => &[],
        };
        let mut order: Vec<QueueId> = self.queues.clone();
        order.sort();
        let name = |queue: QueueId| format!("traffic {table} queue {queue}");
        let mut sources = Vec::new();
        for queue in order {
            let own = name(queue);
            let leader = if shared.contains(&queue) { shared[0] } else { queue };
            let leads = leader == queue;
            let process = match &self.kind {
                TrafficKind::Poisson { rate } => Process::Poisson(PoissonSource::new(
                    queue,
                    *rate,
                    streams.stream(&format!("{own} arrival")),
                    Sizes::new(self, &own, streams),
                )),
                TrafficKind::Constant { rate } => Process::Constant(ConstantSource::new(
                    queue,
                    *rate,
                    streams.stream(&format!("{own} arrival")),
                    Sizes::new(self, &own, streams),
                )),
                TrafficKind::OnOff(spec) => Process::OnOff(Box::new(OnOffSource::new(
                    queue,
                    spec,
                    streams.stream(&format!("{} phase", name(leader))),
                    streams.stream(&format!("{own} arrival")),
                    Sizes::new(self, &own, streams),
                ))),
                TrafficKind::Batch(spec) if leads => {
                    let queues = if shared.contains(&queue) { shared } else { &[queue] };
                    let sizes = queues.iter().map(|q| Sizes::new(self, &name(*q), streams));
                    Process::Batch(Box::new(BatchSource::new(
                        spec,
                        queues.iter().copied().zip(sizes).collect(),
                        BatchStreams::new(&own, streams),
                    )))
                }
                TrafficKind::Batch(_) | TrafficKind::Transfers(_) | TrafficKind::Recorded(_) => {
                    continue;
                }
            };
            sources.push(source(process, leads));
        }
        sources
    }

    fn in_phase_queues(&self, in_phase: usize) -> &[QueueId] {
        if in_phase < 2 { &[] } else { &self.queues[..in_phase.min(self.queues.len())] }
    }

    /// Mean packets per second at each of its queues; for recorded traffic, over its length.
    #[must_use]
    pub fn rate_per_queue(&self) -> f64 {
        match &self.kind {
            TrafficKind::Poisson { rate } | TrafficKind::Constant { rate } => rate.per_second(),
            TrafficKind::OnOff(spec) => {
                let (on, off) = (spec.on.mean(), spec.off.mean());
                let packets = spec.rate.per_second() * on + spec.rate_off.per_second() * off;
                packets / (on + off)
            }
            TrafficKind::Batch(spec) => spec.count.mean() * 1e12 / spec.every.mean(),
            TrafficKind::Transfers(spec) => {
                spec.packets_per_second() / to_f64(self.queues.len().max(1) as u64)
            }
            TrafficKind::Recorded(packets) => {
                let last = packets.last().map_or(0.0, |packet| to_f64(packet.time.as_ps()));
                let queues = to_f64(self.queues.len().max(1) as u64);
                if last > 0.0 { to_f64(packets.len() as u64) * 1e12 / last / queues } else { 0.0 }
            }
        }
    }

    /// Mean events per second at each of its queues that cost time to simulate: packets, and the
    /// periods between which they come.
    #[must_use]
    pub fn events_per_queue(&self) -> f64 {
        let periods = match &self.kind {
            TrafficKind::OnOff(spec) => 2e12 / (spec.on.mean() + spec.off.mean()),
            TrafficKind::Batch(spec) => 1e12 / spec.every.mean(),
            _ => 0.0,
        };
        self.rate_per_queue() + periods
    }

    /// The transfers that it consists of, if it does.
    #[must_use]
    pub fn transfers(&self) -> Option<&TransfersSpec> {
        if let TrafficKind::Transfers(spec) = &self.kind { Some(spec) } else { None }
    }

    /// What this table, number `table` of its scenario, sends in a window, source by source, and
    /// how the NIC's table of regions changes meanwhile.
    #[must_use]
    pub fn sent(
        &self,
        table: usize,
        streams: Streams,
        window: Window,
    ) -> (Vec<(Arrival, Option<Load>)>, Vec<Change>) {
        let (mut sent, mut changes) = (Vec::new(), Vec::new());
        for mut source in self.sources(table, streams, window) {
            while let Some(arrival) = source.next() {
                sent.push((arrival, source.load()));
                changes.extend(source.changes());
            }
        }
        (sent, changes)
    }

    /// Whether packets come from a recording.
    #[must_use]
    pub const fn is_recorded(&self) -> bool {
        matches!(self.kind, TrafficKind::Recorded(_))
    }

    /// Number of packets of the recording; 0 where there is none.
    #[must_use]
    pub fn recorded_packets(&self) -> usize {
        match &self.kind {
            TrafficKind::Recorded(packets) => packets.len(),
            _ => 0,
        }
    }

    /// Whether it comes in bursts that are independent of one another.
    #[must_use]
    pub const fn is_bursty(&self) -> bool {
        matches!(
            self.kind,
            TrafficKind::OnOff(_) | TrafficKind::Batch(_) | TrafficKind::Transfers(_)
        )
    }

    /// Whether independent bursts, or packets, go on coming as time passes.
    #[must_use]
    pub const fn renews(&self) -> bool {
        self.is_bursty() || matches!(self.kind, TrafficKind::Poisson { .. })
    }
}

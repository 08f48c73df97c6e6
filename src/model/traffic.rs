//! Traffic: where packets come from.
//!
//! A [`TrafficSpec`] is one `[[traffic]]` table. It becomes one source per queue (or one for
//! all queues where they share an order, as in a trace), each with streams of its own, so that a
//! source gives the same packets whatever else is in the scenario. Processes with phases start
//! stationary.

mod batch;
mod flows;
mod incast;
mod messages;
mod mmpp;
mod modulated;
mod phases;
mod recorded;
mod sizes;
mod steady;

use std::sync::Arc;

use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::random::{Generator, Streams};
use crate::units::{PacketRate, SimDuration, SimTime, to_f64};

use batch::{BatchSource, BatchStreams};
use flows::FlowsSource;
pub use flows::{Connections, FlowsSpec};
use incast::IncastSource;
pub use incast::IncastSpec;
pub use messages::{HEADERS, MessageMeans, MessageSpec, Segmentation};
pub use mmpp::{MmppError, MmppSpec, SOURCES};
use modulated::ModulatedSource;
use phases::{Correlated, CorrelatedStreams, Mmpp, OnOff, Phases};
use recorded::RecordedSource;
pub use sizes::{SizeTable, TABLES};
use steady::{ConstantSource, PoissonSource};

/// One table of traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficSpec {
    /// The queues it feeds; every named queue gets its own stream.
    pub queues: Vec<QueueId>,
    /// Length of a frame without FCS, in bytes; not used by recorded traffic and by messages.
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
    /// Poisson packets whose rate is set by a Markov chain.
    Mmpp(MmppSpec),
    /// Whole batches at random epochs.
    Batch(BatchSpec),
    /// Messages of measured sizes that begin at random, at the port.
    Flows(Box<FlowsSpec>),
    /// Many senders that answer at once, at the port.
    Incast(Box<IncastSpec>),
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
    /// How far all queues burst together, from 0 (independent, but for `in_phase`) to below 1.
    /// Above 0, OFF periods must be exponential.
    pub correlation: f64,
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
    Modulated(Box<ModulatedSource>),
    Batch(Box<BatchSource>),
    Flows(Box<FlowsSource>),
    Incast(Box<IncastSource>),
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
            Process::Modulated(source) => source.next(self.window.start, end),
            Process::Batch(source) => source.next(self.window.start, end),
            Process::Flows(source) => source.next(self.window.start, end),
            Process::Incast(source) => source.next(self.window.start, end),
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
            Process::Modulated(source) => source.send_run(limit, &mut send),
            Process::Constant(_)
            | Process::Batch(_)
            | Process::Flows(_)
            | Process::Incast(_)
            | Process::Recorded(_) => {}
        }
    }

    /// Whether it comes in bursts that are independent of one another.
    pub(crate) const fn is_bursty(&self) -> bool {
        matches!(
            self.process,
            Process::Modulated(_) | Process::Batch(_) | Process::Flows(_) | Process::Incast(_)
        )
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
        let port = format!("traffic {table}");
        let shared = match &self.kind {
            TrafficKind::Flows(spec) => {
                let flows = FlowsSource::new(spec, &port, streams);
                return vec![source(Process::Flows(Box::new(flows)), true)];
            }
            TrafficKind::Incast(spec) => {
                let incast = IncastSource::new(spec, &port, streams);
                return vec![source(Process::Incast(Box::new(incast)), true)];
            }
            TrafficKind::Recorded(packets) => {
                let process = Process::Recorded(RecordedSource::new(Arc::clone(packets)));
                return vec![source(process, true)];
            }
            TrafficKind::Batch(batch) => self.in_phase_queues(batch.in_phase),
            TrafficKind::OnOff(on_off) => self.in_phase_queues(on_off.in_phase),
            TrafficKind::Mmpp(mmpp) => self.in_phase_queues(mmpp.in_phase),
            TrafficKind::Poisson { .. } | TrafficKind::Constant { .. } => &[],
        };
        let mut order: Vec<QueueId> = self.queues.clone();
        order.sort();
        let name = |queue: QueueId| format!("traffic {table} queue {queue}");
        let correlated = |own| CorrelatedStreams {
            start: streams.stream(&format!("traffic {table} common start")),
            triggers: streams.stream(&format!("traffic {table} common trigger")),
            own,
        };
        let modulated = |queue, spacing, phases| {
            let own = name(queue);
            let arrivals = streams.stream(&format!("{own} arrival"));
            let sizes = Sizes::new(self, &own, streams);
            let source = ModulatedSource::new(queue, spacing, phases, arrivals, sizes);
            Process::Modulated(Box::new(source))
        };
        let mut sources = Vec::new();
        for queue in order {
            let own = name(queue);
            let leader = if shared.contains(&queue) { shared[0] } else { queue };
            let leads = leader == queue;
            let phase = || streams.stream(&format!("{} phase", name(leader)));
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
                TrafficKind::OnOff(spec) => {
                    let phases = if spec.correlation > 0.0 {
                        Phases::Correlated(Correlated::new(spec, correlated(phase())))
                    } else {
                        Phases::OnOff(OnOff::new(spec, phase()))
                    };
                    modulated(queue, spec.spacing, phases)
                }
                TrafficKind::Mmpp(spec) => {
                    let phases = Phases::Mmpp(Mmpp::new(spec, phase()));
                    modulated(queue, Spacing::Poisson, phases)
                }
                TrafficKind::Batch(spec) if leads => {
                    let queues = if shared.contains(&queue) { shared } else { &[queue] };
                    let sizes = queues.iter().map(|q| Sizes::new(self, &name(*q), streams));
                    Process::Batch(Box::new(BatchSource::new(
                        spec,
                        queues.iter().copied().zip(sizes).collect(),
                        BatchStreams::new(&own, streams),
                    )))
                }
                TrafficKind::Batch(_)
                | TrafficKind::Flows(_)
                | TrafficKind::Incast(_)
                | TrafficKind::Recorded(_) => continue,
            };
            // Bursts that may be common are counted at one queue.
            let counts = leads && (!self.is_correlated() || sources.is_empty());
            sources.push(source(process, counts));
        }
        sources
    }

    fn is_correlated(&self) -> bool {
        matches!(&self.kind, TrafficKind::OnOff(spec) if spec.correlation > 0.0)
    }

    fn in_phase_queues(&self, in_phase: usize) -> &[QueueId] {
        if in_phase < 2 { &[] } else { &self.queues[..in_phase.min(self.queues.len())] }
    }

    /// Mean packets per second at each of its queues; for recorded traffic, over its length.
    #[must_use]
    pub fn rate_per_queue(&self) -> f64 {
        let queues = to_f64(self.queues.len().max(1) as u64);
        match &self.kind {
            TrafficKind::Poisson { rate } | TrafficKind::Constant { rate } => rate.per_second(),
            TrafficKind::OnOff(spec) => {
                let (on, off) = (spec.on.mean(), spec.off.mean());
                let packets = spec.rate.per_second() * on + spec.rate_off.per_second() * off;
                packets / (on + off)
            }
            TrafficKind::Mmpp(spec) => spec.mean_rate(),
            TrafficKind::Batch(spec) => spec.count.mean() * 1e12 / spec.every.mean(),
            TrafficKind::Flows(spec) => spec.per_second() * spec.messages.means().packets / queues,
            TrafficKind::Incast(spec) => spec.per_second() * spec.answers.means().packets / queues,
            TrafficKind::Recorded(packets) => {
                let last = packets.last().map_or(0.0, |packet| to_f64(packet.time.as_ps()));
                if last > 0.0 { to_f64(packets.len() as u64) * 1e12 / last / queues } else { 0.0 }
            }
        }
    }

    /// Mean events per second at each of its queues that cost time to simulate: packets, and the
    /// periods between which they come.
    #[must_use]
    pub fn events_per_queue(&self) -> f64 {
        self.rate_per_queue() + self.periods_per_queue()
    }

    /// Mean periods, or epochs, per second at each of its queues.
    #[must_use]
    pub fn periods_per_queue(&self) -> f64 {
        let queues = to_f64(self.queues.len().max(1) as u64);
        match &self.kind {
            TrafficKind::OnOff(spec) => 2e12 / (spec.on.mean() + spec.off.mean()),
            TrafficKind::Mmpp(spec) => spec.changes(),
            TrafficKind::Batch(spec) => 1e12 / spec.every.mean(),
            TrafficKind::Flows(spec) => (spec.epochs + spec.per_second()) / queues,
            TrafficKind::Incast(spec) => (spec.epochs() + spec.per_second()) / queues,
            _ => 0.0,
        }
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

    /// Whether its queues come in bursts of their own, which can be in phase.
    #[must_use]
    pub const fn has_phases(&self) -> bool {
        use TrafficKind::{Batch, Mmpp, OnOff};
        matches!(self.kind, OnOff(_) | Mmpp(_) | Batch(_))
    }

    /// Whether it comes in bursts that are independent of one another.
    #[must_use]
    pub const fn is_bursty(&self) -> bool {
        self.has_phases() || matches!(self.kind, TrafficKind::Flows(_) | TrafficKind::Incast(_))
    }

    /// The messages that packets are cut from, where they are.
    #[must_use]
    pub fn messages(&self) -> Option<&MessageSpec> {
        match &self.kind {
            TrafficKind::Flows(spec) => Some(&spec.messages),
            TrafficKind::Incast(spec) => Some(&spec.answers),
            _ => None,
        }
    }

    /// The published table of sizes that is used, if one is.
    #[must_use]
    pub fn size_table(&self) -> Option<&'static SizeTable> {
        match &self.kind {
            TrafficKind::Flows(spec) => spec.table,
            TrafficKind::Incast(spec) => spec.table,
            _ => None,
        }
    }

    /// Mean length of a frame without FCS, in bytes; not of recorded traffic.
    #[must_use]
    pub fn mean_len(&self) -> f64 {
        self.messages().map_or_else(
            || self.size.mean(),
            |messages| messages.means().frame_bytes / messages.means().packets,
        )
    }

    /// Whether independent bursts, or packets, go on coming as time passes.
    #[must_use]
    pub const fn renews(&self) -> bool {
        self.is_bursty() || matches!(self.kind, TrafficKind::Poisson { .. })
    }
}

//! Traffic: where packets come from.
//!
//! A [`TrafficSpec`] is one `[[traffic]]` table. It becomes one source per queue (or one for
//! all queues where they share an order, as in a trace), each with streams of its own, so that a
//! source gives the same packets whatever else is in the scenario. Processes with phases start
//! stationary.

mod arrivals;
mod batch;
mod flows;
mod gaps;
mod incast;
mod messages;
mod mmpp;
mod modulated;
mod phases;
mod recorded;
mod sizes;
mod source;
mod steady;
mod transfers;

use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::placement::{Change, Load};
use crate::random::Streams;
use crate::units::{PacketRate, SimDuration, SimTime, to_f64};

pub use arrivals::Arrivals;
pub use flows::{Connections, FlowsSpec};
pub use incast::IncastSpec;
pub use messages::{HEADERS, MessageMeans, MessageSpec, Segmentation};
pub use mmpp::{MmppError, MmppSpec};
pub use recorded::{Player, Playing, Recorded};
pub use sizes::{SizeTable, TABLES};
use source::Sizes;
pub(crate) use source::{Source, branch_off_phases};
pub use transfers::{NetworkSpec, StormSpec, TransfersSpec};

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
    /// Responses whose packets carry placement headers.
    Transfers(Box<TransfersSpec>),
    /// Packets of a trace or a capture, sorted by time.
    Recorded(Recorded),
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

impl TrafficSpec {
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
            TrafficKind::Transfers(spec) => {
                spec.packets_per_second() / to_f64(self.queues.len().max(1) as u64)
            }
            TrafficKind::Recorded(recorded) => match recorded.last() {
                SimTime::ZERO => 0.0,
                last => to_f64(recorded.count()) * 1e12 / to_f64(last.as_ps()) / queues,
            },
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
        self.recorded().is_some()
    }

    /// The recording, if packets come from one.
    #[must_use]
    pub const fn recorded(&self) -> Option<&Recorded> {
        if let TrafficKind::Recorded(recorded) = &self.kind { Some(recorded) } else { None }
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
        self.has_phases()
            || matches!(
                self.kind,
                TrafficKind::Flows(_) | TrafficKind::Incast(_) | TrafficKind::Transfers(_)
            )
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

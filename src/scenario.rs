//! Scenarios: the TOML file a user writes, and what it means.
//!
//! Three steps, each in its own module: [`document`](self) parses TOML into values that remember
//! their place, `keys` says which keys there are (the JSON Schema is made from the same tables),
//! and `resolve` turns values into a [`Scenario`]. Once a `Scenario` exists no user error is
//! possible.

mod distribution;
mod document;
mod error;
mod host;
mod keys;
mod napi;
mod placement;
mod quantity;
mod range;
mod resolve;
mod schema;
mod traffic;
mod transfers;
mod warning;

pub use document::Source;
pub(crate) use error::printable;
pub use error::{Place, ScenarioError};
pub use schema::schema;
pub use warning::Warning;

use std::fmt;

use crate::model::buffers::{BufferSpec, ReserveSpec};
use crate::model::host::HostSpec;
use crate::model::memory::{MemorySpec, default_completion_entries};
use crate::model::stall::StallSpec;
use crate::model::system::SystemSpec;
use crate::model::traffic::{TrafficKind, TrafficSpec, TransfersSpec, Window};
use crate::units::{BitRate, SimDuration, SimTime};

/// The scenario that runs when none is given: the host of J. Kicinski's post.
pub const DEFAULT_SCENARIO: &str = include_str!("../scenarios/default.toml");

/// A resolved scenario: everything has a value, and every value makes sense.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What the scenario is about.
    pub title: String,
    /// How long and how often to simulate.
    pub run: RunSpec,
    /// The NIC's rings.
    pub nic: NicSpec,
    /// The reserve behind them, if there is one.
    pub reserve: Option<ReserveSpec>,
    /// The host.
    pub host: HostSpec,
    /// Its stalls.
    pub stalls: Vec<StallSpec>,
    /// Where packets come from.
    pub traffic: Vec<TrafficSpec>,
    /// What to plan for.
    pub plan: PlanSpec,
    /// Doubts that do not stop a run.
    pub warnings: Vec<Warning>,
    /// SHA-256 of the scenario's text and overrides, in hexadecimal.
    pub hash: String,
}

/// The `[run]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSpec {
    /// Measured time of each replication; `None`: to the end of the recorded traffic and until the
    /// last buffer is free.
    pub duration: Option<SimDuration>,
    /// Time simulated before measuring.
    pub warmup: SimDuration,
    /// Independent replications.
    pub replications: u32,
    /// Seed of all random streams.
    pub seed: u64,
    /// Confidence level of intervals, between 0 and 1.
    pub confidence: f64,
}

/// The `[nic]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct NicSpec {
    /// Dedicated entries of each queue.
    pub rx: Vec<u32>,
    /// Bytes of one buffer.
    pub rx_buf_len: u64,
    /// Bytes of a descriptor.
    pub descriptor: u64,
    /// Bytes of a completion entry.
    pub completion: u64,
    /// Completion entries of each queue; `None`: enough for all buffers a queue can have.
    pub completion_entries: Option<u32>,
    /// Bytes of the on-NIC FIFO.
    pub fifo: u64,
    /// Bytes of a header buffer.
    pub header_buffer: u64,
    /// Rate of the wire.
    pub line_rate: Option<BitRate>,
}

/// The `[plan]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSpec {
    /// The goal: at most this share of packets dropped.
    pub max_drop_rate: f64,
    /// Ring depths to search, rising.
    pub rx: Vec<u32>,
    /// Reserve sizes to search, rising.
    pub reserve: Vec<u32>,
    /// What to compare with.
    pub baseline: Shape,
    /// Whether rings and reserve must have a buffer for every packet of one storm of generations.
    pub survive_storm: bool,
}

/// A configuration of rings and reserve: what `plan` varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shape {
    /// Dedicated entries of every queue.
    pub rx: u32,
    /// Entries of each reserve; 0: none.
    pub reserve: u32,
}

impl Shape {
    /// Whether there is any buffer at all.
    #[must_use]
    pub const fn has_buffers(&self) -> bool {
        self.rx > 0 || self.reserve > 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reserve {
            0 => write!(f, "rx {}", self.rx),
            reserve => write!(f, "rx {} + reserve {reserve}", self.rx),
        }
    }
}

impl Scenario {
    /// Number of queues.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.nic.rx.len()
    }

    /// Completion entries of each queue.
    #[must_use]
    pub fn completion_entries(&self) -> u32 {
        // Placed packets take completion entries without taking buffers.
        let needed = self.most_buffers_of_a_queue().max(self.header_entries().unwrap_or(0));
        self.nic.completion_entries.unwrap_or_else(|| default_completion_entries(needed, 0))
    }

    /// The deepest ring and the reserve behind it.
    fn most_buffers_of_a_queue(&self) -> u32 {
        let rx_max = self.nic.rx.iter().copied().max().unwrap_or(0);
        rx_max.saturating_add(self.reserve.as_ref().map_or(0, |reserve| reserve.entries))
    }

    /// The traffic that carries placement headers, if there is any.
    #[must_use]
    pub fn transfers(&self) -> Option<&TransfersSpec> {
        self.traffic.iter().find_map(TrafficSpec::transfers)
    }

    /// Segments that one storm of generations can turn back, at each queue.
    #[must_use]
    pub fn storm_packets(&self) -> Vec<u64> {
        let mut packets = vec![0; self.queues()];
        for traffic in &self.traffic {
            let Some((spec, storm)) =
                traffic.transfers().and_then(|it| Some((it, it.storm.as_ref()?)))
            else {
                continue;
            };
            for (_, queue) in (0..spec.flows).zip(traffic.queues.iter().cycle()) {
                packets[queue.index()] += spec.segments_in(storm.notice);
            }
        }
        packets
    }

    /// Whether rings and reserves, all free, have a buffer for every packet that one storm turns
    /// back.
    #[must_use]
    pub fn holds_storm(&self) -> bool {
        let queues = self.queues();
        let (groups, entries) =
            self.reserve.as_ref().map_or((1, 0), |reserve| (reserve.groups, reserve.entries));
        let mut needed = vec![0_u64; groups as usize];
        for (queue, (storm, rx)) in self.storm_packets().iter().zip(&self.nic.rx).enumerate() {
            needed[queue * groups as usize / queues] += storm.saturating_sub(u64::from(*rx));
        }
        needed.iter().all(|needed| *needed <= u64::from(entries))
    }

    /// Header buffers of each queue where headers are split.
    fn header_entries(&self) -> Option<u32> {
        let nic = &self.transfers()?.nic;
        nic.mode.splits_headers().then_some(nic.header_entries)
    }

    /// The configuration's memory items.
    #[must_use]
    pub fn memory(&self) -> MemorySpec {
        MemorySpec {
            rx: self.nic.rx.clone(),
            reserve_entries: self.reserve.as_ref().map_or(0, |reserve| reserve.entries),
            groups: self.reserve.as_ref().map_or(1, |reserve| reserve.groups),
            rx_buf_len: self.nic.rx_buf_len,
            descriptor: self.nic.descriptor,
            completion: self.nic.completion,
            completion_entries: self.completion_entries(),
            header_buffer: self.nic.header_buffer,
            header_entries: self.header_entries(),
        }
    }

    /// What the simulator runs.
    #[must_use]
    pub fn system(&self) -> SystemSpec {
        let start = SimTime::ZERO + self.run.warmup;
        SystemSpec {
            buffers: BufferSpec {
                rx: self.nic.rx.clone(),
                rx_buf_len: self.nic.rx_buf_len,
                completion_entries: self.completion_entries(),
                reserve: self.reserve.clone(),
            },
            fifo: self.nic.fifo,
            line_rate: self.nic.line_rate,
            host: self.host.clone(),
            stalls: self.stalls.clone(),
            traffic: self.traffic.clone(),
            window: Window { start, end: self.run.duration.map(|duration| start + duration) },
        }
    }

    /// The same scenario with other rings and another reserve; the reserve's policy and accounting
    /// stay, or are the defaults where there was none. Completion rings that would be too short for
    /// the shape become as long as it needs.
    #[must_use]
    pub fn with_shape(&self, shape: Shape) -> Self {
        let mut other = self.clone();
        other.nic.rx = vec![shape.rx; self.queues()];
        other.reserve = (shape.reserve > 0).then(|| ReserveSpec {
            entries: shape.reserve,
            ..self.reserve.clone().unwrap_or_else(resolve::default_reserve)
        });
        let needed = other.most_buffers_of_a_queue();
        other.nic.completion_entries =
            self.nic.completion_entries.filter(|entries| *entries >= needed);
        other
    }

    /// The most queues of any traffic that can burst in step.
    #[must_use]
    pub fn phased_queues(&self) -> usize {
        let phased = self.traffic.iter().filter(|traffic| traffic.is_bursty());
        phased.map(|traffic| traffic.queues.len()).max().unwrap_or(0)
    }

    /// The same scenario with the first `queues` of all traffic that has phases in step.
    #[must_use]
    pub fn with_in_phase(&self, queues: usize) -> Self {
        let mut other = self.clone();
        for traffic in &mut other.traffic {
            let queues = queues.min(traffic.queues.len());
            match &mut traffic.kind {
                TrafficKind::OnOff(on_off) => on_off.in_phase = queues,
                TrafficKind::Batch(batch) => batch.in_phase = queues,
                _ => {}
            }
        }
        other
    }

    /// Whether anything random remains: recorded traffic and a host without chance have none.
    #[must_use]
    pub fn is_random(&self) -> bool {
        self.host.is_random()
            || self.stalls.iter().any(StallSpec::is_random)
            || self.traffic.iter().any(|traffic| !traffic.is_recorded())
    }

    /// Packets the run is expected to simulate, all replications together.
    #[must_use]
    pub fn expected_packets(&self) -> f64 {
        self.expected(TrafficSpec::rate_per_queue)
    }

    /// Packets and periods of traffic the run is expected to simulate, all replications together.
    #[must_use]
    pub fn expected_events(&self) -> f64 {
        self.expected(TrafficSpec::events_per_queue)
    }

    /// What the sources make at `rate` per second and queue, or have recorded.
    fn expected(&self, rate: fn(&TrafficSpec) -> f64) -> f64 {
        let per_replication: f64 = self
            .traffic
            .iter()
            .map(|traffic| match self.run.duration {
                Some(duration) => {
                    let queues = crate::units::to_f64(traffic.queues.len() as u64);
                    let seconds = (duration + self.run.warmup).as_secs_f64();
                    rate(traffic) * queues * seconds
                }
                None => crate::units::to_f64(traffic.recorded_packets() as u64),
            })
            .sum();
        per_replication * f64::from(self.run.replications)
    }
}

//! Scenarios: the TOML file a user writes, and what it means.
//!
//! Three steps, each in its own module: [`document`](self) parses TOML into values that remember
//! their place, `keys` says which keys there are (the JSON Schema is made from the same tables),
//! and `resolve` turns values into a [`Scenario`]. Once a `Scenario` exists no user error is
//! possible.

mod axis;
mod distribution;
mod document;
mod error;
mod host;
mod keys;
mod napi;
mod nic;
mod placement;
mod quantity;
mod range;
mod reserve;
mod resolve;
mod schema;
mod template;
mod traffic;
mod transfers;
mod variant;
mod warning;

pub use axis::Axis;
pub use document::{ScenarioText, Source};
pub(crate) use error::printable;
pub use error::{Place, ScenarioError};
pub(crate) use nic::{ENTRIES_MAX, MTU, MTU_MAX, MTU_MIN, QUEUES_MAX, driver_depth};
pub(crate) use reserve::default_reserve;
pub use schema::schema;
pub use template::Template;
pub use variant::FixedQueues;
pub use warning::Warning;

use std::fmt;

use crate::model::buffers::{BufferSpec, ReserveSpec};
use crate::model::host::HostSpec;
use crate::model::memory::driver::Driver;
use crate::model::memory::{MemorySpec, default_completion_entries};
use crate::model::policy::Policy;
use crate::model::port::FifoSpec;
use crate::model::stall::StallSpec;
use crate::model::system::SystemSpec;
use crate::model::traffic::{Recorded, TrafficKind, TrafficSpec, TransfersSpec, Window};
use crate::preset::Preset;
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
    /// Whether that is to be found out by pilot runs.
    pub finds_warmup: bool,
    /// Independent replications.
    pub replications: u32,
    /// Seed of all random streams.
    pub seed: u64,
    /// Confidence level of intervals, between 0 and 1.
    pub confidence: f64,
    /// How drop rates are estimated.
    pub method: RunMethod,
}

/// How drop rates are estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RunMethod {
    /// By plain runs; `plan` splits runs where plain ones would take too long.
    #[default]
    Auto,
    /// By plain runs.
    Plain,
    /// By runs that branch where they come near to a drop.
    Splitting,
}

/// The `[nic]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct NicSpec {
    /// What the NIC is, where the scenario says it.
    pub preset: Option<&'static Preset>,
    /// The interface's MTU in bytes; only a preset's buffers depend on it.
    pub mtu: u32,
    /// Dedicated entries of each queue.
    pub rx: Vec<u32>,
    /// Bytes that one buffer receives.
    pub rx_buf_len: u64,
    /// How the driver allocates for the rings; `None`: `rx` buffers of `rx_buf_len`.
    pub driver: Option<Driver>,
    /// Bytes of a descriptor.
    pub descriptor: u64,
    /// Bytes of a completion entry.
    pub completion: u64,
    /// Completion entries of each queue; `None`: enough for all buffers a queue can have.
    pub completion_entries: Option<u32>,
    /// On-NIC FIFO.
    pub fifo: FifoSpec,
    /// Whether packets wait for completion entries.
    pub completion_flow_control: bool,
    /// Bytes of a header buffer.
    pub header_buffer: u64,
    /// Rate of the wire.
    pub line_rate: Option<BitRate>,
}

/// The `[plan]` section.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanSpec {
    /// Whether the scenario has a plan; if not, all of this is what is searched by default.
    pub is_stated: bool,
    /// The goal: at most this share of packets dropped.
    pub max_drop_rate: f64,
    /// The goal: the 99th percentile of the sojourn time at most so many microseconds.
    pub max_p99_us: Option<f64>,
    /// Numbers of queues to search, rising; none: the scenario's own.
    pub queues: Vec<u32>,
    /// Policies of the reserve to search, of the scenario's kind; none: its own.
    pub policies: Vec<Policy>,
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
        let entries = self.nic.completion_entries(self.reserve.as_ref());
        match self.header_entries() {
            // Placed packets take completion entries without taking buffers.
            Some(headers) if self.nic.completion_entries.is_none() => {
                entries.max(default_completion_entries(headers, 0))
            }
            _ => entries,
        }
    }

    /// Buffers of each reserve; 0 without one.
    #[must_use]
    pub fn reserve_entries(&self) -> u32 {
        self.reserve.as_ref().map_or(0, |reserve| reserve.entries)
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
            completion_entries: self.completion_entries(),
            header_entries: self.header_entries(),
            ..self.nic.memory(self.reserve.as_ref())
        }
    }

    /// What the simulator runs.
    #[must_use]
    pub fn system(&self) -> SystemSpec {
        let start = SimTime::ZERO + self.run.warmup;
        SystemSpec {
            buffers: BufferSpec {
                rx: self.nic.buffers(),
                rx_buf_len: self.nic.rx_buf_len,
                completion_entries: self.completion_entries(),
                completion_flow_control: self.nic.completion_flow_control,
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
            ..self.reserve.clone().unwrap_or_else(default_reserve)
        });
        let needed = other.nic.most_buffers(other.reserve.as_ref());
        other.nic.completion_entries =
            self.nic.completion_entries.filter(|entries| *entries >= needed);
        other
    }

    /// The most queues of any traffic that can burst in step.
    #[must_use]
    pub fn phased_queues(&self) -> usize {
        let phased = self.traffic.iter().filter(|traffic| traffic.has_phases());
        phased.map(|traffic| traffic.queues.len()).max().unwrap_or(0)
    }

    /// The same scenario with the first `queues` of all traffic that has phases in step.
    #[must_use]
    pub fn with_in_phase(&self, queues: usize) -> Self {
        let mut other = self.clone();
        for traffic in &mut other.traffic {
            let queues = queues.min(traffic.queues.len());
            match &mut traffic.kind {
                TrafficKind::OnOff(on_off) => {
                    (on_off.in_phase, on_off.correlation) = (queues, 0.0);
                }
                TrafficKind::Mmpp(mmpp) => mmpp.in_phase = queues,
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
                None => crate::units::to_f64(traffic.recorded().map_or(0, Recorded::count)),
            })
            .sum();
        per_replication * f64::from(self.run.replications)
    }
}

//! Simulating a scenario: replications in parallel, their results merged in order.
//!
//! What comes out is a pure function of scenario and seed: replications draw from streams of their
//! own and are merged by number, whatever thread ran them. No file is read or written here.

mod arrivals;
mod batch;
mod depths;
mod path;
mod reposts;
mod warmup;

pub use arrivals::arrivals;
pub use batch::{Batch, simulate_batch};
pub use depths::private_drops;
use path::Path;
pub use reposts::Reposts;
pub use warmup::warmed;

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use crate::model::fast::FastPath;
use crate::model::ledger::{DropReason, PacketCounts};
use crate::model::log::{PacketOutcome, Timeline};
use crate::model::memory::Memory;
use crate::model::outcome::{Occupancy, Outcome, QueueOutcome};
use crate::model::placement::PlacementCounts;
use crate::model::port::WireOutcome;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{Recorded, TrafficSpec};
use crate::model::watch::Watcher;
use crate::random::Streams;
use crate::scenario::{Scenario, Warning};
use crate::stats::{self, Counts, Estimate, Histogram, Weighted};
use crate::units::{SimDuration, sum_to_f64, to_f64};

/// A scenario simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Replications finished.
    pub replications: u32,
    /// Measured time of one replication.
    pub simulated: SimDuration,
    /// Time simulated before.
    pub warmup: SimDuration,
    /// Packets by fate, over queues and replications.
    pub packets: PacketCounts,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// Dropped and offered packets of each replication; of a single random one, of consecutive
    /// parts of its window.
    pub counts: Vec<Counts>,
    /// Drops and packets of consecutive parts of each replication, of the first [`PARTED`] ones.
    pub parts: Vec<Vec<Weighted>>,
    /// Independent bursts seen in all replications.
    pub bursts: u64,
    /// Drops by reason, in the order of [`DropReason::ALL`].
    pub drops: [u64; DropReason::ALL.len()],
    /// Per queue, counters summed, averages averaged, maxima taken over replications.
    pub queues: Vec<QueueOutcome>,
    /// Reserve buffers in use.
    pub reserve_in_use: Occupancy,
    /// Buffers in use.
    pub in_use: Occupancy,
    /// Small buffers in use, which are in no other number.
    pub small_in_use: Occupancy,
    /// Share of the time in which any group had no free reserve buffer.
    pub exhausted_fraction: f64,
    /// Time-averaged packet bytes over buffer bytes in use; 0 when none were in use.
    pub fill_ratio: f64,
    /// Times from arrival to delivery.
    pub sojourn: Histogram,
    /// Busy share of the cores; 0 where the host has no cores.
    pub utilization: f64,
    /// Time spent reposting reserve buffers, per delivered packet, in nanoseconds.
    pub sync_ns_per_packet: f64,
    /// That part of it in which cores waited for a reserve's lock.
    pub lock_wait_ns_per_packet: f64,
    /// Where reposting reserve buffers takes time, how many of them.
    pub reposts: Option<Reposts>,
    /// Servers woken, or interrupts.
    pub wakeups: u64,
    /// Softirq runs that ended early.
    pub time_squeeze: u64,
    /// Pages that the stack holds above the rings.
    pub held: Occupancy,
    /// The wire, if there is one, over all replications.
    pub wire: Option<WireOutcome>,
    /// Share of core time covered by stalls.
    pub stalled_fraction: f64,
    /// What placement came to, where there are transfers.
    pub placement: Option<PlacementCounts>,
    /// Occupancy over time of the first replication, if asked for.
    pub timeline: Option<Timeline>,
    /// Memory the configuration pins.
    pub memory: Memory,
    /// Doubts about the scenario and about the result.
    pub warnings: Vec<Warning>,
    /// Packets simulated, warm-up included.
    pub packets_simulated: u64,
}

/// Which engine simulates; the result is the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Engine {
    /// The fast path where there is one for the scenario, else the reference engine.
    #[default]
    Auto,
    /// One event after another.
    Reference,
    /// The fast path: see [`SystemSpec::fast_path`].
    Fast,
}

impl Engine {
    /// The name in results of the engine that simulates `system`.
    ///
    /// # Errors
    /// [`SimulationError::NoFastPath`] when that was asked for and there is none.
    pub fn name(self, system: &SystemSpec) -> Result<&'static str, SimulationError> {
        Ok(self.path(system)?.map_or("reference", |_| "fast"))
    }

    /// The fast path to take, `None` for the reference engine.
    fn path(self, system: &SystemSpec) -> Result<Option<FastPath>, SimulationError> {
        match self {
            Self::Reference => Ok(None),
            Self::Auto => Ok(system.fast_path()),
            Self::Fast => system.fast_path().ok_or(SimulationError::NoFastPath).map(Some),
        }
    }
}

/// How to run a simulation.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Options<'a> {
    /// Threads; 0: one per processor.
    pub jobs: usize,
    /// Receives every packet of the first replication's window in order of arrival.
    pub packets: Option<&'a mut (dyn FnMut(&PacketOutcome) + Send)>,
    /// Whether to record the first replication's occupancy over time: by the reference engine.
    pub timeline: bool,
    /// Which engine simulates.
    pub engine: Engine,
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// Stopped before there was a result.
    #[error("stopped before there was a result; give it more time, or a shorter run.duration")]
    Stopped,
    /// There is no fast path for the scenario.
    #[error(
        "--engine fast: simulates servers without wake-up and stalls, napi and busy-poll hosts \
         whose packets take time and recorded returns, without FIFO, line rate and transfers, with \
         at most one reserve group, repost 1 and no sync cost, for a given duration and without \
         splitting, where that pays; use --engine auto"
    )]
    NoFastPath,
    /// Threads could not be started.
    #[error("cannot start {jobs} threads; use fewer --jobs")]
    Threads {
        /// How many were asked for.
        jobs: usize,
    },
    /// A recording could be read when the scenario was, but not for the simulation.
    #[error("{0}")]
    Recording(String),
}

/// Replications whose parts are kept.
pub const PARTED: usize = 64;

/// Replications run before their results are merged, so that memory does not grow with their
/// number.
const CHUNK: u32 = 64;

/// Runs all replications of a scenario.
///
/// When `progress.stop` is set the replications finished by then are the result, as far as they are
/// the first ones without a gap.
///
/// # Errors
/// [`SimulationError`] when nothing was finished or no thread could be had.
pub fn simulate(
    scenario: &Scenario,
    options: Options<'_>,
    progress: &Progress,
) -> Result<Simulation, SimulationError> {
    let Options { jobs, packets, timeline, engine } = options;
    let scenario = &warmed(scenario, jobs, progress)?;
    let replications = scenario.run.replications;
    let jobs = jobs.min(replications as usize);
    let pool = threads(jobs)?;
    let system = scenario.system();
    let path = Path::new(scenario, &system, engine, progress)?;
    let sink = Mutex::new(packets);
    let run = |replication: u32| {
        if progress.stop.load(Ordering::Relaxed) {
            return None;
        }
        let streams = Streams::new(scenario.run.seed, replication);
        if replication > 0 {
            return path.run(&system, streams, progress, Observers::default());
        }
        let mut sink = sink.lock().expect("only the first replication takes the lock");
        let mut forward;
        let packets = match sink.as_deref_mut() {
            None => None,
            Some(sink) => {
                forward = |packet: &PacketOutcome| sink(packet);
                Some(&mut forward as &mut dyn FnMut(&PacketOutcome))
            }
        };
        let observers = Observers { packets, timeline, watcher: None };
        path.run(&system, streams, progress, observers)
    };
    let mut merged: Option<Merged> = None;
    for first in (0..replications).step_by(CHUNK as usize) {
        let chunk = first..replications.min(first + CHUNK);
        let size = chunk.len();
        let outcomes: Vec<Option<Outcome>> =
            pool.install(|| chunk.into_par_iter().map(run).collect());
        let finished: Vec<Outcome> = outcomes.into_iter().map_while(|outcome| outcome).collect();
        let stopped = finished.len() < size;
        for outcome in finished {
            match &mut merged {
                None => merged = Some(Merged::new(outcome)),
                Some(merged) => merged.add(&outcome),
            }
        }
        if stopped {
            break;
        }
    }
    merged.ok_or(SimulationError::Stopped)?.finish(scenario, &path)
}

/// Shows the first replication of a scenario to `watcher` as it happens, by the reference engine,
/// until it is over or `progress.stop` is set; says whether it is over.
///
/// # Errors
/// [`SimulationError::Recording`] when a recording cannot be played any more.
pub fn watch(
    scenario: &Scenario,
    watcher: &mut Watcher<'_>,
    progress: &Progress,
) -> Result<bool, SimulationError> {
    let observers = Observers { watcher: Some(watcher), ..Observers::default() };
    let streams = Streams::new(scenario.run.seed, 0);
    let outcome = scenario.system().run(streams, progress, observers);
    check_recordings(scenario)?;
    Ok(outcome.is_some())
}

/// A pool of `jobs` threads; 0: one per processor.
fn threads(jobs: usize) -> Result<rayon::ThreadPool, SimulationError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    pool.map_err(|_| SimulationError::Threads { jobs })
}

/// Whether all recordings of a scenario could be played, so far.
fn check_recordings(scenario: &Scenario) -> Result<(), SimulationError> {
    let mut recordings = scenario.traffic.iter().filter_map(TrafficSpec::recorded);
    recordings
        .find_map(Recorded::fault)
        .map_or(Ok(()), |fault| Err(SimulationError::Recording(fault)))
}

/// Outcomes of replications, added up in order of their numbers.
struct Merged {
    sum: Outcome,
    /// Dropped and offered packets of each replication.
    counts: Vec<Counts>,
    /// Drops expected and packets offered in parts of each replication, as far as they were split.
    splits: Vec<Vec<Weighted>>,
    /// Drops and packets of the parts of the first replications.
    parts: Vec<Vec<Weighted>>,
}

impl Merged {
    fn new(outcome: Outcome) -> Self {
        let splits = outcome.split().into_iter().collect();
        let parts = vec![outcome.parts()];
        Self { counts: vec![outcome.counts()], splits, parts, sum: outcome }
    }

    fn add(&mut self, outcome: &Outcome) {
        self.counts.push(outcome.counts());
        self.splits.extend(outcome.split());
        if self.parts.len() < PARTED {
            self.parts.push(outcome.parts());
        }
        self.sum.add(outcome);
    }

    fn finish(self, scenario: &Scenario, path: &Path) -> Result<Simulation, SimulationError> {
        check_recordings(scenario)?;
        let drop_rate = self.drop_rate(scenario);
        let Self { sum, counts, parts, .. } = self;
        let count = f64::from(u32::try_from(counts.len()).expect("as many as were asked for"));
        let mean = |sum: f64| sum / count;
        let occupancy = |sum: Occupancy| Occupancy { mean: mean(sum.mean), ..sum };
        let delivered = sum.sojourn.count();
        let per_packet = |ps: u128| match delivered {
            0 => 0.0,
            delivered => sum_to_f64(ps) / 1e3 / to_f64(delivered),
        };
        let queues = sum.queues.iter().map(|queue| QueueOutcome {
            packets: queue.packets,
            in_use: occupancy(queue.in_use),
            reserve_in_use: occupancy(queue.reserve_in_use),
        });
        let in_use = occupancy(sum.in_use);
        let memory = scenario.memory();
        let small_in_use = occupancy(sum.small_in_use);
        let small_bytes = small_in_use.mean * to_f64(memory.small_buf_len);
        let buffer_bytes = in_use.mean * memory.bytes_per_buffer() + small_bytes;
        let packet_bytes = mean(sum.packet_bytes_mean);
        let mut simulation = Simulation {
            replications: u32::try_from(counts.len()).expect("as many as were asked for"),
            simulated: sum.simulated,
            warmup: scenario.run.warmup,
            packets: sum.packets(),
            drop_rate,
            counts: match counts[..] {
                [_] if scenario.is_random() => sum.batches.to_vec(),
                _ => counts,
            },
            parts,
            bursts: sum.bursts,
            drops: sum.drops,
            queues: queues.collect(),
            reserve_in_use: occupancy(sum.reserve_in_use),
            in_use,
            small_in_use,
            exhausted_fraction: mean(sum.exhausted_fraction),
            fill_ratio: if buffer_bytes > 0.0 { packet_bytes / buffer_bytes } else { 0.0 },
            sync_ns_per_packet: per_packet(sum.sync_ps),
            lock_wait_ns_per_packet: per_packet(sum.lock_wait_ps),
            reposts: Reposts::new(scenario, &sum, count),
            sojourn: sum.sojourn,
            utilization: mean(sum.utilization),
            wakeups: sum.wakeups,
            time_squeeze: sum.time_squeeze,
            held: occupancy(sum.held),
            wire: sum.wire,
            stalled_fraction: mean(sum.stalled_fraction),
            placement: sum.placement,
            timeline: sum.timeline,
            memory: memory.memory().expect("checked when the scenario was resolved"),
            warnings: scenario.warnings.clone(),
            packets_simulated: sum.packets_simulated,
        };
        simulation.warn(scenario, sum.returns_without_buffer);
        if let Some(fault) = path.fault(drop_rate.method) {
            simulation.warnings.push(Warning::NoSplitting { fault });
        }
        Ok(simulation)
    }

    /// The share of packets dropped, with the interval that fits what was run.
    fn drop_rate(&self, scenario: &Scenario) -> Estimate {
        let confidence = scenario.run.confidence;
        let drops: f64 = self.splits.iter().flatten().map(|part| part.part).sum();
        if !scenario.is_random() {
            stats::exact(self.counts[0], confidence)
        } else if self.splits.len() == self.counts.len() && drops > 0.0 {
            stats::splitting(&self.splits, confidence)
        } else if self.counts.iter().all(|counts| counts.part == 0) {
            stats::zero_seen(self.sum.bursts, confidence)
        } else if let [_] = self.counts[..] {
            stats::batch_means(&self.sum.batches, confidence)
        } else {
            stats::replications(&self.counts, confidence)
        }
    }
}

impl Simulation {
    /// Measured time of all replications, in picoseconds; 1 at least.
    #[must_use]
    pub fn total_ps(&self) -> f64 {
        to_f64(self.simulated.as_ps().max(1)) * f64::from(self.replications)
    }

    fn warn(&mut self, scenario: &Scenario, returns_without_buffer: u64) {
        if returns_without_buffer > 0 {
            self.warnings.push(Warning::ReturnsWithoutBuffer { count: returns_without_buffer });
        }
        if self.packets.offered == 0 {
            self.warnings.push(Warning::NoPackets);
        }
        let half_width = (self.drop_rate.ci_high - self.drop_rate.ci_low) / 2.0;
        let relative = half_width / self.drop_rate.estimate;
        if self.drop_rate.estimate > 0.0 && relative > 0.5 {
            self.warnings.push(Warning::WideInterval { relative });
        }
        let (finished, asked) = (self.replications, scenario.run.replications);
        if finished < asked {
            self.warnings.push(Warning::CutShort { finished, asked });
        }
    }
}

impl Outcome {
    /// Adds another replication: counters and averages are summed, maxima taken.
    fn add(&mut self, other: &Self) {
        let add = |sum: &mut Occupancy, other: &Occupancy| {
            sum.mean += other.mean;
            sum.max = sum.max.max(other.max);
        };
        for (queue, other) in self.queues.iter_mut().zip(&other.queues) {
            queue.packets.add(&other.packets);
            add(&mut queue.in_use, &other.in_use);
            add(&mut queue.reserve_in_use, &other.reserve_in_use);
        }
        for (drops, other) in self.drops.iter_mut().zip(other.drops) {
            *drops += other;
        }
        add(&mut self.in_use, &other.in_use);
        add(&mut self.small_in_use, &other.small_in_use);
        add(&mut self.reserve_in_use, &other.reserve_in_use);
        self.exhausted_fraction += other.exhausted_fraction;
        self.stalled_fraction += other.stalled_fraction;
        self.packet_bytes_mean += other.packet_bytes_mean;
        self.utilization += other.utilization;
        self.bursts += other.bursts;
        self.sojourn.merge(&other.sojourn);
        self.sync_ps += other.sync_ps;
        self.lock_wait_ps += other.lock_wait_ps;
        self.wakeups += other.wakeups;
        self.time_squeeze += other.time_squeeze;
        add(&mut self.held, &other.held);
        self.wire = self.wire.zip(other.wire).map(|(wire, other)| wire.plus(other));
        self.returns_without_buffer += other.returns_without_buffer;
        if let (Some(placement), Some(other)) = (&mut self.placement, &other.placement) {
            placement.add(other);
        }
        self.packets_simulated += other.packets_simulated;
    }

    fn packets(&self) -> PacketCounts {
        let mut packets = PacketCounts::default();
        for queue in &self.queues {
            packets.add(&queue.packets);
        }
        packets
    }

    /// Drops and packets of consecutive parts of the window.
    fn parts(&self) -> Vec<Weighted> {
        self.batches.iter().copied().map(Weighted::from).collect()
    }

    /// Drops expected and packets offered in parts of the window, where the run was split.
    fn split(&self) -> Option<Vec<Weighted>> {
        let parts = self.split_drops?.into_iter().zip(self.batches);
        Some(parts.map(|(part, batch)| Weighted { part, whole: to_f64(batch.whole) }).collect())
    }

    fn counts(&self) -> Counts {
        let packets = self.packets();
        Counts { part: packets.dropped, whole: packets.offered }
    }
}

//! Simulating a scenario: replications in parallel, their results merged in order.
//!
//! What comes out is a pure function of scenario and seed: replications draw from streams of their
//! own and are merged by number, whatever thread ran them. No file is read or written here.

use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rayon::prelude::*;

use crate::model::ledger::{DropReason, PacketCounts};
use crate::model::log::{PacketOutcome, Timeline};
use crate::model::memory::Memory;
use crate::model::system::{Observers, Occupancy, Outcome, Progress, QueueOutcome};
use crate::random::Streams;
use crate::scenario::{Scenario, Warning};
use crate::stats::{self, Counts, Estimate, Histogram};
use crate::units::{SimDuration, to_f64};

/// A scenario simulated.
#[derive(Debug, Clone)]
pub struct Simulation {
    /// Replications finished.
    pub replications: u32,
    /// Measured time of one replication.
    pub simulated: SimDuration,
    /// Packets by fate, over queues and replications.
    pub packets: PacketCounts,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
    /// Drops by reason, in the order of [`DropReason::ALL`].
    pub drops: [u64; DropReason::ALL.len()],
    /// Per queue, counters summed, averages averaged, maxima taken over replications.
    pub queues: Vec<QueueOutcome>,
    /// Reserve buffers in use.
    pub reserve_in_use: Occupancy,
    /// Buffers in use.
    pub in_use: Occupancy,
    /// Share of the time in which any group had no free reserve buffer.
    pub exhausted_fraction: f64,
    /// Time-averaged packet bytes over buffer bytes in use; 0 when none were in use.
    pub fill_ratio: f64,
    /// Times from arrival to delivery.
    pub sojourn: Histogram,
    /// Busy share of the cores; `None` where the host has no cores.
    pub utilization: Option<f64>,
    /// Time spent reposting reserve buffers, per delivered packet, in nanoseconds.
    pub sync_ns_per_packet: f64,
    /// Servers woken.
    pub wakeups: u64,
    /// Share of core time covered by stalls.
    pub stalled_fraction: f64,
    /// Occupancy over time of the first replication, if asked for.
    pub timeline: Option<Timeline>,
    /// Memory the configuration pins.
    pub memory: Memory,
    /// Doubts about the scenario and about the result.
    pub warnings: Vec<Warning>,
    /// Packets simulated, warm-up included.
    pub packets_simulated: u64,
}

/// How to run a simulation.
#[derive(Default)]
#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Options<'a> {
    /// Threads; 0: one per processor.
    pub jobs: usize,
    /// Receives every packet of the first replication's window in order of arrival.
    pub packets: Option<&'a mut (dyn FnMut(&PacketOutcome) + Send)>,
    /// Whether to record the first replication's occupancy over time.
    pub timeline: bool,
}

/// Why there is no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// Stopped before there was a result.
    #[error("stopped before there was a result; give it more time, or a shorter run.duration")]
    Stopped,
    /// Threads could not be started.
    #[error("cannot start {jobs} threads; use fewer --jobs")]
    Threads {
        /// How many were asked for.
        jobs: usize,
    },
}

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
    let Options { jobs, packets, timeline } = options;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .map_err(|_| SimulationError::Threads { jobs })?;
    let system = scenario.system();
    let sink = Mutex::new(packets);
    let run = |replication: u32| {
        let streams = Streams::new(scenario.run.seed, replication);
        if replication > 0 {
            return system.run(streams, progress, Observers::default());
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
        system.run(streams, progress, Observers { packets, timeline })
    };
    let outcomes: Vec<Option<Outcome>> =
        pool.install(|| (0..scenario.run.replications).into_par_iter().map(run).collect());
    let outcomes: Vec<Outcome> = outcomes.into_iter().map_while(|outcome| outcome).collect();
    if outcomes.is_empty() {
        return Err(SimulationError::Stopped);
    }
    let stopped = progress.stop.load(Ordering::Relaxed);
    Ok(Simulation::merge(scenario, outcomes, stopped))
}

impl Simulation {
    fn merge(scenario: &Scenario, mut outcomes: Vec<Outcome>, stopped: bool) -> Self {
        let count = u32::try_from(outcomes.len()).expect("at most as many as were asked for");
        let mut first = outcomes.remove(0);
        let drop_rate = drop_rate(scenario, &first, &outcomes);
        let mean = |of: fn(&Outcome) -> f64| {
            (of(&first) + outcomes.iter().map(of).sum::<f64>()) / f64::from(count)
        };
        let exhausted_fraction = mean(|outcome| outcome.exhausted_fraction);
        let stalled_fraction = mean(|outcome| outcome.stalled_fraction);
        let packet_bytes = mean(|outcome| outcome.packet_bytes_mean);
        let utilization =
            first.utilization.map(|_| mean(|outcome| outcome.utilization.unwrap_or(0.0)));
        for other in &outcomes {
            first.add(other);
        }
        let occupancy = |sum: Occupancy| Occupancy { mean: sum.mean / f64::from(count), ..sum };
        let queues: Vec<QueueOutcome> = first
            .queues
            .iter()
            .map(|queue| QueueOutcome {
                packets: queue.packets,
                in_use: occupancy(queue.in_use),
                reserve_in_use: occupancy(queue.reserve_in_use),
            })
            .collect();
        let mut packets = PacketCounts::default();
        for queue in &queues {
            packets.add(&queue.packets);
        }
        let in_use = occupancy(first.in_use);
        let buffer_bytes = in_use.mean * to_f64(scenario.nic.rx_buf_len);
        let mut simulation = Self {
            replications: count,
            simulated: first.simulated,
            packets,
            drop_rate,
            drops: first.drops,
            queues,
            reserve_in_use: occupancy(first.reserve_in_use),
            in_use,
            exhausted_fraction,
            fill_ratio: if buffer_bytes > 0.0 { packet_bytes / buffer_bytes } else { 0.0 },
            sync_ns_per_packet: match first.sojourn.count() {
                0 => 0.0,
                delivered => to_f64(first.sync_ps) / 1e3 / to_f64(delivered),
            },
            sojourn: first.sojourn,
            utilization,
            wakeups: first.wakeups,
            stalled_fraction,
            timeline: first.timeline,
            memory: scenario.memory().memory().expect("checked when the scenario was resolved"),
            warnings: scenario.warnings.clone(),
            packets_simulated: first.packets_simulated,
        };
        simulation.warn(scenario, first.returns_without_buffer, stopped);
        simulation
    }

    fn warn(&mut self, scenario: &Scenario, returns_without_buffer: u64, stopped: bool) {
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
        if stopped && finished < asked {
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
        add(&mut self.reserve_in_use, &other.reserve_in_use);
        self.bursts += other.bursts;
        self.sojourn.merge(&other.sojourn);
        self.sync_ps += other.sync_ps;
        self.wakeups += other.wakeups;
        self.returns_without_buffer += other.returns_without_buffer;
        self.packets_simulated += other.packets_simulated;
    }

    fn counts(&self) -> Counts {
        let mut packets = PacketCounts::default();
        for queue in &self.queues {
            packets.add(&queue.packets);
        }
        Counts { part: packets.dropped, whole: packets.offered }
    }
}

/// The share of packets dropped, with the interval that fits what was run.
fn drop_rate(scenario: &Scenario, first: &Outcome, others: &[Outcome]) -> Estimate {
    let confidence = scenario.run.confidence;
    let samples: Vec<Counts> = std::iter::once(first).chain(others).map(Outcome::counts).collect();
    let bursts = first.bursts + others.iter().map(|outcome| outcome.bursts).sum::<u64>();
    if !scenario.is_random() {
        stats::exact(samples[0], confidence)
    } else if samples.iter().all(|sample| sample.part == 0) {
        stats::zero_seen(bursts, confidence)
    } else if let [_] = samples[..] {
        stats::batch_means(&first.batches, confidence)
    } else {
        stats::replications(&samples, confidence)
    }
}

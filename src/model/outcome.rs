//! What a run measured, whichever engine ran it.

use crate::model::buffers::Levels;
use crate::model::ledger::{BATCHES, Closed, DropReason, PacketCounts};
use crate::model::log::Timeline;
use crate::model::placement::PlacementCounts;
use crate::model::port::WireOutcome;
use crate::model::stall::Stalls;
use crate::model::system::SystemSpec;
use crate::model::traffic::{Source, TrafficSpec};
use crate::random::Streams;
use crate::stats::{Counts, Histogram, Level, Peak};
use crate::units::{SimDuration, SimTime, sum_to_f64, to_f64, wide_to_f64};

/// What one run measured.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Per queue.
    pub queues: Vec<QueueOutcome>,
    /// Drops by reason, in the order of [`DropReason::ALL`].
    pub drops: [u64; DropReason::ALL.len()],
    /// Dropped and offered packets of consecutive parts of the window.
    pub batches: [Counts; BATCHES],
    /// Where the run was split: drops expected in each of these parts, from all branches.
    pub split_drops: Option<[f64; BATCHES]>,
    /// Independent bursts seen.
    pub bursts: u64,
    /// Length of the window.
    pub simulated: SimDuration,
    /// Reserve buffers in use.
    pub reserve_in_use: Occupancy,
    /// Buffers in use.
    pub in_use: Occupancy,
    /// Small buffers in use, which are in no other number.
    pub small_in_use: Occupancy,
    /// Share of the time in which any group had no free reserve buffer.
    pub exhausted_fraction: f64,
    /// Time-averaged bytes of packets in buffers.
    pub packet_bytes_mean: f64,
    /// Times from arrival to delivery.
    pub sojourn: Histogram,
    /// Busy time over cores and window; 0 where the host has no cores.
    pub utilization: f64,
    /// Time spent reposting reserve buffers, in picoseconds.
    pub sync_ps: u128,
    /// That part of it in which cores waited for a reserve's lock.
    pub lock_wait_ps: u128,
    /// Servers woken, or interrupts.
    pub wakeups: u64,
    /// Softirq runs that ended early with `netdev_budget` or its time used up.
    pub time_squeeze: u64,
    /// Pages that the stack holds above the rings.
    pub held: Occupancy,
    /// The wire, if there is one.
    pub wire: Option<WireOutcome>,
    /// Share of core time covered by stalls.
    pub stalled_fraction: f64,
    /// Recorded returns of buffers that nobody held.
    pub returns_without_buffer: u64,
    /// What placement came to, where there are transfers.
    pub placement: Option<PlacementCounts>,
    /// Occupancy over time, if asked for.
    pub timeline: Option<Timeline>,
    /// Packets of the whole run, warm-up included.
    pub packets_simulated: u64,
}

/// What one run measured of one queue.
#[derive(Debug, Clone, Copy)]
pub struct QueueOutcome {
    /// Packets by fate.
    pub packets: PacketCounts,
    /// Buffers not posted.
    pub in_use: Occupancy,
    /// Reserve buffers not posted.
    pub reserve_in_use: Occupancy,
}

/// Average and maximum over the window, in buffers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Occupancy {
    /// Time average.
    pub mean: f64,
    /// Maximum.
    pub max: u64,
}

impl Occupancy {
    /// That of a level in a window.
    pub(crate) fn of(level: &Level, start: SimTime, end: SimTime) -> Self {
        let max = u64::try_from(level.max()).expect("levels are not negative");
        Self { mean: level.mean(start, end), max }
    }
}

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Finished<'a> {
    pub(crate) spec: &'a SystemSpec,
    pub(crate) streams: Streams,
    pub(crate) sources: &'a [Source],
    pub(crate) closed: Closed,
    pub(crate) wire: Option<WireOutcome>,
    pub(crate) levels: Levels,
    /// The end of the window.
    pub(crate) end: SimTime,
    pub(crate) timeline: Option<Timeline>,
}

impl Finished<'_> {
    /// What was measured.
    pub(crate) fn outcome(self) -> Outcome {
        let bursts = self.bursts();
        let Self { spec, streams, closed, levels, end, .. } = self;
        let start = spec.window.start;
        let simulated = end - start;
        let window_ps = to_f64(simulated.as_ps().max(1));
        let occupancy = |level: &Level| Occupancy::of(level, start, end);
        let queues: Vec<QueueOutcome> = levels
            .queues
            .iter()
            .zip(&closed.queues)
            .map(|((in_use, reserve_in_use), packets)| QueueOutcome {
                packets: *packets,
                in_use: occupancy(in_use),
                reserve_in_use: occupancy(reserve_in_use),
            })
            .collect();
        let together = |peak: &Peak, mean: fn(&QueueOutcome) -> f64| Occupancy {
            mean: queues.iter().map(mean).sum(),
            max: u64::try_from(peak.max()).expect("levels are not negative"),
        };
        let cores = spec.host.cores(queues.len());
        let core_ps = window_ps * to_f64(cores as u64);
        let stalls = |core| Stalls::new(&spec.stalls, core, streams, end);
        let stalled: u128 = (0..cores).map(|core| stalls(core).stalled_ps(start, end)).sum();
        let packet_bytes = wide_to_f64(closed.packet_byte_ps) / window_ps;
        Outcome {
            drops: closed.drops,
            batches: closed.batches,
            split_drops: None,
            bursts,
            simulated,
            reserve_in_use: together(&levels.reserve_total, |queue| queue.reserve_in_use.mean),
            in_use: together(&levels.total, |queue| queue.in_use.mean),
            small_in_use: Occupancy::default(),
            exhausted_fraction: levels.exhausted.mean(start, end),
            packet_bytes_mean: packet_bytes,
            sojourn: closed.sojourn,
            utilization: if cores == 0 { 0.0 } else { sum_to_f64(closed.busy_ps) / core_ps },
            sync_ps: closed.sync_ps,
            lock_wait_ps: closed.lock_wait_ps,
            wakeups: closed.wakeups,
            time_squeeze: closed.time_squeeze,
            held: occupancy(&closed.held),
            wire: self.wire,
            stalled_fraction: if cores == 0 { 0.0 } else { sum_to_f64(stalled) / core_ps },
            returns_without_buffer: closed.returns_without_buffer,
            placement: None,
            timeline: self.timeline,
            packets_simulated: closed.arrived,
            queues,
        }
    }

    /// Independent bursts seen. Beside traffic that comes in bursts, packets of Poisson traffic do
    /// not count: what is bound is the chance that a burst drops something.
    fn bursts(&self) -> u64 {
        let bursty = self.spec.traffic.iter().any(TrafficSpec::is_bursty);
        self.sources.iter().filter(|source| source.is_bursty() || !bursty).map(Source::bursts).sum()
    }
}

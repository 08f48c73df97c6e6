//! What all paths share that work in windows of time: books of the run, and the order of windows.

use std::sync::atomic::Ordering;

use crate::model::ledger::{Batches, Closed, DropReason, PacketCounts};
use crate::model::system::{Progress, SystemSpec};
use crate::stats::{Counts, Histogram, Level, Overlap};
use crate::units::SimTime;

/// Counts and sums of a run, all queues together.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    /// The window of measurement.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) drops: [u64; DropReason::ALL.len()],
    pub(super) batches: Batches,
    pub(super) sojourn: Histogram,
    pub(super) byte_ps: u128,
    pub(super) busy: Overlap,
    pub(super) wakeups: u64,
    /// Packets of the whole run.
    pub(super) all: PacketCounts,
    /// Those that [`Progress`] knows of.
    reported: u64,
}

impl Totals {
    pub(super) fn new(spec: &SystemSpec) -> Self {
        let (start, end) = (spec.window.start, spec.window.end_or_max());
        Self {
            start: start.as_ps(),
            end: end.as_ps(),
            drops: Default::default(),
            batches: Batches::new(start, spec.last_arrival()),
            sojourn: Histogram::default(),
            byte_ps: 0,
            busy: Overlap::new(start, end),
            wakeups: 0,
            all: PacketCounts::default(),
            reported: 0,
        }
    }

    /// Adds the packets of a window that began at `from` to its batch.
    pub(super) fn count_batch(&mut self, from: u64, packets: Counts) {
        let counts = self.batches.at(SimTime::from_ps(from));
        counts.part += packets.part;
        counts.whole += packets.whole;
    }

    /// Adds what `whole` has more than `part`, but for extremes.
    pub(super) fn add_rest(&mut self, whole: &Self, part: &Self) {
        for ((drops, whole), part) in self.drops.iter_mut().zip(whole.drops).zip(part.drops) {
            *drops += whole - part;
        }
        self.batches.add_rest(&whole.batches, &part.batches);
        self.sojourn.add_rest(&whole.sojourn, &part.sojourn);
        self.byte_ps += whole.byte_ps - part.byte_ps;
        self.busy.add_rest(&whole.busy, &part.busy);
        self.wakeups += whole.wakeups - part.wakeups;
        self.all.add_rest(&whole.all, &part.all);
    }

    /// Says how far the run of so many systems is; `false` when it is to stop.
    pub(super) fn report(&mut self, systems: u64, progress: &Progress) -> bool {
        let packets = (self.all.offered - self.reported) * systems;
        progress.packets.fetch_add(packets, Ordering::Relaxed);
        self.reported = self.all.offered;
        !progress.stop.load(Ordering::Relaxed)
    }

    /// The books at the end, of queues with these counts.
    pub(super) fn close(self, queues: Vec<PacketCounts>) -> Closed {
        Closed {
            queues,
            drops: self.drops,
            batches: self.batches.into_counts(),
            sojourn: self.sojourn,
            packet_byte_ps: area(self.byte_ps),
            busy_ps: self.busy.sum_ps(),
            sync_ps: 0,
            lock_wait_ps: 0,
            time_squeeze: 0,
            held: Level::default(),
            wakeups: self.wakeups,
            returns_without_buffer: 0,
            arrived: self.all.offered,
        }
    }
}

/// How far times since a window's beginning are shifted for the parts they lie in: a window of this
/// length has at most `1 << bits` of them.
#[inline]
pub(super) const fn part_shift(length_ps: u64, bits: u32) -> u32 {
    (u64::BITS - length_ps.leading_zeros()).saturating_sub(bits)
}

/// Buffers, or bytes, times time.
pub(super) fn area(ps: u128) -> i128 {
    i128::try_from(ps).expect("buffers times time fit 127 bits")
}

/// A path whose windows begin with arrivals.
pub(super) trait Windows {
    fn totals(&mut self) -> &mut Totals;

    /// When the next packet arrives, if one does.
    fn next_arrival(&self) -> Option<u64>;

    /// Lets everything happen from `from`, when the next packet arrives, until `limit` or earlier.
    fn window(&mut self, from: u64, limit: u64);

    /// The window of measurement opens.
    fn open(&mut self);

    /// How many systems are run.
    fn systems(&self) -> u64 {
        1
    }

    /// Runs all windows; `false` if it was stopped.
    fn run_windows(&mut self, progress: &Progress) -> bool {
        let (start, end) = (self.totals().start, self.totals().end);
        while let Some(next) = self.next_arrival().filter(|next| *next < start) {
            self.window(next, start);
            if !self.report(progress) {
                return false;
            }
        }
        self.open();
        while let Some(next) = self.next_arrival() {
            // A window does not reach into the next batch.
            let batches = &mut self.totals().batches;
            batches.at(SimTime::from_ps(next));
            let limit = batches.end().as_ps().min(end);
            self.window(next, limit);
            if !self.report(progress) {
                return false;
            }
        }
        true
    }

    /// Says how far the run is; `false` when it is to stop.
    fn report(&mut self, progress: &Progress) -> bool {
        let systems = self.systems();
        self.totals().report(systems, progress)
    }
}

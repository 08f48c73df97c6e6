//! The ledger: what became of every packet.
//!
//! Counters are of packets that *arrive* in the measured window; sojourn times are of packets
//! *delivered* in it. Conservation (`offered = delivered + dropped + outstanding`) is kept in
//! a second set of books over all packets, and asserted.

use serde::Serialize;

use crate::id::QueueId;
use crate::model::buffers::Refusal;
use crate::model::traffic::Window;
use crate::stats::{Counts, Histogram, Level, Overlap};
use crate::units::{SimDuration, SimTime};

/// Why a packet was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The completion ring had no room.
    CompletionFull,
    /// Fewer buffers were free than the packet needed: what drivers count as `rx_out_of_buffer`,
    /// `rx_no_dma_resources`, `rx_missed_errors` or `imissed`.
    NoBuffer,
    /// Enough buffers were free, but the reserve policy refused the queue.
    ReserveDenied,
    /// Refused, and the on-NIC FIFO was full too.
    FifoFull,
    /// Placement: the packet failed the PSP check.
    PspRejected,
    /// Taken back from the longest queue, for another queue's packet.
    PushedOut,
}

impl DropReason {
    /// All reasons, in the order of the result contract's `drops`.
    pub const ALL: [Self; 6] = [
        Self::NoBuffer,
        Self::ReserveDenied,
        Self::CompletionFull,
        Self::FifoFull,
        Self::PspRejected,
        Self::PushedOut,
    ];

    /// Its place in [`ALL`](Self::ALL).
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|reason| *reason == self).expect("all reasons are listed")
    }

    /// The name used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CompletionFull => "completion_full",
            Self::NoBuffer => "no_buffer",
            Self::ReserveDenied => "reserve_denied",
            Self::FifoFull => "fifo_full",
            Self::PspRejected => "psp_rejected",
            Self::PushedOut => "pushed_out",
        }
    }
}

impl From<Refusal> for DropReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::CompletionFull => Self::CompletionFull,
            Refusal::NoBuffer => Self::NoBuffer,
            Refusal::ReserveDenied => Self::ReserveDenied,
        }
    }
}

/// Packets of the window by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Arrived in the window.
    pub offered: u64,
    /// Of these, delivered by its end.
    pub delivered: u64,
    /// Of these, dropped.
    pub dropped: u64,
}

impl PacketCounts {
    /// Of those that arrived in the window, neither delivered nor dropped by its end.
    #[must_use]
    pub const fn outstanding(&self) -> u64 {
        self.offered - self.delivered - self.dropped
    }

    /// Adds another count.
    pub fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.delivered += other.delivered;
        self.dropped += other.dropped;
    }

    /// Adds what `whole` has more than `part`.
    pub(crate) fn add_rest(&mut self, whole: &Self, part: &Self) {
        self.offered += whole.offered - part.offered;
        self.delivered += whole.delivered - part.delivered;
        self.dropped += whole.dropped - part.dropped;
    }
}

/// Batches into which one replication is cut for batch means.
pub const BATCHES: usize = 20;

/// Dropped and offered packets of consecutive parts of the window.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    counts: [Counts; BATCHES],
    current: usize,
    end: SimTime,
    length: SimDuration,
}

impl Batches {
    /// Equal parts of the time from `start` to `last_arrival`.
    pub(crate) fn new(start: SimTime, last_arrival: SimTime) -> Self {
        let span = last_arrival.saturating_since(start).as_ps();
        let length = SimDuration::from_ps(span.div_ceil(BATCHES as u64).max(1));
        Self { counts: Default::default(), current: 0, end: start + length, length }
    }

    /// The counts of the part that `now` is in; time does not go backward.
    #[inline]
    pub(crate) fn at(&mut self, now: SimTime) -> &mut Counts {
        while now >= self.end && self.current + 1 < BATCHES {
            self.current += 1;
            self.end += self.length;
        }
        &mut self.counts[self.current]
    }

    /// The end of the part last asked for; the last part goes on.
    pub(crate) fn end(&self) -> SimTime {
        if self.current + 1 < BATCHES { self.end } else { SimTime::MAX }
    }

    /// Adds what `whole` has more than `part`.
    pub(crate) fn add_rest(&mut self, whole: &Self, part: &Self) {
        for ((own, whole), part) in self.counts.iter_mut().zip(whole.counts).zip(part.counts) {
            own.part += whole.part - part.part;
            own.whole += whole.whole - part.whole;
        }
    }

    /// All parts.
    pub(crate) fn into_counts(self) -> [Counts; BATCHES] {
        self.counts
    }
}

/// Counters of a run.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    start: SimTime,
    queues: Vec<PacketCounts>,
    drops: [u64; DropReason::ALL.len()],
    batches: Batches,
    /// `None` in a branch of a run, which only counts drops.
    sojourn: Option<Histogram>,
    /// Bytes of packets that sit in buffers.
    packet_bytes: Level,
    busy: Overlap,
    sync: Overlap,
    lock_wait: Overlap,
    wakeups: u64,
    time_squeeze: u64,
    /// Pages held above the rings.
    held: Level,
    returns_without_buffer: u64,
    /// Packets of the whole run: arrived, delivered, dropped.
    all: PacketCounts,
}

/// What a ledger says at the end of a run.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) queues: Vec<PacketCounts>,
    pub(crate) drops: [u64; DropReason::ALL.len()],
    pub(crate) batches: [Counts; BATCHES],
    pub(crate) sojourn: Histogram,
    /// Bytes of packets in buffers, times picoseconds.
    pub(crate) packet_byte_ps: i128,
    pub(crate) busy_ps: u128,
    pub(crate) sync_ps: u128,
    pub(crate) lock_wait_ps: u128,
    pub(crate) wakeups: u64,
    pub(crate) time_squeeze: u64,
    pub(crate) held: Level,
    pub(crate) returns_without_buffer: u64,
    /// Packets of the whole run that have arrived.
    pub(crate) arrived: u64,
}

impl Ledger {
    /// Empty books for `queues` queues; arrivals are expected until `last_arrival`.
    pub(crate) fn new(queues: usize, window: Window, last_arrival: SimTime) -> Self {
        let start = window.start;
        Self {
            start,
            queues: vec![PacketCounts::default(); queues],
            drops: Default::default(),
            batches: Batches::new(start, last_arrival),
            sojourn: Some(Histogram::default()),
            packet_bytes: Level::default(),
            busy: Overlap::new(start, window.end_or_max()),
            sync: Overlap::new(start, window.end_or_max()),
            lock_wait: Overlap::new(start, window.end_or_max()),
            wakeups: 0,
            time_squeeze: 0,
            held: Level::default(),
            returns_without_buffer: 0,
            all: PacketCounts::default(),
        }
    }

    pub(crate) fn open_window(&mut self) {
        self.packet_bytes.open(self.start);
        self.held.open(self.start);
    }

    /// The books of a branch of the run, which goes on without times of sojourn.
    pub(crate) fn fork(&self) -> Self {
        Self {
            queues: self.queues.clone(),
            batches: self.batches.clone(),
            sojourn: None,
            packet_bytes: self.packet_bytes.clone(),
            held: self.held.clone(),
            ..*self
        }
    }

    /// Whether a packet that arrived at `arrival` belongs to the window's counters.
    pub(crate) fn measures(&self, arrival: SimTime) -> bool {
        arrival >= self.start
    }

    pub(crate) fn offered(&mut self, queue: QueueId, now: SimTime) {
        self.all.offered += 1;
        if !self.measures(now) {
            return;
        }
        self.queues[queue.index()].offered += 1;
        self.batches.at(now).whole += 1;
    }

    /// A packet that has just been [`offered`](Self::offered) is dropped.
    pub(crate) fn dropped(&mut self, queue: QueueId, reason: DropReason, now: SimTime) {
        self.all.dropped += 1;
        if self.measures(now) {
            self.queues[queue.index()].dropped += 1;
            self.drops[reason.index()] += 1;
            self.batches.at(now).part += 1;
        }
    }

    /// A packet that arrived at `arrival` is taken back from its buffers. Among the batches it
    /// counts where it is dropped.
    pub(crate) fn pushed_out(&mut self, queue: QueueId, arrival: SimTime, len: u32, now: SimTime) {
        self.packet_bytes.change(-i64::from(len), now);
        self.all.dropped += 1;
        if self.measures(arrival) {
            self.queues[queue.index()].dropped += 1;
            self.drops[DropReason::PushedOut.index()] += 1;
            self.batches.at(now).part += 1;
        }
    }

    /// A packet has been put into buffers.
    pub(crate) fn placed(&mut self, len: u32, now: SimTime) {
        self.packet_bytes.change(i64::from(len), now);
    }

    pub(crate) fn delivered(&mut self, queue: QueueId, arrival: SimTime, len: u32, now: SimTime) {
        self.all.delivered += 1;
        self.packet_bytes.change(-i64::from(len), now);
        if self.measures(arrival) {
            self.queues[queue.index()].delivered += 1;
        }
        if let (true, Some(sojourn)) = (self.measures(now), &mut self.sojourn) {
            sojourn.record(now - arrival);
        }
    }

    /// A core works on packets from `from` to `to`.
    pub(crate) fn busy(&mut self, from: SimTime, to: SimTime) {
        self.busy.add(from, to);
    }

    /// A core pays for reposting reserve buffers from `from` to `to`, until `begin` by waiting for
    /// a lock; all of this is work too.
    pub(crate) fn synchronizing(&mut self, from: SimTime, begin: SimTime, to: SimTime) {
        self.lock_wait.add(from, begin);
        self.sync.add(from, to);
        self.busy.add(from, to);
    }

    /// A reserve's own core reposts from `from` to `to`.
    pub(crate) fn refilling(&mut self, from: SimTime, to: SimTime) {
        self.sync.add(from, to);
    }

    /// A packet found its queue empty and woke its server, or an interrupt came.
    pub(crate) fn woken(&mut self, now: SimTime) {
        self.wakeups += u64::from(self.measures(now));
    }

    /// Softirq runs ended early, `count` of them now.
    pub(crate) fn squeezed(&mut self, count: u64, now: SimTime) {
        self.time_squeeze += if self.measures(now) { count } else { 0 };
    }

    /// `change` more pages are held above the rings.
    pub(crate) fn held(&mut self, change: i64, now: SimTime) {
        self.held.change(change, now);
    }

    /// The recorded host returned buffers that nobody held.
    pub(crate) fn returned_nothing(&mut self, count: u32) {
        self.returns_without_buffer += u64::from(count);
    }

    /// Packets of the whole run that have arrived and are neither delivered nor dropped.
    pub(crate) fn outstanding(&self) -> u64 {
        self.all.outstanding()
    }

    /// Packets of the whole run that have arrived.
    pub(crate) fn arrived(&self) -> u64 {
        self.all.offered
    }

    /// Packets of the window so far, of each queue.
    pub(crate) fn queues(&self) -> &[PacketCounts] {
        &self.queues
    }

    /// Packets of the window dropped so far.
    pub(crate) fn dropped_in_window(&self) -> u64 {
        self.drops.iter().sum()
    }

    /// Drops of the window so far, by reason.
    pub(crate) const fn drops(&self) -> [u64; DropReason::ALL.len()] {
        self.drops
    }

    /// Closes the books at the `end` of the window.
    pub(crate) fn close(self, end: SimTime) -> Closed {
        Closed {
            queues: self.queues,
            drops: self.drops,
            batches: self.batches.into_counts(),
            sojourn: self.sojourn.unwrap_or_default(),
            packet_byte_ps: self.packet_bytes.integral(end),
            busy_ps: self.busy.sum_ps(),
            sync_ps: self.sync.sum_ps(),
            lock_wait_ps: self.lock_wait.sum_ps(),
            wakeups: self.wakeups,
            time_squeeze: self.time_squeeze,
            held: self.held,
            returns_without_buffer: self.returns_without_buffer,
            arrived: self.all.offered,
        }
    }
}

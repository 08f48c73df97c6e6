//! The books that all queues share.

use std::sync::atomic::Ordering;

use crate::model::fast::windowed::agenda::Agenda;
use crate::model::ledger::{Batches, DropReason, PacketCounts};
use crate::model::log::PacketLog;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::stats::{Histogram, Overlap};
use crate::units::SimTime;

use super::peaks::Parts;

/// What cores write to while they run: the books, and what they ask of the reserve.
#[derive(Debug)]
pub(super) struct Desk<'a> {
    pub(super) books: Books<'a>,
    /// Requests and returns that have not been dealt with.
    pub(super) agenda: Agenda,
    /// When the window under way began.
    pub(super) from: u64,
    pub(super) parts: Parts,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books<'a> {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether the window of measurement has begun.
    pub(super) measured: bool,
    pub(super) drops: [u64; DropReason::ALL.len()],
    pub(super) batches: Batches,
    pub(super) sojourn: Histogram,
    pub(super) busy: Overlap,
    pub(super) wakeups: u64,
    pub(super) time_squeeze: u64,
    pub(super) returns_without_buffer: u64,
    /// Packets of the whole run.
    pub(super) all: PacketCounts,
    /// Those that [`Progress`] knows of.
    reported: u64,
    pub(super) log: Option<PacketLog<'a>>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(spec: &SystemSpec, observers: Observers<'a>) -> Self {
        Self {
            books: Books::new(spec, observers),
            agenda: Agenda::default(),
            from: 0,
            parts: Parts::default(),
        }
    }
}

impl<'a> Books<'a> {
    fn new(spec: &SystemSpec, observers: Observers<'a>) -> Self {
        let (start, end) = (spec.window.start, spec.window.end_or_max());
        Self {
            start: start.as_ps(),
            end: end.as_ps(),
            measured: false,
            drops: Default::default(),
            batches: Batches::new(start, spec.last_arrival()),
            sojourn: Histogram::default(),
            busy: Overlap::new(start, end),
            wakeups: 0,
            time_squeeze: 0,
            returns_without_buffer: 0,
            all: PacketCounts::default(),
            reported: 0,
            log: observers.packets.map(PacketLog::new),
        }
    }

    /// A core works from `from` to `to`.
    #[inline]
    pub(super) fn busy(&mut self, from: u64, to: u64) {
        self.busy.add(SimTime::from_ps(from), SimTime::from_ps(to));
    }

    /// An interrupt has come.
    pub(super) fn woken(&mut self, now: u64) {
        self.wakeups += u64::from(now >= self.start);
    }

    /// Softirq runs ended early, `count` of them now.
    pub(super) fn squeezed(&mut self, count: u64, now: u64) {
        self.time_squeeze += if now >= self.start { count } else { 0 };
    }

    /// Says how far the run is; `false` when it is to stop.
    pub(super) fn report(&mut self, progress: &Progress) -> bool {
        progress.packets.fetch_add(self.all.offered - self.reported, Ordering::Relaxed);
        self.reported = self.all.offered;
        !progress.stop.load(Ordering::Relaxed)
    }
}

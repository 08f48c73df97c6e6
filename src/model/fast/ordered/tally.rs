//! The books of a run, all queues together.

use super::lane::{Entry, Lane};
use crate::id::QueueId;
use crate::model::ledger::{Batches, DropReason, PacketCounts};
use crate::model::log::{Fate, LogId, PacketLog, PacketSink};
use crate::model::system::SystemSpec;
use crate::stats::{Counts, Histogram, Overlap, Spans};
use crate::units::{SimDuration, SimTime};

/// Counts and sums.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    /// The window of measurement.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) drops: [u64; DropReason::ALL.len()],
    pub(super) batches: Batches,
    /// Packets of the window of time under way.
    pub(super) counted: Counts,
    pub(super) sojourn: Histogram,
    pub(super) byte_ps: u128,
    pub(super) busy: Overlap,
    pub(super) wakeups: u64,
    /// Packets of the whole run.
    pub(super) all: PacketCounts,
    pub(super) log: Option<PacketLog<'a>>,
}

/// Sums over packets of one queue.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) sum_ps: u64,
    pub(super) reserve_ps: u64,
}

impl<'a> Tally<'a> {
    pub(super) fn new(spec: &SystemSpec, sink: Option<&'a mut PacketSink<'a>>) -> Self {
        let (start, end) = (spec.window.start, spec.window.end_or_max());
        Self {
            start: start.as_ps(),
            end: end.as_ps(),
            drops: Default::default(),
            batches: Batches::new(start, spec.last_arrival()),
            counted: Counts::default(),
            sojourn: Histogram::default(),
            byte_ps: 0,
            busy: Overlap::new(start, end),
            wakeups: 0,
            all: PacketCounts::default(),
            log: sink.map(PacketLog::new),
        }
    }

    /// That part of a span which lies in the window of measurement.
    pub(super) fn inside(&self, from: u64, to: u64) -> u64 {
        to.min(self.end).saturating_sub(from.max(self.start))
    }

    /// Adds packets of one queue that arrive in the window of measurement and are done in it.
    pub(super) fn add_inside(&mut self, entries: &[Entry]) -> Sums {
        let spans = entries.iter().map(|entry| entry.done - entry.time);
        let (min_ps, max_ps) =
            spans.fold((u64::MAX, 0), |(min, max), span| (min.min(span), max.max(span)));
        let buckets = self.sojourn.buckets_up_to(max_ps);
        let (mut sums, mut byte_ps, mut work) = (Sums::default(), 0, 0);
        for entry in entries {
            let span = entry.done - entry.time;
            buckets[Histogram::bucket(span)] += 1;
            sums.sum_ps += span;
            sums.reserve_ps += span & u64::from(entry.from_reserve).wrapping_neg();
            byte_ps += u128::from(span) * u128::from(entry.len);
            work += entry.work;
        }
        let count = entries.len() as u64;
        self.sojourn.add_sums(&Spans { count, sum_ps: sums.sum_ps.into(), min_ps, max_ps });
        self.byte_ps += byte_ps;
        self.busy.add_inside(work);
        self.all.delivered += count;
        sums
    }

    /// Adds a packet that has its buffer for this long `inside` the window of measurement; whether
    /// it is delivered.
    pub(super) fn add(&mut self, entry: &Entry, inside: u64, logged: Option<LogId>) -> bool {
        let is_delivered = entry.done <= self.end;
        let at = SimTime::from_ps;
        self.byte_ps += u128::from(inside) * u128::from(entry.len);
        self.busy.add(at(entry.done - entry.work), at(entry.done));
        self.all.delivered += u64::from(is_delivered);
        if is_delivered && entry.done >= self.start {
            self.sojourn.record(SimDuration::from_ps(entry.done - entry.time));
        }
        if let (true, Some(log), Some(id)) = (is_delivered, &mut self.log, logged) {
            log.settled(id, Fate::Delivered(at(entry.done)));
        }
        is_delivered
    }

    /// A packet arrives; its place in the log, if it is logged.
    #[inline]
    pub(super) fn arrived(&mut self, now: u64, queue: QueueId, len: u32) -> Option<LogId> {
        let log = self.log.as_mut().filter(|_| now >= self.start);
        log.map(|log| log.arrived(SimTime::from_ps(now), queue, len))
    }

    /// A packet is about to be added to a lane.
    #[inline]
    pub(super) fn admitted(
        &mut self,
        now: u64,
        lane: &mut Lane,
        logged: Option<LogId>,
        from_reserve: bool,
    ) {
        self.wakeups += u64::from(now >= self.start && lane.is_empty(now));
        if let Some(log) = &mut self.log {
            lane.logged.push(logged);
            if let Some(id) = logged {
                log.placed(id, u32::from(from_reserve));
            }
        }
    }

    /// Counts a drop of a packet that arrived at `time`.
    #[inline]
    pub(super) fn drop(
        &mut self,
        time: u64,
        reason: DropReason,
        logged: Option<LogId>,
        counts: &mut PacketCounts,
    ) {
        self.all.dropped += 1;
        if time >= self.start {
            counts.dropped += 1;
            self.counted.part += 1;
            self.drops[reason.index()] += 1;
        }
        if let (Some(log), Some(id)) = (&mut self.log, logged) {
            log.settled(id, Fate::Dropped(reason));
        }
    }
}

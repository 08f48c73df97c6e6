//! The books of a run, all queues together.

use super::lane::{Entry, Lane};
use crate::id::QueueId;
use crate::model::fast::windows::Totals;
use crate::model::ledger::{DropReason, PacketCounts};
use crate::model::log::{Fate, LogId, PacketLog, PacketSink};
use crate::model::system::SystemSpec;
use crate::stats::{Histogram, Spans};
use crate::units::{SimDuration, SimTime};

/// Counts and sums.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    pub(super) totals: Totals,
    /// Dropped in the window of time under way, as far as it is measured.
    pub(super) dropped: u64,
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
        Self { totals: Totals::new(spec), dropped: 0, log: sink.map(PacketLog::new) }
    }

    /// That part of a span which lies in the window of measurement.
    pub(super) fn inside(&self, from: u64, to: u64) -> u64 {
        to.min(self.totals.end).saturating_sub(from.max(self.totals.start))
    }

    /// Adds packets of one queue that arrive in the window of measurement and are done in it.
    pub(super) fn add_inside(&mut self, entries: &[Entry]) -> Sums {
        let spans = entries.iter().map(|entry| entry.done - entry.time);
        let (min_ps, max_ps) =
            spans.fold((u64::MAX, 0), |(min, max), span| (min.min(span), max.max(span)));
        let buckets = self.totals.sojourn.buckets_up_to(max_ps);
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
        self.totals.sojourn.add_sums(&Spans { count, sum_ps: sums.sum_ps.into(), min_ps, max_ps });
        self.totals.byte_ps += byte_ps;
        self.totals.busy.add_inside(work);
        self.totals.all.delivered += count;
        sums
    }

    /// Adds a packet that has its buffer for this long `inside` the window of measurement; whether
    /// it is delivered.
    pub(super) fn add(&mut self, entry: &Entry, inside: u64, logged: Option<LogId>) -> bool {
        let is_delivered = entry.done <= self.totals.end;
        let at = SimTime::from_ps;
        self.totals.byte_ps += u128::from(inside) * u128::from(entry.len);
        self.totals.busy.add(at(entry.done - entry.work), at(entry.done));
        self.totals.all.delivered += u64::from(is_delivered);
        if is_delivered && entry.done >= self.totals.start {
            self.totals.sojourn.record(SimDuration::from_ps(entry.done - entry.time));
        }
        if let (true, Some(log), Some(id)) = (is_delivered, &mut self.log, logged) {
            log.settled(id, Fate::Delivered(at(entry.done)));
        }
        is_delivered
    }

    /// A packet arrives; its place in the log, if it is logged.
    #[inline]
    pub(super) fn arrived(&mut self, now: u64, queue: QueueId, len: u32) -> Option<LogId> {
        let log = self.log.as_mut().filter(|_| now >= self.totals.start);
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
        self.totals.wakeups += u64::from(now >= self.totals.start && lane.is_empty(now));
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
        self.totals.all.dropped += 1;
        if time >= self.totals.start {
            counts.dropped += 1;
            self.dropped += 1;
            self.totals.drops[reason.index()] += 1;
        }
        if let (Some(log), Some(id)) = (&mut self.log, logged) {
            log.settled(id, Fate::Dropped(reason));
        }
    }
}

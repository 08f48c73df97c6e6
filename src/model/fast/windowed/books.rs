//! The books of windows: packet by packet at the edges of what is measured and where somebody
//! watches, in sums between them.

use super::packets::{DENIED, GRANTED, Part, Tag, Verdict};
use crate::id::QueueId;
use crate::model::fast::windows::Totals;
use crate::model::ledger::{DropReason, PacketCounts};
use crate::model::log::{Fate, PacketOutcome};
use crate::model::system::SystemSpec;
use crate::stats::{Counts, Histogram, Spans};
use crate::units::{SimDuration, SimTime};

/// The books that all queues share.
#[derive(Debug, Clone)]
pub(super) struct Books {
    pub(super) totals: Totals,
    /// Whether the window of measurement has begun.
    pub(super) measured: bool,
    /// Packets of the window under way.
    pub(super) counted: Counts,
    /// The length of all packets, if they have one.
    pub(super) len: Option<u32>,
    /// Packets with their order, where somebody watches.
    pub(super) told: Option<Vec<(u32, PacketOutcome)>>,
}

/// The books of one queue.
#[derive(Debug, Clone)]
pub(super) struct QueueBooks {
    pub(super) id: QueueId,
    pub(super) service: u64,
    /// Time for as many services as there are completion entries.
    pub(super) completions_busy: u64,
    /// Whether there may be another reason for a drop than that no buffer is free.
    pub(super) is_choosy: bool,
    pub(super) counts: PacketCounts,
    pub(super) in_use_ps: u128,
    pub(super) reserve_ps: u128,
    /// The longest time from an admission until the queue is empty again.
    pub(super) longest_backlog: u64,
    /// The same in the window under way.
    pub(super) window_backlog: u64,
    /// The shortest and the longest time in the system, as recorded since somebody last asked.
    pub(super) shortest: u64,
    pub(super) longest: u64,
}

/// What is told of a packet: its place and its time, when the packet admitted before it is done,
/// when it is done itself if it is admitted, and what became of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    pub(super) place: usize,
    pub(super) time: u64,
    pub(super) before: u64,
    pub(super) done: u64,
    pub(super) verdict: Verdict,
}

/// Who is told of packets.
pub(super) trait Account {
    /// Whether it must know of each packet that is dropped.
    const HEARS_OF_DROPS: bool;

    fn admitted(&mut self, told: Told);

    fn dropped(&mut self, told: Told);
}

/// Writes down each packet.
pub(super) struct Exact<'a> {
    pub(super) own: &'a mut QueueBooks,
    pub(super) books: &'a mut Books,
    pub(super) tags: &'a [Tag],
}

/// Sums up packets that arrive in the window of measurement and are done in it.
pub(super) struct Sums<'a> {
    buckets: &'a mut [u64],
    admitted: u64,
    sum_ps: u64,
    min_ps: u64,
    max_ps: u64,
    reserve_ps: u64,
    wakeups: u64,
}

/// What [`Sums`] comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Total {
    pub(super) admitted: u64,
    sum_ps: u64,
    min_ps: u64,
    max_ps: u64,
    reserve_ps: u64,
    wakeups: u64,
}

impl<'a> Sums<'a> {
    /// Nothing yet; no packet takes longer than `longest`.
    pub(super) fn new(sojourn: &'a mut Histogram, longest: u64) -> Self {
        Self {
            buckets: sojourn.buckets_up_to(longest),
            admitted: 0,
            sum_ps: 0,
            min_ps: u64::MAX,
            max_ps: 0,
            reserve_ps: 0,
            wakeups: 0,
        }
    }

    pub(super) fn total(self) -> Total {
        let Self { admitted, sum_ps, min_ps, max_ps, reserve_ps, wakeups, .. } = self;
        Total { admitted, sum_ps, min_ps, max_ps, reserve_ps, wakeups }
    }
}

impl Account for Sums<'_> {
    const HEARS_OF_DROPS: bool = false;

    #[inline]
    fn admitted(&mut self, Told { time, before, done, verdict, .. }: Told) {
        let backlog = done - time;
        self.buckets[Histogram::bucket(backlog)] += 1;
        self.admitted += 1;
        self.sum_ps += backlog;
        self.min_ps = self.min_ps.min(backlog);
        self.max_ps = self.max_ps.max(backlog);
        // Not foreseeable, so without a branch.
        self.reserve_ps += backlog & u64::from(verdict == GRANTED).wrapping_neg();
        self.wakeups += u64::from(before <= time);
    }

    #[inline]
    fn dropped(&mut self, _told: Told) {}
}

impl Account for Exact<'_> {
    const HEARS_OF_DROPS: bool = true;

    fn admitted(&mut self, told: Told) {
        self.write_admitted(told);
    }

    fn dropped(&mut self, told: Told) {
        self.write_dropped(told);
    }
}

impl Exact<'_> {
    fn write_admitted(&mut self, told: Told) {
        let Told { place, time, before, done, verdict } = told;
        let (own, books) = (&mut *self.own, &mut *self.books);
        let len = tag(self.tags, books, place).len;
        let begin = before.max(time);
        if books.measured && begin == time {
            books.totals.wakeups += 1;
        }
        let delivered = done <= books.totals.end;
        books.totals.all.delivered += u64::from(delivered);
        if done > books.totals.start {
            let inside = u128::from(done.min(books.totals.end) - time.max(books.totals.start));
            own.in_use_ps += inside;
            own.reserve_ps += inside * u128::from(verdict == GRANTED);
            books.totals.byte_ps += inside * u128::from(len);
            books.totals.busy.add(SimTime::from_ps(begin), SimTime::from_ps(done));
        }
        if delivered && done >= books.totals.start {
            books.totals.sojourn.record(SimDuration::from_ps(done - time));
            own.shortest = own.shortest.min(done - time);
            own.longest = own.longest.max(done - time);
        }
        if books.measured {
            own.counts.delivered += u64::from(delivered);
            own.longest_backlog = own.longest_backlog.max(done - time);
            own.window_backlog = own.window_backlog.max(done - time);
            let fate = Fate::Delivered(SimTime::from_ps(done));
            let fate = if delivered { fate } else { Fate::Outstanding };
            self.tell(told, fate);
        }
    }

    fn write_dropped(&mut self, told: Told) {
        let reason = self.own.reason(told.verdict, told.time, told.before);
        self.books.totals.all.dropped += 1;
        if self.books.measured {
            self.own.counts.dropped += 1;
            self.books.counted.part += 1;
            self.books.totals.drops[reason.index()] += 1;
            self.tell(told, Fate::Dropped(reason));
        }
    }

    fn tell(&mut self, Told { place, time, verdict, .. }: Told, fate: Fate) {
        let Tag { order, len } = tag(self.tags, self.books, place);
        if let Some(told) = &mut self.books.told {
            let (arrival, queue) = (SimTime::from_ps(time), self.own.id);
            let from_reserve = u32::from(verdict == GRANTED);
            told.push((order, PacketOutcome { arrival, queue, len, fate, from_reserve }));
        }
    }
}

/// The tag of the packet in a place.
fn tag(tags: &[Tag], books: &Books, place: usize) -> Tag {
    tags.get(place).copied().unwrap_or_else(|| Tag {
        order: u32::try_from(place).expect("a window has fewer packets"),
        len: books.len.expect("packets without tags have one length"),
    })
}

impl QueueBooks {
    /// `is_choosy`: there may be another reason for a drop than that no buffer is free.
    pub(super) fn new(id: QueueId, service: u64, completion_entries: u32, is_choosy: bool) -> Self {
        Self {
            id,
            service,
            completions_busy: service.saturating_mul(completion_entries.into()),
            is_choosy,
            counts: PacketCounts::default(),
            in_use_ps: 0,
            reserve_ps: 0,
            longest_backlog: 0,
            window_backlog: 0,
            shortest: u64::MAX,
            longest: 0,
        }
    }

    /// Adds what `whole` has more than `part`, but for maxima.
    pub(super) fn add_rest(&mut self, whole: &Self, part: &Self) {
        self.counts.add_rest(&whole.counts, &part.counts);
        self.in_use_ps += whole.in_use_ps - part.in_use_ps;
        self.reserve_ps += whole.reserve_ps - part.reserve_ps;
    }

    /// Why a packet is dropped. Where even those whose service has not begun fill the completion
    /// ring, that is the reason.
    pub(super) fn reason(&self, verdict: Verdict, time: u64, done: u64) -> DropReason {
        if done >= time.saturating_add(self.completions_busy) {
            DropReason::CompletionFull
        } else if verdict == DENIED {
            DropReason::ReserveDenied
        } else {
            DropReason::NoBuffer
        }
    }
}

impl Books {
    /// Empty books; `told`: somebody watches the packets.
    pub(super) fn new(spec: &SystemSpec, len: Option<u32>, told: bool) -> Self {
        Self {
            totals: Totals::new(spec),
            measured: false,
            counted: Counts::default(),
            len,
            told: told.then(Vec::new),
        }
    }

    /// Takes over what was summed up of a queue's packets.
    pub(super) fn add(&mut self, own: &mut QueueBooks, total: &Total) {
        let Total { admitted: count, sum_ps, min_ps, max_ps, .. } = *total;
        let len = self.len.expect("only packets of one length are summed up");
        self.totals.all.delivered += count;
        self.totals.wakeups += total.wakeups;
        self.totals.busy.add_inside(count * own.service);
        self.totals.byte_ps += u128::from(sum_ps) * u128::from(len);
        self.totals.sojourn.add_sums(&Spans { count, sum_ps: sum_ps.into(), min_ps, max_ps });
        own.counts.delivered += count;
        own.in_use_ps += u128::from(sum_ps);
        own.reserve_ps += u128::from(total.reserve_ps);
        own.longest_backlog = own.longest_backlog.max(max_ps);
        own.window_backlog = own.window_backlog.max(max_ps);
        own.shortest = own.shortest.min(min_ps);
        own.longest = own.longest.max(max_ps);
    }

    /// Counts a queue's drops among packets that were summed up, `admitted` of them admitted; those
    /// before are done at `done`.
    pub(super) fn add_drops(
        &mut self,
        own: &mut QueueBooks,
        part: &Part<'_>,
        admitted: u64,
        mut done: u64,
    ) {
        let dropped = part.times.len() as u64 - admitted;
        self.totals.all.dropped += dropped;
        self.counted.part += dropped;
        own.counts.dropped += dropped;
        if !own.is_choosy || dropped == 0 {
            self.totals.drops[DropReason::NoBuffer.index()] += dropped;
            return;
        }
        for (time, verdict) in part.times.iter().zip(&*part.verdicts) {
            if verdict & 1 == 1 {
                done = done.max(*time) + own.service;
            } else {
                self.totals.drops[own.reason(*verdict, *time, done).index()] += 1;
            }
        }
    }

    /// Adds the packets of the window that began at `from` to its batch.
    pub(super) fn count_batch(&mut self, from: u64) {
        let packets = std::mem::take(&mut self.counted);
        self.totals.count_batch(from, packets);
    }
}

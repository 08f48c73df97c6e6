//! One queue and its server, in a window.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::reserve::{Request, Reserve};
use crate::id::QueueId;
use crate::model::ledger::{Batches, DropReason, PacketCounts};
use crate::model::log::{Fate, PacketOutcome};
use crate::model::system::{Progress, SystemSpec};
use crate::stats::{Counts, Histogram, Overlap};
use crate::units::{SimDuration, SimTime, to_f64};

/// A packet of the window under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Incoming {
    pub(super) time: u64,
    /// Its place among packets of one instant.
    pub(super) order: u32,
    pub(super) len: u32,
}

/// What became of an arrival at the buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It takes the dedicated entry with this index in the ring.
    Dedicated(u32),
    /// It takes a buffer of the reserve.
    Granted,
    /// It is dropped.
    Refused(DropReason),
}

/// One queue and its server.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: QueueId,
    pub(super) service: u64,
    /// Time for as many services as there are completion entries.
    pub(super) completions_busy: u64,
    pub(super) arrivals: Vec<Incoming>,
    /// When each dedicated entry is, or was last, free again.
    pub(super) ring: Box<[u64]>,
    /// The entry that is free first.
    pub(super) next_entry: usize,
    /// When the last packet is done.
    pub(super) done: u64,
    /// The same at the beginning of the window.
    pub(super) done_before: u64,
    /// When packets in reserve buffers are done.
    pub(super) reserve_done: VecDeque<u64>,
    /// Arrivals from the first request of the window on.
    pub(super) tail: Vec<(Incoming, Verdict)>,
    /// Packets admitted in the window: when, and when they are done.
    pub(super) admitted: Vec<(u64, u64)>,
    pub(super) counts: PacketCounts,
    pub(super) in_use_ps: u128,
    pub(super) reserve_ps: u128,
    /// The longest time from an admission until the queue is empty again.
    pub(super) longest_backlog: u64,
    pub(super) reserve_held: u32,
    pub(super) reserve_max: u32,
}

/// The books that all queues share.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether the window of measurement has begun.
    pub(super) measured: bool,
    pub(super) drops: [u64; DropReason::ALL.len()],
    pub(super) batches: Batches,
    /// Packets of the window under way.
    pub(super) counted: Counts,
    pub(super) sojourn: Histogram,
    pub(super) byte_ps: u128,
    pub(super) busy: Overlap,
    pub(super) wakeups: u64,
    /// Packets of the whole run.
    pub(super) all: PacketCounts,
    /// Those that [`Progress`] knows of.
    pub(super) reported: u64,
    /// Packets with their order, where somebody watches.
    pub(super) told: Option<Vec<(u32, PacketOutcome)>>,
}

impl Lane {
    pub(super) fn new(id: QueueId, rx: u32, service: u64, completion_entries: u32) -> Self {
        Self {
            id,
            service,
            completions_busy: service.saturating_mul(completion_entries.into()),
            arrivals: Vec::new(),
            ring: vec![0; rx as usize].into(),
            next_entry: 0,
            done: 0,
            done_before: 0,
            reserve_done: VecDeque::new(),
            tail: Vec::new(),
            admitted: Vec::new(),
            counts: PacketCounts::default(),
            in_use_ps: 0,
            reserve_ps: 0,
            longest_backlog: 0,
            reserve_held: 0,
            reserve_max: 0,
        }
    }

    /// Packets at time `now` (what is released then is gone), where the last is done at `done`.
    pub(super) fn packets_at(&self, done: u64, now: u64) -> u64 {
        done.saturating_sub(now).div_ceil(self.service)
    }

    /// First pass: which of the window's arrivals find a dedicated entry free.
    pub(super) fn classify(&mut self, index: u32, reserve: &mut Reserve, books: &mut Books) {
        self.done_before = self.done;
        let mut arrivals = std::mem::take(&mut self.arrivals);
        let mut arrived = arrivals.iter();
        if books.measured {
            self.counts.offered += arrivals.len() as u64;
            books.counted.whole += arrivals.len() as u64;
        }
        books.all.offered += arrivals.len() as u64;
        for incoming in arrived.by_ref() {
            if let Some(entry) = self.take_entry(incoming.time) {
                self.ring[entry] = self.admit(*incoming, 0, books);
            } else if reserve.entries > 0 {
                reserve.requests.push(Request::new(*incoming, index, 0));
                self.tail.push((*incoming, Verdict::Granted));
                break;
            } else {
                self.drop(*incoming, DropReason::NoBuffer, books);
            }
        }
        for incoming in arrived {
            let verdict = match self.take_entry(incoming.time) {
                Some(entry) => {
                    // Not free again in this window, whenever it will be.
                    self.ring[entry] = u64::MAX;
                    Verdict::Dedicated(u32::try_from(entry).expect("rx is 32 bits"))
                }
                None => {
                    let place = u32::try_from(self.tail.len()).expect("a window is small");
                    reserve.requests.push(Request::new(*incoming, index, place));
                    Verdict::Granted
                }
            };
            self.tail.push((*incoming, verdict));
        }
        arrivals.clear();
        self.arrivals = arrivals;
    }

    /// The dedicated entry that is free at `now`, if there is one.
    #[inline]
    fn take_entry(&mut self, now: u64) -> Option<usize> {
        let entry = self.next_entry;
        if *self.ring.get(entry)? > now {
            return None;
        }
        self.next_entry = if entry + 1 == self.ring.len() { 0 } else { entry + 1 };
        Some(entry)
    }

    /// Last pass: serves the arrivals from the window's first request on.
    pub(super) fn serve_tail(&mut self, books: &mut Books) {
        let mut tail = std::mem::take(&mut self.tail);
        for (incoming, verdict) in tail.drain(..) {
            match verdict {
                Verdict::Dedicated(entry) => {
                    self.ring[entry as usize] = self.admit(incoming, 0, books);
                }
                Verdict::Granted => {
                    let done = self.admit(incoming, 1, books);
                    self.reserve_done.push_back(done);
                }
                Verdict::Refused(reason) => self.drop(incoming, reason, books),
            }
        }
        self.tail = tail;
    }

    /// Admits a packet, and books all of it; returns when it is done.
    #[inline]
    fn admit(&mut self, incoming: Incoming, from_reserve: u32, books: &mut Books) -> u64 {
        let Incoming { time, len, .. } = incoming;
        let begin = self.done.max(time);
        let done = begin + self.service;
        if books.measured && begin == time {
            books.wakeups += 1;
        }
        self.done = done;
        let delivered = done <= books.end;
        books.all.delivered += u64::from(delivered);
        if done > books.start {
            let inside = u128::from(done.min(books.end) - time.max(books.start));
            self.in_use_ps += inside;
            self.reserve_ps += inside * u128::from(from_reserve);
            books.byte_ps += inside * u128::from(len);
            books.busy.add(SimTime::from_ps(begin), SimTime::from_ps(done));
        }
        if delivered && done >= books.start {
            books.sojourn.record(SimDuration::from_ps(done - time));
        }
        if books.measured {
            self.counts.delivered += u64::from(delivered);
            self.longest_backlog = self.longest_backlog.max(done - time);
            self.admitted.push((time, done));
            if books.told.is_some() {
                let fate = Fate::Delivered(SimTime::from_ps(done));
                let fate = if delivered { fate } else { Fate::Outstanding };
                self.tell(incoming, fate, from_reserve, books);
            }
        }
        done
    }

    /// Drops a packet. Where even those whose service has not begun fill the completion ring, that
    /// is the reason.
    fn drop(&mut self, incoming: Incoming, reason: DropReason, books: &mut Books) {
        let full = self.done >= incoming.time.saturating_add(self.completions_busy);
        let reason = if full { DropReason::CompletionFull } else { reason };
        books.all.dropped += 1;
        if books.measured {
            self.counts.dropped += 1;
            books.counted.part += 1;
            books.drops[reason.index()] += 1;
            self.tell(incoming, Fate::Dropped(reason), 0, books);
        }
    }

    fn tell(&self, incoming: Incoming, fate: Fate, from_reserve: u32, books: &mut Books) {
        if let Some(told) = &mut books.told {
            let Incoming { time, order, len } = incoming;
            let arrival = SimTime::from_ps(time);
            let packet = PacketOutcome { arrival, queue: self.id, len, fate, from_reserve };
            told.push((order, packet));
        }
    }

    /// Adds to each part of the window, `1 << shift` long, a bound on this queue's packets in it.
    pub(super) fn bound_packets(&self, from: u64, shift: u32, bounds: &mut [f64]) {
        let per_ps = 1.0 / to_f64(self.service);
        // ceil(x) < x + 1
        let bound = |backlog: u64| match backlog {
            0 => 0.0,
            backlog => to_f64(backlog) * per_ps + 1.0,
        };
        let mut done = self.done_before;
        let mut admitted = self.admitted.iter().peekable();
        for (part, sum) in (0_u64..).zip(bounds) {
            let mut backlog = done.saturating_sub(from + (part << shift));
            while let Some((time, next)) =
                admitted.next_if(|(time, _)| (time - from) >> shift == part)
            {
                done = *next;
                backlog = backlog.max(done - time);
            }
            *sum += bound(backlog);
        }
    }
}

impl Books {
    /// Empty books; `told`: somebody watches the packets.
    pub(super) fn new(spec: &SystemSpec, told: bool) -> Self {
        let (start, end) = (spec.window.start, spec.window.end_or_max());
        Self {
            start: start.as_ps(),
            end: end.as_ps(),
            measured: false,
            drops: Default::default(),
            batches: Batches::new(start, spec.last_arrival()),
            counted: Counts::default(),
            sojourn: Histogram::default(),
            byte_ps: 0,
            busy: Overlap::new(start, end),
            wakeups: 0,
            all: PacketCounts::default(),
            reported: 0,
            told: told.then(Vec::new),
        }
    }

    /// Says how far the run is; `false` when it is to stop.
    pub(super) fn report(&mut self, progress: &Progress) -> bool {
        progress.packets.fetch_add(self.all.offered - self.reported, Ordering::Relaxed);
        self.reported = self.all.offered;
        !progress.stop.load(Ordering::Relaxed)
    }
}

//! Servers in order of arrivals: what has ended is taken off the books later, with its own time.
//!
//! - a queue's own departures before each of its arrivals, so that its ring is always exact;
//! - those of all queues when it matters to others: when the reserve, which seems fuller than it
//!   is, would refuse a packet, or when a total would seem to reach a new maximum.
//!
//! Everything else measured is a sum of `change x time`, which does not ask in which order changes
//! are booked.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use super::outcome;
use crate::calendar::Calendar;
use crate::id::QueueId;
use crate::model::buffers::{Accounting, Lease, Levels, Refusal, buffers_needed, small};
use crate::model::host::Work;
use crate::model::ledger::{DropReason, Ledger};
use crate::model::log::{Fate, LogId, PacketLog};
use crate::model::outcome::Outcome;
use crate::model::policy::Policy;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{Arrival, Source};
use crate::random::Streams;
use crate::stats::{Level, Peak};
use crate::units::SimTime;

/// Whether the reserve, as full as it seems, says enough.
pub(super) fn is_valid(spec: &SystemSpec) -> bool {
    spec.buffers.reserve.as_ref().is_none_or(|reserve| reserve.policy.is_memoryless())
}

/// A packet that has its buffers.
#[derive(Debug)]
struct Packet {
    arrival: SimTime,
    /// When its service starts and ends.
    start: SimTime,
    done: SimTime,
    len: u32,
    lease: Lease,
    log: Option<LogId>,
}

impl Packet {
    /// The first instant whose arrivals find its buffers free: what takes no time starts, and ends,
    /// after the arrivals of its instant.
    fn free_at(&self) -> u64 {
        self.done.as_ps().saturating_add(u64::from(self.start == self.done))
    }
}

#[derive(Debug)]
struct Queue {
    rx: i64,
    /// Packets in order of arrival.
    packets: VecDeque<Packet>,
    in_use: Level,
    reserve_in_use: Level,
}

/// Servers with their rings and the reserve behind them.
#[derive(Debug)]
pub(super) struct Servers<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    sources: Vec<Source>,
    pending: Vec<Option<Arrival>>,
    calendar: Calendar,
    work: Work,
    ledger: Ledger,
    log: Option<PacketLog<'a>>,
    queues: Vec<Queue>,
    /// When each queue's first packet frees its buffers; `NEVER` for an empty queue.
    next_free: Vec<u64>,
    /// No later than any of `next_free`.
    earliest: u64,
    /// Buffers in use, counting those whose packets are done but not yet off the books.
    total: i64,
    reserve: i64,
    /// Their true maxima.
    total_max: i64,
    reserve_max: i64,
    entries: i64,
    policy: Policy,
    accounting: Accounting,
    exhaustion: Exhaustion,
}

/// When the reserve had no free buffer.
#[derive(Debug)]
struct Exhaustion {
    level: Level,
    /// The first release since it ran out, if it has and one is known.
    first_release: SimTime,
}

/// Later than any instant of a run.
const NEVER: u64 = u64::MAX;

/// Arrivals between two looks at [`Progress`].
const ARRIVALS_PER_LOOK: u32 = 1 << 14;

impl<'a> Servers<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let sources: Vec<Source> = (0..)
            .zip(&spec.traffic)
            .flat_map(|(table, traffic)| traffic.sources(table, streams, spec.window))
            .collect();
        let queues = spec.buffers.rx.len();
        let reserve = spec.buffers.reserve.as_ref();
        let queue = |rx: &u32| Queue {
            rx: i64::from(*rx),
            packets: VecDeque::new(),
            in_use: Level::default(),
            reserve_in_use: Level::default(),
        };
        Self {
            spec,
            streams,
            pending: vec![None; sources.len()],
            calendar: Calendar::new(sources.len()),
            sources,
            work: Work::new(&spec.host, queues, streams),
            ledger: Ledger::new(queues, spec.window, spec.last_arrival()),
            log: observers.packets.map(PacketLog::new),
            queues: spec.buffers.rx.iter().map(queue).collect(),
            next_free: vec![NEVER; queues],
            earliest: NEVER,
            total: 0,
            reserve: 0,
            total_max: 0,
            reserve_max: 0,
            entries: reserve.map_or(0, |reserve| i64::from(reserve.entries)),
            policy: reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy),
            accounting: reserve.map_or(Accounting::Pinned, |reserve| reserve.accounting),
            exhaustion: Exhaustion { level: Level::default(), first_release: SimTime::MAX },
        }
    }

    pub(super) fn run(mut self, progress: &Progress) -> Option<Outcome> {
        for source in 0..self.sources.len() {
            self.fetch(source);
        }
        let start = self.spec.window.start;
        while self.calendar.next().is_some_and(|(time, _)| time < start) {
            if !self.arrivals_before(start, progress) {
                return None;
            }
        }
        self.open_window();
        while self.calendar.next().is_some() {
            if !self.arrivals_before(SimTime::MAX, progress) {
                return None;
            }
        }
        Some(self.close())
    }

    /// Lets some packets arrive; `false` when the run is to stop.
    fn arrivals_before(&mut self, end: SimTime, progress: &Progress) -> bool {
        let before = self.ledger.arrived();
        for _ in 0..ARRIVALS_PER_LOOK {
            let Some((_, source)) = self.calendar.next().filter(|(time, _)| *time < end) else {
                break;
            };
            let arrival = self.pending[source].expect("a due source has a packet");
            self.fetch(source);
            self.arrive(arrival);
        }
        progress.packets.fetch_add(self.ledger.arrived() - before, Ordering::Relaxed);
        !progress.stop.load(Ordering::Relaxed)
    }

    /// Puts the next packet of a source into the calendar.
    #[inline]
    fn fetch(&mut self, source: usize) {
        let arrival = self.sources[source].next();
        self.pending[source] = arrival;
        self.calendar.set(source, arrival.map_or(SimTime::MAX, |arrival| arrival.time));
    }

    #[inline]
    fn arrive(&mut self, Arrival { time: now, queue: id, len }: Arrival) {
        let work = self.work.draw(id);
        self.ledger.offered(id, now);
        let measured = self.ledger.measures(now);
        let log = self.log.as_mut().filter(|_| measured).map(|log| log.arrived(now, id, len));
        if self.next_free[id.index()] <= now.as_ps() {
            self.settle(id, |packet| packet.free_at() <= now.as_ps());
        }
        let lease = match self.lease(id, len, now) {
            Ok(lease) => lease,
            Err(refusal) => {
                let reason = DropReason::from(refusal);
                self.ledger.dropped(id, reason, now);
                if let (Some(log), Some(packet)) = (&mut self.log, log) {
                    log.settled(packet, Fate::Dropped(reason));
                }
                return;
            }
        };
        if let (Some(log), Some(packet)) = (&mut self.log, log) {
            log.placed(packet, lease.reserve);
        }
        self.ledger.placed(len, now);
        let queue = &mut self.queues[id.index()];
        let start = queue.packets.back().map_or(now, |last| last.done);
        let packet = Packet { arrival: now, start, done: start + work, len, lease, log };
        self.ledger.busy(packet.start, packet.done);
        queue.in_use.change(i64::from(lease.total()), now);
        if lease.reserve > 0 {
            queue.reserve_in_use.change(i64::from(lease.reserve), now);
        }
        if queue.packets.is_empty() {
            self.ledger.woken(now);
            self.next_free[id.index()] = packet.free_at();
            self.earliest = self.earliest.min(packet.free_at());
        }
        queue.packets.push_back(packet);
        self.count(lease, now);
    }

    /// The buffers for a packet, or why there are none. The queue itself is settled.
    #[inline]
    fn lease(&mut self, id: QueueId, len: u32, now: SimTime) -> Result<Lease, Refusal> {
        let queue = &self.queues[id.index()];
        // A completion entry is free again when service starts: after the arrivals of its instant.
        let room = self.spec.buffers.completion_entries as usize;
        let oldest = queue.packets.len().checked_sub(room);
        if oldest.is_some_and(|oldest| room == 0 || queue.packets[oldest].start >= now) {
            return Err(Refusal::CompletionFull);
        }
        let needed = buffers_needed(len, self.spec.buffers.rx_buf_len);
        let held = queue.reserve_in_use.value();
        let free = queue.rx - (queue.in_use.value() - held);
        let dedicated = needed.min(small(free.max(0)));
        let lease = Lease { dedicated, reserve: needed - dedicated };
        if lease.reserve > 0 && !self.admits(held, lease.reserve) {
            self.settle_all(now);
            if i64::from(lease.reserve) > self.entries - self.reserve {
                return Err(Refusal::NoBuffer);
            }
            if !self.admits(held, lease.reserve) {
                return Err(Refusal::ReserveDenied);
            }
        }
        Ok(lease)
    }

    /// Whether the reserve, as full as it seems, admits a queue. All policies admit more when more
    /// is free, so what is admitted here is admitted.
    #[inline]
    fn admits(&self, held: i64, count: u32) -> bool {
        self.policy.admits_all(small(held), small(self.entries - self.reserve), count)
    }

    /// Counts buffers that a packet has taken, and looks closely where a total seems to be at its
    /// highest or the reserve to run out.
    #[inline]
    fn count(&mut self, lease: Lease, now: SimTime) {
        self.total += i64::from(lease.total());
        self.reserve += i64::from(lease.reserve);
        let runs_out = lease.reserve > 0 && self.reserve == self.entries;
        if self.total > self.total_max || self.reserve > self.reserve_max || runs_out {
            self.settle_all(now);
            self.total_max = self.total_max.max(self.total);
            self.reserve_max = self.reserve_max.max(self.reserve);
            if lease.reserve > 0 && self.reserve == self.entries {
                self.exhaustion.begin(now);
            }
        }
    }

    /// Takes what has ended off the books of all queues.
    fn settle_all(&mut self, now: SimTime) {
        if self.earliest <= now.as_ps() {
            let mut earliest = NEVER;
            for index in 0..self.next_free.len() {
                if self.next_free[index] <= now.as_ps() {
                    self.settle(queue_id(index), |packet| packet.free_at() <= now.as_ps());
                }
                earliest = earliest.min(self.next_free[index]);
            }
            self.earliest = earliest;
        }
        self.exhaustion.settled();
    }

    /// Takes a queue's packets off the books, from the first one on, while they `have_ended`.
    #[inline]
    fn settle(&mut self, id: QueueId, have_ended: impl Fn(&Packet) -> bool) {
        let queue = &mut self.queues[id.index()];
        while queue.packets.front().is_some_and(&have_ended) {
            let packet = queue.packets.pop_front().expect("the front was just seen");
            self.ledger.delivered(id, packet.arrival, packet.len, packet.done);
            if let (Some(log), Some(id)) = (&mut self.log, packet.log) {
                log.settled(id, Fate::Delivered(packet.done));
            }
            let buffers = i64::from(packet.lease.total());
            let held = queue.reserve_in_use.value();
            let reserve = match self.accounting {
                Accounting::Pinned => i64::from(packet.lease.reserve),
                Accounting::Relabelled => buffers.min(held),
            };
            queue.in_use.change(-buffers, packet.done);
            self.total -= buffers;
            if reserve > 0 {
                queue.reserve_in_use.change(-reserve, packet.done);
                self.reserve -= reserve;
                self.exhaustion.released(packet.done);
            }
        }
        self.next_free[id.index()] = queue.packets.front().map_or(NEVER, Packet::free_at);
        debug_assert!(
            (0..=queue.rx).contains(&(queue.in_use.value() - queue.reserve_in_use.value()))
        );
        debug_assert!(
            (0..=self.entries).contains(&self.reserve),
            "{} reserve buffers",
            self.reserve
        );
    }

    /// Takes off the books what has ended by `time`, that instant's own services included.
    fn settle_until(&mut self, time: SimTime) {
        for index in 0..self.queues.len() {
            self.settle(queue_id(index), |packet| packet.done <= time);
        }
        self.exhaustion.settled();
    }

    /// The window opens: what is released at its very start was in use before it, unless packets
    /// arrive at that instant before it is.
    fn open_window(&mut self) {
        let start = self.spec.window.start;
        match self.calendar.next() {
            Some((time, _)) if time == start => self.settle_all(start),
            _ => self.settle_until(start),
        }
        for queue in &mut self.queues {
            queue.in_use.open(start);
            queue.reserve_in_use.open(start);
        }
        (self.total_max, self.reserve_max) = (self.total, self.reserve);
        self.exhaustion.level.open(start);
        self.ledger.open_window();
    }

    fn close(mut self) -> Outcome {
        let end = self.spec.window.end.expect("without an end there is no fast path");
        self.settle_until(end);
        self.assert_conserved();
        if let Some(log) = &mut self.log {
            log.close();
        }
        let levels = Levels {
            queues: self.queues.into_iter().map(|q| (q.in_use, q.reserve_in_use)).collect(),
            total: Peak::new(self.total, self.total_max),
            reserve_total: Peak::new(self.reserve, self.reserve_max),
            exhausted: self.exhaustion.level,
        };
        outcome(self.spec, self.streams, &self.sources, self.ledger.close(end), levels)
    }

    /// Conservation: every packet and every buffer is where the books say.
    fn assert_conserved(&self) {
        let (mut packets, mut total, mut reserve) = (0, 0, 0);
        for (id, queue) in self.queues.iter().enumerate() {
            let held: i64 = queue.packets.iter().map(|p| i64::from(p.lease.total())).sum();
            let leased: i64 = queue.packets.iter().map(|p| i64::from(p.lease.reserve)).sum();
            let expected = match self.accounting {
                Accounting::Pinned => leased,
                Accounting::Relabelled => (held - queue.rx).max(0),
            };
            assert_eq!(queue.in_use.value(), held, "queue {id}: buffers held");
            assert_eq!(queue.reserve_in_use.value(), expected, "queue {id}: reserve buffers held");
            packets += queue.packets.len() as u64;
            total += held;
            reserve += expected;
        }
        assert_eq!((self.total, self.reserve), (total, reserve), "buffers in use, all queues");
        let outstanding = self.ledger.outstanding();
        assert_eq!(outstanding, packets, "offered = delivered + dropped + outstanding");
    }
}

impl Exhaustion {
    /// The reserve has no free buffer from `now` on.
    fn begin(&mut self, now: SimTime) {
        if self.level.value() == 0 {
            self.level.change(1, now);
            self.first_release = SimTime::MAX;
        }
    }

    /// A reserve buffer came back at `time`.
    #[inline]
    fn released(&mut self, time: SimTime) {
        self.first_release = self.first_release.min(time);
    }

    /// Every release up to now is known.
    fn settled(&mut self) {
        if self.level.value() == 1 && self.first_release < SimTime::MAX {
            self.level.change(-1, self.first_release);
        }
    }
}

fn queue_id(index: usize) -> QueueId {
    QueueId::new(u32::try_from(index).expect("queues are counted in 32 bits"))
}

//! Servers in windows of time: queues run alone, and only what they ask of the reserve is ordered.
//!
//! With a constant service of `s`, a queue that has `rx` packets in its dedicated entries is busy for
//! longer than `(rx - 1) s`. In a window no longer than `rx s`, whatever is admitted behind such a
//! packet is still there when the window is over. So whether an arrival finds a dedicated entry free
//! does not depend on what the reserve decides in the same window, and a window is worked in passes:
//!
//! ```text
//!  arrivals of each queue --> dedicated entry free?  yes: admitted (known at once before the queue's
//!                                |                        first request, else when that is decided)
//!                                no: a request to the reserve
//!  requests and returns of all queues, in order of time --> granted or not
//!  arrivals from each queue's first request on --> times of service
//! ```
//!
//! A ring is the `done` times of its last `rx` packets: an entry is free if the oldest has passed.
//! As services follow one another without gaps, a queue holds `ceil((done - t) / s)` packets at time
//! `t`, `done` being its last one's; a packet's whole part in every average is known when it is
//! admitted. Only the maximum over all queues together needs their order: it is looked at closely in
//! those parts of a window where the sum of the queues' own maxima is above the maximum so far.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use crate::id::QueueId;
use crate::model::buffers::{Accounting, Levels};
use crate::model::distribution::Distribution;
use crate::model::host::HostSpec;
use crate::model::ledger::{Batches, Closed, DropReason, PacketCounts};
use crate::model::log::{Fate, PacketOutcome, PacketSink};
use crate::model::outcome::{Finished, Outcome};
use crate::model::policy::Policy;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{Arrival, Source, TrafficKind, TrafficSpec};
use crate::random::Streams;
use crate::stats::{Counts, Histogram, Level, Overlap, Peak};
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// Whether windows give the reference engine's result for plain servers: constant services that
/// take time, one buffer a packet, pinned accounting, room for all completions, and, where there is
/// a reserve, at least one dedicated entry a queue.
pub(super) fn is_valid(spec: &SystemSpec) -> bool {
    let HostSpec::Server { service, .. } = &spec.host else { return false };
    let buffers = &spec.buffers;
    let entries = entries(spec);
    let pinned = buffers.reserve.as_ref().is_none_or(|r| r.accounting == Accounting::Pinned);
    let longest = |service: &Distribution| match service {
        Distribution::Constant(ps) if *ps > 0 => Some(u128::from(*ps)),
        _ => None,
    };
    let queue_fits = |(rx, service): (&u32, &Distribution)| {
        let most = u128::from(*rx) + u128::from(entries);
        most <= u128::from(buffers.completion_entries)
            && (entries == 0 || *rx > 0)
            && longest(service).is_some_and(|ps| (most + 2) * ps < 1 << 62)
    };
    let small = |traffic: &TrafficSpec| match (&traffic.kind, &traffic.size) {
        (TrafficKind::Recorded(packets), _) => {
            packets.iter().all(|packet| u64::from(packet.len) <= buffers.rx_buf_len)
        }
        (_, Distribution::Constant(len)) => *len <= buffers.rx_buf_len,
        _ => false,
    };
    pinned
        && buffers.rx.iter().zip(service).all(queue_fits)
        && spec.traffic.iter().all(small)
        && spec.window.end.is_some_and(|end| end.as_ps() < 1 << 62)
}

/// Whether windows, where they are valid, are long enough to pay.
pub(super) fn pays(spec: &SystemSpec) -> bool {
    to_f64(window_ps(spec)) * packets_per_ps(spec) >= PACKETS_MIN
}

/// Packets of a window: enough to share its costs, few enough to stay in the cache.
const PACKETS: f64 = 4096.0;
/// Packets below which arrivals in order are faster.
const PACKETS_MIN: f64 = 128.0;
/// Parts of a window in which the maximum over all queues is bounded.
const PARTS: usize = 64;

fn entries(spec: &SystemSpec) -> u32 {
    spec.buffers.reserve.as_ref().map_or(0, |reserve| reserve.entries)
}

fn packets_per_ps(spec: &SystemSpec) -> f64 {
    let rate =
        |traffic: &TrafficSpec| traffic.rate_per_queue() * to_f64(traffic.queues.len() as u64);
    spec.traffic.iter().map(rate).sum::<f64>() / 1e12
}

/// The longest window that is valid and not too full.
fn window_ps(spec: &SystemSpec) -> u64 {
    let full = round_to_u64((PACKETS / packets_per_ps(spec)).min(1e18)).max(1);
    if entries(spec) == 0 {
        return full;
    }
    let busy = spec.buffers.rx.iter().zip(services(spec)).map(|(rx, ps)| u64::from(*rx) * ps);
    busy.min().map_or(full, |busy| busy.min(full))
}

fn services(spec: &SystemSpec) -> impl Iterator<Item = u64> {
    let HostSpec::Server { service, .. } = &spec.host else { unreachable!("only for servers") };
    service.iter().map(|service| match service {
        Distribution::Constant(ps) => *ps,
        _ => unreachable!("only for constant services"),
    })
}

/// A packet of the window under way.
#[derive(Debug, Clone, Copy)]
struct Incoming {
    time: u64,
    /// Its place among packets of one instant.
    order: u32,
    len: u32,
}

/// What became of an arrival at the buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It takes the dedicated entry with this index in the ring.
    Dedicated(u32),
    /// It takes a buffer of the reserve.
    Granted,
    /// It is dropped.
    Refused(DropReason),
}

/// One queue and its server.
#[derive(Debug)]
struct Lane {
    id: QueueId,
    service: u64,
    /// Time for as many services as there are completion entries.
    completions_busy: u64,
    arrivals: Vec<Incoming>,
    /// When each dedicated entry is, or was last, free again.
    ring: Box<[u64]>,
    /// The entry that is free first.
    next_entry: usize,
    /// When the last packet is done.
    done: u64,
    /// The same at the beginning of the window.
    done_before: u64,
    /// When packets in reserve buffers are done.
    reserve_done: VecDeque<u64>,
    /// Arrivals from the first request of the window on.
    tail: Vec<(Incoming, Verdict)>,
    /// Packets admitted in the window: when, and when they are done.
    admitted: Vec<(u64, u64)>,
    counts: PacketCounts,
    in_use_ps: u128,
    reserve_ps: u128,
    /// The longest time from an admission until the queue is empty again.
    longest_backlog: u64,
    reserve_held: u32,
    reserve_max: u32,
}

/// The books that all queues share.
#[derive(Debug)]
struct Books {
    start: u64,
    end: u64,
    /// Whether the window of measurement has begun.
    measured: bool,
    drops: [u64; DropReason::ALL.len()],
    batches: Batches,
    /// Packets of the window under way.
    counted: Counts,
    sojourn: Histogram,
    byte_ps: u128,
    busy: Overlap,
    wakeups: u64,
    /// Packets of the whole run.
    all: PacketCounts,
    /// Those that [`Progress`] knows of.
    reported: u64,
    /// Packets with their order, where somebody watches.
    told: Option<Vec<(u32, PacketOutcome)>>,
}

/// The reserve.
#[derive(Debug)]
struct Reserve {
    entries: u32,
    policy: Policy,
    in_use: u32,
    max: u32,
    exhausted: Level,
    requests: Vec<Request>,
    /// Times and queues of buffers that come back.
    returns: Vec<(u64, usize)>,
}

/// A packet that asks for a reserve buffer.
#[derive(Debug, Clone, Copy)]
struct Request {
    time: u64,
    order: u32,
    lane: usize,
    /// Its place in the queue's tail.
    index: usize,
}

/// A source and the packet that it has ready.
#[derive(Debug)]
struct Feed {
    source: Source,
    next: Option<Arrival>,
}

/// All queues.
pub(super) struct Lanes<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    feeds: Vec<Feed>,
    lanes: Vec<Lane>,
    /// Whether a queue has several sources, whose packets are to be merged.
    merge: bool,
    reserve: Reserve,
    books: Books,
    total_max: u64,
    window_ps: u64,
    sink: Option<&'a mut PacketSink<'a>>,
    /// Scratch: packets come and go in a part of the window.
    steps: Vec<(u64, i64)>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let feeds: Vec<Feed> = (0..)
            .zip(&spec.traffic)
            .flat_map(|(table, traffic)| traffic.sources(table, streams, spec.window))
            .map(|mut source| Feed { next: source.next(), source })
            .collect();
        let entries = entries(spec);
        let lane = |((rx, service), id): ((&u32, u64), u32)| Lane {
            id: QueueId::new(id),
            service,
            completions_busy: service.saturating_mul(spec.buffers.completion_entries.into()),
            arrivals: Vec::new(),
            ring: vec![0; *rx as usize].into(),
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
        };
        let end = spec.window.end.expect("a fast path has an end");
        Self {
            lanes: spec.buffers.rx.iter().zip(services(spec)).zip(0..).map(lane).collect(),
            merge: spec.traffic.len() > 1,
            reserve: Reserve {
                entries,
                policy: spec.buffers.reserve.as_ref().map_or(Policy::CompleteSharing, |r| r.policy),
                in_use: 0,
                max: 0,
                exhausted: Level::default(),
                requests: Vec::new(),
                returns: Vec::new(),
            },
            books: Books {
                start: spec.window.start.as_ps(),
                end: end.as_ps(),
                measured: false,
                drops: Default::default(),
                batches: Batches::new(spec.window.start, spec.last_arrival()),
                counted: Counts::default(),
                sojourn: Histogram::default(),
                byte_ps: 0,
                busy: Overlap::new(spec.window.start, end),
                wakeups: 0,
                all: PacketCounts::default(),
                reported: 0,
                told: observers.packets.is_some().then(Vec::new),
            },
            total_max: 0,
            window_ps: window_ps(spec),
            sink: observers.packets,
            steps: Vec::new(),
            spec,
            streams,
            feeds,
        }
    }

    pub(super) fn run(mut self, progress: &Progress) -> Option<Outcome> {
        let start = self.books.start;
        while let Some(next) = self.next_arrival().filter(|next| *next < start) {
            self.window(next, start);
            if !self.books.report(progress) {
                return None;
            }
        }
        self.open();
        while let Some(next) = self.next_arrival() {
            // A window does not reach into the next batch.
            self.books.batches.at(SimTime::from_ps(next));
            let limit = self.books.batches.end().as_ps().min(self.books.end);
            self.window(next, limit);
            if !self.books.report(progress) {
                return None;
            }
        }
        Some(self.close())
    }

    fn next_arrival(&self) -> Option<u64> {
        self.feeds.iter().filter_map(|feed| feed.next).map(|arrival| arrival.time.as_ps()).min()
    }

    /// Lets everything happen from `from`, when the next packet arrives, until `limit` or earlier.
    fn window(&mut self, from: u64, limit: u64) {
        let to = limit.min(from.saturating_add(self.window_ps));
        self.pull(to);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            lane.classify(index, &mut self.reserve, &mut self.books);
        }
        if self.reserve.entries > 0 {
            self.reserve.decide(&mut self.lanes, to - 1);
            for lane in &mut self.lanes {
                lane.serve_tail(&mut self.books);
            }
        }
        if self.books.measured {
            self.watch_total(from, to);
            let Counts { part, whole } = std::mem::take(&mut self.books.counted);
            let counts = self.books.batches.at(SimTime::from_ps(from));
            counts.part += part;
            counts.whole += whole;
        }
        if let (Some(told), Some(sink)) = (&mut self.books.told, &mut self.sink) {
            told.sort_by_key(|(order, packet)| (packet.arrival, *order));
            told.drain(..).for_each(|(_, packet)| sink(&packet));
        }
        for lane in &mut self.lanes {
            lane.admitted.clear();
        }
    }

    /// Takes the packets that arrive before `to` from their sources.
    fn pull(&mut self, to: u64) {
        let mut order = 0;
        for feed in &mut self.feeds {
            while let Some(Arrival { time, queue, len }) = feed.next {
                if time.as_ps() >= to {
                    break;
                }
                let incoming = Incoming { time: time.as_ps(), order, len };
                self.lanes[queue.index()].arrivals.push(incoming);
                order += 1;
                feed.next = feed.source.next();
            }
        }
        if self.merge {
            for lane in &mut self.lanes {
                lane.arrivals.sort_by_key(|incoming| incoming.time);
            }
        }
    }

    /// The window of measurement opens: what is released at its very start was in use before it.
    fn open(&mut self) {
        let start = self.books.start;
        self.books.measured = true;
        self.reserve.decide(&mut self.lanes, start);
        self.reserve.max = self.reserve.in_use;
        self.reserve.exhausted.open(SimTime::from_ps(start));
        for lane in &mut self.lanes {
            lane.longest_backlog = lane.done.saturating_sub(start);
            lane.reserve_max = lane.reserve_held;
        }
        self.total_max = self.lanes.iter().map(|lane| lane.packets_at(lane.done, start)).sum();
    }

    /// Raises the maximum over all queues by what happened from `from` to `to`.
    fn watch_total(&mut self, from: u64, to: u64) {
        let mut shift = 0;
        while (to - from).div_ceil(1 << shift) > PARTS as u64 {
            shift += 1;
        }
        let mut bounds = [0.0; PARTS];
        let bounds = &mut bounds[..usize::try_from((to - from).div_ceil(1 << shift)).expect("few")];
        for lane in &self.lanes {
            lane.bound_packets(from, shift, bounds);
        }
        for (part, bound) in (0..).zip(&*bounds) {
            if *bound >= to_f64(self.total_max) {
                let begin = from + (part << shift);
                self.search_total(begin, to.min(begin + (1 << shift)));
            }
        }
    }

    /// Finds the maximum over all queues from `from` to `to`, packet by packet.
    fn search_total(&mut self, from: u64, to: u64) {
        self.steps.clear();
        let mut total: i64 = 0;
        for lane in &self.lanes {
            let before = lane.admitted.partition_point(|(time, _)| *time < from);
            let done = if before == 0 { lane.done_before } else { lane.admitted[before - 1].1 };
            let waiting = lane.packets_at(done, from);
            total += waiting.cast_signed();
            let first = done.saturating_sub(waiting.saturating_sub(1) * lane.service);
            let dones = (0..waiting).map(|k| first + k * lane.service);
            self.steps.extend(dones.take_while(|done| *done < to).map(|done| (done, -1)));
            for (time, done) in &lane.admitted[before..] {
                if *time >= to {
                    break;
                }
                self.steps.push((*time, 1));
                if *done < to {
                    self.steps.push((*done, -1));
                }
            }
        }
        self.steps.sort_unstable();
        for (_, step) in &self.steps {
            total += step;
            self.total_max = self.total_max.max(total.cast_unsigned());
        }
    }

    fn close(mut self) -> Outcome {
        let end = self.books.end;
        self.reserve.decide(&mut self.lanes, end);
        self.assert_conserved();
        let area = |ps: u128| i128::try_from(ps).expect("buffers times time fit 127 bits");
        let levels = |lane: &Lane| {
            let packets = lane.longest_backlog.div_ceil(lane.service);
            let in_use = Level::closed(packets.cast_signed(), area(lane.in_use_ps));
            (in_use, Level::closed(lane.reserve_max.into(), area(lane.reserve_ps)))
        };
        let levels = Levels {
            queues: self.lanes.iter().map(levels).collect(),
            total: Peak::new(0, self.total_max.cast_signed()),
            reserve_total: Peak::new(self.reserve.in_use.into(), self.reserve.max.into()),
            exhausted: self.reserve.exhausted,
        };
        let Books { drops, batches, sojourn, byte_ps, busy, wakeups, all, .. } = self.books;
        let closed = Closed {
            queues: self.lanes.iter().map(|lane| lane.counts).collect(),
            drops,
            batches: batches.into_counts(),
            sojourn,
            packet_byte_ps: area(byte_ps),
            busy_ps: busy.sum_ps(),
            sync_ps: 0,
            wakeups,
            returns_without_buffer: 0,
            arrived: all.offered,
        };
        let sources: Vec<Source> = self.feeds.into_iter().map(|feed| feed.source).collect();
        Finished {
            spec: self.spec,
            streams: self.streams,
            sources: &sources,
            closed,
            levels,
            end: SimTime::from_ps(end),
            timeline: None,
        }
        .outcome()
    }

    /// Conservation: every packet and every reserve buffer is where the books say.
    fn assert_conserved(&self) {
        let end = self.books.end;
        let packets: u64 = self.lanes.iter().map(|lane| lane.packets_at(lane.done, end)).sum();
        let outstanding = self.books.all.outstanding();
        assert_eq!(outstanding, packets, "offered = delivered + dropped + outstanding");
        let mut held = 0;
        for lane in &self.lanes {
            let entries = lane.ring.iter().filter(|free_at| **free_at > end).count();
            let packets = entries + lane.reserve_done.len();
            assert_eq!(lane.packets_at(lane.done, end), packets as u64, "queue {}", lane.id);
            assert_eq!(lane.reserve_held as usize, lane.reserve_done.len(), "queue {}", lane.id);
            held += lane.reserve_held;
        }
        assert_eq!(self.reserve.in_use, held, "reserve buffers in use");
    }
}

impl Lane {
    /// Packets at time `now` (what is released then is gone), where the last is done at `done`.
    fn packets_at(&self, done: u64, now: u64) -> u64 {
        done.saturating_sub(now).div_ceil(self.service)
    }

    /// First pass: which of the window's arrivals find a dedicated entry free.
    fn classify(&mut self, index: usize, reserve: &mut Reserve, books: &mut Books) {
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
                    reserve.requests.push(Request::new(*incoming, index, self.tail.len()));
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
    fn serve_tail(&mut self, books: &mut Books) {
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
    fn bound_packets(&self, from: u64, shift: u32, bounds: &mut [f64]) {
        let per_ps = 1.0 / to_f64(self.service);
        // ceil(x) < x + 1
        let bound = |backlog: u64| match backlog {
            0 => 0.0,
            backlog => to_f64(backlog) * per_ps + 1.0,
        };
        let mut done = self.done_before;
        let mut part = 0;
        let mut backlog = done.saturating_sub(from);
        for (time, next_done) in &self.admitted {
            let at = (time - from) >> shift;
            while part < at {
                bounds[part as usize] += bound(backlog);
                part += 1;
                backlog = done.saturating_sub(from + (part << shift));
            }
            done = *next_done;
            backlog = backlog.max(done - time);
        }
        while part < bounds.len() as u64 {
            bounds[part as usize] += bound(backlog);
            part += 1;
            backlog = done.saturating_sub(from + (part << shift));
        }
    }
}

impl Request {
    fn new(incoming: Incoming, lane: usize, index: usize) -> Self {
        Self { time: incoming.time, order: incoming.order, lane, index }
    }
}

impl Reserve {
    /// Decides the requests in order of time, with the buffers that come back until `until`.
    fn decide(&mut self, lanes: &mut [Lane], until: u64) {
        for (index, lane) in lanes.iter_mut().enumerate() {
            while let Some(done) = lane.reserve_done.front().filter(|done| **done <= until) {
                self.returns.push((*done, index));
                lane.reserve_done.pop_front();
            }
        }
        // Runs of each queue in order already, which a stable sort merges.
        self.returns.sort();
        self.requests.sort_by_key(|request| (request.time, request.order));
        let returns = std::mem::take(&mut self.returns);
        let mut returning = returns.iter().peekable();
        for request in std::mem::take(&mut self.requests) {
            while let Some((time, lane)) = returning.next_if(|(time, _)| *time <= request.time) {
                self.take_back(&mut lanes[*lane], *time);
            }
            let lane = &mut lanes[request.lane];
            lane.tail[request.index].1 = self.grant(lane.reserve_held, request.time);
            if lane.tail[request.index].1 == Verdict::Granted {
                lane.reserve_held += 1;
                lane.reserve_max = lane.reserve_max.max(lane.reserve_held);
            }
        }
        for (time, lane) in returning {
            self.take_back(&mut lanes[*lane], *time);
        }
        self.returns = returns;
        self.returns.clear();
    }

    fn grant(&mut self, held: u32, now: u64) -> Verdict {
        let free = self.entries - self.in_use;
        if free == 0 {
            return Verdict::Refused(DropReason::NoBuffer);
        }
        if !self.policy.admits(held, free) {
            return Verdict::Refused(DropReason::ReserveDenied);
        }
        self.in_use += 1;
        self.max = self.max.max(self.in_use);
        if self.in_use == self.entries {
            self.exhausted.change(1, SimTime::from_ps(now));
        }
        Verdict::Granted
    }

    fn take_back(&mut self, lane: &mut Lane, time: u64) {
        if self.in_use == self.entries {
            self.exhausted.change(-1, SimTime::from_ps(time));
        }
        self.in_use -= 1;
        lane.reserve_held -= 1;
    }
}

impl Books {
    /// Says how far the run is; `false` when it is to stop.
    fn report(&mut self, progress: &Progress) -> bool {
        progress.packets.fetch_add(self.all.offered - self.reported, Ordering::Relaxed);
        self.reported = self.all.offered;
        !progress.stop.load(Ordering::Relaxed)
    }
}

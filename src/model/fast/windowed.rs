//! Servers in windows of time: queues run alone, and only what they ask of the reserve is ordered.
//!
//! With a constant service of `s`, a queue that has `rx` packets in its dedicated entries is busy
//! for longer than `(rx - 1) s`. In a window no longer than `rx s`, whatever is admitted behind
//! such a packet is still there when the window is over. So whether an arrival finds a dedicated
//! entry free does not depend on what the reserve decides in the same window, and a window is
//! worked in passes:
//!
//! ```text
//!  arrivals of each queue --> dedicated entry free?  yes: admitted (known at once before the
//!                                |                   queue's first request, else when that is
//!                                |                   decided)
//!                                no: a request to the reserve
//!  requests and returns of all queues, in order of time --> granted or not
//!  arrivals from each queue's first request on --> times of service
//! ```
//!
//! A ring is the `done` times of its last `rx` packets: an entry is free if the oldest has passed.
//! As services follow one another without gaps, a queue holds `ceil((done - t) / s)` packets at
//! time `t`, `done` being its last one's; a packet's whole part in every average is known when it
//! is admitted. Only the maximum over all queues together needs their order: it is looked at
//! closely in those parts of a window where the sum of the queues' own maxima is above the maximum
//! so far.

mod lane;
mod reserve;

use lane::{Books, Incoming, Lane};
use reserve::Reserve;

use crate::id::QueueId;
use crate::model::buffers::{Accounting, Levels};
use crate::model::distribution::Distribution;
use crate::model::host::HostSpec;
use crate::model::ledger::Closed;
use crate::model::log::PacketSink;
use crate::model::outcome::{Finished, Outcome};
use crate::model::policy::Policy;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{Arrival, Source, TrafficKind, TrafficSpec};
use crate::random::Streams;
use crate::stats::{Counts, Level, Peak};
use crate::units::{SimTime, round_to_u64, to_f64};

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
    let fits = |len: u32| u64::from(len) <= buffers.rx_buf_len;
    let small = |traffic: &TrafficSpec| match (&traffic.kind, &traffic.size) {
        (TrafficKind::Recorded(recorded), _) => fits(recorded.longest()),
        (TrafficKind::Flows(spec), _) => fits(spec.messages.segmentation().longest_frame()),
        (TrafficKind::Incast(spec), _) => fits(spec.answers.segmentation().longest_frame()),
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
    /// Scratch: packets of a run.
    times: Vec<u64>,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let feeds: Vec<Feed> = (0..)
            .zip(&spec.traffic)
            .flat_map(|(table, traffic)| traffic.sources(table, streams, spec.window))
            .map(|mut source| Feed { next: source.next(), source })
            .collect();
        let completions = spec.buffers.completion_entries;
        let lanes = (0..)
            .map(QueueId::new)
            .zip(&spec.buffers.rx)
            .zip(services(spec))
            .map(|((id, rx), service)| Lane::new(id, *rx, service, completions))
            .collect();
        Self {
            lanes,
            merge: spec.traffic.len() > 1,
            reserve: Reserve::new(
                entries(spec),
                spec.buffers.reserve.as_ref().map_or(Policy::CompleteSharing, |r| r.policy),
            ),
            books: Books::new(spec, observers.packets.is_some()),
            total_max: 0,
            window_ps: window_ps(spec),
            sink: observers.packets,
            steps: Vec::new(),
            times: Vec::new(),
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
        for (index, lane) in (0..).zip(&mut self.lanes) {
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
            while let Some(first) = feed.next.filter(|arrival| arrival.time.as_ps() < to) {
                self.times.push(first.time.as_ps());
                feed.source.run(SimTime::from_ps(to), &mut self.times);
                for time in self.times.drain(..) {
                    let incoming = Incoming { time, order, len: first.len };
                    self.lanes[first.queue.index()].arrivals.push(incoming);
                    order += 1;
                }
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
            lock_wait_ps: 0,
            time_squeeze: 0,
            held: Level::default(),
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
            wire: None,
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

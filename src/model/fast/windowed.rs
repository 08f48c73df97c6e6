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

pub(super) mod agenda;
mod books;
mod drains;
mod grid;
mod lane;
pub(super) mod packets;
mod reserve;
mod sharing;
mod total;

use agenda::WINDOW_MAX;
use books::{Books, Exact, QueueBooks, Sums};
use drains::Drains;
pub(super) use grid::Grid;
use lane::{Lane, Scratch};
use packets::{Incoming, Packets, Tag};
use reserve::Reserve;
use total::TotalPeak;

use super::feeds::Feeds;
use super::windows::{Totals, Windows, area};
use super::{outcome, packets_per_ps};
use crate::id::QueueId;
use crate::model::buffers::{Accounting, Levels};
use crate::model::distribution::Distribution;
use crate::model::host::HostSpec;
use crate::model::log::PacketSink;
use crate::model::outcome::Outcome;
use crate::model::policy::Policy;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{Source, TrafficKind, TrafficSpec};
use crate::random::Streams;
use crate::stats::{Level, Peak};
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
    let keeps = |policy| !matches!(policy, Policy::LongestQueueDrop | Policy::PeerBorrow);
    pinned
        && buffers.reserve.as_ref().is_none_or(|reserve| keeps(reserve.policy))
        && buffers.rx.iter().zip(service).all(queue_fits)
        && spec.traffic.iter().all(|traffic| fits_one_buffer(spec, traffic))
        && spec.window.end.is_some_and(|end| end.as_ps() < 1 << 62)
}

/// Whether each packet of this traffic takes one buffer.
pub(super) fn fits_one_buffer(spec: &SystemSpec, traffic: &TrafficSpec) -> bool {
    let fits = |len: u32| u64::from(len) <= spec.buffers.rx_buf_len;
    match (&traffic.kind, &traffic.size) {
        (TrafficKind::Recorded(recorded), _) => fits(recorded.longest()),
        (TrafficKind::Flows(spec), _) => fits(spec.messages.segmentation().longest_frame()),
        (TrafficKind::Incast(spec), _) => fits(spec.answers.segmentation().longest_frame()),
        (_, Distribution::Constant(len)) => *len <= spec.buffers.rx_buf_len,
        _ => false,
    }
}

/// Whether windows, where they are valid, are long enough to pay.
pub(super) fn pays(spec: &SystemSpec) -> bool {
    to_f64(window_ps(spec)) * packets_per_ps(spec) >= PACKETS_MIN
}

/// Packets of a window: enough to share its costs, few enough to stay in the cache.
const PACKETS: f64 = 2048.0;
/// Packets below which arrivals in order are faster.
const PACKETS_MIN: f64 = 128.0;

pub(super) fn entries(spec: &SystemSpec) -> u32 {
    spec.buffers.reserve.as_ref().map_or(0, |reserve| reserve.entries)
}

/// The longest window that is valid and not too full.
fn window_ps(spec: &SystemSpec) -> u64 {
    let full = round_to_u64((PACKETS / packets_per_ps(spec)).min(1e18)).max(1);
    if entries(spec) == 0 {
        return full;
    }
    let interval = match spec.buffers.reserve.as_ref().map(|reserve| reserve.policy) {
        Some(Policy::Abm { interval, .. }) => interval.as_ps(),
        _ => WINDOW_MAX,
    };
    let busy = spec.buffers.rx.iter().zip(services(spec)).map(|(rx, ps)| u64::from(*rx) * ps);
    busy.min().unwrap_or(full).min(full).min(interval).min(WINDOW_MAX)
}

/// The length of all packets, if they have one.
pub(super) fn common_len(spec: &SystemSpec) -> Option<u32> {
    let len = |traffic: &TrafficSpec| match (&traffic.kind, &traffic.size) {
        (TrafficKind::Recorded(_) | TrafficKind::Flows(_) | TrafficKind::Incast(_), _) => None,
        (_, Distribution::Constant(len)) => u32::try_from((*len).max(1)).ok(),
        _ => None,
    };
    let first = len(spec.traffic.first()?)?;
    spec.traffic.iter().all(|traffic| len(traffic) == Some(first)).then_some(first)
}

/// Whether each queue has at most one source, which feeds no other, in the order of queues.
pub(super) fn is_straight(spec: &SystemSpec) -> bool {
    let [traffic] = &*spec.traffic else { return false };
    let alone = match &traffic.kind {
        TrafficKind::Poisson { .. } | TrafficKind::Constant { .. } => true,
        TrafficKind::OnOff(_) | TrafficKind::Mmpp(_) => true,
        TrafficKind::Batch(batch) => batch.in_phase < 2,
        _ => false,
    };
    let mut queues: Vec<QueueId> = traffic.queues.clone();
    queues.sort();
    alone && queues.windows(2).all(|pair| pair[0] < pair[1])
}

fn services(spec: &SystemSpec) -> impl Iterator<Item = u64> {
    let HostSpec::Server { service, .. } = &spec.host else { unreachable!("only for servers") };
    service.iter().map(|service| match service {
        Distribution::Constant(ps) => *ps,
        _ => unreachable!("only for constant services"),
    })
}

/// All queues.
pub(super) struct Lanes<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    feeds: Feeds,
    lanes: Vec<Lane>,
    queues: Vec<QueueBooks>,
    /// Whether a source's packets are a queue's.
    straight: bool,
    packets: Packets,
    reserve: Reserve,
    drains: Option<Drains>,
    books: Books,
    total: TotalPeak,
    window_ps: u64,
    /// The longest time a packet can take.
    longest: u64,
    sink: Option<&'a mut PacketSink<'a>>,
    scratch: Scratch,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let lane = |(rx, service): (&u32, u64)| Lane::new(*rx, service);
        let lanes = spec.buffers.rx.iter().zip(services(spec)).map(lane).collect();
        Self { feeds: Feeds::new(spec, streams), lanes, ..Self::idle(spec, streams, observers) }
    }

    /// Books and a reserve, without sources and rings.
    fn idle(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let entries = entries(spec);
        let most = |rx: u32| u64::from(rx) + u64::from(entries);
        let rx = spec.buffers.rx.iter().copied();
        let policy = spec.buffers.reserve.as_ref().map_or(Policy::CompleteSharing, |r| r.policy);
        let queue = |((id, rx), service)| {
            let completions = spec.buffers.completion_entries;
            let is_choosy = policy != Policy::CompleteSharing || most(rx) >= completions.into();
            QueueBooks::new(id, service, completions, is_choosy)
        };
        let queues = (0..).map(QueueId::new).zip(rx.clone()).zip(services(spec)).map(queue);
        let longest = rx.zip(services(spec)).map(|(rx, ps)| (most(rx) + 2) * ps);
        Self {
            lanes: Vec::new(),
            queues: queues.collect(),
            straight: is_straight(spec),
            packets: Packets::default(),
            reserve: Reserve::new(entries, policy, spec.buffers.rx.len(), streams),
            drains: Drains::new(policy, spec.buffers.rx.len()),
            books: Books::new(spec, common_len(spec), observers.packets.is_some()),
            total: TotalPeak::default(),
            window_ps: window_ps(spec),
            longest: longest.max().unwrap_or(0),
            sink: observers.packets,
            scratch: Scratch::default(),
            spec,
            streams,
            feeds: Feeds::default(),
        }
    }

    pub(super) fn run(mut self, progress: &Progress) -> Option<Outcome> {
        if !self.run_windows(progress) {
            return None;
        }
        let sources = std::mem::take(&mut self.feeds).into_sources();
        Some(self.close(&sources))
    }

    /// Takes the packets that arrive before `to` from their sources.
    fn gather(&mut self, to: u64) {
        let (packets, limit) = (&mut self.packets, SimTime::from_ps(to));
        packets.clear();
        self.lanes.iter_mut().for_each(|lane| lane.places = 0..0);
        let mut order = 0;
        let mut run = Vec::new();
        for feed in &mut self.feeds.feeds {
            let begin = packets.times.len();
            let mut queue = None;
            loop {
                let times = if self.straight { &mut packets.times } else { &mut run };
                let Some(first) = feed.take(limit, times) else { break };
                queue = Some(first.queue);
                for time in run.drain(..) {
                    let incoming = Incoming { time, tag: Tag { order, len: first.len } };
                    self.lanes[first.queue.index()].arrivals.push(incoming);
                    order += 1;
                }
            }
            if let Some(queue) = queue.filter(|_| self.straight) {
                let index = u32::try_from(queue.index()).expect("ids are 32 bits");
                self.lanes[queue.index()].places = packets.own(begin, index);
            }
        }
        if !self.straight {
            for (index, lane) in (0..).zip(&mut self.lanes) {
                lane.arrivals.sort_by_key(|incoming| incoming.time);
                lane.places = packets.append(index, &mut lane.arrivals);
            }
        }
        packets.prepare();
    }

    /// Counts the packets of a window that begins at `from`.
    fn offer(&mut self, from: u64) {
        self.books.totals.all.offered += self.packets.times.len() as u64;
        if self.books.measured {
            self.books.counted.whole += self.packets.times.len() as u64;
            for (lane, queue) in self.lanes.iter().zip(&mut self.queues) {
                queue.counts.offered += lane.places.len() as u64;
                queue.window_backlog = lane.done.saturating_sub(from);
            }
        }
    }

    /// Whether every packet of a window that ends at `to` arrives and is done in the window of
    /// measurement, and nobody wants to know more than sums of it.
    fn can_sum_up(&self, to: u64) -> bool {
        let most = u128::from(self.longest) * self.packets.times.len() as u128;
        self.books.measured
            && self.books.told.is_none()
            && self.books.len.is_some()
            && most < 1 << 63
            && (to.saturating_add(self.longest) <= self.books.totals.end
                || self.is_done_in_time(to))
    }

    /// Whether every packet of a window that ends at `to` is done by the end, were all admitted.
    fn is_done_in_time(&self, to: u64) -> bool {
        let done_by = |lane: &Lane| {
            let work = lane.service.saturating_mul(lane.places.len() as u64);
            lane.done.max(to).saturating_add(work)
        };
        self.lanes.iter().all(|lane| done_by(lane) <= self.books.totals.end)
    }

    fn classify(&mut self, index: usize, in_sums: bool) {
        let (lane, own, books) = (&mut self.lanes[index], &mut self.queues[index], &mut self.books);
        let has_reserve = self.reserve.entries > 0;
        let part = self.packets.part(lane.places.clone());
        if in_sums {
            let sums = Sums::new(&mut books.totals.sojourn, self.longest);
            let total = lane.serve_head(part, has_reserve, sums).total();
            books.add(own, &total);
            let head = self.packets.part(lane.places.start..lane.tail);
            books.add_drops(own, &head, total.admitted, lane.done_before);
        } else {
            let tags = part.tags;
            lane.serve_head(part, has_reserve, Exact { own, books, tags });
        }
        if lane.tail < lane.places.end {
            let part = self.packets.part(lane.tail..lane.places.end);
            lane.sort_out(part, &mut self.scratch);
        }
    }

    fn serve_tail(&mut self, index: usize, in_sums: bool) {
        let (lane, own, books) = (&mut self.lanes[index], &mut self.queues[index], &mut self.books);
        let tail = lane.tail..lane.places.end;
        if tail.is_empty() {
            return;
        }
        let part = self.packets.part(tail.clone());
        if in_sums {
            let sums = Sums::new(&mut books.totals.sojourn, self.longest);
            let before = lane.done;
            let total = lane.serve_tail(part, &mut self.scratch, sums).total();
            books.add(own, &total);
            books.add_drops(own, &self.packets.part(tail), total.admitted, before);
        } else {
            let tags = part.tags;
            lane.serve_tail(part, &mut self.scratch, Exact { own, books, tags });
        }
    }

    /// Raises the maximum over all queues by what happened from `from` to `to`.
    fn watch_total(&mut self, from: u64, to: u64) {
        let most = |queue: &QueueBooks| queue.window_backlog.div_ceil(queue.service);
        if self.queues.iter().map(most).sum::<u64>() > self.total.max {
            let lanes: Vec<&Lane> = self.lanes.iter().collect();
            self.total.watch(&lanes, &self.packets, from, to);
        }
    }

    fn close(mut self, sources: &[Source]) -> Outcome {
        let end = self.books.totals.end;
        self.reserve.take_back(&mut self.lanes, end);
        self.assert_conserved();
        let levels = |(lane, queue): (&Lane, &QueueBooks)| {
            let packets = queue.longest_backlog.div_ceil(queue.service);
            let in_use = Level::closed(packets.cast_signed(), area(queue.in_use_ps));
            (in_use, Level::closed(lane.reserve_max.into(), area(queue.reserve_ps)))
        };
        let levels = Levels {
            queues: self.lanes.iter().zip(&self.queues).map(levels).collect(),
            total: Peak::new(0, self.total.max.cast_signed()),
            reserve_total: Peak::new(self.reserve.pool.in_use.into(), self.reserve.pool.max.into()),
            exhausted: self.reserve.pool.exhausted,
        };
        let counts = self.queues.iter().map(|queue| queue.counts).collect();
        outcome(self.spec, self.streams, sources, self.books.totals.close(counts), levels)
    }

    /// Conservation: every packet and every reserve buffer is where the books say.
    fn assert_conserved(&self) {
        let end = self.books.totals.end;
        let packets: u64 = self.lanes.iter().map(|lane| lane.packets_at(lane.done, end)).sum();
        let outstanding = self.books.totals.all.outstanding();
        assert_eq!(outstanding, packets, "offered = delivered + dropped + outstanding");
        let mut held = 0;
        for (lane, queue) in self.lanes.iter().zip(&self.queues) {
            let entries = lane.ring.iter().filter(|free_at| **free_at > end).count();
            let in_reserve = lane.reserve_done.len() - lane.returned;
            let packets = (entries + in_reserve) as u64;
            assert_eq!(lane.packets_at(lane.done, end), packets, "queue {}", queue.id);
            assert_eq!(lane.reserve_held as usize, in_reserve, "queue {}", queue.id);
            held += lane.reserve_held;
        }
        assert_eq!(self.reserve.pool.in_use, held, "reserve buffers in use");
    }
}

impl Windows for Lanes<'_> {
    fn totals(&mut self) -> &mut Totals {
        &mut self.books.totals
    }

    fn next_arrival(&self) -> Option<u64> {
        self.feeds.next_arrival()
    }

    fn window(&mut self, from: u64, limit: u64) {
        let mut to = limit.min(from.saturating_add(self.window_ps));
        if let Some(drains) = &mut self.drains {
            to = to.min(drains.tell(&self.lanes, &mut self.reserve.admission, from));
        }
        self.gather(to);
        self.offer(from);
        let in_sums = self.can_sum_up(to);
        for index in 0..self.lanes.len() {
            self.classify(index, in_sums);
        }
        if self.reserve.entries > 0 {
            self.reserve.take_back(&mut self.lanes, from.saturating_sub(1));
            self.reserve.decide(&mut self.lanes, &mut self.packets, from, to - 1);
            for index in 0..self.lanes.len() {
                self.serve_tail(index, in_sums);
            }
        }
        if let Some(drains) = &mut self.drains {
            drains.note(&self.lanes, &self.packets);
        }
        if self.books.measured {
            self.watch_total(from, to);
            self.books.count_batch(from);
        }
        if let (Some(told), Some(sink)) = (&mut self.books.told, &mut self.sink) {
            told.sort_by_key(|(order, packet)| (packet.arrival, *order));
            told.drain(..).for_each(|(_, packet)| sink(&packet));
        }
    }

    /// What is released at its very start was in use before it.
    fn open(&mut self) {
        let start = self.books.totals.start;
        self.books.measured = true;
        self.reserve.take_back(&mut self.lanes, start);
        self.reserve.pool.open(start);
        for (lane, queue) in self.lanes.iter_mut().zip(&mut self.queues) {
            queue.longest_backlog = lane.done.saturating_sub(start);
            lane.reserve_max = lane.reserve_held;
        }
        self.total.max = self.lanes.iter().map(|lane| lane.packets_at(lane.done, start)).sum();
    }
}

//! Cores that run alone for as long as no answer of the reserve matters to them.
//!
//! Cores meet in nothing but the reserve, and a packet that asks it does not matter to its core at
//! once: it waits behind all that fill the ring. So each core runs by itself, and packets whose
//! request has no answer yet stand at the end of its queues. A core stops only where it has to know
//! whether such a packet is there: when it has nothing else to work on, or when an interrupt would
//! follow.
//!
//! ```text
//!  core 0  ---------------------------------------------|  the window is over
//!  core 1  -------------------------| stops: is the next packet there?
//!  core 2  ---------------------------------------------|
//!          <------ all requests and returns known -----> are answered in order of time, up to
//!                                   the first stop; then the cores that stopped go on
//! ```
//!
//! All that may come before the earliest stop is known, so its core always gets its answers: that
//! is exact for every ring, however short. Where rings are long, no core stops within a window, and
//! a core's work is loops over packets: those that a poll finds take one step of time each, and the
//! entries that are free when packets arrive follow from the times at which buffers were posted.
//!
//! A core's own events, in order of time and then of phase, are those of the reference engine: ends
//! of work, arrivals that an idle queue waits for, timers, and polls or visits.

mod books;
mod busy_poll;
mod gather;
mod napi;
mod peaks;
mod queue;
mod replay;
mod reserve;

use std::ops::Range;
use std::sync::Arc;

use books::Desk;
use busy_poll::Visitor;
use gather::Intake;
use napi::Poller;
use peaks::{TotalPeak, watch_own};
use queue::Queue;
use replay::{Player, Tape};
use reserve::Reserve;

use super::windowed::{entries, fits_one_buffer};
use super::{outcome, packets_per_ps};
use crate::id::QueueId;
use crate::model::buffers::{Accounting, Levels};
use crate::model::distribution::Distribution;
use crate::model::host::{BusyPollSpec, HostSpec, Moderation, NapiSpec, Recycle};
use crate::model::ledger::{Closed, DropReason};
use crate::model::log::Fate;
use crate::model::outcome::Outcome;
use crate::model::policy::Policy;
use crate::model::stall::Stalls;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::model::traffic::{TrafficKind, TrafficSpec};
use crate::random::Streams;
use crate::stats::{Counts, Level, Peak};
use crate::units::{SimDuration, SimTime, round_to_u64, to_f64};

/// Whether cores that run alone give the reference engine's result for a plain system: its hosts
/// take time for each packet, a packet is one buffer, accounting is pinned, and completion entries
/// suffice for all buffers.
pub(super) fn is_valid(spec: &SystemSpec) -> bool {
    let reserve = spec.buffers.reserve.as_ref();
    let pinned = reserve.is_none_or(|reserve| {
        reserve.accounting == Accounting::Pinned && reserve.policy.is_memoryless()
    });
    let host = match &spec.host {
        HostSpec::Napi(napi) => is_simple(napi) && Cost::of(spec).is_some(),
        HostSpec::BusyPoll(_) => Cost::of(spec).is_some(),
        HostSpec::Trace { .. } => true,
        HostSpec::Server { .. } | HostSpec::Hold { .. } | HostSpec::Poll { .. } => false,
    };
    pinned
        && host
        && spec
            .buffers
            .rx
            .iter()
            .all(|rx| most(spec, *rx) <= spec.buffers.completion_entries.into())
        && spec.traffic.iter().all(|traffic| {
            fits_one_buffer(spec, traffic) || draws_short(traffic, spec.buffers.rx_buf_len)
        })
        && spec.window.end.is_some_and(|end| end.as_ps() < 1 << 60)
}

/// Whether all lengths that a table draws for its packets fit a buffer.
fn draws_short(traffic: &TrafficSpec, rx_buf_len: u64) -> bool {
    let draws = matches!(
        traffic.kind,
        TrafficKind::Poisson { .. }
            | TrafficKind::Constant { .. }
            | TrafficKind::OnOff(_)
            | TrafficKind::Mmpp(_)
            | TrafficKind::Batch(_)
    );
    let fits = match &traffic.size {
        Distribution::Uniform { max, .. } => *max <= rx_buf_len,
        Distribution::Discrete { values, .. } => values.iter().all(|len| *len <= rx_buf_len),
        _ => false,
    };
    draws && fits
}

/// Fixed moderation, pages that come back at once, and no cost that depends on what others use.
fn is_simple(napi: &NapiSpec) -> bool {
    matches!(napi.moderation, Moderation::Fixed(_))
        && napi.cache.is_none()
        && napi.recycle == Recycle::PagePool
        && matches!(napi.hold, Distribution::Constant(0))
}

/// The most buffers that a queue of `rx` entries can have.
fn most(spec: &SystemSpec, rx: u32) -> u64 {
    let policy = spec.buffers.reserve.as_ref().map(|reserve| reserve.policy);
    let shared = match policy {
        Some(Policy::StaticCap { cap }) => entries(spec).min(cap),
        _ => entries(spec),
    };
    u64::from(rx) + u64::from(shared)
}

/// Whether cores run alone for so long that it pays.
pub(super) fn pays(spec: &SystemSpec) -> bool {
    let in_window = to_f64(longest_ps(spec)) * packets_per_ps(spec) >= PACKETS_MIN;
    // Behind how many packets one that asks the reserve stands, at least.
    let before = |rx: &u32| match &spec.host {
        HostSpec::Napi(napi) => {
            let kept = napi.refill.threshold(*rx).unwrap_or(napi.budget);
            rx.saturating_sub(kept)
        }
        HostSpec::BusyPoll(poll) => {
            // In whole visits, as one that finds fewer has to know of all.
            let known = rx.saturating_sub(poll.refill.min(poll.budget));
            known - known % poll.budget
        }
        _ => *rx,
    };
    let stops_late = spec.buffers.rx.iter().all(|rx| before(rx) >= ENTRIES_MIN);
    in_window && (entries(spec) == 0 || stops_late)
}

/// Packets of a window: enough to share its costs, few enough to stay in the cache.
const PACKETS: f64 = 2048.0;
/// Packets of a window below which the reference engine is as fast.
const PACKETS_MIN: f64 = 64.0;
/// Packets before one that asks the reserve, below which cores stop all the time.
const ENTRIES_MIN: u32 = 8;
/// The longest window whose times fit an event of the reserve.
const LONGEST_PS: u64 = super::windowed::agenda::WINDOW_MAX - 2;

/// The longest window that is not too full.
fn longest_ps(spec: &SystemSpec) -> u64 {
    round_to_u64((PACKETS / packets_per_ps(spec)).min(1e18)).clamp(1, LONGEST_PS)
}

/// What a packet costs its core, and a poll or visit besides.
#[derive(Debug, Clone, Copy)]
struct Cost {
    per_packet: u64,
    per_byte: u64,
    overhead: u64,
    /// Of each packet, where all are of one length.
    fixed: Option<u64>,
}

impl Cost {
    /// `None` where packets take no time or times do not fit.
    fn of(spec: &SystemSpec) -> Option<Self> {
        let (per_packet, per_byte, overhead) = match &spec.host {
            HostSpec::Napi(host) => (host.per_packet, host.per_byte, host.poll_overhead),
            HostSpec::BusyPoll(host) => (host.per_packet, host.per_byte, host.poll_overhead),
            _ => (SimDuration::from_ps(1), SimDuration::from_ps(0), SimDuration::from_ps(0)),
        };
        let longest = u128::from(per_byte.as_ps()) * u128::from(u32::MAX);
        let fits = [u128::from(per_packet.as_ps()), longest, u128::from(overhead.as_ps())];
        if per_packet.is_zero() || fits.iter().any(|ps| *ps >= 1 << 56) {
            return None;
        }
        let (per_packet, per_byte) = (per_packet.as_ps(), per_byte.as_ps());
        let len = super::windowed::common_len(spec).unwrap_or(0);
        let is_fixed = per_byte == 0 || len > 0;
        let fixed = is_fixed.then_some(per_packet + per_byte * u64::from(len));
        Some(Self { per_packet, per_byte, overhead: overhead.as_ps(), fixed })
    }

    /// That of the first packet that waits in a queue.
    #[inline]
    fn of_first(&self, queue: &Queue) -> u64 {
        self.fixed.unwrap_or_else(|| {
            let len = queue.first_len().expect("packets of many lengths have tags");
            self.per_packet + self.per_byte * u64::from(len)
        })
    }

    /// Packets, of `count` that follow one another from one that ends at `end` on, that end before
    /// `limit`; one by one where they take different times.
    #[inline]
    fn ending_before(&self, limit: u64, end: u64, count: usize) -> usize {
        let Some(cost) = self.fixed else { return 1 };
        let room = limit - 1 - end;
        usize::try_from(room / cost).map_or(count, |more| count.min(more.saturating_add(1)))
    }
}

/// What takes packets from the queues of one core.
trait Machine: Sized {
    /// What all cores are told of besides, from outside.
    type Tape;

    /// A window until `to` begins: tells the cores of what is recorded until then.
    fn wind(_tape: &mut Self::Tape, _cores: &mut [Core<Self>], _to: u64) {}

    /// When the next thing happens that is recorded.
    fn next_on(_tape: &Self::Tape) -> u64 {
        u64::MAX
    }

    /// Does all that happens before `to`. Where it stops before, as it has to know the answer to a
    /// request, returns the first instant of which it has not told all that the reserve is asked
    /// and given.
    fn run(&mut self, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Option<u64>;

    /// A window is over.
    fn end_window(&mut self) {}

    /// When the next thing happens if no packet comes.
    fn next_event(&self) -> u64;
}

/// Runs one replication; `None` if it was stopped.
pub(super) fn run<'a>(
    spec: &'a SystemSpec,
    streams: Streams,
    progress: &Progress,
    observers: Observers<'a>,
) -> Option<Outcome> {
    let queues = spec.buffers.rx.len();
    match &spec.host {
        HostSpec::Napi(napi) => {
            let cores = spec.host.cores(queues);
            let poller = |core, stalls| Poller::new(spec, napi, (core, cores), stalls, streams);
            Cores::new(spec, streams, observers, (cores, ()), poller).run(progress)
        }
        HostSpec::BusyPoll(host) => {
            let cores = spec.host.cores(queues);
            let visitor = |_, stalls| visitor(spec, host, stalls);
            Cores::new(spec, streams, observers, (cores, ()), visitor).run(progress)
        }
        HostSpec::Trace { returns } => {
            let tape = Tape::new(spec, Arc::clone(returns));
            let player = |_, _| Player::default();
            Cores::new(spec, streams, observers, (queues, tape), player).run(progress)
        }
        _ => unreachable!("the caller asks first"),
    }
}

fn visitor(spec: &SystemSpec, host: &BusyPollSpec, stalls: Stalls) -> Visitor {
    let cost = Cost::of(spec).expect("the caller asks first");
    Visitor::new(cost, host, stalls)
}

/// A core and its queues.
#[derive(Debug)]
struct Core<M> {
    machine: M,
    queues: Range<usize>,
    is_done: bool,
}

/// All cores.
#[derive(Debug)]
struct Cores<'a, M: Machine> {
    spec: &'a SystemSpec,
    streams: Streams,
    intake: Intake,
    cores: Vec<Core<M>>,
    tape: M::Tape,
    /// In the order of cores.
    queues: Vec<Queue>,
    reserve: Reserve,
    desk: Desk<'a>,
    total: TotalPeak,
    /// How long windows are now, and at most.
    window_ps: u64,
    longest_ps: u64,
    /// Whether the window of measurement has just opened.
    opening: bool,
}

impl<'a, M: Machine> Cores<'a, M> {
    /// Queue `q` is on core `q mod cores`.
    fn new(
        spec: &'a SystemSpec,
        streams: Streams,
        observers: Observers<'a>,
        (cores, tape): (usize, M::Tape),
        mut machine: impl FnMut(usize, Stalls) -> M,
    ) -> Self {
        let count = spec.buffers.rx.len();
        let asks = entries(spec) > 0;
        let mut queues = Vec::new();
        let mut places = vec![0; count];
        let end = spec.window.end_or_max();
        let core = |core: usize| {
            let first = queues.len();
            for index in (core..count).step_by(cores) {
                let place = u32::try_from(queues.len()).expect("queues are counted in 32 bits");
                let id = QueueId::new(u32::try_from(index).expect("queues are counted in 32 bits"));
                let rx = spec.buffers.rx[index];
                let runs_out = most(spec, rx) == u64::from(spec.buffers.completion_entries);
                queues.push(Queue::new(id, place, rx, asks, runs_out));
                places[index] = place;
            }
            let stalls = Stalls::new(&spec.stalls, core, streams, end);
            let machine = machine(core, stalls);
            Core { machine, queues: first..queues.len(), is_done: false }
        };
        let cores = (0..cores).map(core).collect();
        Self {
            intake: Intake::new(spec, streams, places, observers.packets.is_some()),
            cores,
            tape,
            queues,
            reserve: Reserve::new(&spec.buffers),
            desk: Desk::new(spec, observers),
            total: TotalPeak::default(),
            window_ps: longest_ps(spec),
            longest_ps: longest_ps(spec),
            opening: false,
            spec,
            streams,
        }
    }

    fn run(mut self, progress: &Progress) -> Option<Outcome> {
        let (start, end) = (self.desk.books.totals.start, self.desk.books.totals.end);
        while self.desk.from < start {
            self.window(start);
            if !self.desk.books.totals.report(1, progress) {
                return None;
            }
        }
        self.open(start);
        while self.desk.from <= end {
            // A window does not reach into the next batch.
            self.desk.books.totals.batches.at(SimTime::from_ps(self.desk.from));
            let limit = self.desk.books.totals.batches.end().as_ps().min(end + 1);
            self.window(limit);
            if !self.desk.books.totals.report(1, progress) {
                return None;
            }
        }
        Some(self.close())
    }

    /// Lets everything happen until `limit` or earlier.
    fn window(&mut self, limit: u64) {
        let from = self.desk.from;
        let next = self.intake.feeds.next_arrival().unwrap_or(u64::MAX).max(from);
        if next - from > self.window_ps {
            let idle = self.cores.iter().map(|core| core.machine.next_event()).min();
            let idle = idle.unwrap_or(u64::MAX).min(M::next_on(&self.tape)).min(next).min(limit);
            if idle > from.saturating_add(self.longest_ps) && !self.opening {
                self.desk.from = idle;
                return;
            }
        }
        let to = next.saturating_add(self.window_ps).min(from + LONGEST_PS).min(limit);
        self.desk.parts.begin(from, to);
        self.intake.gather(to, &mut self.queues, &mut self.desk);
        M::wind(&mut self.tape, &mut self.cores, to);
        self.cores.iter_mut().for_each(|core| core.is_done = false);
        let mut rounds = 0;
        while !self.round(to) {
            rounds += 1;
        }
        self.window_ps = match rounds {
            0 => (self.window_ps + self.window_ps / 8 + 1).min(self.longest_ps),
            1 => self.window_ps,
            _ => (self.window_ps / 2).max(1),
        };
        self.end_window();
        self.desk.from = to;
    }

    /// Runs all cores until `to` or until they stop, and answers what they have asked; whether the
    /// window is over.
    fn round(&mut self, to: u64) -> bool {
        let mut limit = to;
        for core in self.cores.iter_mut().filter(|core| !core.is_done) {
            let queues = &mut self.queues[core.queues.clone()];
            let stopped = core.machine.run(queues, to, &mut self.desk);
            core.is_done = stopped.is_none();
            limit = stopped.unwrap_or(to).min(limit);
        }
        let (desk, queues) = (&mut self.desk, &mut self.queues);
        self.reserve.answer(desk, queues, &self.intake.places, limit, to);
        self.cores.iter().all(|core| core.is_done)
    }

    /// Writes down what happened in a window.
    fn end_window(&mut self) {
        for queue in &mut self.queues {
            queue.merge(&mut self.desk);
        }
        let opening = std::mem::take(&mut self.opening);
        let level = self.queues.iter().map(|queue| queue.before).sum();
        if opening {
            self.begin_maxima();
        }
        if self.desk.books.measured {
            self.total.watch(&self.queues, &mut self.desk.parts, level);
        }
        for queue in &mut self.queues {
            count(queue, self.spec, &mut self.desk);
            queue.end_window();
        }
        self.cores.iter_mut().for_each(|core| core.machine.end_window());
    }

    /// What is posted at the very start of the window of measurement, before that instant's
    /// arrivals, was in use before it.
    fn begin_maxima(&mut self) {
        let start = self.desk.books.totals.start;
        for queue in &mut self.queues {
            let at_once = queue.returns.iter().take_while(|time| **time <= start).count();
            queue.sums.in_use_max = queue.before - at_once as u64;
        }
        self.total.open(self.queues.iter().map(|queue| queue.sums.in_use_max).sum());
    }

    /// The window of measurement opens.
    fn open(&mut self, start: u64) {
        self.opening = true;
        self.desk.books.measured = true;
        self.reserve.open(start);
        self.queues.iter_mut().for_each(|queue| queue.open(start));
    }

    fn close(self) -> Outcome {
        self.assert_conserved();
        let Self { spec, streams, queues, reserve, desk, total, intake, .. } = self;
        let mut books = desk.books;
        let (start, end) = (books.totals.start, books.totals.end);
        if let Some(log) = &mut books.log {
            log.close();
        }
        let byte_ps = queues.iter().map(|queue| queue.byte_ps(start, end, intake.plain)).sum();
        let mut in_order: Vec<&Queue> = queues.iter().collect();
        in_order.sort_by_key(|queue| queue.id);
        let levels = |queue: &&Queue| {
            let (in_use, of_reserve) = queue.areas(start, end);
            let max = queue.sums.in_use_max.cast_signed();
            let in_reserve = Level::closed(queue.sums.reserve_max.into(), of_reserve);
            (Level::closed(max, in_use), in_reserve)
        };
        let levels = Levels {
            queues: in_order.iter().map(levels).collect(),
            total: Peak::new(0, total.max.cast_signed()),
            reserve_total: Peak::new(reserve.pool.in_use.into(), reserve.pool.max.into()),
            exhausted: reserve.pool.exhausted,
        };
        let counts = in_order.iter().map(|queue| queue.counts()).collect();
        let closed = Closed {
            packet_byte_ps: byte_ps,
            time_squeeze: books.time_squeeze,
            returns_without_buffer: books.returns_without_buffer,
            ..books.totals.close(counts)
        };
        outcome(spec, streams, &intake.feeds.into_sources(), closed, levels)
    }

    /// Conservation: every packet and every buffer is where the books say.
    fn assert_conserved(&self) {
        self.queues.iter().for_each(Queue::assert_conserved);
        let held: u32 = self.queues.iter().map(|queue| queue.reserve_held).sum();
        assert_eq!(self.reserve.pool.in_use, held, "reserve buffers in use");
        let waiting: u64 = self.queues.iter().map(|queue| queue.waiting() as u64).sum();
        let outstanding = self.desk.books.totals.all.outstanding();
        assert_eq!(outstanding, waiting, "offered = delivered + dropped + outstanding");
    }
}

/// Counts a queue's packets of a window, and raises its maxima.
fn count(queue: &mut Queue, spec: &SystemSpec, desk: &mut Desk<'_>) {
    let offered = queue.times.len() as u64;
    let admitted: u64 = queue.verdicts.iter().map(|verdict| u64::from(verdict & 1)).sum();
    let (dropped, books) = (offered - admitted, &mut desk.books);
    books.totals.all.offered += offered;
    books.totals.all.dropped += dropped;
    if books.measured {
        queue.sums.counts.offered += offered;
        queue.sums.counts.dropped += dropped;
        books.totals.count_batch(desk.from, Counts { part: dropped, whole: offered });
        watch_own(queue, queue.before, admitted);
        queue.sums.reserve_max = queue.sums.reserve_max.max(queue.reserve_peak);
        if dropped > 0 {
            count_drops(queue, spec, dropped, desk);
        }
    }
    if let Some(freed) = &mut queue.freed {
        queue.completions = queue.completions + admitted - freed.len() as u64;
        freed.clear();
    }
}

/// Counts drops by reason, and tells those who watch.
fn count_drops(queue: &Queue, spec: &SystemSpec, dropped: u64, desk: &mut Desk<'_>) {
    let policy = spec.buffers.reserve.as_ref().map(|reserve| reserve.policy);
    let is_choosy = policy.is_some_and(|policy| policy != Policy::CompleteSharing);
    let books = &mut desk.books;
    if !is_choosy && queue.freed.is_none() && books.log.is_none() {
        books.totals.drops[DropReason::NoBuffer.index()] += dropped;
        return;
    }
    let room = u64::from(spec.buffers.completion_entries);
    queue.drops(room, |index, reason| {
        books.totals.drops[reason.index()] += 1;
        let log = queue.tags.get(index).and_then(|tag| tag.log);
        if let (Some(log), Some(id)) = (&mut books.log, log) {
            log.settled(id, Fate::Dropped(reason));
        }
    });
}

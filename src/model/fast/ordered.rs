//! Servers in windows of time, each put in order as a whole: arrivals by a sort of the window,
//! buffers of the reserve that come back by its parts.
//!
//! What is measured of packets is entered into the books after the window, queue by queue. Only
//! what somebody else waits for comes back in order: buffers of the reserve, or, where queues lend
//! each other theirs, all. A queue's own dedicated entries are the times at which they are free.
//! The last packet of the longest queue can be taken back, as its end is still ahead.

mod lane;
mod sorted;
mod tally;
mod total;
mod wheel;
mod works;

use lane::{Entry, Lane};
use sorted::{Packet, Sorted, WINDOW_MAX};
use tally::Tally;
use total::Total;
use wheel::{Return, Wheel};
use works::{Works, longest_ps};

use super::feeds::Feeds;
use super::outcome;
use super::pool::Pool;
use super::windowed::{entries, fits_one_buffer, is_straight};
use super::windows::{Totals, Windows, area};
use crate::id::QueueId;
use crate::model::buffers::{Accounting, Levels};
use crate::model::ledger::DropReason;
use crate::model::log::LogId;
use crate::model::outcome::Outcome;
use crate::model::policy::{Admission, Claim, Policy};
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::random::Streams;
use crate::stats::{Counts, Level, Peak};
use crate::units::{SimTime, round_to_u64};

/// Whether windows in order give the reference engine's result for plain servers: packets of one
/// buffer, pinned accounting or lending, and no policy that looks at all that comes back.
pub(super) fn is_valid(spec: &SystemSpec) -> bool {
    let pinned = spec.buffers.reserve.as_ref().is_none_or(|reserve| match reserve.policy {
        Policy::Abm { .. } => false,
        Policy::PeerBorrow => true,
        _ => reserve.accounting == Accounting::Pinned,
    });
    let rings: u128 = spec.buffers.rx.iter().map(|rx| u128::from(*rx)).sum();
    let times_fit =
        u128::from(longest_ps(spec)) * (rings + u128::from(entries(spec)) + 2) < 1 << 62;
    pinned && times_fit && spec.traffic.iter().all(|traffic| fits_one_buffer(spec, traffic))
}

/// Servers with their rings and the reserve behind them.
#[derive(Debug)]
pub(super) struct Ordered<'a> {
    spec: &'a SystemSpec,
    streams: Streams,
    feeds: Feeds,
    /// Whether a source's packets are a queue's.
    is_straight: bool,
    sorted: Sorted,
    works: Works,
    lanes: Vec<Lane>,
    shared: Shared,
    wheel: Wheel,
    /// What comes back before this instant is taken out.
    covered: u64,
    /// The window under way ends.
    to: u64,
    total: Total,
    tally: Tally<'a>,
    window_ps: u64,
}

/// What the queues share: the reserve, or, where they lend, all dedicated entries.
#[derive(Debug)]
struct Shared {
    policy: Policy,
    /// Whether queues lend each other their buffers, and whether the longest loses to others.
    lends: bool,
    pushes_out: bool,
    admission: Admission,
    entries: u32,
    pool: Pool,
    /// What each queue holds: of the reserve, or, where queues lend, of all.
    held: Vec<u32>,
    /// Queues that hold some of it.
    holders: u32,
    /// Queues that hold each number of buffers, and the most that one holds; for push-out.
    with: Vec<u32>,
    longest: usize,
    /// What all queues have borrowed, and the most that was.
    borrowed: u32,
    borrowed_max: u32,
    /// Completion entries, where they can run out.
    completions: Option<usize>,
    /// Whether they can while a buffer is free.
    completions_are_few: bool,
}

/// Packets of a window: enough to share its costs, few enough to stay in the cache.
const PACKETS: f64 = 2048.0;

impl<'a> Ordered<'a> {
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, observers: Observers<'a>) -> Self {
        let lanes = (0..).map(QueueId::new).zip(&spec.buffers.rx);
        let window_ps = round_to_u64((PACKETS / super::packets_per_ps(spec)).min(1e18));
        Self {
            spec,
            streams,
            feeds: Feeds::new(spec, streams),
            is_straight: is_straight(spec),
            sorted: Sorted::default(),
            works: Works::new(spec, streams),
            lanes: lanes.map(|(id, rx)| Lane::new(id, *rx)).collect(),
            shared: Shared::new(spec, streams),
            wheel: Wheel::default(),
            covered: 0,
            to: 0,
            total: Total::default(),
            tally: Tally::new(spec, observers.packets),
            window_ps: window_ps.clamp(1, WINDOW_MAX),
        }
    }

    pub(super) fn run(mut self, progress: &Progress) -> Option<Outcome> {
        self.run_windows(progress).then(|| self.close())
    }

    /// Takes the window's packets from their sources. Those that come to a queue before it first
    /// finds no dedicated entry free are nobody else's concern, as long as nobody can take anything
    /// back from it: they are served at once. Returns how many those are.
    fn gather(&mut self, from: u64) -> u64 {
        let Self { lanes, works, shared, tally, total, .. } = self;
        let are_alone =
            self.is_straight && !shared.lends && !shared.completions_are_few && tally.log.is_none();
        let mut alone = 0;
        lanes.iter_mut().for_each(|lane| lane.is_alone = are_alone);
        self.sorted.gather(&mut self.feeds, from, self.to, |Packet { queue, len }, times| {
            let index = queue as usize;
            let lane = &mut lanes[index];
            if !lane.is_alone || (shared.pushes_out && shared.held[index] > 0) {
                return 0;
            }
            let own = |time: &&u64| {
                let has_own = lane.has_own(**time);
                if has_own {
                    tally.admitted(**time, lane, None, false);
                    lane.push(**time, works.draw(index), len, false);
                    lane.take_own();
                }
                has_own
            };
            let count = times.iter().take_while(own).count();
            lane.is_alone = count == times.len();
            total.rises.extend_from_slice(&times[..count]);
            let measured =
                times[..count].iter().filter(|time| **time >= tally.totals.start).count();
            lane.counts.offered += measured as u64;
            alone += count as u64;
            count
        });
        alone
    }

    /// Enters what is over in the window that began at `from` into the books; `alone` packets have
    /// not been put in order.
    fn enter(&mut self, from: u64, alone: u64) {
        let count = self.sorted.len() as u64 + alone;
        self.tally.totals.all.offered += count;
        let is_measured = from >= self.tally.totals.start;
        let may_rise = is_measured && self.total.may_rise() && !self.shared.lends;
        let mut present = 0;
        for lane in &mut self.lanes {
            let begin = lane.settled;
            lane.settle(|entry| entry.free_at() < self.to, &mut self.tally);
            if may_rise {
                let falls = lane.entries[begin..lane.settled].iter().map(Entry::free_at);
                self.total.falls.extend(falls);
            }
            present += lane.entries.len() - lane.settled;
            lane.forget();
        }
        if may_rise {
            self.total.watch(self.covered, self.to);
        }
        self.total.next(present as u64);
        if is_measured {
            let part = std::mem::take(&mut self.tally.dropped);
            self.tally.totals.count_batch(from, Counts { part, whole: count });
        }
    }

    /// Puts what comes back in the window under way into the wheel.
    fn expect(&mut self, is_in: impl Fn(&(u64, u64), u64) -> bool) {
        for (queue, lane) in (0..).zip(&mut self.lanes) {
            lane.soon.clear();
            while let Some((at, done)) = lane.later.pop_front_if(|it| is_in(it, self.to)) {
                lane.soon.push(self.wheel.add(at, done, queue));
            }
        }
    }

    /// Takes back what is there by `now`.
    #[inline]
    fn return_until(&mut self, now: u64) {
        while let Some(one) = self.wheel.next(now) {
            let lane = &mut self.lanes[one.queue as usize];
            let left = self.shared.take_back(&one);
            if self.shared.lends && left as usize >= lane.rx() {
                lane.reserve_ps += i128::from(self.tally.inside(0, one.done));
                self.shared.borrowed -= 1;
            }
        }
    }

    #[inline]
    fn arrive(&mut self, now: u64, Packet { queue, len }: Packet) {
        if self.wheel.due <= now {
            self.return_until(now);
        }
        let index = queue as usize;
        let work = self.works.draw(index);
        let lane = &mut self.lanes[index];
        let is_measured = now >= self.tally.totals.start;
        lane.counts.offered += u64::from(is_measured);
        let logged = self.tally.arrived(now, lane.id, len);
        if self.shared.is_completion_full(lane, now) {
            return self.tally.drop(now, DropReason::CompletionFull, logged, &mut lane.counts);
        }
        if self.shared.lends {
            return self.borrow(index, now, work, len, logged);
        }
        if lane.has_own(now) {
            self.total.rises.push(now);
            self.tally.admitted(now, lane, logged, false);
            lane.push(now, work, len, false);
            lane.take_own();
            return;
        }
        let free = self.shared.entries - self.shared.pool.in_use;
        if free == 0 {
            if !self.push_out(index, now) {
                let counts = &mut self.lanes[index].counts;
                return self.tally.drop(now, DropReason::NoBuffer, logged, counts);
            }
        } else if !self.shared.grants(index, free, now) {
            return self.tally.drop(now, DropReason::ReserveDenied, logged, &mut lane.counts);
        } else {
            self.total.rises.push(now);
        }
        let lane = &mut self.lanes[index];
        self.tally.admitted(now, lane, logged, true);
        let entry = lane.push(now, work, len, true);
        lane.reserve_max = lane.reserve_max.max(self.shared.give(index, now));
        self.await_return(index, &entry);
    }

    /// A packet arrives where queues lend each other their buffers.
    fn borrow(&mut self, index: usize, now: u64, work: u64, len: u32, logged: Option<LogId>) {
        let (lane, shared) = (&mut self.lanes[index], &mut self.shared);
        if shared.pool.in_use == shared.entries {
            return self.tally.drop(now, DropReason::NoBuffer, logged, &mut lane.counts);
        }
        let is_borrowed = shared.held[index] as usize >= lane.rx();
        self.tally.admitted(now, lane, logged, is_borrowed);
        let entry = lane.push(now, work, len, false);
        let held = shared.give(index, now);
        if is_borrowed {
            lane.reserve_ps -= i128::from(self.tally.inside(0, now));
            shared.borrowed += 1;
            shared.borrowed_max = shared.borrowed_max.max(shared.borrowed);
            lane.reserve_max = lane.reserve_max.max(held - small(lane.rx()));
        }
        self.await_return(index, &entry);
    }

    /// A packet's buffer will be back for all.
    #[inline]
    fn await_return(&mut self, index: usize, entry: &Entry) {
        let (lane, at) = (&mut self.lanes[index], entry.free_at());
        if at >= self.to {
            lane.later.push_back((at, entry.done));
            return;
        }
        let number = self.wheel.add(at, entry.done, small(index));
        if self.shared.pushes_out {
            lane.soon.push(number);
        }
    }

    /// Takes the last buffer of the reserve back from the queue that holds most of it, if that is
    /// more than the one that asks would have.
    #[inline]
    fn push_out(&mut self, asks: usize, now: u64) -> bool {
        let Some(index) = self.shared.longest_beyond(self.shared.held[asks] + 1) else {
            return false;
        };
        let lane = &mut self.lanes[index];
        let (entry, logged) = lane.take_back();
        match lane.later.pop_back() {
            Some(_) => {}
            None => self.wheel.cancel(lane.soon.pop().expect("it is to come back")),
        }
        let inside = self.tally.inside(entry.time, now);
        lane.in_use_ps += u128::from(inside);
        lane.reserve_ps += i128::from(inside);
        self.tally.totals.byte_ps += u128::from(inside) * u128::from(entry.len);
        self.tally.drop(entry.time, DropReason::PushedOut, logged, &mut lane.counts);
        let queue = small(index);
        self.shared.take_back(&Return::new(now, queue));
        true
    }

    fn close(mut self) -> Outcome {
        let end = self.tally.totals.end;
        self.to = end + 2;
        self.wheel.reset(self.covered, self.to);
        self.expect(|(_, done), _| *done <= end);
        self.return_until(end + 1);
        for lane in &mut self.lanes {
            lane.settle(|entry| entry.done <= end, &mut self.tally);
        }
        self.assert_conserved();
        for lane in &mut self.lanes {
            for index in lane.settled..lane.entries.len() {
                lane.settle_one(index, &mut self.tally);
            }
            if self.shared.lends {
                let borrowed = self.shared.held[lane.id.index()].saturating_sub(small(lane.rx()));
                let until = i128::from(self.tally.inside(0, end));
                lane.reserve_ps += i128::from(borrowed) * until;
            }
        }
        self.outcome()
    }

    fn outcome(mut self) -> Outcome {
        if let Some(log) = &mut self.tally.log {
            log.close();
        }
        let shared = self.shared;
        let levels = |lane: &Lane| {
            let most = i64::from(small(lane.most));
            let in_use = Level::closed(most, area(lane.in_use_ps));
            (in_use, Level::closed(lane.reserve_max.into(), lane.reserve_ps))
        };
        let (total, reserve) = match shared.policy {
            Policy::PeerBorrow => (shared.pool.max.into(), shared.borrowed_max),
            _ => (self.total.max, shared.pool.max),
        };
        let levels = Levels {
            queues: self.lanes.iter().map(levels).collect(),
            total: Peak::new(0, total.cast_signed()),
            reserve_total: Peak::new(0, reserve.into()),
            exhausted: shared.pool.exhausted,
        };
        let counts = self.lanes.iter().map(|lane| lane.counts).collect();
        let closed = self.tally.totals.close(counts);
        outcome(self.spec, self.streams, &self.feeds.into_sources(), closed, levels)
    }

    /// Conservation: every packet and every buffer is where the books say.
    fn assert_conserved(&self) {
        let (mut packets, mut shared) = (0, 0);
        for (lane, held) in self.lanes.iter().zip(&self.shared.held) {
            let waiting = &lane.entries[lane.settled..];
            let from_reserve = |entry: &&Entry| entry.from_reserve || self.shared.lends;
            let expected = waiting.iter().filter(from_reserve).count();
            assert_eq!(*held as usize, expected, "queue {}: shared buffers held", lane.id);
            packets += waiting.len() as u64;
            shared += held;
        }
        assert_eq!(self.shared.pool.in_use, shared, "shared buffers in use");
        let outstanding = self.tally.totals.all.outstanding();
        assert_eq!(outstanding, packets, "offered = delivered + dropped + outstanding");
    }
}

impl Windows for Ordered<'_> {
    fn totals(&mut self) -> &mut Totals {
        &mut self.tally.totals
    }

    fn next_arrival(&self) -> Option<u64> {
        self.feeds.next_arrival()
    }

    fn window(&mut self, from: u64, limit: u64) {
        self.to = limit.min(from.saturating_add(self.window_ps));
        self.wheel.reset(self.covered, self.to);
        self.expect(|(at, _), to| *at < to);
        let alone = self.gather(from);
        for place in 0..self.sorted.len() {
            let (since, packet) = self.sorted.packet(place);
            self.arrive(from + since, packet);
        }
        self.return_until(self.to - 1);
        self.enter(from, alone);
        self.covered = self.to;
    }

    /// What is released at its very start was in use before it,
    /// unless packets arrive at that instant before it is.
    fn open(&mut self) {
        let start = self.tally.totals.start;
        let before_it = self.next_arrival() == Some(start);
        self.to = start + 2;
        self.wheel.reset(self.covered, self.to);
        self.expect(|(at, done), _| if before_it { *at <= start } else { *done <= start });
        self.return_until(start + 1);
        let mut present = 0;
        for lane in &mut self.lanes {
            let is_over = |entry: &Entry| match before_it {
                true => entry.free_at() <= start,
                false => entry.done <= start,
            };
            lane.settle(is_over, &mut self.tally);
            lane.most = lane.entries.len() - lane.settled;
            present += lane.most;
        }
        self.shared.open(&mut self.lanes, start);
        self.total.next(present as u64);
        self.total.max = present as u64;
        self.covered = start;
    }
}

impl Shared {
    fn new(spec: &SystemSpec, streams: Streams) -> Self {
        let queues = spec.buffers.rx.len();
        let reserve = spec.buffers.reserve.as_ref();
        let policy = reserve.map_or(Policy::CompleteSharing, |reserve| reserve.policy);
        let own = reserve.map_or(0, |reserve| reserve.entries);
        let lent = spec.buffers.rx.iter().sum();
        let entries = if policy == Policy::PeerBorrow { lent } else { own };
        let longest = spec.buffers.rx.iter().max().map_or(0, |rx| *rx);
        let most = if policy == Policy::PeerBorrow { lent } else { longest.saturating_add(own) };
        let room = spec.buffers.completion_entries;
        Self {
            policy,
            lends: policy == Policy::PeerBorrow,
            pushes_out: policy == Policy::LongestQueueDrop,
            admission: Admission::new(policy, own, queues, 0, streams),
            entries,
            pool: Pool::default(),
            held: vec![0; queues],
            holders: 0,
            with: vec![0; own as usize + 2],
            longest: 0,
            borrowed: 0,
            borrowed_max: 0,
            completions: (most >= room).then_some(room as usize),
            completions_are_few: most > room,
        }
    }

    /// Whether all completion entries of a queue are taken.
    #[inline]
    fn is_completion_full(&self, lane: &Lane, now: u64) -> bool {
        self.completions.is_some_and(|room| lane.is_completion_full(room, now))
    }

    /// Whether the policy grants a queue one of so many that are free.
    #[inline]
    fn grants(&mut self, index: usize, free: u32, now: u64) -> bool {
        if self.policy == Policy::CompleteSharing {
            return true;
        }
        let (held, holders, now) = (self.held[index], self.holders, SimTime::from_ps(now));
        let queue = QueueId::new(small(index));
        self.admission.grants(Claim { queue, held, free, count: 1, holders, now })
    }

    /// A queue takes one; returns what it holds then.
    #[inline]
    fn give(&mut self, index: usize, now: u64) -> u32 {
        let is_last = self.pool.in_use + 1 == self.entries;
        self.pool.give(is_last, SimTime::from_ps(now));
        let held = &mut self.held[index];
        *held += 1;
        self.holders += u32::from(*held == 1);
        if self.pushes_out {
            self.with[*held as usize] += 1;
            self.longest = self.longest.max(*held as usize);
        }
        *held
    }

    /// A queue gives one back; returns what it holds then.
    #[inline]
    fn take_back(&mut self, one: &Return) -> u32 {
        let was_exhausted = self.pool.in_use == self.entries;
        self.pool.take_back(was_exhausted, SimTime::from_ps(one.done));
        let held = &mut self.held[one.queue as usize];
        if self.pushes_out {
            self.with[*held as usize] -= 1;
            self.longest -= usize::from(self.with[self.longest] == 0);
        }
        *held -= 1;
        self.holders -= u32::from(*held == 0);
        *held
    }

    /// The first of the queues that hold most, if that is more than `own`.
    fn longest_beyond(&self, own: u32) -> Option<usize> {
        let longest = small(self.longest);
        if !self.pushes_out || longest <= own {
            return None;
        }
        // Eight at a time, as a processor compares them.
        const AT_ONCE: usize = 8;
        let any = |held: &[u32]| held.iter().fold(false, |any, held| any | (*held == longest));
        let chunk = self.held.chunks(AT_ONCE).position(any)? * AT_ONCE;
        Some(chunk + self.held[chunk..].iter().position(|held| *held == longest)?)
    }

    /// Forgets all but what is held.
    fn open(&mut self, lanes: &mut [Lane], start: u64) {
        self.pool.open(start);
        self.borrowed_max = self.borrowed;
        for (lane, held) in lanes.iter_mut().zip(&self.held) {
            let borrowed = held.saturating_sub(small(lane.rx()));
            lane.reserve_max = if self.lends { borrowed } else { *held };
        }
    }
}

/// A count of buffers or packets, or the number of a queue.
fn small(count: usize) -> u32 {
    u32::try_from(count).expect("it fits 32 bits")
}

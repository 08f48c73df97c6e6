//! One queue: its packets of the window, its ring, and those that wait in it.
//!
//! ```text
//!  arrivals of the window:  | merged | known | sorted out |  to come  |
//!                               |        |         +-- dedicated entry free, or a request
//!                               |        +-- all requests up to here are answered
//!                               +-- the admitted ones wait in `fifo`
//! ```
//!
//! Which arrivals find a dedicated entry free depends on the times at which such entries came back,
//! and on nothing that the reserve decides: entry number `k + rx` to be taken is the one that was
//! the `k`-th to come back.

mod sums;

use crate::id::QueueId;
use crate::model::fast::windowed::agenda::Event;
use crate::model::fast::windowed::packets::{DEDICATED, GRANTED, NO_BUFFER, Verdict};
use crate::model::log::{Fate, LogId};
use crate::stats::{Histogram, Spans};
use crate::units::SimTime;

use super::books::{Books, Desk};
use sums::Sums;

/// One queue.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) id: QueueId,
    /// Its number among all queues, in the order of cores.
    pub(super) place: u32,
    pub(super) rx: u32,
    /// Whether there is a reserve to ask.
    asks: bool,
    /// Packets of the window under way, in order of time.
    pub(super) times: Vec<u64>,
    /// Empty where packets of one instant come in the order of queues, all are of one length and
    /// nobody watches them.
    pub(super) tags: Vec<Tag>,
    pub(super) verdicts: Vec<Verdict>,
    /// The order of the first packet, where there are no tags.
    pub(super) first_order: u32,
    /// Packets before this one know whether they find a dedicated entry free.
    pub(super) sorted: usize,
    /// Packets before this one wait, have waited, or were dropped.
    merged: usize,
    /// The first request without an answer, [`NONE`] if all have theirs.
    open: usize,
    /// When dedicated entries are free again, in the order in which they are taken; those before
    /// `taken` are not any more.
    entries: Vec<u64>,
    taken: usize,
    /// Packets that wait, from `head` on: twice the time of arrival, and one for a reserve buffer.
    fifo: Vec<u64>,
    fifo_tags: Vec<Tag>,
    head: usize,
    /// Buffers of delivered packets that are not posted yet.
    unposted: Unposted,
    /// When each buffer posted in the window was there for arrivals.
    pub(super) returns: Vec<u64>,
    /// When each completion entry freed in the window was there for arrivals; only where all may be
    /// taken.
    pub(super) freed: Option<Vec<u64>>,
    /// Completion entries taken when the window began.
    pub(super) completions: u64,
    pub(super) reserve_held: u32,
    /// The most in the window under way.
    pub(super) reserve_peak: u32,
    /// Buffers in use when the window began.
    pub(super) before: u64,
    pub(super) sums: Sums,
}

/// Times of packets that follow one another.
pub(super) trait Times: DoubleEndedIterator<Item = u64> + ExactSizeIterator + Clone {}

impl<T: DoubleEndedIterator<Item = u64> + ExactSizeIterator + Clone> Times for T {}

/// `count` times from `first` on, each `step` after the one before.
#[inline]
pub(super) fn steps(count: usize, first: u64, step: u64) -> impl Times {
    (0..count).map(move |index| first + index as u64 * step)
}

/// What a packet has of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tag {
    /// Its place among packets of one instant.
    pub(super) order: u32,
    pub(super) len: u32,
    pub(super) log: Option<LogId>,
}

/// Buffers that are not posted yet.
#[derive(Debug, Clone, Copy, Default)]
struct Unposted {
    dedicated: usize,
    reserve: usize,
}

/// No packet.
const NONE: usize = usize::MAX;

/// In an event of the reserve: buffers that are posted before the arrivals of their instant. Others
/// count from the next instant on, and come before its own.
pub(super) const EARLY: u32 = 1 << 31;

/// When something happens: at a time, before or after the arrivals of its instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub(super) time: u64,
    pub(super) is_late: bool,
}

impl When {
    pub(super) const fn early(time: u64) -> Self {
        Self { time, is_late: false }
    }

    pub(super) const fn late(time: u64) -> Self {
        Self { time, is_late: true }
    }

    /// The first instant whose arrivals find it done.
    const fn seen_from(self) -> u64 {
        self.time + self.is_late as u64
    }
}

impl Queue {
    pub(super) fn new(id: QueueId, place: u32, rx: u32, asks: bool, watches: bool) -> Self {
        Self {
            id,
            place,
            rx,
            asks,
            times: Vec::new(),
            tags: Vec::new(),
            verdicts: Vec::new(),
            first_order: 0,
            sorted: 0,
            merged: 0,
            open: NONE,
            entries: vec![0; rx as usize],
            taken: 0,
            fifo: Vec::new(),
            fifo_tags: Vec::new(),
            head: 0,
            unposted: Unposted::default(),
            returns: Vec::new(),
            freed: watches.then(Vec::new),
            completions: 0,
            reserve_held: 0,
            reserve_peak: 0,
            before: 0,
            sums: Sums::default(),
        }
    }

    /// The time of the next packet that is not sorted out.
    pub(super) fn next_arrival(&self) -> u64 {
        self.times.get(self.sorted).copied().unwrap_or(u64::MAX)
    }

    /// The order of a packet of the window among those of its instant.
    #[inline]
    pub(super) fn order(&self, index: usize) -> u32 {
        let place = || self.first_order + u32::try_from(index).unwrap_or(u32::MAX);
        self.tags.get(index).map_or_else(place, |tag| tag.order)
    }

    /// Sorts out the packets that arrive before `limit`. All returns up to then are known.
    pub(super) fn sort_out(&mut self, limit: u64, desk: &mut Desk<'_>) {
        let rest = &self.times[self.sorted..];
        let count = match rest.last() {
            None => return,
            Some(last) if *last < limit => rest.len(),
            Some(_) => rest.partition_point(|time| *time < limit),
        };
        self.sort_out_next(count, desk);
    }

    /// Sorts out so many packets.
    pub(super) fn sort_out_next(&mut self, count: usize, desk: &mut Desk<'_>) {
        if count == 0 {
            return;
        }
        let until = self.sorted + count;
        let entries = self.entries.len();
        self.entries.extend_from_slice(&[u64::MAX; 2]);
        if self.open == NONE {
            self.sort_out_head(until);
        }
        if self.sorted < until {
            if self.asks {
                self.open = self.open.min(self.sorted);
                self.sort_out_tail(until, desk);
            } else {
                self.sort_out_alone(until);
            }
        }
        self.entries.truncate(entries);
    }

    /// As long as a dedicated entry is free.
    fn sort_out_head(&mut self, until: usize) {
        let times = &self.times[self.sorted..until];
        let entries = &self.entries[self.taken..];
        let found = times.iter().zip(entries).take_while(|(time, free_at)| free_at <= time).count();
        self.verdicts[self.sorted..self.sorted + found].fill(DEDICATED);
        self.sorted += found;
        self.taken += found;
    }

    /// Where there is nothing but dedicated entries.
    fn sort_out_alone(&mut self, until: usize) {
        let times = &self.times[self.sorted..until];
        let entries = &self.entries[self.taken..];
        let mut taken = 0;
        for (time, verdict) in times.iter().zip(&mut self.verdicts[self.sorted..until]) {
            let is_free = entries[taken] <= *time;
            *verdict = u8::from(is_free);
            taken += usize::from(is_free);
        }
        self.taken += taken;
        self.sorted = until;
    }

    /// From the first request on: what finds no dedicated entry free asks the reserve.
    fn sort_out_tail(&mut self, until: usize, desk: &mut Desk<'_>) {
        let (from, first) = (desk.from, self.first_order);
        let begin = desk.agenda.events.len();
        desk.agenda.events.resize(begin + until - self.sorted, Event::default());
        let requests = &mut desk.agenda.events[begin..];
        let entries = &self.entries[self.taken..];
        let (mut taken, mut asked) = (0, 0);
        // Either way the request is written down, and counts if it is one: no branch.
        for index in self.sorted..until {
            let time = self.times[index];
            let is_free = entries[taken] <= time;
            let place = || first + u32::try_from(index).unwrap_or(u32::MAX);
            let order = self.tags.get(index).map_or_else(place, |tag| tag.order);
            requests[asked] = Event::request(time - from, order);
            self.verdicts[index] = u8::from(is_free);
            taken += usize::from(is_free);
            asked += usize::from(!is_free);
        }
        desk.agenda.events.truncate(begin + asked);
        self.taken += taken;
        self.sorted = until;
    }

    /// The reserve has answered a request.
    #[inline]
    pub(super) fn answer(&mut self, index: usize, verdict: Verdict) {
        self.verdicts[index] = verdict;
        if verdict == GRANTED {
            self.reserve_held += 1;
            self.reserve_peak = self.reserve_peak.max(self.reserve_held);
        }
    }

    /// All requests before `limit` have been answered.
    pub(super) fn answered_before(&mut self, limit: u64) {
        if self.open == NONE {
            return;
        }
        let asked = self.open..self.sorted;
        let answered = self.times[asked.clone()].partition_point(|time| *time < limit);
        let rest = asked.start + answered..asked.end;
        let open = self.verdicts[rest.clone()].iter().position(|verdict| *verdict != DEDICATED);
        self.open = open.map_or(NONE, |index| rest.start + index);
    }

    /// Whether a request among the packets sorted out has no answer.
    pub(super) const fn has_open(&self) -> bool {
        self.open != NONE
    }

    /// When the first request without an answer arrived.
    pub(super) fn first_open(&self) -> Option<u64> {
        self.times.get(self.open).copied()
    }

    /// Whether a packet of the window is admitted; `None` where that is open.
    pub(super) fn is_admitted(&self, index: usize) -> Option<bool> {
        (index < self.open).then(|| self.verdicts[index] & 1 == 1)
    }

    /// Puts the packets that are known to be admitted behind those that wait.
    pub(super) fn merge(&mut self, desk: &mut Desk<'_>) {
        let until = self.open.min(self.sorted);
        if self.merged == until {
            return;
        }
        let packets = self.merged..until;
        let begin = self.fifo.len();
        self.fifo.resize(begin + packets.len(), 0);
        let out = &mut self.fifo[begin..];
        let (mut len, mut sum, mut granted_sum, mut granted) = (0, 0, 0, 0);
        let verdicts = &self.verdicts[packets.clone()];
        for (time, verdict) in self.times[packets.clone()].iter().zip(verdicts) {
            // Written down in any case, to stay if it is admitted: no branch.
            out[len] = time << 1 | u64::from(verdict >> 1);
            let (is_admitted, is_granted) = (u64::from(verdict & 1), *verdict == GRANTED);
            len += usize::from(verdict & 1);
            let since = time - desk.from;
            sum += since & is_admitted.wrapping_neg();
            granted_sum += since & u64::from(is_granted).wrapping_neg();
            granted += u64::from(is_granted);
        }
        self.fifo.truncate(begin + len);
        let from = u128::from(desk.from);
        self.sums.admitted_ps += u128::from(sum) + from * len as u128;
        self.sums.granted_ps += u128::from(granted_sum) + from * u128::from(granted);
        desk.parts.admit(&self.fifo[begin..]);
        if !self.tags.is_empty() {
            self.merge_tags(packets, desk);
        }
        self.merged = until;
    }

    fn merge_tags(&mut self, packets: std::ops::Range<usize>, desk: &mut Desk<'_>) {
        for index in packets {
            let (tag, verdict, time) = (self.tags[index], self.verdicts[index], self.times[index]);
            if verdict & 1 == 1 {
                self.fifo_tags.push(tag);
                self.sums.byte_ps -= byte_ps(tag, time);
                if let (Some(log), Some(id)) = (&mut desk.books.log, tag.log) {
                    log.placed(id, u32::from(verdict == GRANTED));
                }
            }
        }
    }

    /// Packets that wait, as far as they are known.
    #[inline]
    pub(super) const fn waiting(&self) -> usize {
        self.fifo.len() - self.head
    }

    /// When the first of them arrived.
    pub(super) fn first_waiting(&self) -> Option<u64> {
        self.fifo.get(self.head).map(|packet| packet >> 1)
    }

    /// The length of the first of them, where packets have tags.
    pub(super) fn first_len(&self) -> Option<u32> {
        self.fifo_tags.get(self.head).map(|tag| tag.len)
    }

    /// The first packets are delivered, at these times. Their buffers are still to be posted.
    pub(super) fn deliver(&mut self, done: impl Times, desk: &mut Desk<'_>) {
        let count = done.len();
        let packets = &self.fifo[self.head..self.head + count];
        let reserve = write_down(packets, done.clone(), &mut desk.books, |_, _| {});
        self.unposted.reserve += reserve;
        self.unposted.dedicated += count - reserve;
        self.delivered(done, desk);
    }

    /// Packets leave the head of the queue; returns the sum of the times.
    fn delivered(&mut self, done: impl Times, desk: &mut Desk<'_>) -> u128 {
        let count = done.len();
        let since: u64 = done.clone().map(|now| now - desk.from).sum();
        let done_ps = u128::from(since) + u128::from(desk.from) * count as u128;
        self.sums.done_ps += done_ps;
        self.sums.delivered += count as u64;
        desk.books.totals.all.delivered += count as u64;
        if !self.fifo_tags.is_empty() {
            self.deliver_tags(done, desk);
        }
        self.head += count;
        done_ps
    }

    fn deliver_tags(&mut self, done: impl Times, desk: &mut Desk<'_>) {
        for (tag, now) in self.fifo_tags[self.head..].iter().zip(done) {
            self.sums.byte_ps += byte_ps(*tag, now);
            if let (Some(log), Some(id)) = (&mut desk.books.log, tag.log) {
                log.settled(id, Fate::Delivered(SimTime::from_ps(now)));
            }
        }
    }

    /// Buffers of delivered packets that are not posted.
    pub(super) const fn unposted(&self) -> usize {
        self.unposted.dedicated + self.unposted.reserve
    }

    /// Posts them.
    pub(super) fn repost(&mut self, when: When, desk: &mut Desk<'_>) {
        let Unposted { dedicated, reserve } = std::mem::take(&mut self.unposted);
        let seen_from = when.seen_from();
        self.entries.resize(self.entries.len() + dedicated, seen_from);
        self.returns.resize(self.returns.len() + dedicated + reserve, seen_from);
        self.sums.returned_ps += u128::from(when.time) * (dedicated + reserve) as u128;
        if reserve > 0 {
            let who = if when.is_late { self.place } else { self.place | EARLY };
            let event = Event::comeback(seen_from - desk.from, who);
            desk.agenda.events.resize(desk.agenda.events.len() + reserve, event);
            self.sums.reserve_returned_ps += u128::from(when.time) * reserve as u128;
        }
    }

    /// The same as [`deliver`](Self::deliver), where each packet's buffer is posted at once.
    pub(super) fn deliver_and_post(&mut self, done: impl Times, desk: &mut Desk<'_>) {
        let count = done.len();
        let (entries, events) = (self.entries.len(), desk.agenda.events.len());
        self.entries.resize(entries + count, 0);
        desk.agenda.events.resize(events + count, Event::default());
        self.returns.extend(done.clone());
        let (free_at, returned) = (&mut self.entries[entries..], &mut desk.agenda.events[events..]);
        let (who, from) = (self.place | EARLY, desk.from);
        let (mut dedicated, mut reserve, mut reserve_sum) = (0, 0, 0);
        let packets = &self.fifo[self.head..self.head + count];
        write_down(packets, done.clone(), &mut desk.books, |now, is_reserve| {
            // Written down in both places, to stay in one: no branch.
            let since = now - from;
            free_at[dedicated] = now;
            returned[reserve] = Event::comeback(since, who);
            dedicated += usize::from(is_reserve == 0);
            reserve += usize::from(is_reserve == 1);
            reserve_sum += since & is_reserve.wrapping_neg();
        });
        self.entries.truncate(entries + dedicated);
        desk.agenda.events.truncate(events + reserve);
        self.sums.reserve_returned_ps +=
            u128::from(reserve_sum) + u128::from(from) * reserve as u128;
        self.sums.returned_ps += self.delivered(done, desk);
    }

    /// The host takes packets, after the arrivals of these instants or before them: their
    /// completion entries are free for the arrivals that follow.
    #[inline]
    pub(super) fn free_completions(&mut self, taken: impl Times, is_late: bool) {
        if let Some(freed) = &mut self.freed {
            freed.extend(taken.map(|time| When { time, is_late }.seen_from()));
        }
    }

    /// Buffers in use.
    pub(super) const fn in_use(&self) -> u64 {
        (self.waiting() + self.unposted()) as u64
    }

    /// Clears the window under way away; the next one is to be gathered.
    pub(super) fn end_window(&mut self) {
        (self.sorted, self.merged) = (0, 0);
        self.times.clear();
        self.tags.clear();
        self.verdicts.clear();
        self.returns.clear();
        self.reserve_peak = self.reserve_held;
        // What is left moves down as often as there is about as much before it.
        if self.taken * 2 > self.entries.len() {
            self.entries.drain(..self.taken);
            self.taken = 0;
        }
        if self.head * 2 > self.fifo.len() {
            self.fifo.drain(..self.head);
            let tags = self.head.min(self.fifo_tags.len());
            self.fifo_tags.drain(..tags);
            self.head = 0;
        }
    }

    /// Makes room for what is to be found out about the packets gathered.
    pub(super) fn prepare(&mut self) {
        self.before = self.in_use();
        self.verdicts.resize(self.times.len(), NO_BUFFER);
    }

    /// Conservation: every entry and every reserve buffer is where the books say.
    pub(super) fn assert_conserved(&self) {
        let reserve: u64 = self.fifo[self.head..].iter().map(|packet| packet & 1).sum();
        let dedicated = self.waiting() as u64 - reserve + self.unposted.dedicated as u64;
        let free = (self.entries.len() - self.taken) as u64;
        assert_eq!(dedicated + free, u64::from(self.rx), "queue {}: dedicated entries", self.id);
        let held = reserve + self.unposted.reserve as u64;
        assert_eq!(held, u64::from(self.reserve_held), "queue {}: reserve buffers", self.id);
    }
}

fn byte_ps(tag: Tag, time: u64) -> i128 {
    i128::from(tag.len) * i128::from(time)
}

/// Writes down how long packets took that are delivered at these times, and tells of each when that
/// is and whether it has a buffer of the reserve; returns how many have.
#[inline]
fn write_down(
    packets: &[u64],
    done: impl Times,
    books: &mut Books<'_>,
    mut tell: impl FnMut(u64, u64),
) -> usize {
    let mut reserve = 0;
    if !books.measured {
        for (packet, now) in packets.iter().zip(done) {
            reserve += packet & 1;
            tell(now, packet & 1);
        }
        return usize::try_from(reserve).expect("no more than packets");
    }
    // None is older than the first.
    let last = done.clone().next_back().unwrap_or(0);
    let longest = packets.first().map_or(0, |packet| last - (packet >> 1));
    let buckets = books.totals.sojourn.buckets_up_to(longest);
    let (mut sum_ps, mut min_ps, mut max_ps) = (0_u128, u64::MAX, 0);
    for (packet, now) in packets.iter().zip(done) {
        let span = now - (packet >> 1);
        buckets[Histogram::bucket(span)] += 1;
        sum_ps += u128::from(span);
        min_ps = min_ps.min(span);
        max_ps = max_ps.max(span);
        reserve += packet & 1;
        tell(now, packet & 1);
    }
    let count = packets.len() as u64;
    books.totals.sojourn.add_sums(&Spans { count, sum_ps, min_ps, max_ps });
    usize::try_from(reserve).expect("no more than packets")
}

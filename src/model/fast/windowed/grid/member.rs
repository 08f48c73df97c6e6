//! One of the systems of a pass: what it has that the leader has not.

use super::replaced::{Replaced, Since};
use super::{Before, Span};
use crate::model::fast::windowed::lane::Lane;
use crate::model::fast::windowed::packets::{Packets, Verdict};
use crate::model::fast::windowed::{Lanes, entries};
use crate::model::fast::windows::Windows as _;
use crate::model::system::{Observers, SystemSpec};
use crate::random::Streams;
use crate::stats::Spans;

/// One of the systems of a pass.
pub(super) struct Member<'a> {
    /// Its own queues, its reserve, its maxima, and the books of what its own queues did. Queues
    /// that are not its own are empty here but for their maxima.
    pub(super) system: Lanes<'a>,
    /// What its own queues did with the leader; `None` where the books are whole, and all queues
    /// its own.
    pub(super) replaced: Option<Box<Replaced>>,
    is_still: bool,
    owned: Vec<usize>,
    is_own: Vec<bool>,
    /// Its own queues in the window under way.
    since: Vec<Since>,
    /// Fates of the window's packets.
    verdicts: Vec<Verdict>,
    /// Whether it is the leader's system.
    pub(super) is_leader: bool,
    /// Windows in a row in which most packets were its own.
    busy: u32,
}

/// So many windows in a row, most of whose packets are a member's own, make it go on alone; one in
/// so many it looks whether that is over.
const PATIENCE: u32 = 32;
const LOOK: u32 = 8;

impl<'a> Member<'a> {
    /// Beside a leader that has done nothing yet.
    pub(super) fn new(spec: &'a SystemSpec, streams: Streams, leader: &Lanes<'a>) -> Self {
        let lanes = leader.lanes.iter().map(|lane| Lane::new(0, lane.service)).collect();
        let idle = Lanes::idle(spec, streams, Observers::default());
        let is_leader = entries(spec) == leader.reserve.entries;
        Self {
            is_own: vec![false; leader.lanes.len()],
            system: Lanes { lanes, ..idle },
            replaced: Some(Box::new(Replaced::all(leader))),
            is_still: true,
            owned: Vec::new(),
            since: Vec::new(),
            verdicts: Vec::new(),
            is_leader,
            busy: 0,
        }
    }

    /// Whether all its queues are like the leader's, and its reserve has buffers left.
    pub(super) const fn is_still(&self) -> bool {
        self.is_still
    }

    /// Whether a queue is its own.
    pub(super) fn owns(&self, queue: usize) -> bool {
        self.is_own[queue]
    }

    /// Whether a window in which the leader has as many as `peak` buffers of the reserve in use is
    /// none for a member that was still.
    pub(super) const fn wakes_at(&self, peak: u32, has_requests: bool) -> bool {
        let reaches = match self.system.reserve.entries {
            0 => has_requests,
            entries => peak >= entries,
        };
        self.is_still() && !self.is_leader && reaches
    }

    /// It is still no more, at the beginning of a window, with so many buffers in use.
    pub(super) const fn wake(&mut self, in_use: u32) {
        self.system.reserve.pool.in_use = in_use;
        self.is_still = false;
        self.busy = 0;
    }

    /// The queue as it is: its own, or the leader's.
    pub(super) fn lane<'l>(&'l self, index: usize, leader: &'l Lanes<'_>) -> &'l Lane {
        if self.is_own[index] { &self.system.lanes[index] } else { &leader.lanes[index] }
    }

    /// The window of measurement opens.
    pub(super) fn open(&mut self, leader: &Lanes<'_>) {
        let start = leader.books.totals.start;
        if let Some(replaced) = &mut self.replaced {
            replaced.books.measured = true;
        }
        let is_still = self.is_still();
        self.system.open();
        if is_still {
            self.system.reserve.pool.max = leader.reserve.pool.in_use;
        }
        for index in 0..self.is_own.len() {
            let lane = self.lane(index, leader);
            let (backlog, held) = (lane.done.saturating_sub(start), lane.reserve_held);
            self.system.queues[index].longest_backlog = backlog;
            self.system.lanes[index].reserve_max = held;
        }
        let packets = |index| {
            let lane = self.lane(index, leader);
            lane.packets_at(lane.done, start)
        };
        self.system.total.max = (0..self.is_own.len()).map(packets).sum();
    }

    /// Does a window, beside the leader that has done its first pass over it.
    pub(super) fn step(
        &mut self,
        leader: &Lanes<'_>,
        before: &Before,
        packets: &mut Packets,
        span: Span,
    ) {
        self.verdicts.clone_from(&before.verdicts);
        std::mem::swap(&mut packets.verdicts, &mut self.verdicts);
        std::mem::swap(packets, &mut self.system.packets);
        self.note_places(leader, span.from);
        // What it adopts is the leader's so far.
        let in_sums = span.in_sums && self.system.is_done_in_time(span.to);
        let Span { from, to, .. } = span;
        for queue in &self.owned {
            self.system.classify(*queue, in_sums);
        }
        self.adopt_askers(leader, before);
        let system = &mut self.system;
        system.reserve.take_back(&mut system.lanes, from.saturating_sub(1));
        system.reserve.decide(&mut system.lanes, &mut system.packets, from, to - 1);
        for index in &self.owned {
            system.serve_tail(*index, in_sums);
        }
        if system.books.measured {
            self.watch_total(leader, span);
            self.system.books.count_batch(from);
        }
        std::mem::swap(packets, &mut self.system.packets);
        std::mem::swap(&mut packets.verdicts, &mut self.verdicts);
    }

    /// Finds the packets of its own queues.
    fn note_places(&mut self, leader: &Lanes<'_>, from: u64) {
        let system = &mut self.system;
        self.since.clear();
        for &queue in &self.owned {
            let (lane, other) = (&mut system.lanes[queue], &leader.lanes[queue]);
            lane.places = other.places.clone();
            system.queues[queue].window_backlog = lane.done.saturating_sub(from);
            self.since.push(Since { queue, place: other.places.start, done: other.done_before });
        }
        if self.replaced.is_none() {
            system.offer(from);
        }
    }

    /// Takes the leader's queues that ask for buffers of the reserve, or hold some, for its own,
    /// from the first request of the window on.
    fn adopt_askers(&mut self, leader: &Lanes<'_>, before: &Before) {
        for (index, other) in leader.lanes.iter().enumerate() {
            if self.is_own[index] || (other.asked == 0 && before.held[index] == 0) {
                continue;
            }
            self.own(index, other);
            let lane = &mut self.system.lanes[index];
            (lane.returned, lane.reserve_held) = (before.returned[index], before.held[index]);
            let since = Since { queue: index, place: lane.tail, done: lane.done };
            self.system.queues[index].window_backlog = leader.queues[index].window_backlog;
            self.raise_times(index, leader);
            self.since.push(since);
        }
    }

    /// Makes a queue its own, like the leader's.
    pub(super) fn own(&mut self, index: usize, other: &Lane) {
        self.system.lanes[index].take_over(other);
        self.is_own[index] = true;
        self.owned.push(index);
    }

    /// Raises the extreme times of a queue by the leader's in this window.
    pub(super) fn raise_times(&mut self, index: usize, leader: &Lanes<'_>) {
        let (own, other) = (&mut self.system.queues[index], &leader.queues[index]);
        if leader.books.measured {
            own.longest_backlog = own.longest_backlog.max(other.window_backlog);
        }
        let (min_ps, max_ps) = (other.shortest, other.longest);
        self.system.books.totals.sojourn.add_sums(&Spans { min_ps, max_ps, ..Spans::default() });
    }

    /// Raises the maximum over all queues.
    fn watch_total(&mut self, leader: &Lanes<'_>, Span { from, to, .. }: Span) {
        let most = |index: usize| {
            let queues = if self.is_own[index] { &self.system.queues } else { &leader.queues };
            queues[index].window_backlog.div_ceil(queues[index].service)
        };
        let queues = self.is_own.len();
        if (0..queues).map(most).sum::<u64>() > self.system.total.max {
            let mut total = std::mem::take(&mut self.system.total);
            let lanes: Vec<&Lane> = (0..queues).map(|index| self.lane(index, leader)).collect();
            total.watch(&lanes, &self.system.packets, from, to);
            self.system.total = total;
        }
    }

    /// Ends a window, after the leader: books what the leader did in its own queues, and gives up
    /// those that are like the leader's again.
    pub(super) fn settle(&mut self, leader: &mut Lanes<'_>, span: Span) {
        let packets = leader.packets.times.len();
        if let Some(replaced) = &mut self.replaced {
            let longest = leader.longest;
            let mut own = 0;
            for since in &self.since {
                let lane = &leader.lanes[since.queue];
                replaced.add(lane, since, (&mut leader.packets, longest), span);
                own += lane.places.end - since.place;
            }
            if replaced.books.measured {
                replaced.books.count_batch(span.from);
            }
            self.busy = if own * 2 > packets { self.busy + 1 } else { 0 };
            if self.busy >= PATIENCE {
                self.go_alone(leader);
            } else {
                self.give_up(leader, span.to);
            }
            return;
        }
        self.busy += 1;
        if self.busy.is_multiple_of(LOOK) {
            let differ =
                |index: &usize| !self.system.lanes[*index].is_like(&leader.lanes[*index], span.to);
            let differing = self.owned.iter().filter(|index| differ(index));
            let own: usize = differing.map(|index| leader.lanes[*index].places.len()).sum();
            if own * 2 < packets {
                self.busy = 0;
                self.replaced = Some(Box::new(Replaced::all(leader)));
                self.give_up(leader, span.to);
            }
        }
    }

    /// Gives up queues that are like the leader's: all, to be still, or those that hold nothing.
    fn give_up(&mut self, leader: &Lanes<'_>, now: u64) {
        let reserve = &self.system.reserve;
        let has_room = reserve.entries == 0 || reserve.pool.in_use < reserve.entries;
        let is_like = |index: &usize| {
            let (lane, other) = (&self.system.lanes[*index], &leader.lanes[*index]);
            lane.is_like(other, now)
        };
        let like: Vec<bool> = self.owned.iter().map(is_like).collect();
        let all = has_room && like.iter().all(|is_like| *is_like);
        let mut kept = Vec::new();
        for (index, is_like) in self.owned.drain(..).zip(like) {
            let lane = &mut self.system.lanes[index];
            if all || (is_like && lane.reserve_held == 0) {
                self.is_own[index] = false;
                lane.forget();
            } else {
                kept.push(index);
            }
        }
        self.owned = kept;
        self.is_still = all;
    }

    /// Makes all queues its own and its books whole.
    pub(super) fn go_alone(&mut self, leader: &Lanes<'_>) {
        for index in 0..self.is_own.len() {
            if !self.is_own[index] {
                self.own(index, &leader.lanes[index]);
            }
        }
        let Some(replaced) = self.replaced.take() else { return };
        self.system.books.totals.add_rest(&leader.books.totals, &replaced.books.totals);
        let queues = leader.queues.iter().zip(&replaced.queues);
        for (own, (whole, part)) in self.system.queues.iter_mut().zip(queues) {
            own.add_rest(whole, part);
        }
    }
}

impl Lane {
    /// Becomes like another, but for its maxima.
    fn take_over(&mut self, other: &Self) {
        if self.ring.len() == other.ring.len() {
            self.ring.copy_from_slice(&other.ring);
        } else {
            self.ring.clone_from(&other.ring);
        }
        self.reserve_done.clone_from(&other.reserve_done);
        self.places = other.places.clone();
        self.next_entry = other.next_entry;
        (self.done, self.done_before) = (other.done, other.done_before);
        (self.tail, self.asked) = (other.tail, other.asked);
        (self.returned, self.reserve_held) = (other.returned, other.reserve_held);
    }

    /// Becomes empty, but for its maxima.
    fn forget(&mut self) {
        self.places = 0..0;
        self.reserve_done.clear();
        (self.tail, self.asked, self.returned, self.reserve_held) = (0, 0, 0, 0);
    }

    /// Whether it does with packets from `now` on what another does: as long as the same packets
    /// are to be done at the same times, in the same buffers. What is done by `now` is all alike.
    fn is_like(&self, other: &Self, now: u64) -> bool {
        self.done.max(now) == other.done.max(now)
            && self.reserve_held == other.reserve_held
            && self.busy_entries(now).eq(other.busy_entries(now))
            && self.reserve_done[self.returned..] == other.reserve_done[other.returned..]
    }

    /// When the dedicated entries that are taken at `now` are free, the last one first.
    fn busy_entries(&self, now: u64) -> impl Iterator<Item = u64> {
        let (later, sooner) = self.ring.split_at(self.next_entry);
        let last_first = later.iter().rev().chain(sooner.iter().rev()).copied();
        last_first.take_while(move |free_at| *free_at > now)
    }
}

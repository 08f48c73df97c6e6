//! Systems that differ in the size of their reserve alone, in one pass over their traffic.
//!
//! All see the same packets, and where no reserve runs out, all do the same with them. So the pass
//! runs the system with the largest reserve, the *leader*, and beside it for each system a
//! *member*, which holds only what differs:
//!
//! ```text
//!             queue   0    1    2    3    4    5
//!            leader   #    #    #    #    #    #     works every window
//!  member, R = 4096   .    .    .    .    .    .     still: does what the leader does
//!  member, R =  512   .    #    .    .    #    .     two queues of its own
//!  member, R =    0   #    #    .    .    #    #     dropped more, so that more are its own
//! ```
//!
//! - A member is *still* while all its queues are like the leader's. Then a window in which the
//!   leader has never as many as `R` buffers of the reserve in use is the member's too: every
//!   request is granted in both.
//! - Where the leader reaches `R`, the member wakes at the beginning of that window and takes the
//!   queues that ask, or hold something, for its own, with a reserve of its own. Other queues touch
//!   their dedicated entries only, so they go on as the leader's.
//! - A queue whose packets are done when the leader's are, in the same buffers, is like the
//!   leader's again, and the member gives it up.
//!
//! What is measured is sums of whole numbers, and maxima. A member's sums are the leader's, and
//! what its own queues came to, without what the leader's came to in the same queues meanwhile.
//! Maxima are taken window by window: see `highs`.
//!
//! A member of which most packets are in queues of its own for long keeps all queues and whole
//! books until that is over, as then nothing is shared but the times of packets.

mod close;
mod highs;
mod member;
mod replaced;

use self::highs::Floors;
use self::member::Member;
use super::packets::Verdict;
use super::{Lanes, entries};
use crate::model::fast::windows::{Totals, Windows};
use crate::model::outcome::Outcome;
use crate::model::system::{Observers, Progress, SystemSpec};
use crate::random::Streams;

/// The pass.
pub(in crate::model::fast) struct Grid<'a> {
    /// The system with the largest reserve. Its maxima are floors of the members'.
    leader: Lanes<'a>,
    /// All systems, in the order in which they were given.
    members: Vec<Member<'a>>,
    before: Before,
    floors: Floors,
}

/// A window under way.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
    /// Whether its packets are summed up: see [`Lanes::can_sum_up`].
    in_sums: bool,
}

/// The leader in a window, after the first pass over its queues and before its reserve decides.
#[derive(Debug, Default)]
struct Before {
    verdicts: Vec<Verdict>,
    /// Queue by queue.
    requests: u32,
    /// Of each queue: buffers that came back, and those held.
    returned: Vec<usize>,
    held: Vec<u32>,
    in_use: u32,
}

impl<'a> Grid<'a> {
    /// The systems are such as [can run together](SystemSpec::can_run_together).
    pub(in crate::model::fast) fn new(systems: &[&'a SystemSpec], streams: Streams) -> Self {
        let leader = systems.iter().max_by_key(|spec| entries(spec)).expect("there are systems");
        let leader = Lanes::new(leader, streams, Observers::default());
        let member = |spec: &&'a SystemSpec| Member::new(spec, streams, &leader);
        let members = systems.iter().map(member).collect();
        let floors = Floors::new(leader.lanes.len());
        Self { leader, members, before: Before::default(), floors }
    }

    /// What each system measures, in the order in which they were given; `None` if it was stopped.
    pub(in crate::model::fast) fn run(mut self, progress: &Progress) -> Option<Vec<Outcome>> {
        self.run_windows(progress).then(|| self.close())
    }

    /// The leader's reserve decides; members whose own would decide otherwise wake. Whether any do.
    fn decide(&mut self, Span { from, to, .. }: Span) -> bool {
        let leader = &mut self.leader;
        let has_requests = self.before.requests > 0;
        let most = self.before.most_in_use();
        let is_open = self.members.iter().any(|member| member.wakes_at(most, has_requests));
        leader.reserve.take_back(&mut leader.lanes, from.saturating_sub(1));
        if is_open {
            // What matters is the most in this window, not whether it is the most so far.
            leader.reserve.pool.max = leader.reserve.pool.in_use;
        }
        leader.reserve.decide(&mut leader.lanes, &mut leader.packets, from, to - 1);
        let mut has_changed = false;
        let peak = leader.reserve.pool.max;
        for member in self.members.iter_mut().filter(|_| is_open) {
            if member.wakes_at(peak, has_requests) {
                member.wake(self.before.in_use);
                has_changed = true;
            }
        }
        has_changed
    }

    /// Members that are not still do the window with queues of their own.
    fn step(&mut self, span: Span) {
        let mut packets = std::mem::take(&mut self.leader.packets);
        for member in self.members.iter_mut().filter(|member| !member.is_still()) {
            member.step(&self.leader, &self.before, &mut packets, span);
        }
        self.leader.packets = packets;
    }
}

impl Windows for Grid<'_> {
    fn totals(&mut self) -> &mut Totals {
        self.leader.totals()
    }

    fn next_arrival(&self) -> Option<u64> {
        self.leader.next_arrival()
    }

    fn open(&mut self) {
        self.leader.open();
        self.members.iter_mut().for_each(|member| member.open(&self.leader));
        self.floors.renew(&mut self.leader, &self.members);
    }

    fn window(&mut self, from: u64, limit: u64) {
        let leader = &mut self.leader;
        let to = limit.min(from.saturating_add(leader.window_ps));
        leader.gather(to);
        leader.offer(from);
        let span = Span { from, to, in_sums: leader.can_sum_up(to) };
        for index in 0..leader.lanes.len() {
            let queue = &mut leader.queues[index];
            (queue.shortest, queue.longest) = (u64::MAX, 0);
            leader.classify(index, span.in_sums);
        }
        self.before.note(leader);
        let mut has_changed = self.decide(span);
        self.step(span);
        let leader = &mut self.leader;
        for index in 0..leader.lanes.len() {
            leader.serve_tail(index, span.in_sums);
        }
        if leader.books.measured {
            leader.watch_total(from, to);
            leader.books.count_batch(from);
        }
        self.floors.raise(&mut self.leader, &mut self.members);
        for member in self.members.iter_mut().filter(|member| !member.is_still()) {
            member.settle(&mut self.leader, span);
            has_changed |= member.is_still();
        }
        if has_changed {
            self.floors.renew(&mut self.leader, &self.members);
        }
    }

    fn systems(&self) -> u64 {
        self.members.len() as u64
    }
}

impl Before {
    /// Notes the leader.
    fn note(&mut self, leader: &Lanes<'_>) {
        self.verdicts.clear();
        self.verdicts.extend_from_slice(&leader.packets.verdicts[..leader.packets.times.len()]);
        self.requests = leader.lanes.iter().map(|lane| lane.asked).sum();
        self.returned.clear();
        self.returned.extend(leader.lanes.iter().map(|lane| lane.returned));
        self.held.clear();
        self.held.extend(leader.lanes.iter().map(|lane| lane.reserve_held));
        self.in_use = leader.reserve.pool.in_use;
    }

    /// No more buffers of the reserve than that are in use in the window.
    fn most_in_use(&self) -> u32 {
        self.in_use.saturating_add(self.requests)
    }
}

//! Maxima and minima of members, of which the leader's part is taken window by window.
//!
//! The leader looks for a maximum only where it may be above what was seen before. Here that is the
//! least that any member has seen, the *floor*: what is not above it raises nobody.

use super::member::Member;
use crate::model::fast::windowed::Lanes;

/// The least maxima of the members.
#[derive(Debug)]
pub(super) struct Floors {
    /// Buffers of the reserve that each queue holds, of members that are still.
    reserve: Vec<u32>,
    /// Longest times until a queue is empty, of all members.
    backlog: Vec<u64>,
    /// The longest of the shortest times in the system, and the shortest of the longest.
    shortest: u64,
    longest: u64,
}

impl Floors {
    pub(super) fn new(queues: usize) -> Self {
        Self { reserve: vec![0; queues], backlog: vec![0; queues], shortest: u64::MAX, longest: 0 }
    }

    /// Finds them anew, and has the leader look for what is above them.
    pub(super) fn renew(&mut self, leader: &mut Lanes<'_>, members: &[Member<'_>]) {
        for index in 0..leader.lanes.len() {
            self.renew_reserve(index, leader, members);
            self.renew_backlog(index, members);
        }
        self.renew_pool(leader, members);
        self.renew_extremes(members);
    }

    fn renew_reserve(&mut self, index: usize, leader: &mut Lanes<'_>, members: &[Member<'_>]) {
        let of = |member: &Member<'_>| member.system.lanes[index].reserve_max;
        self.reserve[index] = still(members).map(of).min().expect("the leader's own is still");
        leader.lanes[index].reserve_max = self.reserve[index];
    }

    fn renew_backlog(&mut self, index: usize, members: &[Member<'_>]) {
        let of = |member: &Member<'_>| member.system.queues[index].longest_backlog;
        self.backlog[index] = members.iter().map(of).min().expect("there are members");
    }

    fn renew_pool(&self, leader: &mut Lanes<'_>, members: &[Member<'_>]) {
        let pool = still(members).map(|member| member.system.reserve.pool.max).min();
        leader.reserve.pool.max = pool.expect("the leader's own is still");
        let total = members.iter().filter(|member| member.is_still());
        let total = total.map(|member| member.system.total.max).min();
        leader.total.max = total.expect("the leader's own is still");
    }

    fn renew_extremes(&mut self, members: &[Member<'_>]) {
        let extremes =
            || members.iter().map(|member| member.system.books.totals.sojourn.extremes_ps());
        self.shortest = extremes().map(|(shortest, _)| shortest).max().expect("members");
        self.longest = extremes().map(|(_, longest)| longest).min().expect("members");
    }

    /// Raises the members' by what the leader did in a window in the queues that are not their own.
    pub(super) fn raise(&mut self, leader: &mut Lanes<'_>, members: &mut [Member<'_>]) {
        let (pool, total) = (leader.reserve.pool.max, leader.total.max);
        for member in members.iter_mut().filter(|member| member.is_still()) {
            let system = &mut member.system;
            system.total.max = system.total.max.max(total);
            if system.reserve.entries > 0 {
                system.reserve.pool.max = system.reserve.pool.max.max(pool);
            }
        }
        for index in 0..leader.lanes.len() {
            let held = leader.lanes[index].reserve_max;
            if held > self.reserve[index] {
                let is_raised = |member: &&mut Member<'_>| {
                    member.is_still() && member.system.reserve.entries > 0
                };
                for member in members.iter_mut().filter(is_raised) {
                    let lane = &mut member.system.lanes[index];
                    lane.reserve_max = lane.reserve_max.max(held);
                }
                self.renew_reserve(index, leader, members);
            }
            if !leader.lanes[index].places.is_empty() {
                self.raise_times(index, leader, members);
            }
        }
        self.renew_pool(leader, members);
    }

    fn raise_times(&mut self, index: usize, leader: &Lanes<'_>, members: &mut [Member<'_>]) {
        let queue = &leader.queues[index];
        let is_extreme = queue.shortest < self.shortest || queue.longest > self.longest;
        let is_higher = leader.books.measured && queue.window_backlog > self.backlog[index];
        if !is_extreme && !is_higher {
            return;
        }
        for member in members.iter_mut().filter(|member| !member.owns(index)) {
            member.raise_times(index, leader);
        }
        self.renew_backlog(index, members);
        self.renew_extremes(members);
    }
}

/// Members that are still and have a reserve: without one, no window with requests is the leader's.
fn still<'m, 'a>(members: &'m [Member<'a>]) -> impl Iterator<Item = &'m Member<'a>> {
    members.iter().filter(|member| member.is_still() && member.system.reserve.entries > 0)
}

//! The reserve, in a window: requests and returns of all queues in order of time.

use super::lane::{Incoming, Lane, Verdict};
use crate::model::fast::order::TimeSorter;
use crate::model::ledger::DropReason;
use crate::model::policy::Policy;
use crate::stats::Level;
use crate::units::SimTime;

/// The reserve.
#[derive(Debug)]
pub(super) struct Reserve {
    pub(super) entries: u32,
    pub(super) policy: Policy,
    pub(super) in_use: u32,
    pub(super) max: u32,
    pub(super) exhausted: Level,
    pub(super) requests: Vec<Request>,
    /// Times and queues of buffers that come back.
    pub(super) returns: Vec<(u64, u32)>,
    pub(super) sort_requests: TimeSorter<Request>,
    pub(super) sort_returns: TimeSorter<(u64, u32)>,
}

/// A packet that asks for a reserve buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) time: u64,
    pub(super) order: u32,
    pub(super) lane: u32,
    /// Its place in the queue's tail.
    pub(super) index: u32,
}

impl Request {
    pub(super) fn new(incoming: Incoming, lane: u32, index: u32) -> Self {
        Self { time: incoming.time, order: incoming.order, lane, index }
    }
}

impl Reserve {
    pub(super) fn new(entries: u32, policy: Policy) -> Self {
        Self {
            entries,
            policy,
            in_use: 0,
            max: 0,
            exhausted: Level::default(),
            requests: Vec::new(),
            returns: Vec::new(),
            sort_requests: TimeSorter::default(),
            sort_returns: TimeSorter::default(),
        }
    }

    /// Decides the requests in order of time, with the buffers that come back until `until`.
    pub(super) fn decide(&mut self, lanes: &mut [Lane], until: u64) {
        for (index, lane) in (0..).zip(&mut *lanes) {
            while let Some(done) = lane.reserve_done.front().filter(|done| **done <= until) {
                self.returns.push((*done, index));
                lane.reserve_done.pop_front();
            }
        }
        self.sort_returns.sort(&mut self.returns, |(time, _)| *time, |back| *back);
        let key = |request: &Request| (request.time, request.order);
        self.sort_requests.sort(&mut self.requests, |request| request.time, key);
        let (mut requests, mut returns) =
            (std::mem::take(&mut self.requests), std::mem::take(&mut self.returns));
        let mut returning = returns.iter().peekable();
        for request in &requests {
            while let Some((time, lane)) = returning.next_if(|(time, _)| *time <= request.time) {
                self.take_back(&mut lanes[*lane as usize], *time);
            }
            let lane = &mut lanes[request.lane as usize];
            lane.tail[request.index as usize].1 = self.grant(lane.reserve_held, request.time);
            if lane.tail[request.index as usize].1 == Verdict::Granted {
                lane.reserve_held += 1;
                lane.reserve_max = lane.reserve_max.max(lane.reserve_held);
            }
        }
        for (time, lane) in returning {
            self.take_back(&mut lanes[*lane as usize], *time);
        }
        requests.clear();
        returns.clear();
        (self.requests, self.returns) = (requests, returns);
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

//! A core that visits its queues in turn, for ever.

use crate::model::host::{BusyPollSpec, skip_visits};
use crate::model::stall::Stalls;
use crate::units::{SimDuration, SimTime};

use super::books::Desk;
use super::queue::{Queue, When, steps};
use super::{Cost, Machine};

/// A core.
#[derive(Debug)]
pub(super) struct Visitor {
    cost: Cost,
    budget: usize,
    refill: usize,
    stalls: Stalls,
    /// The queue of the visit under way, or of the next one.
    turn: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// All queues are empty; the next visit would start at this time.
    Idle(u64),
    /// The next visit starts at this time, if no stall is in its way.
    Between(u64),
    /// A packet ends at this time, with `left` packets of the visit, itself among them; or, where
    /// there are none, an empty visit.
    Working { end: u64, left: usize },
}

/// What comes of a step.
enum Step {
    Done,
    /// It has to know whether a packet is there that has come until this time.
    Stop(u64),
}

impl Visitor {
    pub(super) fn new(cost: Cost, host: &BusyPollSpec, stalls: Stalls) -> Self {
        Self {
            cost,
            budget: host.budget as usize,
            refill: host.refill as usize,
            stalls,
            turn: 0,
            state: State::Idle(0),
        }
    }

    /// All queues are empty: the next packet, if it comes before `to`, starts a visit.
    fn wait(&mut self, idle: u64, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Step {
        loop {
            for queue in &mut *queues {
                queue.merge(desk);
            }
            if let Some(arrival) = queues.iter().filter_map(Queue::first_waiting).min() {
                self.state = State::Between(self.wake(idle, arrival, queues.len()));
                return Step::Done;
            }
            if let Some(arrival) = queues.iter().filter_map(Queue::first_open).min() {
                return Step::Stop(arrival);
            }
            let next = queues.iter().map(Queue::next_arrival).min().unwrap_or(u64::MAX);
            if next >= to {
                return Step::Done;
            }
            queues.iter_mut().for_each(|queue| queue.sort_out(next + 1, desk));
        }
    }

    /// When the first visit at or after an arrival starts.
    fn wake(&mut self, idle: u64, arrival: u64, queues: usize) -> u64 {
        if self.cost.overhead == 0 {
            return arrival;
        }
        let (idle, arrival) = (SimTime::from_ps(idle), SimTime::from_ps(arrival));
        let overhead = SimDuration::from_ps(self.cost.overhead);
        let (start, turn) =
            skip_visits(&mut self.stalls, (self.turn, queues), idle, overhead, arrival);
        self.turn = turn;
        start.as_ps()
    }

    /// Whether a queue has packets at `now`, arrivals of this instant included; `None` where that
    /// is open.
    fn is_filled(queue: &mut Queue, now: u64, desk: &mut Desk<'_>) -> Option<bool> {
        Self::find(queue, 1, now, desk).map(|found| found > 0)
    }

    /// How many packets a queue has at `now`, arrivals of this instant included: all, or at least
    /// `most`; `None` where that is open.
    fn find(queue: &mut Queue, most: usize, now: u64, desk: &mut Desk<'_>) -> Option<usize> {
        if queue.waiting() < most {
            queue.sort_out(now + 1, desk);
            queue.merge(desk);
        }
        let found = queue.waiting();
        (found >= most || !queue.has_open()).then_some(found)
    }

    fn visit(&mut self, now: u64, queues: &mut [Queue], desk: &mut Desk<'_>) -> Step {
        let free = self.stalls.free_from(SimTime::from_ps(now)).as_ps();
        if free > now {
            self.state = State::Between(free);
            return Step::Done;
        }
        let count = queues.len();
        let (mut filled, mut turn) = (Some(false), self.turn);
        for index in (0..count).map(|step| (self.turn + step) % count) {
            filled = Self::is_filled(&mut queues[index], now, desk);
            if filled != Some(false) {
                turn = index;
                break;
            }
        }
        match filled {
            None => return Step::Stop(now),
            Some(false) => {
                self.state = State::Idle(now);
                return Step::Done;
            }
            Some(true) => {}
        }
        if self.cost.overhead > 0 {
            turn = self.turn;
        }
        let queue = &mut queues[turn];
        let Some(found) = Self::find(queue, self.budget, now, desk) else {
            return Step::Stop(now);
        };
        self.turn = turn;
        let (left, begin) = (found.min(self.budget), now + self.cost.overhead);
        queue.free_completions(std::iter::repeat_n(now, left), true);
        let mut end = begin;
        if left > 0 {
            end += self.cost.of_first(queue);
            desk.books.busy(begin, end);
        }
        self.state = State::Working { end, left };
        Step::Done
    }

    /// Works on packets that end from `end` on, before `to`.
    fn work(
        &mut self,
        (end, left): (u64, usize),
        queues: &mut [Queue],
        to: u64,
        desk: &mut Desk<'_>,
    ) {
        let queue = &mut queues[self.turn];
        if left == 0 {
            return self.next_visit(end, queues.len());
        }
        let in_time = self.cost.ending_before(to, end, left);
        let cost = self.cost.fixed.unwrap_or(0);
        let count = if self.refill == 1 {
            queue.deliver_and_post(steps(in_time, end, cost), desk);
            in_time
        } else {
            let count = in_time.min(self.refill - queue.unposted());
            queue.deliver(steps(count, end, cost), desk);
            count
        };
        let last = end + (count as u64 - 1) * cost;
        desk.books.busy(end, last);
        let left = left - count;
        if queue.unposted() > 0 && (left == 0 || queue.unposted() == self.refill) {
            queue.repost(When::early(last), desk);
        }
        if left == 0 {
            return self.next_visit(last, queues.len());
        }
        let end = last + self.cost.of_first(queue);
        desk.books.busy(last, end);
        self.state = State::Working { end, left };
    }

    fn next_visit(&mut self, now: u64, queues: usize) {
        self.turn = (self.turn + 1) % queues;
        self.state = State::Between(now);
    }
}

impl Machine for Visitor {
    type Tape = ();

    fn run(&mut self, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Option<u64> {
        loop {
            let step = match self.state {
                State::Idle(idle) => self.wait(idle, queues, to, desk),
                State::Between(now) if now < to => self.visit(now, queues, desk),
                State::Working { end, left } if end < to => {
                    self.work((end, left), queues, to, desk);
                    Step::Done
                }
                _ => break,
            };
            if let Step::Stop(now) = step {
                queues.iter_mut().for_each(|queue| queue.sort_out(now + 1, desk));
                return Some(now + 1);
            }
            if matches!(self.state, State::Idle(_))
                && queues.iter().all(|queue| queue.next_arrival() >= to)
            {
                break;
            }
        }
        queues.iter_mut().for_each(|queue| queue.sort_out(to, desk));
        None
    }

    fn next_event(&self) -> u64 {
        match self.state {
            State::Idle(_) => u64::MAX,
            State::Between(time) | State::Working { end: time, .. } => time,
        }
    }
}

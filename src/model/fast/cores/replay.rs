//! Recorded returns: each queue is a core of its own, which takes packets when the recording says.

use std::sync::Arc;

use crate::model::host::RecordedReturn;
use crate::model::system::SystemSpec;

use super::books::Desk;
use super::queue::Queue;
use super::{Core, Machine, most};

/// A recording, played window by window.
#[derive(Debug)]
pub(super) struct Tape {
    returns: Arc<[RecordedReturn]>,
    next: usize,
    /// The most buffers that each queue can have.
    most: Vec<u64>,
}

/// The returns to one queue.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// When a buffer comes back, in the window under way.
    times: Vec<u64>,
    next: usize,
    /// Buffers that come back above what the queue can have.
    in_excess: u64,
}

impl Tape {
    pub(super) fn new(spec: &SystemSpec, returns: Arc<[RecordedReturn]>) -> Self {
        let queues = spec.buffers.rx.iter();
        Self { returns, next: 0, most: queues.map(|rx| most(spec, *rx)).collect() }
    }

    /// Gives the returns before `to` to the players of their queues.
    fn wind(&mut self, players: &mut [Core<Player>], to: u64) {
        let rest = &self.returns[self.next..];
        for RecordedReturn { time, queue, count } in rest {
            if time.as_ps() >= to {
                break;
            }
            self.next += 1;
            let player = &mut players[queue.index()].machine;
            if *count == 1 && self.most[queue.index()] > 0 {
                player.times.push(time.as_ps());
            } else {
                let all = u64::from(*count);
                let count = all.min(self.most[queue.index()]);
                player.times.extend((0..count).map(|_| time.as_ps()));
                player.in_excess += all - count;
            }
        }
    }
}

impl Player {
    /// How many buffers come back next before `limit`, `most` of them looked at.
    fn count_before(&self, limit: u64, most: usize) -> usize {
        let rest = &self.times[self.next..];
        let (mut reach, most) = (1, most.min(rest.len()));
        while reach < most && rest[reach - 1] < limit {
            reach *= 2;
        }
        rest[..reach.min(most)].partition_point(|time| *time < limit)
    }
}

impl Machine for Player {
    type Tape = Tape;

    fn wind(tape: &mut Tape, players: &mut [Core<Self>], to: u64) {
        tape.wind(players, to);
    }

    fn next_on(tape: &Tape) -> u64 {
        tape.returns.get(tape.next).map_or(u64::MAX, |next| next.time.as_ps())
    }

    fn run(&mut self, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Option<u64> {
        let [queue] = queues else { unreachable!("each queue is alone") };
        desk.books.returns_without_buffer += std::mem::take(&mut self.in_excess);
        while let Some(time) = self.times.get(self.next).copied().filter(|time| *time < to) {
            if queue.waiting() == 0 {
                // Arrivals of this instant come after it.
                queue.sort_out(time, desk);
                queue.merge(desk);
            }
            let waiting = queue.waiting();
            if waiting > 0 {
                let count = self.count_before(to, waiting);
                let times = self.times[self.next..self.next + count].iter().copied();
                queue.free_completions(times.clone(), false);
                queue.deliver_and_post(times, desk);
                self.next += count;
            } else if queue.has_open() {
                return Some(time);
            } else {
                // Nothing is there until a packet has come.
                let limit = queue.next_arrival().saturating_add(1).min(to);
                let count = self.count_before(limit, usize::MAX);
                desk.books.returns_without_buffer += count as u64;
                self.next += count;
            }
        }
        queue.sort_out(to, desk);
        None
    }

    fn end_window(&mut self) {
        self.times.clear();
        self.next = 0;
    }

    fn next_event(&self) -> u64 {
        u64::MAX
    }
}

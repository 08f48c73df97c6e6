//! Recorded returns: each queue is a core of its own, which takes packets when the recording says.

use crate::model::host::RecordedReturn;
use crate::model::system::SystemSpec;

use super::books::Desk;
use super::queue::Queue;
use super::{Machine, most};

/// The returns to one queue.
#[derive(Debug, Default)]
pub(super) struct Player {
    /// When a buffer comes back.
    times: Vec<u64>,
    next: usize,
    /// Buffers that come back above what the queue can have.
    in_excess: u64,
}

impl Player {
    /// One for each queue.
    pub(super) fn all(spec: &SystemSpec, returns: &[RecordedReturn]) -> Vec<Self> {
        let queues = spec.buffers.rx.iter();
        let most: Vec<u64> = queues.map(|rx| most(spec, *rx)).collect();
        // What comes after the end does not happen.
        let end = spec.window.end_or_max();
        let returns = &returns[..returns.partition_point(|it| it.time <= end)];
        let mut room = vec![0_usize; most.len()];
        let count = |it: &RecordedReturn| {
            let (all, queue) = (u64::from(it.count), it.queue.index());
            (queue, usize::try_from(all.min(most[queue])).expect("no more than 32 bits"))
        };
        for (queue, count) in returns.iter().map(count) {
            room[queue] += count;
        }
        let player = |room| Self { times: Vec::with_capacity(room), ..Self::default() };
        let mut players: Vec<Self> = room.into_iter().map(player).collect();
        for it in returns {
            let (queue, count) = count(it);
            let player = &mut players[queue];
            player.times.extend(std::iter::repeat_n(it.time.as_ps(), count));
            player.in_excess += u64::from(it.count) - count as u64;
        }
        players
    }

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

    fn next_event(&self) -> u64 {
        self.times.get(self.next).copied().unwrap_or(u64::MAX)
    }
}

//! Recorded returns: each queue is a core of its own, which takes packets when the recording says.

use crate::model::host::RecordedReturn;

use super::Machine;
use super::books::Desk;
use super::queue::{Queue, When};

/// The returns to one queue.
#[derive(Debug)]
pub(super) struct Player {
    /// When, and how many buffers.
    returns: Vec<(u64, u32)>,
    next: usize,
}

impl Player {
    /// One for each queue.
    pub(super) fn all(returns: &[RecordedReturn], queues: usize) -> Vec<Self> {
        let mut players: Vec<Self> =
            (0..queues).map(|_| Self { returns: Vec::new(), next: 0 }).collect();
        for RecordedReturn { time, queue, count } in returns {
            players[queue.index()].returns.push((time.as_ps(), *count));
        }
        players
    }

    /// Returns before `to` that are of one buffer each, no more than `most` of them.
    fn singles(&self, most: usize, to: u64) -> &[(u64, u32)] {
        let rest = &self.returns[self.next..];
        let is_single = |it: &&(u64, u32)| it.0 < to && it.1 == 1;
        &rest[..rest.iter().take(most).take_while(is_single).count()]
    }

    /// Passes over returns until `until`, before `to`, while the queue has nothing.
    fn pass(&mut self, until: u64, to: u64, desk: &mut Desk<'_>) {
        let rest = self.returns[self.next..].iter();
        for (_, count) in rest.take_while(|(time, _)| *time <= until && *time < to) {
            desk.books.returns_without_buffer += u64::from(*count);
            self.next += 1;
        }
    }
}

impl Machine for Player {
    fn run(&mut self, queues: &mut [Queue], to: u64, desk: &mut Desk<'_>) -> Option<u64> {
        let [queue] = queues else { unreachable!("each queue is alone") };
        while let Some((time, count)) = self.returns.get(self.next).copied() {
            if time >= to {
                break;
            }
            let (wanted, needed) = (count as usize, count.max(1) as usize);
            if queue.waiting() < needed {
                // Arrivals of this instant come after it.
                queue.sort_out(time, desk);
                queue.merge(desk);
            }
            let waiting = queue.waiting();
            if waiting < needed && queue.has_open() {
                return Some(time);
            }
            if waiting == 0 {
                let until = queue.next_arrival();
                self.pass(until, to, desk);
                continue;
            }
            let singles = self.singles(waiting, to);
            if singles.is_empty() {
                let delivered = wanted.min(waiting);
                queue.free_completions(std::iter::repeat_n(time, delivered), false);
                queue.deliver(std::iter::repeat_n(time, delivered), desk);
                queue.repost(When::early(time), desk);
                desk.books.returns_without_buffer += (wanted - delivered) as u64;
                self.next += 1;
            } else {
                let times = singles.iter().map(|(time, _)| *time);
                queue.free_completions(times.clone(), false);
                queue.deliver_and_post(times, desk);
                self.next += singles.len();
            }
        }
        queue.sort_out(to, desk);
        None
    }

    fn next_event(&self) -> u64 {
        self.returns.get(self.next).map_or(u64::MAX, |(time, _)| *time)
    }
}

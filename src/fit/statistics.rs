//! What one pass over packets finds out: counts over scales of time, gaps, bursts, lengths.

use std::collections::BTreeMap;

use super::bursts::Bursts;
use super::counts::Counts;
use crate::id::QueueId;
use crate::units::{SimDuration, SimTime, to_f64};

/// Statistics of packets; memory does not grow with their number.
#[derive(Debug, Clone)]
pub(super) struct Statistics {
    /// Queues by number, as they appeared.
    pub(super) queues: Vec<QueueId>,
    numbers: BTreeMap<QueueId, usize>,
    pub(super) counts: Counts,
    /// Gaps and bursts of each queue.
    pub(super) bursts: Vec<Bursts>,
    /// Packets of each queue.
    pub(super) packets: Vec<u64>,
    pub(super) sizes: Sizes,
    /// When the first packet came.
    pub(super) begin: SimTime,
    /// From the beginning to the end.
    pub(super) duration: SimDuration,
}

/// Width of the narrowest bins: 1 us.
const BASE_PS: u64 = 1_000_000;

impl Statistics {
    /// Statistics from `begin` on, of queues that are not known yet or are numbered so.
    pub(super) fn new(begin: SimTime, queues: &[QueueId]) -> Self {
        let mut statistics = Self {
            queues: Vec::new(),
            numbers: BTreeMap::new(),
            counts: Counts::new(BASE_PS),
            bursts: Vec::new(),
            packets: Vec::new(),
            sizes: Sizes::default(),
            begin,
            duration: SimDuration::ZERO,
        };
        queues.iter().for_each(|queue| {
            statistics.number(*queue);
        });
        statistics
    }

    fn number(&mut self, queue: QueueId) -> usize {
        if let Some(number) = self.numbers.get(&queue) {
            return *number;
        }
        let number = self.queues.len();
        self.numbers.insert(queue, number);
        self.queues.push(queue);
        self.bursts.push(Bursts::default());
        self.packets.push(0);
        number
    }

    /// Takes the next packet.
    pub(super) fn add(&mut self, time: SimTime, queue: QueueId, len: u32) {
        let number = self.number(queue);
        let at_ps = (time - self.begin).as_ps();
        self.counts.add(at_ps, number);
        self.bursts[number].add(at_ps);
        self.packets[number] += 1;
        self.sizes.add(len);
    }

    /// Ends the statistics at `end`.
    pub(super) fn finish(mut self, end: SimTime) -> Self {
        self.duration = end - self.begin;
        self.counts.finish(self.duration.as_ps());
        self
    }

    pub(super) fn all_packets(&self) -> u64 {
        self.packets.iter().sum()
    }

    /// All queues, by number.
    pub(super) fn all_queues(&self) -> Vec<usize> {
        (0..self.queues.len()).collect()
    }

    /// Gaps and bursts of some queues, as of one.
    pub(super) fn bursts_of(&self, queues: &[usize]) -> Bursts {
        let mut sum = Bursts::default();
        queues.iter().for_each(|queue| sum.merge(&self.bursts[*queue]));
        sum
    }

    /// Mean packets per second at each of some queues.
    pub(super) fn rate(&self, queues: &[usize]) -> f64 {
        let packets: u64 = queues.iter().map(|queue| self.packets[*queue]).sum();
        to_f64(packets) / to_f64(queues.len() as u64) / self.duration.as_secs_f64()
    }
}

/// Lengths of frames: how many there are of each, the lengths made coarser when there are too many.
#[derive(Debug, Clone)]
pub(super) struct Sizes {
    frames: BTreeMap<u32, u64>,
    /// Lengths are rounded up to multiples of this power of two.
    step: u32,
}

/// Lengths that are told apart.
const SIZES: usize = 1024;

impl Default for Sizes {
    fn default() -> Self {
        Self { frames: BTreeMap::new(), step: 1 }
    }
}

impl Sizes {
    fn add(&mut self, len: u32) {
        *self.frames.entry(self.rounded(len)).or_default() += 1;
        while self.frames.len() > SIZES {
            self.step *= 2;
            for (len, frames) in std::mem::take(&mut self.frames) {
                *self.frames.entry(self.rounded(len)).or_default() += frames;
            }
        }
    }

    fn rounded(&self, len: u32) -> u32 {
        len.div_ceil(self.step).saturating_mul(self.step)
    }

    pub(super) fn longest(&self) -> u32 {
        self.frames.last_key_value().map_or(1, |(len, _)| *len)
    }

    /// Lengths and how many there are of each, in rising order.
    pub(super) fn frames(&self) -> &BTreeMap<u32, u64> {
        &self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_lengths_become_fewer_and_none_is_lost_or_shorter() {
        let mut sizes = Sizes::default();
        (1..=5000).for_each(|len| sizes.add(len));
        assert!(sizes.frames().len() <= SIZES);
        assert_eq!(sizes.frames().values().sum::<u64>(), 5000);
        assert_eq!(sizes.step, 8);
        assert_eq!(sizes.longest(), 5000);
        assert_eq!(sizes.frames()[&8], 8);
    }
}

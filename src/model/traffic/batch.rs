//! Batches: at each epoch a number of packets at once, or `spacing` apart.
//!
//! The epochs are a stationary renewal process. Queues in phase share one stream of epochs and of
//! counts: at an epoch each of N queues gets `count` packets, dealt round robin, so that the k-th
//! packets of all N queues arrive `k x spacing` after the epoch, in the order of the queues. In or
//! out of phase, what one queue sees is the same. Batches that overlap are merged.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Arrival, BatchSpec, Sizes};
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::random::{Generator, Streams, branch_off};
use crate::units::{SimDuration, SimTime};

/// The generators of one stream of batches.
#[derive(Debug, Clone)]
pub(super) struct BatchStreams {
    epochs: Generator,
    counts: Generator,
}

impl BatchStreams {
    pub(super) fn new(name: &str, streams: Streams) -> Self {
        Self {
            epochs: streams.stream(&format!("{name} epoch")),
            counts: streams.stream(&format!("{name} count")),
        }
    }
}

/// Batch arrivals at one queue, or at several in phase.
#[derive(Debug, Clone)]
pub(super) struct BatchSource {
    spec: BatchSpec,
    queues: Vec<(QueueId, Sizes)>,
    next_epoch: SimTime,
    epoch_number: u64,
    active: BinaryHeap<Reverse<Batch>>,
    streams: BatchStreams,
}

/// A batch with packets still to come, ordered by (time of the next packet, epoch).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Batch {
    time: SimTime,
    epoch_number: u64,
    /// Packets per queue still to come.
    rounds: u64,
    /// The queue next in turn.
    turn: usize,
}

impl BatchSource {
    pub(super) fn new(
        spec: &BatchSpec,
        queues: Vec<(QueueId, Sizes)>,
        mut streams: BatchStreams,
    ) -> Self {
        let first = spec.every.sample_in_progress(&mut streams.epochs).residual;
        Self {
            spec: spec.clone(),
            queues,
            next_epoch: SimTime::from_ps(first),
            epoch_number: 0,
            active: BinaryHeap::new(),
            streams,
        }
    }

    /// The next packet before `end`, and the epochs in the window on the way to it.
    pub(super) fn next(&mut self, start: SimTime, end: SimTime) -> (Option<Arrival>, u64) {
        let mut bursts = 0;
        while self.next_epoch < end
            && self.active.peek().is_none_or(|Reverse(batch)| self.next_epoch <= batch.time)
        {
            bursts += u64::from(self.next_epoch >= start);
            self.begin_batch();
        }
        let Some(Reverse(mut batch)) = self.active.pop() else { return (None, bursts) };
        if batch.time >= end {
            return (None, bursts);
        }
        let (queue, sizes) = &mut self.queues[batch.turn];
        let arrival = Arrival { time: batch.time, queue: *queue, len: sizes.draw() };
        batch.turn += 1;
        if batch.turn == self.queues.len() {
            batch.turn = 0;
            batch.rounds -= 1;
            batch.time += self.spec.spacing;
        }
        if batch.rounds > 0 {
            self.active.push(Reverse(batch));
        }
        (Some(arrival), bursts)
    }

    /// Goes on with streams of its own. How long a geometric batch goes on is drawn anew, as that
    /// does not depend on how many of its packets have come.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.streams.epochs = branch_off(chance);
        self.streams.counts = branch_off(chance);
        for (_, sizes) in &mut self.queues {
            sizes.branch_off(chance);
        }
        if matches!(self.spec.count, Distribution::Geometric { .. }) {
            for Reverse(mut batch) in std::mem::take(&mut self.active) {
                batch.rounds = self.spec.count.sample(&mut self.streams.counts);
                self.active.push(Reverse(batch));
            }
        }
    }

    fn begin_batch(&mut self) {
        let rounds = self.spec.count.sample(&mut self.streams.counts);
        if rounds > 0 {
            self.active.push(Reverse(Batch {
                time: self.next_epoch,
                epoch_number: self.epoch_number,
                rounds,
                turn: 0,
            }));
        }
        self.epoch_number += 1;
        let gap = SimDuration::from_ps(self.spec.every.sample(&mut self.streams.epochs));
        self.next_epoch += gap;
    }
}

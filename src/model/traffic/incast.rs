//! Incast: many senders answer one request at about the same time.
//!
//! Epochs, the requests, are a stationary renewal process. At each, senders 0, 1 ... send `bytes`
//! each, delayed by a jitter of their own. A sender is one connection, which RSS sends to the same
//! queue every time.

use rand::Rng as _;

use super::messages::{MessageSpec, Messages};
use super::{Arrival, SizeTable};
use crate::id::QueueId;
use crate::model::distribution::Distribution;
use crate::model::steering::Rss;
use crate::random::{Generator, Streams};
use crate::units::{SimDuration, SimTime};

/// Incast at a port: see [`TrafficKind::Incast`](super::TrafficKind::Incast).
#[derive(Debug, Clone, PartialEq)]
pub struct IncastSpec {
    /// Time between requests, in picoseconds.
    pub every: Distribution,
    /// Senders that answer a request.
    pub senders: Distribution,
    /// What each sends.
    pub answers: MessageSpec,
    /// The published table of its size, if it is one.
    pub table: Option<&'static SizeTable>,
    /// How much later than the request each begins, in picoseconds.
    pub jitter: Distribution,
    /// Where senders' connections go.
    pub rss: Rss,
}

impl IncastSpec {
    /// Requests per second.
    #[must_use]
    pub fn epochs(&self) -> f64 {
        1e12 / self.every.mean()
    }

    /// Answers per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.epochs() * self.senders.mean()
    }
}

/// Incast, running.
#[derive(Debug)]
pub(super) struct IncastSource {
    spec: IncastSpec,
    messages: Messages,
    next_epoch: SimTime,
    epochs: Generator,
    counts: Generator,
    sizes: Generator,
    jitters: Generator,
    connections: Generator,
    /// The queue of each sender seen so far.
    queues: Vec<QueueId>,
}

impl IncastSource {
    pub(super) fn new(spec: &IncastSpec, name: &str, streams: Streams) -> Self {
        let mut epochs = streams.stream(&format!("{name} epoch"));
        let first = spec.every.sample_in_progress(&mut epochs).residual;
        Self {
            spec: spec.clone(),
            messages: Messages::new(spec.answers.segmentation()),
            next_epoch: SimTime::from_ps(first),
            epochs,
            counts: streams.stream(&format!("{name} count")),
            sizes: streams.stream(&format!("{name} size")),
            jitters: streams.stream(&format!("{name} jitter")),
            connections: streams.stream(&format!("{name} connection")),
            queues: Vec::new(),
        }
    }

    /// The next packet before `end`, and the epochs in the window on the way to it.
    pub(super) fn next(&mut self, start: SimTime, end: SimTime) -> (Option<Arrival>, u64) {
        let mut bursts = 0;
        while self.next_epoch < end
            && self.messages.next_time().is_none_or(|time| self.next_epoch <= time)
        {
            bursts += u64::from(self.next_epoch >= start);
            for sender in 0..self.spec.senders.sample(&mut self.counts) {
                let jitter = SimDuration::from_ps(self.spec.jitter.sample(&mut self.jitters));
                let bytes = self.spec.answers.draw(&mut self.sizes);
                let queue = self.queue(sender);
                self.messages.begin(self.next_epoch + jitter, queue, bytes);
            }
            self.next_epoch += SimDuration::from_ps(self.spec.every.sample(&mut self.epochs));
        }
        (self.messages.next().filter(|arrival| arrival.time < end), bursts)
    }

    fn queue(&mut self, sender: u64) -> QueueId {
        let sender = usize::try_from(sender).expect("a sender fits in memory");
        while self.queues.len() <= sender {
            let hash = self.connections.next_u32();
            self.queues.push(QueueId::new(self.spec.rss.queue_of_hash(hash)));
        }
        self.queues[sender]
    }
}

#[cfg(test)]
mod tests;

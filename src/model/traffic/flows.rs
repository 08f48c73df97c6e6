//! Flows: messages of measured sizes that begin at random, each steered to a queue by RSS.
//!
//! Epochs are Poisson; at each begin one or more flows. A flow belongs to a connection, whose hash
//! is random and fixed, and which the indirection table sends to a queue. Connections may be used
//! unevenly: the k-th with probability proportional to `k^-zipf`, or a share of all flows by a few
//! heavy hitters. Flows under way at time zero are as many, as long and as far on as in the long
//! run where they begin one at a time; where several begin at once, they are as many on average.

use rand::Rng as _;
use rand_distr::{Distribution as _, Zipf};

use super::messages::{MessageSpec, Messages};
use super::steady::poisson_gap;
use super::{Arrival, SizeTable};
use crate::id::QueueId;
use crate::model::distribution::{Distribution, uniform_between, unit};
use crate::model::steering::Rss;
use crate::random::{Generator, Streams};
use crate::units::{SimTime, round_to_u64};

/// Flows at a port: see [`TrafficKind::Flows`](super::TrafficKind::Flows).
#[derive(Debug, Clone, PartialEq)]
pub struct FlowsSpec {
    /// The flows, as messages.
    pub messages: MessageSpec,
    /// The published table of their sizes, if it is one.
    pub table: Option<&'static SizeTable>,
    /// Flows that begin at one epoch.
    pub together: Distribution,
    /// Epochs per second.
    pub epochs: f64,
    /// To which connections flows belong.
    pub connections: Connections,
    /// Where connections go.
    pub rss: Rss,
}

/// How flows are spread over connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Connections {
    /// How many there are; 0: every flow is one of its own.
    pub count: u32,
    /// The k-th of them is chosen with probability proportional to `k^-zipf`.
    pub zipf: f64,
    /// Further connections that share `heavy_share` of all flows evenly.
    pub heavy: u32,
    /// The share of all flows that belongs to them.
    pub heavy_share: f64,
}

impl FlowsSpec {
    /// Flows per second.
    #[must_use]
    pub fn per_second(&self) -> f64 {
        self.epochs * self.together.mean()
    }
}

/// Flows, running.
#[derive(Debug)]
pub(super) struct FlowsSource {
    spec: FlowsSpec,
    messages: Messages,
    next_epoch: SimTime,
    epochs: Generator,
    counts: Generator,
    sizes: Generator,
    steering: Steering,
}

impl FlowsSource {
    pub(super) fn new(spec: &FlowsSpec, name: &str, streams: Streams) -> Self {
        let mut steering = Steering::new(spec, name, streams);
        let mut messages = Messages::new(spec.messages.segmentation());
        let flows = spec.per_second();
        let mut start = streams.stream(&format!("{name} flow start"));
        messages.start_stationary(&spec.messages, flows, &mut start, || steering.next());
        let mut epochs = streams.stream(&format!("{name} flow arrival"));
        let first = poisson_gap(1e12 / spec.epochs, &mut epochs);
        Self {
            spec: spec.clone(),
            messages,
            next_epoch: SimTime::ZERO + first,
            epochs,
            counts: streams.stream(&format!("{name} flow count")),
            sizes: streams.stream(&format!("{name} flow size")),
            steering,
        }
    }

    /// The next packet before `end`, and the epochs in the window on the way to it.
    pub(super) fn next(&mut self, start: SimTime, end: SimTime) -> (Option<Arrival>, u64) {
        let mut bursts = 0;
        while self.next_epoch < end
            && self.messages.next_time().is_none_or(|time| self.next_epoch <= time)
        {
            bursts += u64::from(self.next_epoch >= start);
            for _ in 0..self.spec.together.sample(&mut self.counts) {
                let bytes = self.spec.messages.draw(&mut self.sizes);
                self.messages.begin(self.next_epoch, self.steering.next(), bytes);
            }
            self.next_epoch += poisson_gap(1e12 / self.spec.epochs, &mut self.epochs);
        }
        (self.messages.next().filter(|arrival| arrival.time < end), bursts)
    }
}

/// Gives each flow its queue.
#[derive(Debug)]
struct Steering {
    rss: Rss,
    connections: Connections,
    zipf: Option<Zipf<f64>>,
    /// The hash of each connection, heavy ones first.
    hashes: Vec<u32>,
    generator: Generator,
}

impl Steering {
    fn new(spec: &FlowsSpec, name: &str, streams: Streams) -> Self {
        let connections = spec.connections;
        let mut generator = streams.stream(&format!("{name} connection"));
        let count = connections.heavy + connections.count;
        let zipf = (connections.count > 0).then(|| {
            Zipf::new(f64::from(connections.count), connections.zipf)
                .expect("connections exist and the exponent is not negative")
        });
        Self {
            rss: spec.rss.clone(),
            connections,
            zipf,
            hashes: (0..count).map(|_| generator.next_u32()).collect(),
            generator: streams.stream(&format!("{name} steering")),
        }
    }

    fn next(&mut self) -> QueueId {
        let Connections { heavy, heavy_share, .. } = self.connections;
        let hash = if heavy > 0 && unit(&mut self.generator) < heavy_share {
            self.hashes[place(uniform_between(&mut self.generator, 0, u64::from(heavy) - 1))]
        } else if let Some(zipf) = &self.zipf {
            // Counted from 1.
            let rank = round_to_u64(zipf.sample(&mut self.generator)) - 1;
            self.hashes[heavy as usize + place(rank)]
        } else {
            self.generator.next_u32()
        };
        QueueId::new(self.rss.queue_of_hash(hash))
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).expect("connections are counted in 32 bits")
}

#[cfg(test)]
mod tests;

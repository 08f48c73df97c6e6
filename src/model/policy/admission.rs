//! A reserve's policy at work: rules with memory and chance included.

use super::Policy;
use super::abm::{Abm, Drained};
use super::early_drop::EarlyDrop;
use crate::id::QueueId;
use crate::random::{Generator, Streams};
use crate::units::SimTime;

/// What a queue asks of a reserve of which enough buffers are free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    /// The queue.
    pub(crate) queue: QueueId,
    /// What it holds of the reserve.
    pub(crate) held: u32,
    /// Buffers free.
    pub(crate) free: u32,
    /// Buffers asked for, 1 or more and at most `free`.
    pub(crate) count: u32,
    /// Queues that hold some of the reserve.
    pub(crate) holders: u32,
    /// When.
    pub(crate) now: SimTime,
}

/// Who is admitted to one reserve.
#[derive(Debug, Clone)]
pub(crate) enum Admission {
    Memoryless(Policy),
    Abm(Abm),
    EarlyDrop(EarlyDrop),
}

impl Admission {
    /// For reserve number `group` of `entries` buffers, on which some of `queues` queues draw.
    pub(crate) fn new(
        policy: Policy,
        entries: u32,
        queues: usize,
        group: u32,
        streams: Streams,
    ) -> Self {
        match policy {
            Policy::Abm { alpha, interval } => Self::Abm(Abm::new(alpha, interval, queues)),
            Policy::EarlyDrop { pass, drop } => {
                let draws = streams.stream(&format!("reserve {group} early drop"));
                Self::EarlyDrop(EarlyDrop::new(pass, drop, entries, draws))
            }
            _ => Self::Memoryless(policy),
        }
    }

    /// Goes on with a stream of its own.
    pub(crate) fn branch_off(&mut self, chance: &mut Generator) {
        if let Self::EarlyDrop(early_drop) = self {
            early_drop.branch_off(chance);
        }
    }

    /// Whether the claim is granted.
    pub(crate) fn grants(&mut self, claim: Claim) -> bool {
        match self {
            Self::Memoryless(policy) => policy.admits_all(claim.held, claim.free, claim.count),
            Self::Abm(abm) => abm.grants(claim),
            Self::EarlyDrop(early_drop) => early_drop.grants(claim),
        }
    }

    /// A queue has given `returned` of its buffers back, dedicated ones too, and keeps `kept`.
    pub(crate) fn returned(&mut self, queue: QueueId, returned: u32, kept: u32, now: SimTime) {
        if let Self::Abm(abm) = self {
            abm.returned(queue, returned, kept, now);
        }
    }

    /// A queue has got buffers after having had none.
    pub(crate) fn filled(&mut self, queue: QueueId, now: SimTime) {
        if let Self::Abm(abm) = self {
            abm.filled(queue, now);
        }
    }

    /// What a queue did in the interval under way, told at once.
    pub(crate) fn drained(&mut self, queue: QueueId, drained: Drained) {
        if let Self::Abm(abm) = self {
            abm.drained(queue, drained);
        }
    }

    /// The interval under way is over at `end`, or, where nobody did anything since, earlier.
    pub(crate) fn interval_over(&mut self, end: SimTime) {
        if let Self::Abm(abm) = self {
            abm.measure(end);
        }
    }
}

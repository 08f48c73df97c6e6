//! What a NAPI host is told: the keys of `[host] model = "napi"`.

use crate::model::distribution::Distribution;
use crate::units::SimDuration;

/// A host as Linux has it: see [`HostSpec::Napi`](crate::model::host::HostSpec::Napi).
#[derive(Debug, Clone, PartialEq)]
pub struct NapiSpec {
    /// Number of cores; queue q is on core `q mod cores`.
    pub cores: u32,
    /// When a queue's packets raise an interrupt.
    pub moderation: Moderation,
    /// Whether the timer of the moderation restarts with every completion (ethtool's CQE mode)
    /// instead of running from the first one.
    pub cqe_mode: bool,
    /// From interrupt to first poll, in picoseconds.
    pub wakeup: Distribution,
    /// Time paid at the beginning of every poll, empty ones too.
    pub poll_overhead: SimDuration,
    /// Time for each packet.
    pub per_packet: SimDuration,
    /// Time for each byte of a packet.
    pub per_byte: SimDuration,
    /// Packets of one poll, at most: the NAPI weight.
    pub budget: u32,
    /// Where polls run.
    pub context: NapiContext,
    /// Polls by timer instead of interrupts; `None`: interrupts at once.
    pub defer: Option<Defer>,
    /// How long an application spins on its queue after a poll that found packets.
    pub busy_poll: SimDuration,
    /// When processed slots are reposted.
    pub refill: Refill,
    /// Where the page of a delivered packet goes.
    pub recycle: Recycle,
    /// How long the stack or the application keeps the pages of a packet after its delivery, in
    /// picoseconds.
    pub hold: Distribution,
    /// The price of rings too large for the cache.
    pub cache: Option<CacheSpec>,
}

/// When completions raise an interrupt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moderation {
    /// Always by these values.
    Fixed(Coalescing),
    /// By those that the kernel's dynamic interrupt moderation chooses.
    Adaptive,
}

/// An interrupt comes `usecs` after the first completion since the last one, or with the
/// `frames`-th, whichever is first; 0 switches either off, as in ethtool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coalescing {
    /// ethtool's `rx-usecs`.
    pub usecs: SimDuration,
    /// ethtool's `rx-frames`.
    pub frames: u32,
}

/// Where polls run.
#[derive(Debug, Clone, PartialEq)]
pub enum NapiContext {
    /// In the softirq of the core, one after another.
    Softirq {
        /// Packets of one run over the core's NAPIs.
        netdev_budget: u32,
        /// Time of one run over them.
        netdev_budget_usecs: SimDuration,
        /// From the end of a run that leaves work behind to the next one, in picoseconds.
        ksoftirqd_delay: Distribution,
    },
    /// In a thread for every NAPI.
    Threads,
}

/// `napi_defer_hard_irqs` and `gro_flush_timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defer {
    /// Polls in a row that may find nothing before interrupts are enabled again; above 0.
    pub hard_irqs: u32,
    /// From a poll to the next one; above 0.
    pub timeout: SimDuration,
}

/// When the slots of processed packets are posted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    /// All of them at the end of a poll.
    EveryPoll,
    /// All of them as soon as they are this many, in the middle of a poll or never.
    Batch(u32),
    /// The same with `numerator / denominator` of the ring, but no more than `most`.
    Fraction {
        /// Of the fraction.
        numerator: u32,
        /// Of the fraction.
        denominator: u32,
        /// Slots.
        most: u32,
    },
}

/// Where the page of a delivered packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recycle {
    /// The ring gets another page at once; the old one is held above the ring.
    PagePool,
    /// The slot stays empty until the application gives the page back, and is posted then.
    Return,
}

/// A packet's cost rises once the buffers in rotation exceed what DMA may keep in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheSpec {
    /// Bytes of the last-level cache that received packets may fill.
    pub llc_share: u64,
    /// What a packet costs more when it is not there.
    pub miss_cost: SimDuration,
}

impl NapiSpec {
    /// Whether long times are rare: see [`Distribution::is_light_tailed`].
    #[must_use]
    pub fn is_light_tailed(&self) -> bool {
        let delay = match &self.context {
            NapiContext::Softirq { ksoftirqd_delay, .. } => ksoftirqd_delay.is_bounded(),
            NapiContext::Threads => true,
        };
        delay && self.wakeup.is_light_tailed() && self.hold.is_light_tailed()
    }

    /// Whether the model draws random numbers.
    #[must_use]
    pub fn is_random(&self) -> bool {
        let delay = match &self.context {
            NapiContext::Softirq { ksoftirqd_delay, .. } => ksoftirqd_delay.is_constant(),
            NapiContext::Threads => true,
        };
        !(delay && self.wakeup.is_constant() && self.hold.is_constant())
    }
}

impl Refill {
    /// Slots of a ring of `rx` that are reposted together in the middle of a poll, at least one and
    /// at most the ring; `None`: they are reposted at its end.
    #[must_use]
    pub fn threshold(self, rx: u32) -> Option<u32> {
        let entries = match self {
            Self::EveryPoll => return None,
            Self::Batch(entries) => entries,
            Self::Fraction { numerator, denominator, most } => {
                let part = u64::from(rx) * u64::from(numerator) / u64::from(denominator);
                u32::try_from(part).unwrap_or(u32::MAX).min(most)
            }
        };
        Some(entries.min(rx).max(1))
    }
}

impl CacheSpec {
    /// What a packet costs more while `rotation` bytes of buffers are in rotation: of every
    /// `rotation` bytes only `llc_share` are still in the cache when they are used again.
    #[must_use]
    pub fn extra(&self, rotation: u64) -> SimDuration {
        if rotation <= self.llc_share {
            return SimDuration::ZERO;
        }
        let missing = u128::from(rotation - self.llc_share);
        let ps = u128::from(self.miss_cost.as_ps()) * missing / u128::from(rotation);
        SimDuration::from_ps(u64::try_from(ps).expect("at most the cost of a miss"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refill_threshold_is_within_the_ring() {
        let half = |most| Refill::Fraction { numerator: 1, denominator: 2, most };
        let of = |refill: Refill| [0, 1, 3, 512].map(|rx| refill.threshold(rx));
        assert_eq!(of(half(u32::MAX)), [Some(1), Some(1), Some(1), Some(256)]);
        assert_eq!(of(half(100)), [Some(1), Some(1), Some(1), Some(100)]);
        assert_eq!(of(Refill::Batch(16)), [Some(1), Some(1), Some(3), Some(16)]);
        assert_eq!(of(Refill::EveryPoll), [None; 4]);
    }

    #[test]
    fn misses_cost_nothing_within_the_share_and_everything_far_beyond_it() {
        let cache = CacheSpec { llc_share: 1 << 20, miss_cost: SimDuration::from_ps(60_000) };
        assert_eq!(cache.extra(1 << 20), SimDuration::ZERO);
        assert_eq!(cache.extra(2 << 20), SimDuration::from_ps(30_000));
        assert_eq!(cache.extra(1 << 40), SimDuration::from_ps(59_999));
    }
}

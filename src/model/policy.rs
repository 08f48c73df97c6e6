//! Reserve policies: who may take one more buffer of the reserve.
//!
//! Names differ by field, mechanisms less: *complete partitioning* is private rings without a
//! reserve, `shared-ring` (ShRing, Pismenny et al., OSDI 2023) is complete sharing of a reserve
//! behind rings of no entries, and so is an RDMA shared receive queue; the reserve itself with
//! dedicated entries before it is *sharing with minimum allocation* (Kamoun and Kleinrock) and the
//! `static buffer` of switch memory managers.

mod abm;
mod admission;
mod complete_sharing;
mod dynamic_threshold;
mod early_drop;
pub(crate) mod longest_queue_drop;
pub(crate) mod peer_borrow;
mod static_cap;

pub(crate) use abm::Drained;
pub(crate) use admission::{Admission, Claim};

use crate::units::SimDuration;

/// The rule by which a queue is admitted to the reserve.
///
/// `held` is what the queue holds of the reserve, `free` what is free of it. A packet that needs
/// several reserve buffers is tested for each in turn and admitted only if all pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Policy {
    /// Anyone while a buffer is free: `free >= 1`.
    CompleteSharing,
    /// A queue may hold so many at most: `held < cap`.
    ///
    /// One of the five schemes compared by Kamoun and Kleinrock, IEEE Trans. Comm. 28(7), 1980
    /// (sharing with maximum queue lengths).
    StaticCap {
        /// The most reserve buffers a queue may hold.
        cap: u32,
    },
    /// A queue may hold in proportion to what is free: `held < alpha x free`.
    ///
    /// Choudhury and Hahne, IEEE/ACM Trans. Networking 6(2), 1998. With M queues that want all they
    /// can get, each ends with `alpha B / (1 + alpha M)` of a reserve of B.
    DynamicThreshold {
        /// The factor, above 0.
        alpha: f64,
    },
    /// Active buffer management: a dynamic threshold that shrinks with the number of queues in need
    /// and with how slowly a queue drains: `held < alpha x (1/n) x mu x free`.
    ///
    /// Addanki, Apostolaki, Ghobadi, Schmid and Vanbever, SIGCOMM 2022, as in their simulator
    /// (github.com/inet-tub/ns3-datacenter 6ddb4a4, gen-queue-disc.cc) with one priority. Here n is
    /// the number of the reserve's queues that hold some of it or ask for it, and mu what the queue
    /// gave back of its buffers in the last interval over the most that any of the queues did; a
    /// queue that had nothing to give back counts as 1. (The simulator resets any mu of 0 to 1; a
    /// queue that is stuck with full buffers has 0 here.)
    Abm {
        /// The factor, above 0.
        alpha: f64,
        /// How often mu is measured anew, above 0.
        interval: SimDuration,
    },
    /// Random early drop by what is free of the reserve: all pass above the share `pass`, none at
    /// or below `drop`, and between them a packet is refused with a probability that grows evenly.
    ///
    /// How NICs guard a pool that many queues draw on: `RQ_PASS_RBDR_LVL`, `RQ_DROP_RBDR_LVL` and
    /// RED between (Linux 7.3 drivers/net/ethernet/cavium/thunder/nicvf_queues.h), the RED of
    /// octeontx2's auras.
    EarlyDrop {
        /// Free share of the reserve above which all pass, at most 1.
        pass: f64,
        /// Free share at or below which none passes, below `pass`.
        drop: f64,
    },
    /// Anyone; where the reserve is used up, the queue that holds most of it loses its last packet.
    ///
    /// Push-out, which is optimal for a shared memory of equal ports (Cidon, Georgiadis, Guerin,
    /// Khamisy, "Optimal buffer sharing"). A NIC can take back only what the host has not seen, so
    /// this is what hardware would do at best: any packet but the one in service can be taken back.
    LongestQueueDrop,
    /// No reserve of its own: a queue may take a free dedicated buffer of any queue of its group.
    ///
    /// rxBisect (OSDI 2025), whose small allocation rings serve any reception ring. A queue has
    /// borrowed what it uses above its own entries; buffers are all alike, so that it does not
    /// matter whose they are.
    PeerBorrow,
}

impl Policy {
    /// Whether the rule looks at nothing but what the queue holds and what is free.
    #[must_use]
    pub const fn is_memoryless(&self) -> bool {
        match self {
            Self::CompleteSharing | Self::StaticCap { .. } | Self::DynamicThreshold { .. } => true,
            Self::Abm { .. }
            | Self::EarlyDrop { .. }
            | Self::LongestQueueDrop
            | Self::PeerBorrow => false,
        }
    }

    /// Whether a queue that holds `held` may take one more while `free` are free, as far as that
    /// alone decides.
    #[must_use]
    pub fn admits(&self, held: u32, free: u32) -> bool {
        complete_sharing::admits(free)
            && match self {
                Self::StaticCap { cap } => static_cap::admits(held, *cap),
                Self::DynamicThreshold { alpha } => dynamic_threshold::admits(held, free, *alpha),
                Self::CompleteSharing
                | Self::Abm { .. }
                | Self::EarlyDrop { .. }
                | Self::LongestQueueDrop
                | Self::PeerBorrow => true,
            }
    }

    /// Its factor or cap, where it has one.
    #[must_use]
    pub fn parameter(self) -> Option<f64> {
        match self {
            Self::StaticCap { cap } => Some(f64::from(cap)),
            Self::DynamicThreshold { alpha } | Self::Abm { alpha, .. } => Some(alpha),
            Self::CompleteSharing
            | Self::EarlyDrop { .. }
            | Self::LongestQueueDrop
            | Self::PeerBorrow => None,
        }
    }

    /// Whether what a queue may hold has a limit besides what is free.
    #[must_use]
    pub const fn has_limits(&self) -> bool {
        matches!(self, Self::StaticCap { .. } | Self::DynamicThreshold { .. })
    }

    /// How many more a queue that holds `held` may take one after another while `free` are free, as
    /// far as that alone decides.
    #[must_use]
    pub fn headroom(&self, held: u32, free: u32) -> u32 {
        match self {
            Self::StaticCap { cap } => free.min(cap.saturating_sub(held)),
            Self::DynamicThreshold { alpha } => dynamic_threshold::headroom(held, free, *alpha),
            Self::CompleteSharing
            | Self::Abm { .. }
            | Self::EarlyDrop { .. }
            | Self::LongestQueueDrop
            | Self::PeerBorrow => free,
        }
    }

    /// Whether a queue that holds `held` may take `count` more while `free` are free.
    #[must_use]
    pub fn admits_all(&self, held: u32, free: u32, count: u32) -> bool {
        count <= free && (0..count).all(|k| self.admits(held + k, free - k))
    }

    /// The name used in scenarios and results.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CompleteSharing => "complete-sharing",
            Self::StaticCap { .. } => "static-cap",
            Self::DynamicThreshold { .. } => "dynamic-threshold",
            Self::Abm { .. } => "abm",
            Self::EarlyDrop { .. } => "red",
            Self::LongestQueueDrop => "longest-queue-drop",
            Self::PeerBorrow => "peer-borrow",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_policy_admits_by_its_formula() {
        let half = Policy::DynamicThreshold { alpha: 0.5 };
        let cases = [
            (Policy::CompleteSharing, 9, 1, true),
            (Policy::CompleteSharing, 0, 0, false),
            (Policy::StaticCap { cap: 3 }, 2, 5, true),
            (Policy::StaticCap { cap: 3 }, 3, 5, false),
            (Policy::StaticCap { cap: 3 }, 2, 0, false),
            (half, 1, 4, true),
            (half, 2, 4, false),
            (half, 0, 1, true),
        ];
        for (policy, held, free, expected) in cases {
            assert_eq!(policy.admits(held, free), expected, "{policy:?} held {held} free {free}");
        }
    }

    #[test]
    fn several_buffers_are_tested_one_after_another() {
        let policy = Policy::DynamicThreshold { alpha: 1.0 };
        // held 0,1,2 against free 4,3,2: the third fails
        assert!(policy.admits_all(0, 4, 2));
        assert!(!policy.admits_all(0, 4, 3));
        assert!(!Policy::CompleteSharing.admits_all(0, 2, 3));
    }
}

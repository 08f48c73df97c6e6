//! Reserve policies: who may take one more buffer of the reserve.

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
}

impl Policy {
    /// Whether a queue that holds `held` may take one more while `free` are free.
    #[must_use]
    pub fn admits(&self, held: u32, free: u32) -> bool {
        free >= 1
            && match self {
                Self::CompleteSharing => true,
                Self::StaticCap { cap } => held < *cap,
                Self::DynamicThreshold { alpha } => f64::from(held) < alpha * f64::from(free),
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

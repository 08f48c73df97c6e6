//! Random early drop: see [`Policy::EarlyDrop`](super::Policy::EarlyDrop).

use super::Claim;
use crate::model::distribution::unit;
use crate::random::{Generator, branch_off};

/// The rule and its lots.
#[derive(Debug, Clone)]
pub(crate) struct EarlyDrop {
    pass: f64,
    drop: f64,
    entries: f64,
    draws: Generator,
}

impl EarlyDrop {
    pub(super) fn new(pass: f64, drop: f64, entries: u32, draws: Generator) -> Self {
        Self { pass, drop, entries: f64::from(entries), draws }
    }

    /// Goes on with a stream of its own.
    pub(super) fn branch_off(&mut self, chance: &mut Generator) {
        self.draws = branch_off(chance);
    }

    /// One lot a packet; all its buffers must pass, so the last of them decides.
    pub(super) fn grants(&mut self, claim: Claim) -> bool {
        let free = f64::from(claim.free - (claim.count - 1)) / self.entries;
        if free > self.pass {
            return true;
        }
        if free <= self.drop {
            return false;
        }
        unit(&mut self.draws) * (self.pass - self.drop) < free - self.drop
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::QueueId;
    use crate::random::Streams;
    use crate::units::SimTime;

    #[test]
    fn a_packet_passes_in_proportion_to_what_is_free_between_the_levels() {
        let draws = Streams::new(1, 0).stream("early drop");
        let mut rule = EarlyDrop::new(0.75, 0.25, 100, draws);
        let mut passed = |free, count| {
            let claim = Claim {
                queue: QueueId::new(0),
                held: 0,
                free,
                count,
                holders: 0,
                now: SimTime::ZERO,
            };
            (0..10_000).filter(|_| rule.grants(claim)).count()
        };
        assert_eq!(passed(76, 1), 10_000);
        assert_eq!(passed(25, 1), 0);
        // Half way between the levels: 5000, with a standard deviation of 50; four of those.
        assert!(passed(50, 1).abs_diff(5_000) < 200);
        // A packet of 26 buffers is judged by its last, of which only 51 would be free.
        assert!(passed(76, 26).abs_diff(5_200) < 200);
    }
}

//! Active buffer management: see [`Policy::Abm`](super::Policy::Abm).

use super::Claim;
use crate::id::QueueId;
use crate::units::{SimDuration, SimTime};

/// Drain rates, measured interval by interval, and the rule that uses them.
#[derive(Debug, Clone)]
pub(crate) struct Abm {
    alpha: f64,
    interval: SimDuration,
    /// The end of the interval under way.
    end: SimTime,
    queues: Vec<Drain>,
}

/// What a queue did in an interval, for who tells it all at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drained {
    /// Buffers that it gave back.
    pub(crate) returned: u32,
    /// Whether it was without buffers at any time.
    pub(crate) was_empty: bool,
    /// Whether it is without buffers at the end.
    pub(crate) is_empty: bool,
}

/// How a queue drains.
#[derive(Debug, Clone, Copy)]
struct Drain {
    /// Buffers given back in the interval under way.
    returned: u32,
    /// Whether it has been without buffers in the interval under way.
    was_empty: bool,
    /// Whether it is without buffers.
    is_empty: bool,
    /// What it gave back in the last interval over the most of any queue; 1: was empty in it.
    mu: f64,
}

impl Abm {
    pub(super) fn new(alpha: f64, interval: SimDuration, queues: usize) -> Self {
        let drain = Drain { returned: 0, was_empty: true, is_empty: true, mu: 1.0 };
        Self { alpha, interval, end: SimTime::ZERO + interval, queues: vec![drain; queues] }
    }

    /// The k-th buffer is tested with what the queue would hold and what would be free by then.
    pub(super) fn grants(&mut self, claim: Claim) -> bool {
        self.measure(claim.now);
        let Claim { held, free, count, holders, .. } = claim;
        let in_need = holders + u32::from(held == 0);
        let factor = self.alpha * self.queues[claim.queue.index()].mu / f64::from(in_need);
        (0..count).all(|k| f64::from(held + k) < factor * f64::from(free - k))
    }

    pub(super) fn returned(&mut self, queue: QueueId, returned: u32, kept: u32, now: SimTime) {
        self.measure(now);
        let drain = &mut self.queues[queue.index()];
        drain.returned += returned;
        drain.is_empty = kept == 0;
        drain.was_empty |= drain.is_empty;
    }

    pub(super) fn filled(&mut self, queue: QueueId, now: SimTime) {
        self.measure(now);
        self.queues[queue.index()].is_empty = false;
    }

    /// What the queue did in the interval under way.
    pub(super) fn drained(&mut self, queue: QueueId, drained: Drained) {
        let Drained { returned, was_empty, is_empty } = drained;
        let drain = &mut self.queues[queue.index()];
        (drain.returned, drain.was_empty, drain.is_empty) = (returned, was_empty, is_empty);
    }

    /// Closes the interval under way if it is over.
    pub(super) fn measure(&mut self, now: SimTime) {
        if now < self.end {
            return;
        }
        let most = self.queues.iter().map(|drain| drain.returned).max().unwrap_or(0);
        let over = now - self.end;
        let passed = over.as_ps() / self.interval.as_ps();
        for drain in &mut self.queues {
            // Where whole intervals have passed, nothing was given back in the last of them.
            let returned = if passed == 0 { drain.returned } else { 0 };
            let most = if passed == 0 { most } else { 0 };
            let was_empty = if passed == 0 { drain.was_empty } else { drain.is_empty };
            drain.mu = match (was_empty, most) {
                (true, _) | (false, 0) => 1.0,
                (false, most) => f64::from(returned) / f64::from(most),
            };
            drain.returned = 0;
            drain.was_empty = drain.is_empty;
        }
        self.end += self.interval * (passed + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUES: [QueueId; 2] = [QueueId::new(0), QueueId::new(1)];

    fn abm() -> Abm {
        let mut abm = Abm::new(1.0, SimDuration::from_ps(10), 2);
        for queue in QUEUES {
            abm.filled(queue, SimTime::ZERO);
        }
        abm
    }

    fn granted(abm: &mut Abm, queue: QueueId, held: u32, now: u64) -> bool {
        let now = SimTime::from_ps(now);
        abm.grants(Claim { queue, held, free: 8, count: 1, holders: 2, now })
    }

    #[test]
    fn two_in_need_have_half_a_dynamic_threshold_each() {
        let mut abm = abm();
        assert!(granted(&mut abm, QUEUES[0], 3, 1));
        assert!(!granted(&mut abm, QUEUES[0], 4, 1));
    }

    #[test]
    fn a_queue_that_drains_at_a_quarter_of_the_rate_has_a_quarter_of_the_share() {
        let mut abm = abm();
        let at = SimTime::from_ps;
        // Both were empty when the first interval began: it does not count.
        abm.returned(QUEUES[0], 1, 5, at(5));
        abm.returned(QUEUES[0], 4, 5, at(11));
        abm.returned(QUEUES[1], 1, 5, at(12));
        assert!(granted(&mut abm, QUEUES[1], 3, 13));
        // Of 8 free, half a threshold is 4; a quarter of that is 1.
        assert!(granted(&mut abm, QUEUES[0], 3, 20));
        assert!(granted(&mut abm, QUEUES[1], 0, 20));
        assert!(!granted(&mut abm, QUEUES[1], 1, 20));
    }

    #[test]
    fn a_queue_that_gives_nothing_back_gets_nothing_more() {
        let mut abm = abm();
        abm.returned(QUEUES[0], 1, 5, SimTime::from_ps(15));
        assert!(!granted(&mut abm, QUEUES[1], 0, 20));
        // Nobody gave anything back in the interval from 30 to 40.
        assert!(granted(&mut abm, QUEUES[1], 0, 41));
    }
}

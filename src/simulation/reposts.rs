//! What reposting reserve buffers takes of the cores, and how much of it they could take.

use crate::model::buffers::Refiller;
use crate::model::outcome::Outcome;
use crate::scenario::Scenario;
use crate::units::{sum_to_f64, to_f64};

/// Reserve buffers reposted by cores, where that takes time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reposts {
    /// Of each delivered packet, on average: the share of packets that hit the reserve, where each
    /// takes one buffer.
    pub per_packet: f64,
    /// How many there could be of each packet until the cores that repost have no time left: the
    /// most at which a reserve can pay. Beyond it private rings, whose entries are posted with the
    /// packets' own work, drop less, however small they are; in bursts they may do so sooner.
    pub break_even_per_packet: f64,
}

impl Reposts {
    /// From what replications came to, `sum` being over `count` of them; `None` where reposting
    /// takes no time or nothing was delivered.
    pub(super) fn new(scenario: &Scenario, sum: &Outcome, count: f64) -> Option<Self> {
        let reserve = scenario.reserve.as_ref().filter(|reserve| !reserve.sync_cost.is_zero())?;
        let delivered = to_f64(Some(sum.sojourn.count()).filter(|count| *count > 0)?);
        let cost_ps = to_f64(reserve.sync_cost.as_ps());
        let reposting_ps = sum_to_f64(sum.sync_ps - sum.lock_wait_ps);
        let window_ps = to_f64(sum.simulated.as_ps()) * count;
        let cores = |count: usize| window_ps * to_f64(count as u64);
        let available_ps = match reserve.refiller {
            Refiller::OneCore => cores(reserve.groups as usize),
            Refiller::ConsumingCore => {
                let taken = (sum.utilization + sum.stalled_fraction) / count;
                let idle = cores(scenario.host.cores(scenario.queues())) * (1.0 - taken).max(0.0);
                idle + sum_to_f64(sum.sync_ps)
            }
        };
        Some(Self {
            per_packet: reposting_ps / cost_ps / delivered,
            break_even_per_packet: available_ps / cost_ps / delivered,
        })
    }
}

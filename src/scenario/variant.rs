//! The same host with another number of queues.

use super::Scenario;
use crate::id::QueueId;
use crate::model::host::HostSpec;
use crate::model::traffic::{TrafficKind, TrafficSpec};
use crate::units::PacketRate;

/// Why a scenario has the queues that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FixedQueues {
    /// Rings or services differ from queue to queue.
    #[error("nic.rx or host.service differ from queue to queue; write one value for all")]
    Unlike,
    /// A table names queues.
    #[error("traffic.{table} names queues; write queues = \"all\"")]
    Named {
        /// Its number.
        table: usize,
    },
    /// A table has no rate that could be spread.
    #[error("traffic.{table} is of a kind that has no rate for each queue")]
    NoRate {
        /// Its number.
        table: usize,
    },
    /// The reserve has more groups than there would be queues.
    #[error("reserve.groups is more than {queues} queues; search more of them")]
    Groups {
        /// How many.
        queues: u32,
    },
    /// A rate per queue cannot be held.
    #[error("traffic.{table} has a rate that cannot be spread evenly over {queues} queues")]
    Rate {
        /// Its number.
        table: usize,
        /// Over how many.
        queues: u32,
    },
}

impl Scenario {
    /// The same host with `queues` queues and the same traffic in total, spread evenly over them:
    /// rates change with the number of queues, the lengths
    /// of bursts do not. Cores that a scenario names stay as many; those that go by the number
    /// of queues go on to do so.
    ///
    /// # Errors
    /// [`FixedQueues`] where the scenario says what each queue is.
    pub fn with_queues(&self, queues: u32) -> Result<Self, FixedQueues> {
        let own = self.queues();
        if own == queues as usize {
            return Ok(self.clone());
        }
        let mut other = self.clone();
        let rx = self.nic.rx[0];
        if self.nic.rx.iter().any(|depth| *depth != rx) {
            return Err(FixedQueues::Unlike);
        }
        other.nic.rx = vec![rx; queues as usize];
        match &mut other.host {
            HostSpec::Server { service, .. } => {
                let first = service[0].clone();
                if service.iter().any(|service| *service != first) {
                    return Err(FixedQueues::Unlike);
                }
                *service = vec![first; queues as usize];
            }
            HostSpec::Napi(spec) if spec.cores as usize == own => spec.cores = queues,
            _ => {}
        }
        if self.reserve.as_ref().is_some_and(|reserve| reserve.groups > queues) {
            return Err(FixedQueues::Groups { queues });
        }
        let share = (u32::try_from(own).expect("queues are counted in 32 bits"), queues);
        for (table, traffic) in other.traffic.iter_mut().enumerate() {
            traffic.spread(table, share, own)?;
        }
        Ok(other)
    }
}

impl TrafficSpec {
    /// Spreads over `to` queues what was for each of `from` queues, which are all that there are.
    fn spread(
        &mut self,
        table: usize,
        (from, to): (u32, u32),
        own: usize,
    ) -> Result<(), FixedQueues> {
        if self.queues.len() != own {
            return Err(FixedQueues::Named { table });
        }
        let spread =
            |rate: PacketRate| rate.times(from, to).ok_or(FixedQueues::Rate { table, queues: to });
        match &mut self.kind {
            TrafficKind::Poisson { rate } | TrafficKind::Constant { rate } => {
                *rate = spread(*rate)?
            }
            TrafficKind::OnOff(spec) => {
                (spec.rate, spec.rate_off) = (spread(spec.rate)?, spread(spec.rate_off)?);
                spec.in_phase = in_phase(spec.in_phase, own, to);
            }
            TrafficKind::Mmpp(spec) => {
                spec.map_rates(spread)?;
                spec.in_phase = in_phase(spec.in_phase, own, to);
            }
            TrafficKind::Batch(_)
            | TrafficKind::Flows(_)
            | TrafficKind::Incast(_)
            | TrafficKind::Transfers(_)
            | TrafficKind::Recorded(_) => return Err(FixedQueues::NoRate { table }),
        }
        self.queues = (0..to).map(QueueId::new).collect();
        Ok(())
    }
}

/// All in step stay so; else as many as there are.
fn in_phase(in_phase: usize, own: usize, queues: u32) -> usize {
    if in_phase == own { queues as usize } else { in_phase.min(queues as usize) }
}

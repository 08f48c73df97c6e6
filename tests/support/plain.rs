//! Random systems cut down to what the fast paths take.

use rxplan::model::buffers::{Accounting, Refiller};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::SystemSpec;
use rxplan::model::traffic::{HEADERS, RecordedPacket, TrafficKind};
use rxplan::units::SimDuration;

use crate::scenarios::BUFFER;

/// The scenario with what the fast paths leave to the reference engine taken out.
pub(crate) fn plain(mut system: SystemSpec) -> SystemSpec {
    system.fifo = FifoSpec::default();
    system.line_rate = None;
    system.stalls.clear();
    if let HostSpec::Server { wakeup, .. } = &mut system.host {
        *wakeup = Distribution::Constant(0);
    }
    if let Some(reserve) = &mut system.buffers.reserve {
        (reserve.groups, reserve.repost) = (1, 1);
        reserve.sync_cost = SimDuration::ZERO;
        reserve.refiller = Refiller::ConsumingCore;
        reserve.low_watermark = None;
        reserve.small = None;
        reserve.device_entries = 0;
        if !reserve.policy.is_memoryless() {
            reserve.policy = Policy::CompleteSharing;
        }
    }
    system
}

/// The same with constant services and packets of one buffer: what windows need.
pub(crate) fn steady(mut system: SystemSpec) -> SystemSpec {
    let HostSpec::Server { service, .. } = &mut system.host else { unreachable!("servers only") };
    for time in service {
        if !matches!(time, Distribution::Constant(1..)) {
            *time = Distribution::Constant(3);
        }
    }
    for traffic in &mut system.traffic {
        traffic.size = Distribution::Constant(u64::from(BUFFER) - 1);
        match &mut traffic.kind {
            TrafficKind::Recorded(packets) => {
                let short = packets.play().map(|p| RecordedPacket { len: p.len.min(BUFFER), ..p });
                *packets = short.collect();
            }
            TrafficKind::Flows(spec) => spec.messages = spec.messages.with_mtu(HEADERS + 40),
            TrafficKind::Incast(spec) => spec.answers = spec.answers.with_mtu(HEADERS + 40),
            _ => {}
        }
    }
    let mut most = 0;
    if let Some(reserve) = &mut system.buffers.reserve {
        reserve.accounting = Accounting::Pinned;
        most = reserve.entries;
    }
    if most > 0 {
        system.buffers.rx.iter_mut().for_each(|rx| *rx = (*rx).max(1));
    }
    // Often no larger than must be.
    let most = most + system.buffers.rx.iter().max().expect("there are queues");
    system.buffers.completion_entries = system.buffers.completion_entries.max(most);
    system
}

//! Running a system on one engine or another, and what the fast paths need of it.

use rxplan::model::buffers::{Accounting, Refiller, ReserveSpec};
use rxplan::model::distribution::Distribution;
use rxplan::model::fast::FastPath;
use rxplan::model::host::HostSpec;
use rxplan::model::log::PacketOutcome;
use rxplan::model::policy::Policy;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::{HEADERS, RecordedPacket, TrafficKind};
use rxplan::random::Streams;
use rxplan::units::SimDuration;

use crate::scenarios::BUFFER;

/// Everything measured, as text (floats to the last bit), and every packet.
pub(crate) type Measured = (String, Vec<PacketOutcome>);

/// Runs it on a fast path, or on the reference engine, and watches the packets.
pub(crate) fn run(system: &SystemSpec, seed: u64, path: Option<FastPath>) -> Measured {
    let mut packets = Vec::new();
    let mut sink = |packet: &PacketOutcome| packets.push(*packet);
    let observers = Observers { packets: Some(&mut sink), ..Observers::default() };
    (measure(system, seed, path, observers), packets)
}

/// Runs it, with others who look on, or nobody: a path may take shortcuts then.
pub(crate) fn measure<'a>(
    system: &'a SystemSpec,
    seed: u64,
    path: Option<FastPath>,
    observers: Observers<'a>,
) -> String {
    let (streams, progress) = (Streams::new(seed, 0), Progress::default());
    let outcome = match path {
        Some(path) => system.run_fast(path, streams, &progress, observers),
        None => system.run(streams, &progress, observers),
    };
    format!("{:?}", outcome.expect("nobody stops it"))
}

/// A reserve of so many entries, without anything special.
pub(crate) const fn plain_reserve(entries: u32) -> ReserveSpec {
    ReserveSpec {
        entries,
        device_entries: 0,
        policy: Policy::CompleteSharing,
        accounting: Accounting::Pinned,
        groups: 1,
        sync_cost: SimDuration::ZERO,
        refiller: Refiller::ConsumingCore,
        repost: 1,
        low_watermark: None,
        lock: false,
        small: None,
    }
}

/// The scenario with what the fast paths leave to the reference engine taken out.
pub(crate) fn plain(mut system: SystemSpec) -> SystemSpec {
    system.fifo = FifoSpec::default();
    system.line_rate = None;
    if let HostSpec::Server { wakeup, .. } = &mut system.host {
        *wakeup = Distribution::Constant(0);
        system.stalls.clear();
    }
    if let Some(reserve) = &mut system.buffers.reserve {
        (reserve.groups, reserve.repost) = (1, 1);
        reserve.sync_cost = SimDuration::ZERO;
        reserve.refiller = Refiller::ConsumingCore;
        reserve.low_watermark = None;
        reserve.small = None;
        reserve.device_entries = 0;
    }
    system
}

/// The scenario with a policy that looks at nothing but what is held and free.
pub(crate) fn memoryless(mut system: SystemSpec) -> SystemSpec {
    if let Some(reserve) = &mut system.buffers.reserve
        && !reserve.policy.is_memoryless()
    {
        reserve.policy = Policy::CompleteSharing;
    }
    system
}

/// The scenario with packets of one buffer and of one length, where that is not recorded or cut
/// from messages.
pub(crate) fn one_buffer(mut system: SystemSpec) -> SystemSpec {
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
    system
}

/// The scenario with buffers that stay what they are and with room for all completions, often no
/// more than must be.
pub(crate) fn roomy(mut system: SystemSpec) -> SystemSpec {
    let mut most = 0;
    if let Some(reserve) = &mut system.buffers.reserve {
        reserve.accounting = Accounting::Pinned;
        most = reserve.entries;
    }
    let most = most + system.buffers.rx.iter().max().expect("there are queues");
    system.buffers.completion_entries = system.buffers.completion_entries.max(most);
    system
}

/// The scenario with constant services and packets of one buffer, and no policy that takes from
/// others: what windows need.
pub(crate) fn steady(mut system: SystemSpec) -> SystemSpec {
    let HostSpec::Server { service, .. } = &mut system.host else { unreachable!("servers only") };
    for time in service {
        if !matches!(time, Distribution::Constant(1..)) {
            *time = Distribution::Constant(3);
        }
    }
    let mut system = one_buffer(system);
    if let Some(reserve) = &mut system.buffers.reserve {
        if matches!(reserve.policy, Policy::LongestQueueDrop | Policy::PeerBorrow) {
            reserve.policy = Policy::CompleteSharing;
        }
        if reserve.entries > 0 {
            system.buffers.rx.iter_mut().for_each(|rx| *rx = (*rx).max(1));
        }
    }
    roomy(system)
}

//! Runs of random scenarios, and how they are repeated.

use proptest::test_runner::{Config, RngSeed};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::log::PacketOutcome;
use rxplan::model::outcome::Outcome;
use rxplan::model::port::FifoSpec;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::{RecordedPacket, TrafficKind};
use rxplan::random::Streams;
use rxplan::units::SimTime;

use crate::scenarios::AMPLE;

/// Seed of every run.
pub(crate) const SEED: u64 = 1;

/// The same cases every time.
pub(crate) fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..Config::default() }
}

/// A run with its packets.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) packets: Vec<PacketOutcome>,
}

/// Runs it with every way of looking into it.
pub(crate) fn run(system: &SystemSpec) -> Run {
    let mut packets = Vec::new();
    let mut sink = |packet: &PacketOutcome| packets.push(*packet);
    let observers = Observers { packets: Some(&mut sink), timeline: true, watcher: None };
    let streams = Streams::new(SEED, 0);
    let outcome = system.run(streams, &Progress::default(), observers).expect("nobody stops it");
    Run { outcome, packets }
}

/// The same scenario with its traffic recorded as it arrives at the NIC.
pub(crate) fn recorded(system: &SystemSpec) -> SystemSpec {
    let mut roomy = without_loss(system);
    roomy.window.start = SimTime::ZERO;
    let packets = run(&roomy).packets.into_iter().map(|packet| {
        let PacketOutcome { arrival, queue, len, .. } = packet;
        RecordedPacket { time: arrival, queue, len }
    });
    let mut recorded = system.clone();
    recorded.traffic.truncate(1);
    recorded.traffic[0].kind = TrafficKind::Recorded(packets.collect());
    recorded.line_rate = None;
    recorded
}

/// The same traffic and services with room for everything, no wake-ups and no stalls.
pub(crate) fn without_loss(system: &SystemSpec) -> SystemSpec {
    let mut roomy = system.clone();
    roomy.buffers.rx.fill(AMPLE);
    roomy.buffers.completion_entries = AMPLE;
    roomy.buffers.reserve = None;
    roomy.fifo = FifoSpec::default();
    roomy.stalls.clear();
    if let HostSpec::Server { wakeup, .. } = &mut roomy.host {
        *wakeup = Distribution::Constant(0);
    }
    roomy
}

/// Equal but for rounding.
pub(crate) fn close(left: f64, right: f64) -> bool {
    (left - right).abs() < 1e-9 * (1.0 + left.abs())
}

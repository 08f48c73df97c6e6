//! The fast path against the reference engine: the same packets, counts, levels and sums.

#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::log::PacketOutcome;
use rxplan::model::outcome::Outcome;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::random::Streams;
use rxplan::units::SimDuration;

type Engine = for<'a> fn(&'a SystemSpec, Streams, &Progress, Observers<'a>) -> Option<Outcome>;

/// Everything measured, as text (floats to the last bit), and every packet.
fn run(system: &SystemSpec, seed: u64, engine: Engine) -> (String, Vec<PacketOutcome>) {
    let mut packets = Vec::new();
    let mut sink = |packet: &PacketOutcome| packets.push(*packet);
    let observers = Observers { packets: Some(&mut sink), timeline: false };
    let progress = Progress::default();
    let outcome = engine(system, Streams::new(seed, 0), &progress, observers).expect("not stopped");
    (format!("{outcome:?}"), packets)
}

/// The scenario with what the fast path leaves to the reference engine taken out.
fn simple(mut system: SystemSpec) -> SystemSpec {
    system.fifo = 0;
    system.line_rate = None;
    system.stalls.clear();
    if let HostSpec::Server { wakeup, .. } = &mut system.host {
        *wakeup = Distribution::Constant(0);
    }
    if let Some(reserve) = &mut system.buffers.reserve {
        (reserve.groups, reserve.repost) = (1, 1);
        reserve.sync_cost = SimDuration::ZERO;
    }
    system
}

proptest! {
    #![proptest_config(Config {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(8),
        ..Config::default()
    })]

    #[test]
    fn the_fast_path_is_the_reference_engine(
        system in scenarios::with_host(scenarios::server).prop_map(simple),
        seed in 0_u64..1000,
    ) {
        prop_assert!(system.has_fast_path());
        let (reference, expected) = run(&system, seed, SystemSpec::run);
        let (fast, packets) = run(&system, seed, SystemSpec::run_fast);
        prop_assert_eq!(packets, expected);
        prop_assert_eq!(fast, reference);
    }
}

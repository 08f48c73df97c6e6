//! The fast path of polled hosts and recordings against the reference engine: the same packets,
//! counts, levels and sums.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/engines.rs"]
mod engines;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use engines::{measure, one_buffer, plain, roomy, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::model::distribution::Distribution;
use rxplan::model::fast::FastPath;
use rxplan::model::host::{Coalescing, HostSpec, Moderation, Recycle};
use rxplan::model::system::{Observers, SystemSpec};
use rxplan::units::SimDuration;
use scenarios::{BUFFER, busy_polling, napi, replaying, with_host};

/// The scenario with what the path leaves to the reference engine taken out; packets are of one
/// length, or of several.
fn simple(system: SystemSpec, is_even: bool) -> SystemSpec {
    let mut system = roomy(one_buffer(plain(system)));
    if !is_even {
        for traffic in &mut system.traffic {
            traffic.size = Distribution::Uniform { min: 1, max: u64::from(BUFFER) };
        }
    }
    let at_least_one = |per_packet: &mut SimDuration| {
        *per_packet = (*per_packet).max(SimDuration::from_ps(1));
    };
    match &mut system.host {
        HostSpec::BusyPoll(spec) => at_least_one(&mut spec.per_packet),
        HostSpec::Napi(spec) => {
            at_least_one(&mut spec.per_packet);
            spec.cache = None;
            spec.recycle = Recycle::PagePool;
            spec.hold = Distribution::Constant(0);
            if spec.moderation == Moderation::Adaptive {
                spec.moderation =
                    Moderation::Fixed(Coalescing { usecs: SimDuration::ZERO, frames: 2 });
            }
        }
        _ => {}
    }
    system
}

/// Whether the path does to this system what the reference engine does, watched and unwatched.
fn agrees(system: &SystemSpec, seed: u64) -> Result<(), TestCaseError> {
    prop_assert!(FastPath::Cores.is_valid(system));
    let expected = run(system, seed, None);
    let unwatched = measure(system, seed, Some(FastPath::Cores), Observers::default());
    prop_assert_eq!(&unwatched, &expected.0);
    prop_assert_eq!(run(system, seed, Some(FastPath::Cores)), expected);
    Ok(())
}

proptest! {
    #![proptest_config(Config {
        cases: 4000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..Config::default()
    })]

    #[test]
    fn busy_polls_are_the_reference_engines(
        system in with_host(|_| busy_polling()),
        is_even: bool,
        seed in 0_u64..1000,
    ) {
        agrees(&simple(system, is_even), seed)?;
    }

    #[test]
    fn napi_polls_are_the_reference_engines(
        system in with_host(|_| napi()),
        is_even: bool,
        seed in 0_u64..1000,
    ) {
        agrees(&simple(system, is_even), seed)?;
    }

    #[test]
    fn recorded_returns_are_the_reference_engines(
        system in with_host(replaying),
        is_even: bool,
        seed in 0_u64..1000,
    ) {
        agrees(&simple(system, is_even), seed)?;
    }
}

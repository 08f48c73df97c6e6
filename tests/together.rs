//! Systems with reserves of many sizes in one pass: each measures what it measures alone, to the
//! last bit of every float.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/plain.rs"]
mod plain;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use plain::{plain, steady};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::model::buffers::{Accounting, Refiller, ReserveSpec};
use rxplan::model::fast::FastPath;
use rxplan::model::policy::Policy;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::random::Streams;
use rxplan::units::SimDuration;
use scenarios::{server, with_host};

/// What each measures in one pass, and alone, as text.
fn measured(systems: &[SystemSpec], seed: u64) -> Vec<[String; 2]> {
    let (streams, progress) = (Streams::new(seed, 0), Progress::default());
    let refs: Vec<&SystemSpec> = systems.iter().collect();
    let together = SystemSpec::run_together(&refs, streams, &progress).unwrap();
    let alone = |system: &SystemSpec| {
        let path = FastPath::Windowed;
        system.run_fast(path, streams, &progress, Observers::default()).unwrap()
    };
    let text = |(together, system)| [format!("{together:?}"), format!("{:?}", alone(system))];
    together.into_iter().zip(systems).map(text).collect()
}

/// The system with each of these sizes of the reserve, and with completion rings that are often no
/// longer than must be.
fn with_reserves(system: &SystemSpec, entries: &[u32], more_completions: u32) -> Vec<SystemSpec> {
    let of = |entries: &u32| {
        let mut system = system.clone();
        let reserve = system.buffers.reserve.get_or_insert(ReserveSpec {
            entries: 0,
            device_entries: 0,
            policy: Policy::CompleteSharing,
            accounting: Accounting::Pinned,
            groups: 1,
            sync_cost: SimDuration::ZERO,
            repost: 1,
            refiller: Refiller::ConsumingCore,
            low_watermark: None,
            lock: false,
            small: None,
        });
        (reserve.entries, reserve.policy) = (*entries, Policy::CompleteSharing);
        system.buffers.rx.iter_mut().for_each(|rx| *rx = (*rx).max(1));
        let most = entries + system.buffers.rx.iter().max().unwrap();
        system.buffers.completion_entries = most + more_completions;
        system
    };
    entries.iter().map(of).collect()
}

proptest! {
    #![proptest_config(Config {
        cases: 6000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(9),
        ..Config::default()
    })]

    #[test]
    fn each_measures_what_it_measures_alone(
        system in with_host(server).prop_map(plain).prop_map(steady),
        entries in prop::collection::vec(0_u32..=9, 1..6),
        most in 1_u32..=40,
        more_completions in 0_u32..=2,
        seed in 0_u64..1000,
    ) {
        let entries = [&entries[..], &[most]].concat();
        let systems = with_reserves(&system, &entries, more_completions);
        prop_assert!(SystemSpec::can_run_together(&systems.iter().collect::<Vec<_>>()));
        for (entries, [together, alone]) in entries.iter().zip(measured(&systems, seed)) {
            prop_assert_eq!(together, alone, "reserve of {}", entries);
        }
    }
}

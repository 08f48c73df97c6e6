//! Systems with reserves of many sizes in one pass: each measures what it measures alone, to the
//! last bit of every float.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/engines.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod engines;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use engines::{plain, plain_reserve, steady};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::model::fast::FastPath;
use rxplan::model::policy::Policy;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::random::Streams;
use rxplan::scenario::{Scenario, Source};
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
        let reserve = system.buffers.reserve.get_or_insert(plain_reserve(0));
        (reserve.entries, reserve.policy) = (*entries, Policy::CompleteSharing);
        system.buffers.rx.iter_mut().for_each(|rx| *rx = (*rx).max(1));
        let most = entries + system.buffers.rx.iter().max().unwrap();
        system.buffers.completion_entries = most + more_completions;
        system
    };
    entries.iter().map(of).collect()
}

/// A shipped scenario's system, with overrides.
fn shipped(name: &str, overrides: &[&str]) -> SystemSpec {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let file = folder.join(name).with_extension("toml");
    Scenario::load(&Source::File(file), &overrides).unwrap().system()
}

#[test]
fn whole_windows_are_those_of_each_alone() {
    // Bursts apart, in step, and so many packets that members go on alone and come back.
    for (name, rx, overrides) in [
        ("ring32-light", 128, &["run.duration=8 ms"][..]),
        ("ring32-light", 64, &["run.duration=8 ms", "traffic.0.rate=2.5 Mpps"]),
        ("ring32", 256, &["run.duration=8 ms"]),
        ("shared-reserve", 203, &["run.duration=12 ms"]),
        ("synchronized-bursts", 300, &["run.duration=20 ms"]),
    ] {
        let system = shipped(name, &[overrides, &["run.warmup=1 ms"]].concat());
        let mut system = with_reserves(&system, &[0], 0).remove(0);
        system.buffers.rx.fill(rx);
        let entries = [700, 0, 64, 4000, 12_000, 2000];
        let systems = with_reserves(&system, &entries, 100);
        for (entries, [together, alone]) in entries.iter().zip(measured(&systems, 1)) {
            assert!(together == alone, "{name} with a reserve of {entries}");
        }
    }
}

#[test]
fn systems_that_differ_in_more_cannot_run_together() {
    let system = shipped("ring32-light", &[]);
    let can =
        |systems: &[SystemSpec]| SystemSpec::can_run_together(&systems.iter().collect::<Vec<_>>());
    let both = with_reserves(&system, &[8, 512], 0);
    assert!(can(&both));
    let differ = |change: fn(&mut SystemSpec)| {
        let mut systems = both.clone();
        change(&mut systems[0]);
        !can(&systems)
    };
    assert!(differ(|system| system.buffers.rx[3] += 1));
    assert!(differ(|system| system.window.start += SimDuration::from_ps(1)));
    assert!(differ(|system| system.traffic.clear()));
    assert!(differ(|system| system.buffers.reserve = None));
    let choosy = |policy| {
        let mut systems = both.clone();
        systems
            .iter_mut()
            .for_each(|system| system.buffers.reserve.as_mut().unwrap().policy = policy);
        !can(&systems)
    };
    assert!(choosy(Policy::DynamicThreshold { alpha: 1.0 }));
    assert!(choosy(Policy::StaticCap { cap: 4 }));
    assert!(!can(&with_reserves(&system, &[0, 0], 0)), "nothing to share");
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

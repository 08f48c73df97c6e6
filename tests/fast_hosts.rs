//! The fast path of polled hosts and recordings against the reference engine: the same packets,
//! counts, levels and sums.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/engines.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod engines;
#[path = "support/scenarios.rs"]
#[expect(dead_code, reason = "shared with tests that use more of it")]
mod scenarios;

use std::path::Path;

use engines::{measure, memoryless, one_buffer, plain, roomy, run};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use rxplan::id::QueueId;
use rxplan::model::distribution::Distribution;
use rxplan::model::fast::FastPath;
use rxplan::model::host::{Coalescing, HostSpec, Moderation, RecordedReturn, Recycle};
use rxplan::model::system::{Observers, SystemSpec};
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Engine, SimulationError};
use rxplan::units::{SimDuration, SimTime};
use scenarios::{BUFFER, busy_polling, napi, replaying, with_host};

/// The scenario with what the path leaves to the reference engine taken out; packets are of one
/// length, or of several.
fn simple(system: SystemSpec, is_even: bool) -> SystemSpec {
    let mut system = roomy(one_buffer(memoryless(plain(system))));
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

/// A shipped scenario with overrides, as `--set` takes them.
fn shipped(name: &str, overrides: &[&str]) -> SystemSpec {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let overrides: Vec<String> = overrides.iter().map(|text| (*text).to_owned()).collect();
    let file = Source::File(folder.join(name).with_extension("toml"));
    Scenario::load(&file, &overrides).unwrap().system()
}

const SHORT: [&str; 2] = ["run.duration=4 ms", "run.warmup=700 us"];

/// ring32 for a few milliseconds with another host; settings besides.
fn ring32(host: &str, settings: &[&str]) -> SystemSpec {
    let host = format!("host={host}");
    let overrides: Vec<&str> = [&SHORT[..], settings, &[host.as_str()]].concat();
    shipped("ring32", &overrides)
}

/// ring32 with a recording that gives each queue a buffer back every microsecond, but for pauses
/// after which many come at once.
fn replayed(settings: &[&str]) -> SystemSpec {
    let mut system = ring32("{ model = \"busy-poll\", per_packet = \"1 us\" }", settings);
    let at = |us: u64, queue: u32| {
        let count = match us % 100 {
            0..80 => 1,
            80..99 => return None,
            _ => 20,
        };
        let time = SimTime::from_ps(us * 1_000_000 + u64::from(queue % 3));
        Some(RecordedReturn { time, queue: QueueId::new(queue), count })
    };
    let returns = (0..5000).flat_map(|us| (0..32).filter_map(move |queue| at(us, queue)));
    let mut returns: Vec<RecordedReturn> = returns.collect();
    returns.sort_by_key(|it| it.time);
    system.host = HostSpec::Trace { returns: returns.into() };
    system
}

#[test]
fn large_systems_come_to_the_same_outcome() {
    const NAPI: &str = "model = \"napi\", per_packet = \"1 us\", poll_overhead = \"500 ns\"";
    let napi = |more: &str, settings: &[&str]| ring32(&format!("{{ {NAPI}{more} }}"), settings);
    let coalesced =
        ", rx_usecs = 64, rx_frames = 0, wakeup = { dist = \"exponential\", mean = \"7 us\" }";
    let deferred = ", rx_usecs = 8, napi_defer_hard_irqs = 2, gro_flush_timeout = \"20 us\"";
    let shared = ", cores = 20, rx_usecs = 20, rx_frames = 32, netdev_budget = 100";
    let systems = [
        ring32("{ model = \"busy-poll\", cores = 32, per_packet = \"1 us\", refill = 1 }", &[]),
        ring32(
            "{ model = \"busy-poll\", cores = 5, budget = 16, per_packet = \"200 ns\", \
             poll_overhead = \"300 ns\" }",
            &["reserve.policy=\"dynamic-threshold\"", "reserve.alpha=1"],
        ),
        napi(coalesced, &[]),
        napi(shared, &["reserve.policy=\"static-cap\"", "reserve.cap=50"]),
        napi(
            deferred,
            &["traffic.0.size={ dist = \"uniform\", min = \"64 B\", max = \"1500 B\" }"],
        ),
        napi(
            ", cores = 16, threaded = true, busy_poll = \"5 us\", refill = { batch = 8 }",
            &["nic.rx=20"],
        ),
        napi(", cores = 8, per_byte = \"1 ps\"", &[]),
        shipped("napi-coalescing", &SHORT),
        shipped("napi-coalescing", &[&SHORT[..], &["host.rx_usecs=256", "host.cores=3"]].concat()),
        replayed(&[]),
        replayed(&["reserve.entries=50", "nic.rx=300"]),
    ];
    for (number, system) in systems.iter().enumerate() {
        assert_eq!(system.fast_path(), Some(FastPath::Cores), "system {number}");
        let expected = run(system, 7, None);
        assert!(expected.1.len() > 10_000, "system {number} has {} packets", expected.1.len());
        let unwatched = measure(system, 7, Some(FastPath::Cores), Observers::default());
        assert!(unwatched == expected.0, "system {number} comes to something else");
        assert!(run(system, 7, Some(FastPath::Cores)) == expected, "system {number}, watched");
    }
}

/// Windows that hold little are not taken as they do not pay, but give the same result.
#[test]
fn rare_bursts_and_long_silence_come_to_the_same_outcome() {
    let rare = |host: &str| {
        let host = format!("host={host}");
        let settings = [
            "run.duration=400 ms",
            "run.warmup=3 ms",
            "nic.queues=3",
            "nic.rx=16",
            "traffic.0.on={ dist = \"exponential\", mean = \"50 us\" }",
            "traffic.0.off={ dist = \"exponential\", mean = \"20 ms\" }",
            host.as_str(),
        ];
        shipped("ring32", &settings)
    };
    let mut recorded = rare("{ model = \"busy-poll\", per_packet = \"1 us\" }");
    let at = |ms: u64| RecordedReturn {
        time: SimTime::from_ps(ms * 7_000_000_000),
        queue: QueueId::new(u32::try_from(ms % 3).unwrap()),
        count: 30,
    };
    recorded.host = HostSpec::Trace { returns: (0..80).map(at).collect() };
    let systems = [
        rare("{ model = \"busy-poll\", per_packet = \"1 us\", poll_overhead = \"70 ns\" }"),
        rare("{ model = \"napi\", per_packet = \"1 us\", rx_usecs = 500, cores = 1 }"),
        recorded,
    ];
    for (number, system) in systems.iter().enumerate() {
        assert_eq!(system.fast_path(), None, "system {number}");
        agrees(system, 3).unwrap();
    }
}

#[test]
fn what_is_outside_the_condition_is_left_to_the_reference_engine() {
    const NAPI: &str = "model = \"napi\", per_packet = \"1 us\"";
    let napi = |more: &str, settings: &[&str]| ring32(&format!("{{ {NAPI}{more} }}"), settings);
    assert_eq!(napi("", &[]).fast_path(), Some(FastPath::Cores));
    let outside = [
        ring32("{ model = \"busy-poll\", per_packet = \"0 ns\" }", &[]),
        ring32("{ model = \"poll\", period = \"10 us\" }", &[]),
        ring32("{ model = \"hold\", time = \"10 us\" }", &[]),
        napi(", adaptive = true", &[]),
        napi(", hold = \"5 us\"", &[]),
        napi(", recycle = \"return\"", &[]),
        napi(", cache = { llc_share = \"1 MiB\", miss_cost = \"50 ns\" }", &[]),
        napi("", &["traffic.0.size=\"9000 B\""]),
        napi("", &["nic.completion_entries=600"]),
        napi("", &["nic.fifo=\"64 KiB\""]),
        napi("", &["nic.line_rate=\"400 Gbit/s\""]),
        napi("", &["reserve.policy=\"red\"", "reserve.red_pass=0.5", "reserve.red_drop=0.1"]),
        napi("", &["reserve.accounting=\"relabelled\""]),
        napi("", &["reserve.groups=2"]),
        napi("", &["reserve.repost=8"]),
        napi("", &["reserve.sync_cost=\"100 ns\""]),
        // Valid, but cores would stop all the time.
        napi("", &["nic.rx=64"]),
    ];
    for (number, system) in outside.iter().enumerate() {
        assert_eq!(system.fast_path(), None, "system {number}");
        let is_valid = FastPath::Cores.is_valid(system);
        assert_eq!(is_valid, number + 1 == outside.len(), "system {number}");
        assert_eq!(Engine::Fast.name(system), Err(SimulationError::NoFastPath));
        assert_eq!(Engine::Auto.name(system), Ok("reference"));
    }
}

proptest! {
    #![proptest_config(Config {
        cases: 8000,
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

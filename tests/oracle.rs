//! The simulator against exact mathematics: a table of systems whose loss, occupancy or sojourn is
//! known, each simulated and compared at [`STANDARD_ERRORS`].
//!
//! A ring of `rx` entries in front of a server is a queue with room for `K = rx`, the packet in
//! service included. Each family of systems is a function that lists its cases, and a test.

#[path = "oracle/exact.rs"]
mod exact;
#[path = "support/formulas.rs"]
mod formulas;
#[path = "support/measure.rs"]
mod measure;
#[path = "support/shared_reserve.rs"]
mod shared_reserve;
#[path = "support/single_queue.rs"]
mod single_queue;
#[path = "support/systems.rs"]
mod systems;

use measure::{REPLICATIONS, STANDARD_ERRORS, run, window};
use rxplan::model::buffers::Accounting::Pinned;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy::{CompleteSharing, DynamicThreshold};
use rxplan::random::Streams;
use rxplan::units::SimDuration;
use statrs::distribution::{ContinuousCDF, StudentsT};
use systems::{
    batches, constant, exponential, hold, memoryless_queues, poisson, rings, server, span,
    with_reserve,
};

#[test]
fn a_false_alarm_comes_in_less_than_four_of_a_hundred_tables() {
    let student = StudentsT::new(0.0, 1.0, f64::from(REPLICATIONS - 1)).unwrap();
    let alarm = 2.0 * student.cdf(-STANDARD_ERRORS);
    let comparisons: usize = single_queue::FAMILIES
        .into_iter()
        .chain(shared_reserve::FAMILIES)
        .flat_map(|cases| cases())
        .map(|case| case.expected.len())
        .sum();
    assert!(alarm * comparisons as f64 <= 0.04, "{comparisons} comparisons at {alarm:e} each");
}

/// The lines beside which `plot` draws `scenarios/order-flip.toml`.
#[test]
fn the_file_of_the_order_flip_has_the_exact_losses() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/oracle/order-flip.csv");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text.lines().filter(|line| line.ends_with(|c: char| c.is_ascii_digit()));
    let mut losses = Vec::new();
    for row in rows {
        let (load, rest) = row.split_once(" Mpps,").unwrap();
        let (kind, loss) = rest.rsplit_once(',').unwrap();
        let (load, loss): (f64, f64) = (load.parse().unwrap(), loss.parse().unwrap());
        let is_capped = kind.contains("cap");
        let exact = match is_capped {
            true => exact::mm1k_loss(load, 4096),
            false => exact::relabelled_loss(32, 512, 4096, load),
        };
        assert!((loss / exact - 1.0).abs() < 1e-9, "{row}: {exact}");
        losses.push((load, is_capped, loss));
    }
    // The order flips where the load passes 0.99: below, 160 MiB lose less than 1 GiB.
    let loss = |load: f64, capped: bool| {
        let own = losses.iter().find(|own| (own.0 - load).abs() < 1e-9 && own.1 == capped);
        own.unwrap().2
    };
    assert!(loss(0.991, false) < loss(0.991, true) && loss(0.992, false) > loss(0.992, true));
}

/// Queues that always ask for more share a reserve of R under a threshold alpha evenly, and leave
/// some of it free: each holds `alpha R / (1 + alpha M)` of it, M being their number (Choudhury and
/// Hahne, IEEE/ACM Trans. Networking 6(2), 1998), but for rounding to whole buffers.
#[test]
fn saturated_queues_meet_at_the_fixed_point_of_their_threshold() {
    const RESERVE: u32 = 1_000;
    for (alpha, queues) in
        [(0.5, 1_u32), (0.5, 4), (1.0, 1), (1.0, 2), (1.0, 8), (8.0, 1), (8.0, 5)]
    {
        let hosts = server(queues as usize, constant(1.0));
        let system = rings(queues, 0, hosts, poisson(20.0));
        let policy = DynamicThreshold { alpha };
        let mut system = with_reserve(system, RESERVE, Pinned, policy);
        system.window = window(1_000.0, 3_000.0);
        let outcome = run(&system, Streams::new(1, 0));
        let each = alpha * f64::from(RESERVE) / (1.0 + alpha * f64::from(queues));
        for queue in &outcome.queues {
            let level = queue.reserve_in_use;
            assert!((level.mean - each).abs() < 1.0, "{alpha}, {queues}: {level:?}, not {each}");
        }
        let free = f64::from(RESERVE) - outcome.reserve_in_use.mean;
        let expected = f64::from(RESERVE) / (1.0 + alpha * f64::from(queues));
        assert!((free - expected).abs() < f64::from(queues), "{free} free, not {expected}");
    }
}

/// Buffers in use are accepted packets per time by mean sojourn, whatever the system.
#[test]
fn littles_law_holds() {
    let reserve = |system| with_reserve(system, 6, Pinned, CompleteSharing);
    let poll = HostSpec::Poll { period: span(4.0), budget: Some(3), per_packet: SimDuration::ZERO };
    let systems = [
        reserve(memoryless_queues(3, 2, 0.9)),
        reserve(rings(3, 2, server(3, constant(1.0)), batches(0.8, 4.0))),
        reserve(hold(3, 2, 3.0, exponential(1.0))),
        reserve(rings(2, 2, poll, poisson(0.7))),
    ];
    for mut system in systems {
        system.window = window(5_000.0, 105_000.0);
        let outcome = run(&system, Streams::new(1, 0));
        let accepted: u64 =
            outcome.queues.iter().map(|queue| queue.packets.offered - queue.packets.dropped).sum();
        let held = accepted as f64 * outcome.sojourn.mean_us() / 1e5;
        let ratio = outcome.in_use.mean / held;
        assert!((ratio - 1.0).abs() < 1e-2, "{:?}: {ratio}", system.host);
    }
}

//! A sweep of depths and reserves: one pass a depth, and a run a point.

use rxplan::model::fast::FastPath;
use rxplan::model::outcome::Outcome;
use rxplan::model::system::{Progress, SystemSpec};
use rxplan::random::Streams;
use rxplan::units::to_f64;

use crate::load;
use crate::measure::{drop_rate, now, simulate};

const DEPTHS: [u32; 16] =
    [128, 161, 203, 256, 323, 406, 512, 645, 813, 1024, 1290, 1625, 2048, 2580, 3251, 4096];
const RESERVES: [u32; 16] =
    [0, 256, 362, 512, 724, 1024, 1448, 2048, 2896, 4096, 5793, 8192, 11585, 16384, 23170, 32768];

/// Shipped scenarios with the rate in a burst and the mean length of bursts, where these are others.
const WORKLOADS: [(&str, &str, &[&str]); 6] = [
    ("ring32-light", "bursts of 2.5 Mpps", &["traffic.0.rate=2.5 Mpps"]),
    ("ring32-light", "as shipped", &[]),
    ("synchronized-bursts", "bursts of 30 us", &["traffic.0.on.mean=30 us"]),
    ("synchronized-bursts", "as shipped", &[]),
    ("shared-reserve", "as shipped", &[]),
    ("ring32", "as shipped", &[]),
];

/// What the points of a sweep took in one pass a depth, and each alone, in seconds, and the share
/// of packets that each drops.
#[derive(Debug, Default)]
struct Costs {
    together: f64,
    alone: f64,
    /// The highest ratio of the two at one depth.
    worst: f64,
    drop_rates: Vec<f64>,
}

/// For each workload how much of the time of a run for each point the passes take.
pub(crate) fn compare() {
    let points = DEPTHS.len() * RESERVES.len();
    println!("\nA sweep of {points} points: one pass for each of {} depths,", DEPTHS.len());
    println!("and a run for each point; one thread, the same outcomes to the last bit");
    println!("worst: the highest ratio at one depth\n");
    println!(
        "{:20} {:18} {:>7} {:>7} {:>6} {:>6}   points that drop nothing, <= 1e-3, <= 1e-2",
        "scenario", "", "passes", "runs", "ratio", "worst"
    );
    for (name, what, overrides) in WORKLOADS {
        let costs = costs(name, overrides);
        let share = |limit: f64| {
            let below = costs.drop_rates.iter().filter(|rate| **rate <= limit).count();
            100.0 * to_f64(below as u64) / to_f64(points as u64)
        };
        println!(
            "{name:20} {what:18} {:5.2} s {:5.2} s {:6.3} {:6.2}   {:.0} %, {:.0} %, {:.0} %",
            costs.together,
            costs.alone,
            costs.together / costs.alone,
            costs.worst,
            share(0.0),
            share(1e-3),
            share(1e-2),
        );
    }
}

fn costs(name: &str, overrides: &[&str]) -> Costs {
    let window = ["run.duration=100 ms", "run.warmup=1 ms"];
    let system = load(name, &[&window[..], overrides].concat()).system();
    let mut costs = Costs::default();
    for depth in DEPTHS {
        let systems = RESERVES.map(|entries| with(&system, depth, entries));
        let systems: Vec<&SystemSpec> = systems.iter().collect();
        let began = now();
        let streams = Streams::new(1, 0);
        let passed = SystemSpec::run_together(&systems, streams, &Progress::default())
            .expect("nobody stops it");
        let together = began.elapsed().as_secs_f64();
        let began = now();
        let path = Some(FastPath::Windowed);
        let alone: Vec<Outcome> = systems.iter().map(|it| simulate(it, path, 0)).collect();
        let seconds = began.elapsed().as_secs_f64();
        costs.together += together;
        costs.alone += seconds;
        costs.worst = costs.worst.max(together / seconds);
        costs.drop_rates.extend(alone.iter().map(drop_rate));
        for ((passed, alone), entries) in passed.iter().zip(&alone).zip(RESERVES) {
            let is_same = format!("{passed:?}") == format!("{alone:?}");
            assert!(is_same, "{name}: rings of {depth} and a reserve of {entries}");
        }
    }
    costs
}

/// The system with rings of a depth and a reserve of a size.
fn with(system: &SystemSpec, depth: u32, entries: u32) -> SystemSpec {
    let mut system = system.clone();
    system.buffers.rx.fill(depth);
    system.buffers.reserve.as_mut().expect("all have one").entries = entries;
    system.buffers.completion_entries = (depth + entries).next_power_of_two();
    system
}

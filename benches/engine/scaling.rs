//! How speed changes with the number of queues, load, the reserve's size and threads.

use rxplan::model::system::{Progress, SystemSpec};
use rxplan::simulation::{Options, simulate};
use rxplan::units::{SimTime, round_to_u64, to_f64};

use crate::hosts::path_name;
use crate::load;
use crate::measure::{Runner, Speed, median, now, show, show_heading, take_turns};

const ROUNDS: u32 = 3;

/// How long a run of the path that is taken is to take, at least.
const POINT_S: f64 = 0.1;

/// What is simulated before measuring, and how much is measured at least: rings begin empty.
const WARMUP_PS: u64 = 1_000_000_000;
const MEASURED_PS: u64 = 5_000_000_000;

pub(crate) fn all() {
    println!(
        "\nScaling of ring32: one thread, median of {ROUNDS} rounds, {POINT_S} s a run or more"
    );
    println!("ratio: of the path that is taken to the reference engine\n");
    show_heading("point", "engine", Some("ratio"));
    for queues in [1, 8, 32, 128, 1024] {
        let (count, entries) =
            (format!("nic.queues={queues}"), format!("reserve.entries={}", 16 * queues));
        let label = format!("{queues} queues");
        point(&label, load("ring32", &[&count, &entries]).system());
    }
    for (rate, load_percent) in [("0.5", 10), ("1.5", 30), ("3", 60), ("4.5", 90), ("6", 120)] {
        let text = format!(
            "traffic=[{{kind=\"on-off\",rate=\"{rate} Mpps\",\
             on={{dist=\"exponential\",mean=\"100 us\"}},\
             off={{dist=\"exponential\",mean=\"400 us\"}}}}]"
        );
        point(&format!("load {load_percent} %"), load("ring32", &[&text]).system());
    }
    for entries in [0, 64, 512, 4096, 32_768] {
        let text = format!("reserve.entries={entries}");
        point(&format!("reserve of {entries}"), load("ring32", &[&text]).system());
    }
    threads();
}

/// One row for the reference engine and one for the path that is taken, if another.
fn point(label: &str, mut system: SystemSpec) {
    let path = system.fast_path();
    let end = |ps| Some(SimTime::from_ps(WARMUP_PS + ps));
    // A short run says how long a longer one must be.
    (system.window.start, system.window.end) = (SimTime::from_ps(WARMUP_PS), end(MEASURED_PS));
    let pilot = median(&take_turns(&[Runner::engine("pilot", &system, path)], 1)[0]);
    let packets = pilot.packets_per_second * POINT_S;
    let length_ps = round_to_u64(packets / system.packets_per_second() * 1e12);
    system.window.end = end(length_ps.max(MEASURED_PS));
    let mut runners = vec![Runner::engine(path_name(None), &system, None)];
    if path.is_some() {
        runners.push(Runner::engine(path_name(path), &system, path));
    }
    let speeds: Vec<Speed> =
        take_turns(&runners, ROUNDS).iter().map(|speeds| median(speeds)).collect();
    for (runner, speed) in runners.iter().zip(&speeds) {
        let ratio = speed.packets_per_second / speeds[0].packets_per_second;
        show(label, &runner.name, *speed, Some(ratio));
    }
}

/// Replications on one thread and on all.
fn threads() {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let mut scenario = load("ring32", &["run.duration=100 ms", "run.warmup=1 ms"]);
    scenario.run.replications = u32::try_from(4 * all).expect("few processors");
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, jobs) in rates.iter_mut().zip([1, all]) {
            let began = now();
            let options = Options { jobs, ..Options::default() };
            let simulation = simulate(&scenario, options, &Progress::default()).unwrap();
            let seconds = began.elapsed().as_secs_f64();
            rates.push(Speed {
                packets_per_second: to_f64(simulation.packets_simulated) / seconds,
                drop_rate: Some(simulation.drop_rate.estimate),
            });
        }
    }
    let speeds = rates.map(|rates| median(&rates));
    println!("\nThreads: {} replications of 100 ms of ring32; ratio: to one thread\n", 4 * all);
    show_heading("threads", "engine", Some("ratio"));
    for (jobs, speed) in [1, all].into_iter().zip(speeds) {
        let ratio = speed.packets_per_second / speeds[0].packets_per_second;
        show(&jobs.to_string(), path_name(scenario.system().fast_path()), speed, Some(ratio));
    }
}

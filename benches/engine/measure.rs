//! Running things in turns, and telling how fast they were.

use std::time::Instant;

use rxplan::model::fast::FastPath;
use rxplan::model::outcome::Outcome;
use rxplan::model::system::{Observers, Progress, SystemSpec};
use rxplan::model::traffic::Arrivals;
use rxplan::random::Streams;
use rxplan::units::{SimTime, to_f64};

use crate::Workload;
use crate::peers::Peer;

/// How fast one run was, and the share of packets dropped, where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speed {
    pub(crate) packets_per_second: f64,
    pub(crate) drop_rate: Option<f64>,
}

/// Something to be timed, given the number of the round.
pub(crate) struct Runner<'a> {
    pub(crate) name: String,
    run: Box<dyn Fn(u32) -> Speed + 'a>,
}

impl<'a> Runner<'a> {
    /// One of our engines; each round is another replication.
    pub(crate) fn engine(name: &str, system: &'a SystemSpec, path: Option<FastPath>) -> Self {
        let run = move |round| {
            let began = now();
            let outcome = simulate(system, path, round);
            let seconds = began.elapsed().as_secs_f64();
            speed(outcome.packets_simulated, seconds, Some(drop_rate(&outcome)))
        };
        Self { name: name.to_owned(), run: Box::new(run) }
    }

    /// A peer on a workload.
    pub(crate) fn peer(peer: &'a Peer, workload: Workload) -> Self {
        Self {
            name: peer.name.to_owned(),
            run: Box::new(move |round| peer.run(workload, round + 1)),
        }
    }

    /// The times of packets alone, in order over all queues.
    pub(crate) fn ordered_floor(system: &'a SystemSpec) -> Self {
        let run = |round| {
            let began = now();
            let arrivals = Arrivals::new(&system.traffic, Streams::new(1, round), system.window);
            let (count, last) = arrivals
                .fold((0, SimTime::ZERO), |(count, last), next| (count + 1, last.max(next.time)));
            std::hint::black_box(last);
            speed(count, began.elapsed().as_secs_f64(), None)
        };
        Self { name: "floor, ordered".to_owned(), run: Box::new(run) }
    }

    /// The times of packets alone, queue by queue in steps as long as windows of the engine.
    pub(crate) fn floor(system: &'a SystemSpec) -> Self {
        const STEP_PS: u64 = 100_000_000;
        let run = |round| {
            let began = now();
            let mut arrivals =
                Arrivals::new(&system.traffic, Streams::new(1, round), system.window);
            let end = system.window.end.expect("the workload has an end").as_ps();
            let (mut count, mut times) = (0, Vec::new());
            for limit in (0..end + STEP_PS).step_by(usize::try_from(STEP_PS).unwrap()).skip(1) {
                times.clear();
                arrivals.take_times(SimTime::from_ps(limit), &mut times);
                count += std::hint::black_box(&times).len() as u64;
            }
            speed(count, began.elapsed().as_secs_f64(), None)
        };
        Self { name: "floor".to_owned(), run: Box::new(run) }
    }
}

/// Runs everything once a round; returns the speeds of each.
pub(crate) fn take_turns(runners: &[Runner<'_>], rounds: u32) -> Vec<Vec<Speed>> {
    let mut speeds = vec![Vec::new(); runners.len()];
    for round in 0..rounds {
        for (runner, speeds) in runners.iter().zip(&mut speeds) {
            speeds.push((runner.run)(round));
        }
    }
    speeds
}

/// The median of the speeds, and the mean of the drop rates.
pub(crate) fn median(speeds: &[Speed]) -> Speed {
    let mut rates: Vec<f64> = speeds.iter().map(|speed| speed.packets_per_second).collect();
    rates.sort_by(f64::total_cmp);
    let drops: Option<f64> = speeds.iter().map(|speed| speed.drop_rate).sum();
    Speed {
        packets_per_second: rates[rates.len() / 2],
        drop_rate: drops.map(|sum| sum / to_f64(speeds.len() as u64)),
    }
}

/// Panics unless all engines come to the same outcome, to the last bit of every float.
pub(crate) fn assert_same(name: &str, system: &SystemSpec, engines: &[(&str, Option<FastPath>)]) {
    let told = |path| format!("{:?}", simulate(system, path, 0));
    let reference = told(None);
    for (engine, path) in engines {
        assert!(told(*path) == reference, "{name}: {engine} is not the reference engine");
    }
}

/// One replication of a system.
pub(crate) fn simulate(system: &SystemSpec, path: Option<FastPath>, replication: u32) -> Outcome {
    let (streams, progress) = (Streams::new(1, replication), Progress::default());
    let outcome = match path {
        Some(path) => system.run_fast(path, streams, &progress, Observers::default()),
        None => system.run(streams, &progress, Observers::default()),
    };
    outcome.expect("nobody stops it")
}

pub(crate) fn drop_rate(outcome: &Outcome) -> f64 {
    let packets = outcome.queues.iter().map(|queue| queue.packets);
    let (dropped, offered) = packets.fold((0, 0), |(dropped, offered), queue| {
        (dropped + queue.dropped, offered + queue.offered)
    });
    to_f64(dropped) / to_f64(offered)
}

fn speed(packets: u64, seconds: f64, drop_rate: Option<f64>) -> Speed {
    Speed { packets_per_second: to_f64(packets) / seconds, drop_rate }
}

#[expect(clippy::disallowed_methods, reason = "this is a bench")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn show_heading(first: &str, second: &str, ratio: Option<&str>) {
    let ratio = ratio.unwrap_or_default();
    println!("{first:<22} {second:<15} {:>9} {:>10} {ratio:>7}  drop rate", "Mpps", "ns/packet");
}

pub(crate) fn show(first: &str, second: &str, speed: Speed, ratio: Option<f64>) {
    let rate = speed.packets_per_second;
    let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let drops = speed.drop_rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.4}"));
    println!(
        "{first:<22} {second:<15} {:>9.2} {:>10.1} {ratio:>7}  {drops}",
        rate / 1e6,
        1e9 / rate
    );
}

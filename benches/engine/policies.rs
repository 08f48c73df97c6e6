//! ring32 with each policy, and with random services, beside a textbook simulator of the same.

use rxplan::model::distribution::Distribution;
use rxplan::model::host::HostSpec;
use rxplan::model::policy::Policy;
use rxplan::model::system::SystemSpec;
use rxplan::units::SimDuration;

use crate::hosts::path_name;
use crate::measure::{Runner, assert_same, median, show, show_heading, take_turns};
use crate::{RING32, load, peers};

const ROUNDS: u32 = 5;

/// Each on the reference engine and on the path that `simulate` takes.
pub(crate) fn compare() {
    println!("\nPolicies and services: one thread, median of {ROUNDS} rounds");
    println!("ratio: to a textbook simulator (C++, one heap) of the same policy or service\n");
    show_heading("ring32 with", "engine", Some("ratio"));
    let systems = systems();
    let textbooks = peers::textbooks(&systems.each_ref().map(|(name, _)| *name));
    for (number, (name, system)) in systems.iter().enumerate() {
        let path = system.fast_path();
        assert_same(name, system, &[(path_name(path), path)]);
        let textbook = textbooks.get(number);
        let mut runners: Vec<Runner<'_>> =
            textbook.into_iter().map(|peer| Runner::peer(peer, RING32)).collect();
        runners.push(Runner::engine(path_name(None), system, None));
        if path.is_some() {
            runners.push(Runner::engine(path_name(path), system, path));
        }
        let speeds = take_turns(&runners, ROUNDS);
        let yardstick = textbook.map(|_| median(&speeds[0]).packets_per_second);
        for (runner, speeds) in runners.iter().zip(&speeds) {
            let speed = median(speeds);
            show(name, &runner.name, speed, yardstick.map(|it| speed.packets_per_second / it));
        }
    }
}

/// What the textbook simulators know, with the numbers that stand in their source.
fn systems() -> [(&'static str, SystemSpec); 8] {
    let plain = load("ring32", &["run.duration=200 ms", "run.warmup=10 ms"]).system();
    let with = |policy| {
        let mut system = plain.clone();
        let reserve = system.buffers.reserve.as_mut().expect("ring32 has one");
        reserve.policy = policy;
        if policy == Policy::PeerBorrow {
            reserve.entries = 0;
        }
        system
    };
    let exponential = Distribution::Exponential { mean: 1e6 };
    let service = vec![exponential; plain.buffers.rx.len()];
    let host = HostSpec::Server { service, wakeup: Distribution::Constant(0) };
    [
        ("complete-sharing", plain.clone()),
        ("static-cap", with(Policy::StaticCap { cap: 64 })),
        ("dynamic-threshold", with(Policy::DynamicThreshold { alpha: 1.0 })),
        ("abm", with(Policy::Abm { alpha: 1.0, interval: SimDuration::from_us(100) })),
        ("red", with(Policy::EarlyDrop { pass: 0.5, drop: 0.1 })),
        ("longest-queue-drop", with(Policy::LongestQueueDrop)),
        ("peer-borrow", with(Policy::PeerBorrow)),
        ("exponential", SystemSpec { host, ..plain }),
    ]
}

//! ring32 and ring32-light with other hosts, beside textbook simulators of the same.

use rxplan::id::QueueId;
use rxplan::model::fast::FastPath;
use rxplan::model::host::{BusyPollSpec, HostSpec, RecordedReturn};
use rxplan::model::system::SystemSpec;
use rxplan::units::{SimDuration, SimTime};

use crate::measure::{Runner, assert_same, median, show, show_heading, take_turns};
use crate::peers::{Peer, textbook_hosts};
use crate::{RING32, RING32_LIGHT, Workload, load};

const ROUNDS: u32 = 5;

/// Mean service, and the gap between recorded returns.
const SERVICE_PS: u32 = 1_000_000;

/// Hosts other than servers on both workloads, each beside the textbook simulator of the same.
pub(crate) fn compare() {
    println!("\nPolled hosts and recordings: one thread, median of {ROUNDS} rounds");
    println!("ratio: to the textbook simulator (C++, one heap) of the same host and workload\n");
    show_heading("workload", "engine", Some("ratio"));
    let peers = textbook_hosts();
    for workload in [RING32, RING32_LIGHT] {
        for (host, system) in polled(workload) {
            compare_host(host, workload, &system, peers.iter().find(|(name, _)| *name == host));
        }
    }
}

fn compare_host(
    host: &str,
    workload: Workload,
    system: &SystemSpec,
    textbook: Option<&(&'static str, Peer)>,
) {
    let label = format!("{} {host}", workload.name);
    let path = system.fast_path();
    let engines = [("reference", None), (path_name(path), path)];
    assert_same(&label, system, &engines);
    let ours = engines.map(|(name, path)| Runner::engine(name, system, path));
    let textbook = textbook.map(|(_, peer)| Runner::peer(peer, workload));
    let has_textbook = textbook.is_some();
    let runners: Vec<Runner<'_>> = textbook.into_iter().chain(ours).collect();
    let speeds = take_turns(&runners, ROUNDS);
    let yardstick = has_textbook.then(|| median(&speeds[0]).packets_per_second);
    for (runner, speeds) in runners.iter().zip(&speeds) {
        let speed = median(speeds);
        let ratio = yardstick.map(|yardstick| speed.packets_per_second / yardstick);
        show(&label, &runner.name, speed, ratio);
    }
}

/// A workload with each of these hosts, under the names that the textbook simulator knows.
fn polled(workload: Workload) -> [(&'static str, SystemSpec); 3] {
    let plain = load(workload.name, &["run.duration=100 ms", "run.warmup=1 ms"]).system();
    let with_host = |host| SystemSpec { host, ..plain.clone() };
    let trace = replayed(&plain);
    [("busy-poll", with_host(busy_poll())), ("napi", with_host(napi())), ("trace", trace)]
}

/// The name of a path, or of the reference engine.
pub(crate) fn path_name(path: Option<FastPath>) -> &'static str {
    match path {
        Some(FastPath::Windowed) => "windowed",
        Some(FastPath::Ordered) => "ordered",
        Some(FastPath::Settling) => "settling",
        Some(FastPath::Cores) => "cores",
        None => "reference",
    }
}

/// Interrupts that wait 64 us, and a core a queue.
fn napi() -> HostSpec {
    load("napi-coalescing", &["nic.queues=32", "host.per_packet=1 us"]).host
}

/// A core a queue, which looks again and again.
fn busy_poll() -> HostSpec {
    HostSpec::BusyPoll(BusyPollSpec {
        cores: 32,
        budget: 64,
        per_packet: SimDuration::from_ps(SERVICE_PS.into()),
        per_byte: SimDuration::ZERO,
        poll_overhead: SimDuration::ZERO,
        refill: 1,
    })
}

/// A buffer of each queue comes back every service time.
fn replayed(plain: &SystemSpec) -> SystemSpec {
    let mut system = plain.clone();
    // Shorter, as a recording lies in memory.
    let end = SimTime::from_ps(31_000_000_000);
    system.window.end = Some(end);
    let times = (0..end.as_ps()).step_by(SERVICE_PS as usize).map(SimTime::from_ps);
    let all = |time| {
        (0..32).map(move |queue| RecordedReturn { time, queue: QueueId::new(queue), count: 1 })
    };
    system.host = HostSpec::Trace { returns: times.flat_map(all).collect() };
    system
}

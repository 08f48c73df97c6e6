//! Traffic as scenarios have it: recordings in all their forms, and packets on the wire.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

use rxplan::model::log::PacketOutcome;
use rxplan::model::port::wire_bytes;
use rxplan::model::system::Progress;
use rxplan::scenario::{Scenario, Source};
use rxplan::simulation::{Options, Simulation, simulate};

/// A scenario of `queues` queues with this traffic, files relative to `folder`.
fn load(folder: &Path, queues: u32, nic: &str, traffic: &str) -> Scenario {
    let path = folder.join("scenario.toml");
    let text = format!(
        "[nic]\nqueues = {queues}\nrx = 4\nrx_buf_len = \"2 KiB\"\n{nic}\n[host]\nmodel = \
         \"server\"\nservice = \"2 us\"\n[[traffic]]\n{traffic}\n"
    );
    fs::write(&path, text).unwrap();
    Scenario::load(&Source::File(path), &[]).unwrap()
}

/// What a scenario measures, and its packets.
fn run(scenario: &Scenario) -> (Simulation, Vec<PacketOutcome>) {
    let mut packets = Vec::new();
    let mut keep = |packet: &PacketOutcome| packets.push(*packet);
    let options = Options { jobs: 1, packets: Some(&mut keep), ..Options::default() };
    let simulation = simulate(scenario, options, &Progress::default()).unwrap();
    (simulation, packets)
}

/// Time in ns, queue and length of the packets of a scenario.
fn arrivals(scenario: &Scenario) -> Vec<(u64, u32, u32)> {
    let (_, packets) = run(scenario);
    let told =
        |packet: &PacketOutcome| (packet.arrival.as_ps() / 1000, packet.queue.get(), packet.len);
    packets.iter().map(told).collect()
}

/// A classic capture with stamps of nanoseconds: bursts of five frames, 300 ns apart.
fn frames() -> Vec<(u32, u32)> {
    (0..40_u32).map(|k| (k / 5 * 9_000 + k % 5 * 300, 60 + 37 * k)).collect()
}

fn capture() -> Vec<u8> {
    let mut bytes = Vec::new();
    for word in [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 65_535, 1] {
        bytes.extend(word.to_le_bytes());
    }
    for (ns, len) in frames() {
        for word in [1, ns, 14, len] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([0; 14]);
    }
    bytes
}

#[test]
fn a_capture_and_a_trace_of_the_same_packets_give_the_same_result() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("frames.pcap"), capture()).unwrap();
    let lines = frames().iter().map(|(ns, len)| format!("{ns},0,{len}\n")).collect::<String>();
    fs::write(folder.path().join("frames.csv"), format!("t_ns,queue,len\n{lines}")).unwrap();
    for replay in ["", "speed = 3\nrepeat = 2\noffset = \"5 us\""] {
        let of = |kind: &str, file: &str| {
            let traffic = format!("kind = \"{kind}\"\nfile = \"{file}\"\n{replay}");
            run(&load(folder.path(), 1, "", &traffic))
        };
        let (pcap, csv) = (of("pcap", "frames.pcap"), of("trace", "frames.csv"));
        assert_eq!(pcap.1, csv.1);
        assert!(pcap.0.packets.dropped > 0, "a burst of five finds four entries");
        assert_eq!(pcap.0.packets, csv.0.packets);
    }
}

#[test]
fn a_trace_is_replayed_faster_over_and_over_and_later() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("t.csv"), "t_ns,queue,len\n0,0,100\n3000,1,200\n").unwrap();
    let traffic = "kind = \"trace\"\nfile = \"t.csv\"\nspeed = 1.5\nrepeat = 2\noffset = \"1 us\"";
    // At 1.5 times the speed the second comes after 2 us, and the next turn a gap after it.
    let expected = [(1_000, 0, 100), (3_000, 1, 200), (5_000, 0, 100), (7_000, 1, 200)];
    assert_eq!(arrivals(&load(folder.path(), 2, "", traffic)), expected);
}

#[test]
fn samples_of_millisampler_become_packets_of_their_bytes_host_by_host_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let records = r#"{"ingressBytes": [4500, 0, 700]} {"server_hostname": "x"}
        {"ingressBytes": [0, 1500, 900]}"#;
    fs::write(folder.path().join("rack.txt"), records).unwrap();
    let of = |packets: &str| {
        let traffic = format!(
            "kind = \"millisampler\"\nfile = \"rack.txt\"\ninterval = \"300 us\"\n\
             packets = \"{packets}\""
        );
        load(folder.path(), 2, "", &traffic)
    };
    let even = of("even");
    assert_eq!(even.warnings.len(), 1);
    assert!(even.warnings[0].to_string().contains("1 records have no ingressBytes"));
    // 700 and 900 bytes are less than a packet more.
    let packet = |us: u64, queue| (us * 1000, queue, 1500);
    let expected = [packet(0, 0), packet(100, 0), packet(200, 0), packet(300, 1)];
    assert_eq!(arrivals(&even), expected);
    let expected = [packet(0, 0), packet(0, 0), packet(0, 0), packet(300, 1)];
    assert_eq!(arrivals(&of("burst")), expected);
    let random = arrivals(&of("poisson"));
    let samples: Vec<(u64, u32)> = random.iter().map(|(ns, q, _)| (ns / 300_000, *q)).collect();
    assert_eq!(samples, [(0, 0), (0, 0), (0, 0), (1, 1)]);
    assert_eq!(random, arrivals(&of("poisson")));
}

#[test]
fn trains_of_many_senders_never_exceed_the_line_rate() {
    let folder = tempfile::tempdir().unwrap();
    let run_section = "line_rate = \"10 Gbit/s\"\n[run]\nduration = \"5 ms\"\nwarmup = \"1 ms\"\n\
                       replications = 1";
    for traffic in [
        "kind = \"flows\"\nsizes = \"storage\"\nload = 0.8\nsender_rate = \"10 Gbit/s\"\n\
         tso = \"64 KiB\"",
        "kind = \"incast\"\nevery = \"200 us\"\nsenders = 20\nbytes = \"8 kB\"\n\
         sender_rate = \"10 Gbit/s\"",
    ] {
        let (_, packets) = run(&load(folder.path(), 4, run_section, traffic));
        assert!(packets.len() > 500, "{} packets", packets.len());
        for pair in packets.windows(2) {
            // 10 Gbit/s are 800 ps a byte; instants are rounded up to a picosecond.
            let gap = (pair[1].arrival - pair[0].arrival).as_ps();
            assert!(gap + 1 >= wire_bytes(pair[0].len) * 800, "{pair:?}");
        }
    }
}

#[test]
fn flows_offer_the_load_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let section = "line_rate = \"10 Gbit/s\"\n[run]\nduration = \"10 ms\"\nwarmup = \"0 ms\"\n\
                   replications = 1";
    let traffic = "kind = \"flows\"\nsizes = \"storage\"\nload = 0.5\nsender_rate = \"1 Gbit/s\"";
    let scenario = load(folder.path(), 4, section, traffic);
    let shares: Vec<f64> = (0..100)
        .map(|seed| {
            let mut scenario = scenario.clone();
            scenario.run.seed = seed;
            let (_, packets) = run(&scenario);
            let bytes: u64 = packets.iter().map(|packet| wire_bytes(packet.len)).sum();
            // 12.5 MB pass in 10 ms.
            bytes as f64 / 12_500_000.0
        })
        .collect();
    let mean = shares.iter().sum::<f64>() / 100.0;
    let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / 99.0;
    // Four standard errors: a false alarm in about 1e-4 of all seeds.
    assert!((mean - 0.5).abs() < 4.0 * (variance / 100.0).sqrt(), "{mean} +- {variance}");
}

#[test]
#[cfg(unix)]
fn a_recording_is_simulated_in_less_memory_than_its_packets_would_take() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..10_000).map(|k| format!("{},0,64\n", 10 * k)).collect();
    fs::write(folder.path().join("t.csv"), format!("t_ns,queue,len\n{lines}")).unwrap();
    load(folder.path(), 1, "", "kind = \"trace\"\nfile = \"t.csv\"\nrepeat = 1");
    // 13 million packets of 16 bytes are 208 MB; address space for 180, with program and threads.
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", "ulimit -v 180000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rxplan")]);
    shell.args(["simulate", "scenario.toml", "--set", "traffic.0.repeat=1300", "--jobs", "1"]);
    shell.args(["--format", "json"]).current_dir(folder.path());
    let output = shell.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["packets"]["offered"], 13_000_000);
}

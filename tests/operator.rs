//! What an operator types: `plan --from` an interface's output, and `explain`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn rxplan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rxplan"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}

fn json(args: &[&str]) -> Value {
    let output = rxplan(args);
    let text = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{stderr}"))
}

/// Captures of a virtio interface: one queue of up to 1024 entries, 256 now.
const CAPTURES: [&str; 4] = [
    "--from",
    "tests/data/ethtool/virtio_net-ethtool59_g.txt",
    "tests/data/ethtool/virtio_net-ethtool59_l.txt",
    "tests/data/ethtool/virtio_net-ethtool59_i.txt",
];

#[test]
fn an_interface_is_planned_from_what_ethtool_says() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let args =
        [&["plan"][..], &CAPTURES, &["--max-drop-rate", "1e-4", "--format", "json"]].concat();
    let plan = json(&[&args[..], &["--quiet", "--out", out]].concat());
    assert_eq!(plan["verdict"], "feasible");
    assert_eq!(plan["baseline"]["queues"], 1);
    let rx = plan["today"]["rx"].as_u64().unwrap();
    assert!(rx < 1024);
    assert_eq!(plan["commands"][0], format!("ethtool -G <interface> rx {rx}"));
    // What was planned is kept, and plans to the same.
    let kept = folder.path().join("scenario.toml");
    let again = ["plan", kept.to_str().unwrap(), "--max-drop-rate", "1e-4", "--format", "json"];
    assert_eq!(json(&again), plan);
}

#[test]
fn observed_traffic_takes_the_place_of_what_is_assumed() {
    let folder = tempfile::tempdir().unwrap();
    let samples = folder.path().join("samples.csv");
    let mut text = String::from("t_ns,duration_ns,queue,packets,bytes\n");
    for span in 0..50 {
        let packets = if span % 10 == 0 { 900 } else { 20 };
        text += &format!("{},1000000,0,{packets},{}\n", span * 1_000_000, packets * 600);
    }
    fs::write(&samples, text).unwrap();
    let args = [&["plan"][..], &CAPTURES, &["--traffic", samples.to_str().unwrap()]].concat();
    let plan = json(&[&args[..], &["--max-drop-rate", "0.01", "--format", "json"]].concat());
    assert_eq!(plan["goal"]["max_drop_rate"], 0.01);
    assert_eq!(plan["baseline"]["queues"], 1);
    let flows = [&["plan"][..], &CAPTURES, &["--traffic", "websearch", "--load", "0.1"]].concat();
    let flows = json(&[&flows[..], &["--max-drop-rate", "0.01", "--format", "json"]].concat());
    assert_eq!(flows["baseline"]["queues"], 1);
    let refused = rxplan(&["plan", "scenarios/default.toml", "--traffic", "x.csv"]);
    assert_eq!(refused.status.code(), Some(2));
    let missing = rxplan(&["plan", "--from", "no-such-interface"]);
    assert_eq!(missing.status.code(), Some(1));
    let stderr = String::from_utf8(missing.stderr).unwrap();
    assert!(stderr.contains("no-such-interface"), "{stderr}");
}

#[test]
fn a_ring_is_explained_by_what_fills_it() {
    let explained = json(&["explain", "scenarios/scheduler-stall.toml", "--format", "json"]);
    assert_eq!(explained["command"], "explain");
    assert_eq!(explained["parts"][0]["cause"], "stall");
    let shares: f64 =
        explained["parts"].as_array().unwrap().iter().map(|it| it["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9);
    assert!(explained["why"].as_str().unwrap().contains("shorten it"));
    // Every scenario that ships can be explained, in words and as CSV.
    for scenario in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let path = scenario.unwrap().path();
        for format in ["table", "csv"] {
            let output = rxplan(&["explain", path.to_str().unwrap(), "--format", format]);
            assert!(output.status.success(), "{}", path.display());
            assert!(!String::from_utf8(output.stdout).unwrap().contains("NaN"));
        }
    }
}

//! `sensitivity` where the answer is known, and where there is none.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Four queues whose bursts of ten packets do not overlap but in step: 4 entries each and a reserve
/// of 8.
const BURSTS: &str = r#"
[run]
duration = "100 ms"
warmup = "0 s"
replications = 2
[nic]
queues = 4
rx = 4
rx_buf_len = "2 KiB"
[reserve]
entries = 8
[host]
model = "server"
service = "1 ns"
[[traffic]]
kind = "batch"
every = "1 ms"
count = 10
[plan]
max_drop_rate = 0.1
rx = [4, 8, 16]
reserve = [0, 8, 16, 32]
"#;

/// Runs it; status, results, messages.
fn sensitivity(scenario: &str, format: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rxplan"))
        .args(["sensitivity", "-", "--format", format])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(scenario.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn bursts_in_step_share_the_reserve_and_drop_the_rest() {
    let (status, json, _) = sensitivity(BURSTS, "json");
    assert_eq!(status, 0);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["command"], "sensitivity");
    let rows = report["steps"].as_array().unwrap();
    // Of 40 packets, 10 a queue: alone a burst finds 4 + 8 entries; two share the 8, and 2 of each
    // 10 are lost; four share them, and 4 of each 10 are.
    let expected = [(1, 0.0, 12.0), (2, 0.1, 8.0), (4, 0.4, 6.0)];
    assert_eq!(rows.len(), expected.len());
    for (row, (in_phase, drop_rate, bound)) in rows.iter().zip(expected) {
        assert_eq!(row["in_phase"], in_phase);
        assert_eq!(row["drop_rate"]["estimate"].as_f64(), Some(drop_rate), "{in_phase} in step");
        assert_eq!(row["entries_bound"].as_f64(), Some(bound));
    }
    // All in step: at most 4 of 40 may be lost. Without a reserve that takes 16 a ring (8 lose 8);
    // with one, 8 a ring and 8 more (none lost).
    let all = &rows[2];
    assert_eq!(all["today"]["rx"], 16);
    assert_eq!(
        (&all["recommended"]["rx"], &all["recommended"]["reserve_entries"]),
        (&8.into(), &8.into())
    );
}

#[test]
fn csv_has_a_row_a_step() {
    let (status, csv, _) = sensitivity(BURSTS, "csv");
    assert_eq!(status, 0);
    let mut lines = csv.lines();
    let header = lines.next().unwrap();
    assert!(header.starts_with("in_phase,drop_rate_estimate,"), "{header}");
    let first: Vec<&str> = lines.map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(first, ["1", "2", "4"]);
}

#[test]
fn traffic_without_phases_is_refused() {
    let poisson = BURSTS.replace("\"batch\"", "\"poisson\"\nrate = \"1 Mpps\"");
    let poisson = poisson.replace("every = \"1 ms\"\ncount = 10\n", "");
    let (status, stdout, stderr) = sensitivity(&poisson, "table");
    assert_eq!((status, stdout.as_str()), (1, ""));
    assert!(stderr.contains("nothing can be in step"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

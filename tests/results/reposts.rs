//! What reposting reserve buffers costs, and what it could at most.

use serde_json::Value;

use super::program::Folder;

/// Half a million packets a second, 1 us each, every one from the reserve at 100 ns.
const SCENARIO: &str = r#"
[run]
duration = "20 ms"
warmup = "1 ms"
replications = 1
[nic]
queues = 1
rx = 0
rx_buf_len = "2 KiB"
[reserve]
entries = 64
sync_cost = "100 ns"
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "constant"
rate = "500 kpps"
"#;

fn simulated(overrides: &[&str]) -> Value {
    let folder = Folder::with(SCENARIO);
    let overrides = overrides.iter().flat_map(|own| ["--set", own]);
    let args: Vec<&str> =
        ["simulate", "s.toml", "--format", "json"].into_iter().chain(overrides).collect();
    serde_json::from_str(&folder.run(&args).success()).unwrap()
}

/// Within what one packet at either end of 10,000 can do.
#[track_caller]
fn assert_about(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value / expected - 1.0).abs() < 3e-4, "{value}, not {expected}");
}

#[test]
fn the_break_even_is_where_cores_have_no_time_left() {
    let result = simulated(&[]);
    assert_about(&result["host"]["reserve_sync_ns_per_packet"], 100.0);
    assert_about(&result["reserve"]["reposts_per_packet"], 1.0);
    // Each packet has 2 us, of which it needs 1: ten reposts of 100 ns.
    assert_about(&result["reserve"]["break_even_reposts_per_packet"], 10.0);
    // A stall of a tenth of the time leaves 0.8 us a packet.
    let stalled = simulated(&[r#"host.stall=[{ every = "100 us", lasts = "10 us" }]"#]);
    let stalled = &stalled["reserve"]["break_even_reposts_per_packet"];
    assert!((stalled.as_f64().unwrap() - 8.0).abs() < 0.1, "{stalled}");
    // The reserve's own core has all of its time: 2 us a packet.
    let one_core = simulated(&[r#"reserve.refiller="one-core""#]);
    assert_about(&one_core["reserve"]["break_even_reposts_per_packet"], 20.0);
    assert_about(&one_core["host"]["utilization"], 0.5);
    let free = simulated(&[r#"reserve.sync_cost="0 ns""#]);
    assert!(free["reserve"].get("reposts_per_packet").is_none());
}

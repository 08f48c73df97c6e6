//! The command line's contract, black box: exit statuses, names in results, files, determinism.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// Three queues that drop some packets of their bursts.
const BURSTS: &str = r#"
title = "bursts"
[run]
duration = "2 ms"
warmup = "100 us"
replications = 2
[nic]
queues = 3
rx = 4
rx_buf_len = "2 KiB"
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "on-off"
rate = "2 Mpps"
on = { dist = "exponential", mean = "5 us" }
off = { dist = "exponential", mean = "45 us" }
"#;

const RESERVE: &str = "\n[reserve]\nentries = 8\n";

/// Recorded packets and returns: nothing is random.
const RECORDED: &str = r#"
[nic]
queues = 2
rx = 1
rx_buf_len = "2 KiB"
[host]
model = "trace"
file = "returns.csv"
[[traffic]]
kind = "trace"
file = "packets.csv"
"#;
const PACKETS: &str = "t_ns,queue,len\n1000,0,1500\n1500,0,64\n2000,1,9000\n5000,0,60\n";
const RETURNS: &str = "t_ns,queue,count\n3000,0,1\n9000,0,1\n";

/// What a run of the program left behind.
#[derive(Debug, PartialEq)]
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn success(self) -> String {
        assert_eq!(self.status, 0, "{}", self.stderr);
        self.stdout
    }

    fn json(self) -> Value {
        serde_json::from_str(&self.success()).unwrap()
    }
}

/// Runs the program with a scenario on standard input.
fn piped(scenario: &str, args: &[&str]) -> Ran {
    finish(start(args, Path::new(".")), scenario)
}

fn start(args: &[&str], folder: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rxplan"));
    command.args(args).current_dir(folder).env("NO_COLOR", "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn finish(mut child: Child, scenario: &str) -> Ran {
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(scenario.as_bytes());
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    assert!(!stdout.contains('\x1b') && !stderr.contains('\x1b'), "escape sequences in a pipe");
    Ran { status: output.status.code().expect("no signal"), stdout, stderr }
}

fn simulate_json(scenario: &str, more: &[&str]) -> Value {
    piped(scenario, &[&["simulate", "-", "--format", "json"], more].concat()).json()
}

fn simulate_csv(scenario: &str, more: &[&str]) -> String {
    piped(scenario, &[&["simulate", "-", "--format", "csv"], more].concat()).success()
}

/// The dotted names of all plain values, those of lists once, in order.
fn names(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect_names("", value, &mut found);
    found
}

fn collect_names(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                collect_names(&path, value, found);
            }
        }
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            collect_names(path, &items[0], found);
        }
        _ => found.push(path.to_owned()),
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no count"))
}

fn assert_close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() <= 1e-12 * expected.abs(), "{value} is not {expected}");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn recorded() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("scenario.toml"), RECORDED).unwrap();
    fs::write(folder.path().join("packets.csv"), PACKETS).unwrap();
    fs::write(folder.path().join("returns.csv"), RETURNS).unwrap();
    folder
}

/// Rows of a CSV text as records by column name.
fn rows(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

#[test]
fn help_and_version_are_successes_on_standard_output() {
    for args in [&["--help"][..], &["-h"], &["help"], &["simulate", "--help"], &["plan", "-h"]] {
        let help = piped("", args).success();
        assert!(help.contains("Usage: rxplan"), "{help}");
    }
    let version = piped("", &["--version"]).success();
    assert_eq!(version, format!("rxplan {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_usage_exits_with_two_and_prints_no_result() {
    let lines = "foot | simulate | check | simulate a.toml b.toml | simulate - --nonsense
        | simulate - --format xml | simulate - --engine magic | simulate - --seed one
        | simulate - --jobs -1 | simulate - --time-limit 5 | simulate - --time-limit 0s
        | plan - --max-drop-rate 0 | plan - --max-drop-rate 1.5 | footprint --queues 0
        | footprint --rx-buf-len 8kb | footprint --rx-buf-len 0B | footprint --set nic.rx=5";
    for line in lines.split('|') {
        let args: Vec<&str> = line.split_whitespace().collect();
        let ran = piped(BURSTS, &args);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.starts_with("error: "), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn a_wrong_scenario_exits_with_one_and_one_line() {
    for command in ["check", "simulate", "plan", "footprint"] {
        let ran = piped(&BURSTS.replace("rx = 4", "rx = -4"), &[command, "-"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{command}");
        assert!(ran.stderr.starts_with("error: <stdin>:9:6: nic.rx: "), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn a_plan_exits_with_zero_if_feasible_and_with_three_if_infeasible_or_inconclusive() {
    let search = "\n[plan]\nrx = \"4..64 x2\"\nreserve = [0, 8]\n";
    let rare = BURSTS.replace("2 Mpps", "20 kpps");
    for (scenario, goal, verdict, status) in [
        (BURSTS, "0.5", "feasible", 0),
        (&BURSTS.replace("service = \"1 us\"", "service = \"9 us\""), "1e-3", "infeasible", 3),
        (&rare, "1e-9", "inconclusive", 3),
    ] {
        let args = ["plan", "-", "--format", "json", "--max-drop-rate", goal];
        let ran = piped(&format!("{scenario}{search}"), &args);
        assert_eq!(ran.status, status, "{verdict}: {}", ran.stderr);
        let plan: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(plan["verdict"], verdict);
        assert_eq!(plan["recommended"].is_null(), status == 3);
        assert_eq!(plan["commands"].as_array().unwrap().is_empty(), plan["today"].is_null());
    }
}

#[test]
fn without_a_command_the_built_in_scenario_is_planned() {
    let ran = piped("", &["--time-limit", "10 ms"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "no answer in 10 ms");
    assert!(ran.stderr.starts_with("error: stopped before "), "{}", ran.stderr);
}

#[test]
fn footprint_gives_the_posts_numbers() {
    let footprint = |options: &[&str]| {
        let mut json = piped("", &[&["footprint", "--format", "json"], options].concat()).json();
        json["configurations"][0].take()
    };
    let today = ["--queues", "32", "--rx", "4096", "--rx-buf-len", "8 KiB"];
    assert_eq!(footprint(&today)["dedicated_bytes"], 1_073_741_824);
    assert_eq!(footprint(&["--rx", "512", "--reserve", "4096"])["buffers_bytes"], 167_772_160);
    let both = piped("", &["footprint", "--format", "json"]).json();
    let configurations = both["configurations"].as_array().unwrap();
    let buffers = configurations.iter().map(|row| count(&row["buffers_bytes"]));
    assert_eq!(buffers.collect::<Vec<_>>(), [1_073_741_824, 167_772_160]);
}

#[test]
fn footprint_counts_every_kind_of_memory() {
    const NIC: &str = "queues = 4\nrx = [30, 36, 44, 50]\ndescriptor = \"32 B\"\n\
        completion = \"16 B\"\nheader_buffer = \"256 B\"";
    let scenario =
        BURSTS.replace("queues = 3\nrx = 4", NIC) + "\n[reserve]\nentries = 200\ngroups = 2\n";
    let footprint = piped(&scenario, &["footprint", "-", "--format", "json"]).json();
    let row = &footprint["configurations"][0];
    let (dedicated, reserve) = (30 + 36 + 44 + 50, 2 * 200);
    for (name, expected) in [
        ("queues", 4),
        ("reserve_entries", reserve),
        ("rx_buf_len_bytes", 2048),
        ("dedicated_bytes", dedicated * 2048),
        ("reserve_bytes", reserve * 2048),
        ("descriptor_bytes", (dedicated + reserve) * 32),
        ("completion_bytes", 4 * 256 * 16),
        ("header_bytes", (dedicated + reserve) * 256),
        ("buffers_bytes", (dedicated + reserve) * 2048),
        ("total_bytes", (dedicated + reserve) * (2048 + 32 + 256) + 4 * 256 * 16),
    ] {
        assert_eq!(count(&row[name]), expected, "{name}");
    }
    assert_eq!(row["rx"], serde_json::json!([30, 36, 44, 50]));
    let simulated = simulate_json(&scenario, &[]);
    for name in ["dedicated", "reserve", "descriptor", "completion", "header", "buffers", "total"] {
        let name = format!("{name}_bytes");
        assert_eq!(simulated["memory"][&name], row[&name], "{name}");
    }
}

#[test]
fn footprint_options_go_before_the_scenarios_values() {
    let args = ["footprint", "-", "--rx", "100", "--reserve", "28", "--format", "csv"];
    let rows = rows(&piped(&(BURSTS.to_owned() + RESERVE), &args).success());
    assert_eq!((rows[0]["rx"].as_str(), rows[0]["queues"].as_str()), ("100", "3"));
    assert_eq!(rows[0]["reserve_bytes"], (28 * 2048).to_string());
    assert_eq!(rows[0]["completion_bytes"], (3 * 128 * 64).to_string());
}

/// The result contract.
const SIMULATE_NAMES: &str = "
    schema command title seed replications simulated_s
    packets.offered packets.delivered packets.dropped packets.outstanding
    drop_rate.estimate drop_rate.ci_low drop_rate.ci_high drop_rate.confidence drop_rate.method
    drops.no_buffer drops.reserve_denied drops.completion_full drops.fifo_full drops.psp_rejected
    drops.pushed_out
    reserve.entries reserve.in_use_mean reserve.in_use_max reserve.exhausted_fraction
    memory.dedicated_bytes memory.reserve_bytes memory.descriptor_bytes memory.completion_bytes
    memory.header_bytes memory.buffers_bytes memory.total_bytes memory.in_use_bytes_mean
    memory.in_use_bytes_max memory.fill_ratio
    sojourn_us.mean sojourn_us.p50 sojourn_us.p99 sojourn_us.p999 sojourn_us.max
    fairness.jain fairness.drop_rate_min fairness.drop_rate_median fairness.drop_rate_max
    queues.queue queues.offered queues.delivered queues.dropped queues.drop_rate
    queues.outstanding_mean queues.outstanding_max queues.reserve_in_use_mean
    queues.reserve_in_use_max host.utilization host.reserve_sync_ns_per_packet
    host.time_squeeze host.wakeups host.stalled_fraction placement warnings
    engine.name engine.packets_per_second engine.wall_s";

#[test]
fn the_json_of_simulate_has_exactly_the_contracts_names() {
    let with_reserve = simulate_json(&(BURSTS.to_owned() + RESERVE), &[]);
    assert_eq!(names(&with_reserve), SIMULATE_NAMES.split_whitespace().collect::<Vec<_>>());
    assert!(with_reserve["schema"] == 1 && with_reserve["command"] == "simulate");
    assert!(with_reserve["placement"].is_null());
    let without = simulate_json(BURSTS, &[]);
    assert!(without["reserve"].is_null());
    let in_reserve = |name: &&str| name.starts_with("reserve.");
    let mut expected: Vec<&str> = SIMULATE_NAMES.split_whitespace().collect();
    let first = expected.iter().position(in_reserve).unwrap();
    expected.insert(first, "reserve");
    expected.retain(|name| !in_reserve(name));
    assert_eq!(names(&without), expected);
}

#[test]
fn packets_and_queues_add_up() {
    let result = simulate_json(&(BURSTS.to_owned() + RESERVE), &[]);
    let packets = &result["packets"];
    let dropped = count(&packets["dropped"]);
    assert!(dropped > 0 && count(&packets["delivered"]) > dropped);
    let fates = ["delivered", "dropped", "outstanding"].map(|fate| count(&packets[fate]));
    assert_eq!(count(&packets["offered"]), fates.iter().sum::<u64>());
    let queues = result["queues"].as_array().unwrap();
    for name in ["offered", "delivered", "dropped"] {
        let sum: u64 = queues.iter().map(|queue| count(&queue[name])).sum();
        assert_eq!(sum, count(&packets[name]), "{name}");
    }
    let drops = result["drops"].as_object().unwrap();
    assert_eq!(drops.values().map(count).sum::<u64>(), dropped);
    let rate = &result["drop_rate"];
    let ratio = packets["dropped"].as_f64().unwrap() / packets["offered"].as_f64().unwrap();
    assert_close(&rate["estimate"], ratio);
    assert!(rate["ci_low"].as_f64() <= Some(ratio) && Some(ratio) <= rate["ci_high"].as_f64());
    assert_eq!(result["reserve"]["in_use_max"], 8, "the bursts exhaust the reserve");
}

#[test]
fn the_csv_of_simulate_has_the_flattened_names_and_the_same_values() {
    for scenario in [BURSTS.to_owned(), BURSTS.to_owned() + RESERVE] {
        let text = piped(&scenario, &["simulate", "-", "--format", "json"]).success();
        let csv = simulate_csv(&scenario, &[]);
        let left_out = ["queues.", "engine.", "placement", "warnings"];
        let paths: Vec<&str> = SIMULATE_NAMES
            .split_whitespace()
            .filter(|name| !left_out.iter().any(|start| name.starts_with(start)))
            .collect();
        let columns: Vec<String> = paths.iter().map(|path| path.replace('.', "_")).collect();
        assert_eq!(csv.lines().count(), 2);
        assert_eq!(csv.lines().next().unwrap(), columns.join(",") + ",warnings");
        let row = &rows(&csv)[0];
        for (path, column) in paths.iter().zip(&columns) {
            let cell = &row[column];
            let key = path.rsplit('.').next().unwrap();
            if path.starts_with("reserve.") && !scenario.ends_with(RESERVE) {
                assert_eq!(cell, "", "{path}");
            } else {
                let number = format!("\"{key}\": {cell}");
                let word = format!("\"{key}\": \"{cell}\"");
                assert!(text.contains(&number) || text.contains(&word), "{path}: {cell}");
            }
        }
    }
}

#[test]
fn out_writes_the_same_csv_files_twice_and_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("new/first"), folder.path().join("second"));
    for out in [&first, &second] {
        let out = out.to_str().unwrap();
        piped(BURSTS, &["simulate", "-", "--out", out, "--set", "nic.rx=5"]).success();
    }
    let read = |name| [&first, &second].map(|out| fs::read_to_string(out.join(name)).unwrap());
    for name in ["summary.csv", "queues.csv"] {
        let [one, other] = read(name);
        assert!(one == other, "{name} differs");
    }
    let [summary, queues] = ["summary.csv", "queues.csv"].map(|name| read(name)[0].clone());
    assert_eq!(summary, simulate_csv(BURSTS, &["--set", "nic.rx=5"]));
    let of_queue = SIMULATE_NAMES.split_whitespace().filter_map(|it| it.strip_prefix("queues."));
    assert_eq!(queues.lines().next().unwrap(), of_queue.collect::<Vec<_>>().join(","));
    assert_eq!(queues.lines().count(), 4);
    let [one, other] = read("manifest.toml").map(|text| {
        let mut manifest: toml::Table = text.parse().unwrap();
        assert!(manifest.remove("engine").unwrap().get("packets_per_second").is_some());
        manifest
    });
    assert_eq!(one, other);
    assert_eq!(one["seed"].as_integer(), Some(1));
    assert_eq!(one["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(one["overrides"][0].as_str(), Some("nic.rx=5"));
    assert_eq!(fs::read_dir(&first).unwrap().count(), 3, "no temporary file stays");
}

#[test]
fn results_are_the_same_with_one_thread_and_with_two() {
    let scenario = BURSTS.replace("replications = 2", "replications = 5") + RESERVE;
    let result = |jobs: &str| {
        let mut result = simulate_json(&scenario, &["--jobs", jobs]);
        result.as_object_mut().unwrap().remove("engine").unwrap();
        result.to_string()
    };
    assert_eq!(result("1"), result("2"));
}

#[test]
fn the_seed_option_equals_the_scenarios_seed() {
    let by_option = simulate_csv(BURSTS, &["--seed", "9"]);
    assert_eq!(by_option, simulate_csv(BURSTS, &["--set", "run.seed=9"]));
    assert_eq!(by_option, simulate_csv(&BURSTS.replace("[run]", "[run]\nseed = 9"), &[]));
    assert_ne!(by_option, simulate_csv(BURSTS, &[]));
}

#[test]
fn overrides_do_what_editing_the_scenario_does() {
    let edited = |from: &str, to: &str| simulate_csv(&BURSTS.replace(from, to), &[]);
    let exponential = "{ dist = \"exponential\", mean = \"1 us\" }";
    for (set, from, to) in [
        ("nic.rx=2", "rx = 4", "rx = 2"),
        (" nic.rx = [1, 2, 3] ", "rx = 4", "rx = [1, 2, 3]"),
        ("run.duration=1 ms", "2 ms", "1 ms"),
        ("run.duration=\"1 ms\"", "2 ms", "1 ms"),
        ("traffic.0.rate=1 Mpps", "2 Mpps", "1 Mpps"),
        ("traffic.0.on.mean=9 us", "\"5 us\"", "\"9 us\""),
        ("title=two words", "bursts", "two words"),
        (&format!("host.service={exponential}"), "\"1 us\"", exponential),
        ("reserve.entries=8", "[host]", "[reserve]\nentries = 8\n[host]"),
        ("reserve={ entries = 8 }", "[host]", "[reserve]\nentries = 8\n[host]"),
    ] {
        assert_eq!(simulate_csv(BURSTS, &["--set", set]), edited(from, to), "{set}");
    }
    let twice = simulate_csv(BURSTS, &["--set", "nic.rx=9", "--set", "nic.rx=2"]);
    assert_eq!(twice, edited("rx = 4", "rx = 2"), "the last override wins");
}

#[test]
fn a_file_a_gzip_file_and_standard_input_are_the_same_scenario() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain.toml"), BURSTS).unwrap();
    fs::write(folder.path().join("packed.toml.gz"), gzip(BURSTS)).unwrap();
    let csv = |name| finish(start(&["simulate", name, "--format", "csv"], folder.path()), BURSTS);
    let plain = csv("plain.toml").success();
    assert_eq!(plain, csv("packed.toml.gz").success());
    assert_eq!(plain, csv("-").success());
}

#[test]
fn a_recording_runs_to_its_end_once_and_may_be_gzip() {
    let folder = recorded();
    let args = ["simulate", "scenario.toml", "--format", "json"];
    let mut plain = finish(start(&args, folder.path()), "").json();
    assert_eq!(plain["replications"], 1);
    assert_close(&plain["simulated_s"], 9e-6);
    // The second packet finds the completion ring full, and 9000 bytes never fit one buffer.
    assert_eq!(plain["packets"]["offered"], 4);
    assert!(plain["drops"]["completion_full"] == 1 && plain["drops"]["no_buffer"] == 1);
    assert_eq!(plain["packets"]["delivered"], 2);
    for (name, text) in [("packets.csv", PACKETS), ("returns.csv", RETURNS)] {
        fs::write(folder.path().join(name), gzip(text)).unwrap();
    }
    let mut packed = finish(start(&args, folder.path()), "").json();
    (plain["engine"], packed["engine"]) = (Value::Null, Value::Null);
    assert_eq!(plain, packed);
}

#[test]
fn the_packet_file_agrees_with_the_result() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("packets.csv");
    let scenario = BURSTS.replace("replications = 2", "replications = 1") + RESERVE;
    let result = simulate_json(&scenario, &["--packets", path.to_str().unwrap()]);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("t_ns,queue,len,outcome,from_reserve,delivered_ns\n"));
    let rows = rows(&text);
    let of = |outcome: &str| rows.iter().filter(|row| row["outcome"] == outcome).count() as u64;
    assert_eq!(rows.len() as u64, count(&result["packets"]["offered"]));
    for fate in ["delivered", "outstanding"] {
        assert_eq!(of(fate), count(&result["packets"][fate]), "{fate}");
    }
    for (reason, drops) in result["drops"].as_object().unwrap() {
        assert_eq!(of(reason), count(drops), "{reason}");
    }
    let ns = |text: &str| text.parse::<f64>().unwrap();
    assert!(rows.is_sorted_by(|one, next| ns(&one["t_ns"]) <= ns(&next["t_ns"])));
    assert!(ns(&rows[0]["t_ns"]) >= 100_000.0, "the warm-up is left out");
    assert!(rows.iter().any(|row| row["from_reserve"] == "1"));
    for row in &rows {
        assert_eq!(row["outcome"] == "delivered", !row["delivered_ns"].is_empty());
        assert!(row["delivered_ns"].is_empty() || ns(&row["delivered_ns"]) >= ns(&row["t_ns"]));
        assert!(row["len"] == "1500" && ["0", "1", "2"].contains(&row["queue"].as_str()));
    }
    // Of more replications it is the first.
    let again = folder.path().join("again.csv");
    simulate_json(&(BURSTS.to_owned() + RESERVE), &["--packets", again.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(again).unwrap(), text);
}

#[test]
fn the_timeline_is_short_and_loses_no_maximum() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("timeline.csv");
    for (duration, reserve) in [("2 ms", RESERVE), ("20 us", RESERVE), ("20 ms", "")] {
        let scenario = BURSTS.replace("replications = 2", "replications = 1") + reserve;
        let scenario = scenario.replace("100 us", "10 us");
        let set = format!("run.duration={duration}");
        let args = ["--timeline", path.to_str().unwrap(), "--set", &set];
        let result = simulate_json(&scenario, &args);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("t_ns,in_use_max,reserve_in_use_max,q0_in_use_max,q1_in"));
        let rows = rows(&text);
        assert!((900..=2_000).contains(&rows.len()), "{} lines", rows.len());
        let max = |name: &str| rows.iter().map(|row| row[name].parse::<u64>().unwrap()).max();
        assert_eq!(max("in_use_max"), Some(count(&result["memory"]["in_use_bytes_max"]) / 2048));
        let of_reserve = result["reserve"]["in_use_max"].as_u64().unwrap_or(0);
        assert_eq!(max("reserve_in_use_max"), Some(of_reserve));
        for queue in result["queues"].as_array().unwrap() {
            let name = format!("q{}_in_use_max", queue["queue"]);
            assert_eq!(max(&name), queue["outstanding_max"].as_u64(), "{name}");
        }
    }
}

#[test]
fn a_closed_standard_output_is_a_success() {
    for args in [&["simulate", "-"][..], &["check", "-"], &["schema"], &["--help"]] {
        let mut child = start(args, Path::new("."));
        drop(child.stdout.take());
        let ran = finish(child, BURSTS);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn warnings_go_to_standard_error_and_quiet_keeps_them_back() {
    let overloaded = BURSTS.replace("1 us", "9 us");
    for command in ["check", "simulate", "plan"] {
        let args = [command, "-", "--set", "plan.rx=4", "--set", "plan.reserve=0"];
        let ran = piped(&overloaded, &args);
        let warnings: Vec<&str> = ran.stderr.lines().collect();
        assert!(warnings[0].starts_with("warning: utilisation is 1.8"), "{}", ran.stderr);
        assert!(warnings.iter().all(|line| line.starts_with("warning: ")), "{}", ran.stderr);
        assert!(!ran.stdout.contains("warning: "), "{}", ran.stdout);
        let quiet = piped(&overloaded, &[&args[..], &["--quiet"]].concat());
        assert_eq!((quiet.stdout, quiet.stderr.as_str()), (ran.stdout, ""));
    }
    let wrong = piped("x = 1", &["check", "-", "--quiet"]);
    assert!(wrong.stderr.starts_with("error: "), "errors are told all the same");
}

#[test]
fn check_says_that_a_right_scenario_is_right() {
    let ran = piped(BURSTS, &["check", "-"]);
    assert!(ran.stdout.starts_with("-: ok; 3 queues"), "{}", ran.stdout);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert_eq!(piped(BURSTS, &["check", "-", "--format", "json"]).json()["ok"], true);
}

#[test]
fn the_schema_is_json_and_has_every_key_of_the_reader() {
    let text = piped("", &["schema"]).success();
    assert!(serde_json::from_str::<Value>(&text).unwrap().is_object());
    let source = include_str!("../src/scenario/keys.rs");
    let keys = source.split("key(").filter_map(|part| part.trim_start().strip_prefix('"'));
    let names: Vec<&str> = keys.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(names.len() > 60, "only {} keys were found in the source", names.len());
    for name in names {
        assert!(text.contains(&format!("\"{name}\": {{")), "{name} is missing");
    }
}

#[test]
fn the_json_of_plan_and_footprint_has_the_contracts_names() {
    let args = ["plan", "-", "--format", "json", "--max-drop-rate", "0.5"];
    let plan = piped(&format!("{BURSTS}\n[plan]\nrx = [4, 8]\nreserve = [0, 8]\n"), &args).json();
    let found = names(&plan);
    let of_configuration = "queues rx reserve_entries policy p99_us total_bytes buffers_bytes \
         drop_rate.estimate drop_rate.ci_low drop_rate.ci_high drop_rate.method";
    let top = "schema command goal.max_drop_rate goal.confidence verdict why commands";
    let mut wanted: Vec<String> = top.split_whitespace().map(str::to_owned).collect();
    for part in ["recommended", "today", "baseline", "frontier"] {
        wanted.extend(of_configuration.split_whitespace().map(|name| format!("{part}.{name}")));
    }
    for name in wanted {
        assert!(found.contains(&name), "{name} is missing");
    }
    assert!(plan["recommended"]["drop_rate"]["ci_high"].as_f64() <= Some(0.5));
    assert_eq!(plan["commands"][0], format!("ethtool -G <interface> rx {}", plan["today"]["rx"]));
    let footprint = names(&piped("", &["footprint", "--format", "json"]).json());
    let of_row = "name queues rx reserve_entries rx_buf_len_bytes dedicated_bytes reserve_bytes \
         descriptor_bytes completion_bytes header_bytes buffers_bytes total_bytes";
    for name in of_row.split_whitespace() {
        assert!(footprint.contains(&format!("configurations.{name}")), "{name} is missing");
    }
}

#[test]
fn the_method_of_the_estimate_fits_what_was_run() {
    let method = |result: &Value| result["drop_rate"]["method"].as_str().unwrap().to_owned();
    assert_eq!(method(&simulate_json(BURSTS, &[])), "replications");
    assert_eq!(method(&simulate_json(BURSTS, &["--set", "run.replications=1"])), "batch-means");
    let folder = recorded();
    let args = ["simulate", "scenario.toml", "--format", "json"];
    let exact = finish(start(&args, folder.path()), "").json();
    assert_eq!(method(&exact), "exact");
    let exact = &exact["drop_rate"];
    assert!(["estimate", "ci_low", "ci_high"].iter().all(|name| exact[*name] == 0.5));
    for (replications, confidence) in [(1, 0.95), (3, 0.5)] {
        let text = BURSTS.split("[[traffic]]").next().unwrap().replace("rx = 4", "rx = 999");
        let scenario = text + "[[traffic]]\nkind = \"poisson\"\nrate = \"100 kpps\"\n";
        let sets =
            [format!("run.replications={replications}"), format!("run.confidence={confidence}")];
        let none = simulate_json(&scenario, &["--set", &sets[0], "--set", &sets[1]]);
        assert_eq!(method(&none), "zero-drops");
        let packets = none["packets"]["offered"].as_f64().unwrap();
        assert_close(&none["drop_rate"]["ci_high"], -(1.0_f64 - confidence).ln() / packets);
    }
}

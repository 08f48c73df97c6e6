//! `sweep`, black box: what its points are, what it writes, and what survives a kill.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/program.rs"]
mod program;

use std::process::Stdio;

use program::Folder;
use serde_json::Value;

/// Three queues that drop some packets of their bursts.
const BURSTS: &str = r#"
title = "bursts"
[run]
duration = "2 ms"
warmup = "100 us"
replications = 3
[nic]
queues = 3
rx = 4
rx_buf_len = "2 KiB"
[reserve]
entries = 8
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "on-off"
rate = "2 Mpps"
on = { dist = "exponential", mean = "5 us" }
off = { dist = "exponential", mean = "45 us" }
[sweep]
"nic.rx" = "2..8 x2"
reserve.entries = [8, 0]
"#;

const POINTS: [(&str, &str); 6] =
    [("2", "8"), ("2", "0"), ("4", "8"), ("4", "0"), ("8", "8"), ("8", "0")];

#[test]
fn rows_come_in_grid_order_and_are_those_of_single_simulations() {
    let folder = Folder::with(BURSTS);
    let csv = folder.run(&["sweep", "s.toml", "--format", "csv"]).success();
    let points = rows(&csv);
    assert_eq!(points.len(), POINTS.len());
    let offered = column(&csv, "packets_offered");
    assert!(offered.iter().all(|count| *count == offered[0]), "all points see the same traffic");
    for (row, (rx, entries)) in points.iter().zip(POINTS) {
        let names: Vec<&str> = row.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[..2], ["nic_rx", "reserve_entries"]);
        assert_eq!(names.last(), Some(&"seed"));
        assert_eq!([&row[0].1, &row[1].1], [rx, entries]);
        let sets = [format!("nic.rx={rx}"), format!("reserve.entries={entries}")];
        let alone = folder
            .run(&["simulate", "s.toml", "--format", "csv", "--set", &sets[0], "--set", &sets[1]]);
        for (name, cell) in &rows(&alone.success())[0] {
            // A varied key stands for the result of the same name.
            if name != "command" && name != "reserve_entries" {
                assert!(row.contains(&(name.clone(), cell.clone())), "{name} is not {cell}");
            }
        }
    }
}

/// 32 queues of which the windowed path is taken, with few drops and with many.
const RESERVES: &str = r#"
title = "reserves"
[run]
duration = "3 ms"
warmup = "200 us"
replications = 2
[nic]
queues = 32
rx = 64
rx_buf_len = "2 KiB"
[reserve]
entries = 8
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "on-off"
rate = "3 Mpps"
on = { dist = "exponential", mean = "20 us" }
off = { dist = "exponential", mean = "80 us" }
[sweep]
reserve.entries = [512, 0, 64, 2048, 700]
"nic.rx" = [128, 64]
"#;

#[test]
fn points_in_one_pass_are_those_of_single_simulations() {
    let folder = Folder::with(RESERVES);
    // One thread has one pass for each depth; without a fast path there is none.
    let csv = folder.run(&["sweep", "s.toml", "--format", "csv", "--jobs", "1"]).success();
    for more in [&["--engine", "reference"][..], &["--jobs", "7"], &["--sample", "10"]] {
        let other = folder.run(&[&["sweep", "s.toml", "--format", "csv"], more].concat());
        assert!(other.success() == csv, "{more:?}");
    }
    let drops: Vec<f64> =
        column(&csv, "drop_rate_estimate").iter().map(|cell| cell.parse().unwrap()).collect();
    assert!(drops.iter().any(|rate| *rate > 0.01) && drops.contains(&0.0), "{drops:?}");
    for (point, row) in rows(&csv).iter().enumerate() {
        let sets = [format!("reserve.entries={}", row[0].1), format!("nic.rx={}", row[1].1)];
        let alone = folder
            .run(&["simulate", "s.toml", "--format", "csv", "--set", &sets[0], "--set", &sets[1]]);
        for (name, cell) in &rows(&alone.success())[0] {
            if name != "command" && name != "reserve_entries" {
                assert!(row.contains(&(name.clone(), cell.clone())), "{point}: {name}");
            }
        }
    }
}

#[test]
fn all_forms_have_the_same_values() {
    let folder = Folder::with(BURSTS);
    let json = folder.run(&["sweep", "s.toml", "--format", "json", "--out", "o"]).success();
    let document: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["command"], "sweep");
    assert_eq!(document["keys"], serde_json::json!(["nic.rx", "reserve.entries"]));
    let lines: Vec<Value> = folder
        .read("o/sweep.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(document["rows"], Value::Array(lines.clone()));
    for (line, row) in lines.iter().zip(rows(&folder.read("o/sweep.csv"))) {
        for ((name, value), (column, cell)) in line.as_object().unwrap().iter().zip(row) {
            assert_eq!(name.replace('.', "_"), column);
            let text = match value {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(text, cell);
        }
    }
    assert!(folder.read("o/manifest.toml").contains("command = \"sweep\""));
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let folder = Folder::with(BURSTS);
    for jobs in ["1", "4"] {
        folder.run(&["sweep", "s.toml", "--out", jobs, "--jobs", jobs]).success();
    }
    assert_eq!(folder.files("1"), folder.files("4"));
    let names: Vec<String> = folder.files("1").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["differences.csv", "sweep.csv", "sweep.journal", "sweep.jsonl"]);
}

#[test]
fn a_sweep_cut_off_anywhere_goes_on_to_the_same_bytes() {
    let folder = Folder::with(BURSTS);
    folder.run(&["sweep", "s.toml", "--out", "whole"]).success();
    let journal = folder.read("whole/sweep.journal").into_bytes();
    let ends: Vec<usize> = (1..=journal.len()).filter(|end| journal[end - 1] == b'\n').collect();
    let near_ends = ends.iter().flat_map(|end| [end - 1, *end, end + 1]);
    let cuts = near_ends.chain((0..journal.len()).step_by(311)).filter(|cut| *cut < journal.len());
    std::fs::create_dir(folder.path().join("cut")).unwrap();
    for cut in cuts {
        folder.write("cut/sweep.journal", &journal[..cut]);
        folder.run(&["sweep", "s.toml", "--out", "cut", "--resume"]).success();
        assert!(folder.files("cut") == folder.files("whole"), "cut at {cut}");
    }
}

#[test]
fn a_killed_sweep_goes_on_to_the_same_bytes() {
    let folder = Folder::with(BURSTS);
    let args = ["sweep", "s.toml", "--vary", "nic.rx=1..60 step 1", "--out"];
    folder.run(&[&args[..], &["whole"]].concat()).success();
    let mut command = folder.command(&[&args[..], &["killed"]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = folder.path().join("killed/sweep.journal");
    // Whenever the kill comes, the outcome must be the same; usually it comes amid the sweep.
    while child.try_wait().unwrap().is_none()
        && std::fs::read(&journal).map_or(0, |text| text.len()) < 10_000
    {
        std::thread::yield_now();
    }
    let _ = child.kill();
    child.wait().unwrap();
    folder.run(&[&args[..], &["killed", "--resume"]].concat()).success();
    assert!(folder.files("killed") == folder.files("whole"));
}

#[test]
fn a_time_limit_leaves_whole_points_that_a_resumed_sweep_keeps() {
    let folder = Folder::with(BURSTS);
    let args = ["sweep", "s.toml", "--vary", "nic.rx=1..200 step 1", "--out"];
    folder.run(&[&args[..], &["whole"]].concat()).success();
    let ran = folder.run(&[&args[..], &["part", "--time-limit", "100 ms"]].concat());
    let whole = folder.read("whole/sweep.jsonl");
    if ran.status == 0 {
        let part = folder.read("part/sweep.jsonl");
        assert!(part.lines().all(|line| whole.contains(line)));
        assert!(part.len() == whole.len() || ran.stderr.contains("go on with --resume"));
    } else {
        assert!(ran.stderr.contains("stopped before there was a result"), "{}", ran.stderr);
    }
    folder.run(&[&args[..], &["part", "--resume"]].concat()).success();
    assert!(folder.files("part") == folder.files("whole"));
}

#[test]
fn a_journal_of_another_sweep_is_refused() {
    let folder = Folder::with(BURSTS);
    let sweep = |more: &[&str]| folder.run(&[&["sweep", "s.toml", "--out", "o"], more].concat());
    sweep(&[]).success();
    let whole = folder.read("o/sweep.journal");
    for (more, why) in [
        (&["--seed", "2"][..], "made with the scenario's seed, not seed 2"),
        (&["--set", "nic.queues=2"], "of another scenario"),
        (&["--vary", "nic.rx=1"], "of another grid"),
    ] {
        let message = sweep(&[&["--resume"], more].concat()).failure(1);
        assert!(message.contains("sweep.journal: is ") && message.contains(why), "{message}");
        assert_eq!(folder.read("o/sweep.journal"), whole);
    }
    let unfinished: String = whole.split_inclusive('\n').take(3).collect();
    folder.write("o/sweep.journal", &unfinished);
    let message = sweep(&[]).failure(1);
    assert!(message.contains("holds 2 finished points"), "{message}");
    assert_eq!(folder.read("o/sweep.journal"), unfinished);
    folder.write("o/sweep.journal", "my notes\n");
    assert!(sweep(&["--resume"]).failure(1).contains("no journal"));
    assert_eq!(folder.read("o/sweep.journal"), "my notes\n");
}

#[test]
fn a_finished_sweep_may_be_replaced_by_another() {
    let folder = Folder::with(BURSTS);
    folder.run(&["sweep", "s.toml", "--out", "o"]).success();
    folder.run(&["sweep", "s.toml", "--out", "o", "--vary", "nic.rx=1"]).success();
    assert_eq!(column(&folder.read("o/sweep.csv"), "nic_rx"), ["1", "1"]);
}

#[test]
fn a_sample_has_rows_of_the_whole_grid_in_its_order() {
    let folder = Folder::with(BURSTS);
    let vary = ["sweep", "s.toml", "--format", "csv", "--vary", "nic.rx=1..8 step 1"];
    let whole = folder.run(&vary).success();
    for sampling in ["random", "latin-hypercube"] {
        let sample = ["--sample", "5", "--sampling", sampling];
        let part = folder.run(&[&vary[..], &sample].concat()).success();
        let mut rest = whole.lines();
        // Each line is found after the one before.
        assert!(part.lines().all(|line| rest.any(|other| other == line)), "{sampling}");
        assert!(part.lines().count() > 3, "{sampling}");
        let other = [&vary[..], &sample, &["--sample-seed", "7"]].concat();
        assert_ne!(folder.run(&other).success(), part);
    }
}

#[test]
fn differences_are_those_of_the_rates_each_from_its_own_baseline() {
    let folder = Folder::with(BURSTS);
    folder.run(&["sweep", "s.toml", "--out", "o", "--baseline", "reserve.entries=0"]).success();
    let number = |text: &String| text.parse::<f64>().unwrap();
    let rates: Vec<f64> =
        column(&folder.read("o/sweep.csv"), "drop_rate_estimate").iter().map(number).collect();
    let differences = folder.read("o/differences.csv");
    let estimates = column(&differences, "drop_rate_diff_estimate");
    let low = column(&differences, "drop_rate_diff_ci_low");
    let high = column(&differences, "drop_rate_diff_ci_high");
    for point in 0..POINTS.len() {
        // Points without a reserve are the odd ones.
        let expected = rates[point] - rates[point | 1];
        assert!((number(&estimates[point]) - expected).abs() < 1e-12);
        assert!(number(&low[point]) <= expected && expected <= number(&high[point]));
    }
}

#[test]
fn seeds_may_be_varied_and_are_compared_within_themselves() {
    let folder = Folder::with(BURSTS);
    folder.run(&["sweep", "s.toml", "--vary", "run.seed=5,6", "--out", "o"]).success();
    let seeds = column(&folder.read("o/sweep.csv"), "seed");
    assert_eq!(seeds[..4], ["5", "6", "5", "6"]);
    // The first point of each seed is its baseline.
    let methods = column(&folder.read("o/differences.csv"), "drop_rate_diff_method");
    let own: Vec<usize> = (0..methods.len()).filter(|index| methods[*index] == "exact").collect();
    assert_eq!(own, [0, 1]);
}

#[test]
fn lists_may_hold_any_values_and_columns_are_those_of_all_rows() {
    let folder = Folder::with(BURSTS);
    let hosts =
        r#"host=[{ model = "server", service = "1 us" }, { model = "napi", per_packet = "1 us" }]"#;
    let csv = folder
        .run(&["sweep", "s.toml", "--vary", hosts, "--vary", "nic.rx=4", "--format", "csv"])
        .success();
    let held = column(&csv, "memory_held_bytes_max");
    assert_eq!(held[..2], ["", "0"], "{held:?}");
    assert!(column(&csv, "host")[1].contains("napi"));
}

#[test]
fn wrong_sweeps_are_refused_before_anything_runs() {
    let folder = Folder::with(BURSTS);
    for (more, status, what) in [
        (&["--vary", "nic.ry=1"][..], 1, "nic.ry is not a key"),
        (&["--vary", "nic.rx"], 1, "has no '='"),
        (&["--vary", "nic.rx=1,1"], 1, "lists 1 twice"),
        (&["--vary", "nic.rx=1,-4"], 1, "point 3 of 4 (nic.rx = -4, reserve.entries = 8): nic.rx"),
        (&["--vary", "plan.rx=1"], 1, "does not change what is simulated"),
        (&["--vary", "traffic.1.rate=\"1 Mpps\""], 1, "'1' is not an index below 1"),
        (&["--set", "nic.rx=4"], 1, "to hold it, write --vary nic.rx=4"),
        (
            &["--vary", "run.seed=1..2000 step 1", "--vary", "nic.queues=1..500 step 1"],
            1,
            "6000000",
        ),
        (&["--vary", "run.seed=1,2", "--seed", "3"], 1, "leave one of them out"),
        (&["--baseline", "nic.rx=5"], 1, "is none of its values; they are 2, 4, 8"),
        (&["--baseline", "nic.queues=3"], 1, "varied are nic.rx, reserve.entries"),
        (&["--engine", "fast", "--set", "nic.fifo=9 kB"], 1, "point 1 of 6"),
        (&["--resume"], 2, "needs --out"),
    ] {
        let message = folder.run(&[&["sweep", "s.toml"], more].concat()).failure(status);
        assert!(message.contains(what), "{message}");
    }
    let wrong = ["sweep", "s.toml", "--vary", "nic.rx=-1", "--out", "o"];
    folder.run(&wrong).failure(1);
    assert!(!folder.path().join("o").exists(), "what is wrong leaves nothing behind");
    folder.write("s.toml", BURSTS.split("[sweep]").next().unwrap());
    assert!(folder.run(&["sweep", "s.toml"]).failure(1).contains("varies nothing"));
}

#[test]
fn a_key_without_a_value_of_its_own_may_be_left_to_the_sweep() {
    let folder = Folder::with(&BURSTS.replace("rx = 4\n", ""));
    assert_eq!(folder.run(&["sweep", "s.toml"]).status, 0);
    assert!(folder.run(&["simulate", "s.toml"]).failure(1).contains("nic.rx: is missing"));
}

/// A CSV's rows, each as pairs of column and cell.
fn rows(csv: &str) -> Vec<Vec<(String, String)>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let names = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let pairs = names.iter().zip(&record);
        pairs.map(|(name, cell)| (name.to_owned(), cell.to_owned())).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// The cells of a column.
fn column(csv: &str, name: &str) -> Vec<String> {
    let cell = |row: Vec<(String, String)>| {
        let found = row.into_iter().find(|(column, _)| column == name);
        found.unwrap_or_else(|| panic!("no column {name}")).1
    };
    rows(csv).into_iter().map(cell).collect()
}

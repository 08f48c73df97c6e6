//! `shard`, black box: the parts together are the sweep, wherever and however often they run.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/program.rs"]
mod program;

use std::fs;

use program::{Folder, Ran, finish};
use serde_json::Value;

/// Two queues that drop some packets; fourteen points.
const BURSTS: &str = r#"
title = "bursts"
[run]
duration = "1 ms"
warmup = "100 us"
replications = 2
[nic]
queues = 2
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
[sweep]
"nic.rx" = "1..7 step 1"
"traffic.0.rate" = ["2 Mpps", "3 Mpps"]
"#;
const SHARDS: usize = 4;

fn planned() -> Folder {
    let folder = Folder::with(BURSTS);
    folder.run(&["shard", "plan", "s.toml", "--shards", "4", "-o", "plan"]).success();
    folder
}

fn run_shard(folder: &Folder, shard: usize) -> Ran {
    folder.run(&["shard", "run", "plan", "--shard", &shard.to_string()])
}

fn part(shard: usize) -> String {
    format!("plan/part-{shard:05}-of-00004.jsonl")
}

#[test]
fn merged_parts_are_the_sweep_byte_for_byte() {
    let folder = planned();
    folder.run(&["sweep", "s.toml", "--out", "whole"]).success();
    // A plan needs its scenario no more.
    fs::remove_file(folder.path().join("s.toml")).unwrap();
    for shard in [2, 0, 3, 1] {
        assert_eq!(run_shard(&folder, shard).success(), "");
    }
    let printed = folder.run(&["shard", "merge", "plan", "--out", "merged", "--format", "csv"]);
    assert_eq!(printed.success(), folder.read("whole/sweep.csv"));
    assert_eq!(folder.files("merged"), folder.files("whole"));
}

#[test]
fn samples_seeds_and_baselines_are_part_of_the_plan() {
    let folder = Folder::with(BURSTS);
    let grid = [
        "s.toml",
        "--vary",
        "nic.rx=1..50 step 1",
        "--sample",
        "9",
        "--seed",
        "3",
        "--baseline",
        "traffic.0.rate=2 Mpps",
    ];
    folder.run(&[&["sweep", "--out", "whole"], &grid[..]].concat()).success();
    folder.run(&[&["shard", "plan", "--shards", "2", "-o", "plan"], &grid[..]].concat()).success();
    for shard in 0..2 {
        run_shard(&folder, shard).success();
    }
    folder.run(&["shard", "merge", "plan", "--out", "merged"]).success();
    assert_eq!(folder.files("merged"), folder.files("whole"));
}

#[test]
fn files_that_a_scenario_names_are_found_from_anywhere() {
    let traffic = BURSTS.split("[[traffic]]").next().unwrap().to_owned()
        + "[[traffic]]\nkind = \"trace\"\nfile = \"t.csv\"\n[sweep]\nnic.rx = [1, 2]\n";
    let folder = Folder::with(&traffic.replace("warmup = \"100 us\"\n", ""));
    folder.write("t.csv", "t_ns,queue,len\n1000,0,1500\n1500,1,64\n");
    folder.run(&["shard", "plan", "s.toml", "--shards", "1", "-o", "plan"]).success();
    let mut command = folder.command(&["shard", "run", ".", "--shard", "0"]);
    command.current_dir(folder.path().join("plan"));
    finish(command).success();
}

#[test]
fn the_scheduler_says_which_shard_and_the_plan_how_many() {
    let folder = planned();
    for (shard, name) in
        ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "HQ_TASK_ID"].into_iter().enumerate()
    {
        let mut command = folder.command(&["shard", "run", "plan"]);
        // Of a resubmitted array Slurm counts what was resubmitted only.
        command.env(name, shard.to_string()).env("SLURM_ARRAY_TASK_COUNT", "1");
        finish(command).success();
        assert!(folder.path().join(part(shard)).exists(), "{name}");
    }
    let mut command = folder.command(&["shard", "run", "plan", "--shard", "3"]);
    command.env("SLURM_ARRAY_TASK_ID", "0").env("SLURM_CPUS_PER_TASK", "2");
    finish(command).success();
    folder.run(&["shard", "merge", "plan"]).success();

    let mut command = folder.command(&["shard", "run", "plan"]);
    command.env("JOB_COMPLETION_INDEX", "two");
    assert!(finish(command).failure(2).contains("JOB_COMPLETION_INDEX is \"two\""));
    assert!(folder.run(&["shard", "run", "plan"]).failure(2).contains("give --shard I"));
    assert!(run_shard(&folder, 4).failure(2).contains("no shard 4; the plan has shards 0 to 3"));
}

#[test]
fn a_shard_that_is_done_is_not_run_again_and_one_cut_off_goes_on() {
    let folder = planned();
    run_shard(&folder, 1).success();
    let whole = folder.read(&part(1));
    let ran = run_shard(&folder, 1);
    assert!(ran.stderr.contains("shard 1 of 4: is done already"), "{}", ran.stderr);
    assert_eq!(ran.success(), "");
    for cut in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        fs::remove_file(folder.path().join(part(1))).unwrap();
        let journal = part(1).replace("jsonl", "journal");
        folder.write(&journal, &whole[..cut]);
        run_shard(&folder, 1).success();
        assert_eq!(folder.read(&part(1)), whole, "cut at {cut}");
        assert!(!folder.path().join(journal).exists());
    }
}

#[test]
fn parts_and_journals_of_another_plan_are_refused_for_good() {
    let folder = planned();
    for shard in 0..SHARDS {
        run_shard(&folder, shard).success();
    }
    let other = ["shard", "plan", "s.toml", "--shards", "4", "-o", "other", "--seed", "9"];
    folder.run(&other).success();
    fs::copy(folder.path().join(part(2)), folder.path().join(part(2).replace("plan", "other")))
        .unwrap();
    let foreign = ["shard", "run", "other", "--shard", "2"];
    assert!(folder.run(&foreign).failure(2).contains("made with the scenario's seed, not seed 9"));
    assert!(folder.run(&["shard", "merge", "other"]).failure(1).contains("not seed 9"));
    // Nor is one shard another.
    fs::copy(folder.path().join(part(0)), folder.path().join(part(3))).unwrap();
    assert!(run_shard(&folder, 3).failure(2).contains("of another shard"));
    let short: String = folder.read(&part(1)).split_inclusive('\n').take(2).collect();
    folder.write(&part(1), short);
    assert!(run_shard(&folder, 1).failure(2).contains("not whole"));
    let same = ["shard", "plan", "s.toml", "--shards", "5", "-o", "plan"];
    assert!(folder.run(&same).failure(1).contains("is of another sweep"));
}

#[test]
fn plans_that_were_changed_are_refused() {
    let folder = planned();
    let plan = folder.read("plan/plan.json");
    for (from, to, why) in [
        ("rate = \\\"2 Mpps", "rate = \\\"9 Mpps", "was changed"),
        ("\"points\": 14", "\"points\": 13", "was changed"),
        ("\"shards\": 4", "\"shards\": 0", "was changed"),
        ("\"version\": \"", "\"version\": \"0", "made by version 00"),
        ("\"shards\"", "\"shard\"", "no plan of this version"),
    ] {
        assert!(plan.contains(from), "{from}");
        folder.write("plan/plan.json", plan.replace(from, to));
        assert!(run_shard(&folder, 0).failure(2).contains(why), "{to}");
    }
    assert!(folder.run(&["shard", "run", "none", "--shard", "0"]).failure(1).contains("none"));
}

#[test]
fn status_and_merge_name_what_is_missing_as_schedulers_take_it() {
    let folder = planned();
    run_shard(&folder, 1).success();
    let begun: String = folder.read(&part(1)).replace("\"index\":1", "\"index\":0");
    let begun: String = begun.split_inclusive('\n').take(1).collect();
    folder.write(&part(0).replace("jsonl", "journal"), begun);
    let json = folder.run(&["shard", "status", "plan", "--format", "json"]).success();
    let status: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&status["done"], &status["missing"]), (&"1".into(), &"0,2-3".into()));
    assert_eq!((&status["points"], &status["finished"]), (&14.into(), &4.into()));
    assert_eq!(status["shards"][0]["state"], "begun");
    let table = folder.run(&["shard", "status", "plan"]).success();
    assert_eq!(table, "1 of 4 shards, 4 of 14 points; not done: 0,2-3\n");
    assert!(folder.run(&["shard", "merge", "plan"]).failure(1).contains("shards 0,2-3 of 4"));
}

#[test]
fn wrong_plans_are_refused_before_anything_runs() {
    let folder = Folder::with(BURSTS);
    let plan = |more: &[&str]| folder.run(&[&["shard", "plan", "s.toml"], more].concat());
    assert!(plan(&["--shards", "2"]).failure(2).contains("--out: is missing"));
    assert_eq!(plan(&["--shards", "0", "-o", "p"]).status, 2);
    let point = plan(&["--shards", "2", "-o", "p", "--vary", "nic.rx=1,-1"]).failure(1);
    assert!(point.contains("point 3 of 4 (nic.rx = -1"), "{point}");
    assert!(!folder.path().join("p").exists());
}

#[test]
fn scripts_run_every_shard() {
    let folder = planned();
    let emit = |scheduler| folder.run(&["shard", "emit", scheduler, "plan"]).success();
    let run = format!("shard run {}/plan", folder.path().display());
    for scheduler in ["slurm", "parallel"] {
        assert!(emit(scheduler).contains(&run), "{scheduler}");
        assert!(emit(scheduler).starts_with("#!/bin/sh\n"));
    }
    assert!(emit("slurm").contains("#SBATCH --array=0-3\n"));
    assert!(emit("parallel").contains("seq 0 3 | "));
    assert!(emit("kubernetes").contains("completions: 4\n"));
    assert!(emit("snakemake").contains("/part-{shard}-of-00004.jsonl\""));
}

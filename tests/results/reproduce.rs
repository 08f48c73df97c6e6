//! `reproduce`, black box: results made again from their manifests alone, and what hinders that.

use serde_json::Value;

use crate::program::Folder;

const SCENARIO: &str = r#"
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
[plan]
rx = "4..32 x2"
reserve = [0, 8]
"#;

#[test]
fn every_command_with_a_manifest_gives_the_same_bytes_again() {
    let folder = Folder::with(SCENARIO);
    for command in [
        &["simulate", "s.toml", "--set", "nic.rx=3", "--seed", "7"][..],
        &["sensitivity", "s.toml", "--set", "plan.max_drop_rate=0.1"],
        &["plan", "s.toml", "--max-drop-rate", "0.02"],
        &["sweep", "s.toml", "--vary", "nic.rx=1..99 step 1", "--sample", "5", "--seed", "2"],
        &[
            "sweep",
            "s.toml",
            "--vary",
            "run.seed=1,2",
            "--vary",
            "nic.rx=4,2",
            "--baseline",
            "nic.rx=2",
        ],
    ] {
        let status = folder.run(&[command, &["--out", "o"]].concat()).status;
        assert!([0, 3].contains(&status), "{command:?}");
        let before = folder.files("o");
        let json = folder.run(&["reproduce", "o/manifest.toml", "--format", "json"]).success();
        let report: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["same"], true, "{command:?}: {json}");
        assert_eq!(folder.files("o"), before, "what is reproduced is left alone");
        std::fs::remove_dir_all(folder.path().join("o")).unwrap();
    }
}

#[test]
fn a_result_that_was_changed_differs() {
    let folder = Folder::with(SCENARIO);
    folder.run(&["simulate", "s.toml", "--out", "o"]).success();
    let summary = folder.read("o/summary.csv");
    folder.write("o/summary.csv", summary + "\n");
    let ran = folder.run(&["reproduce", "o/manifest.toml"]);
    assert_eq!(ran.status, 1);
    assert_eq!(ran.stdout, "queues.csv: the same bytes\nsummary.csv: differs, or is not there\n");
}

#[test]
fn what_cannot_be_made_again_is_said_in_a_sentence() {
    let folder = Folder::with(SCENARIO);
    folder.run(&["simulate", "s.toml", "--out", "o"]).success();
    let manifest = folder.read("o/manifest.toml");
    let reproduce = || folder.run(&["reproduce", "o/manifest.toml"]).failure(1);
    folder.write("o/manifest.toml", manifest.replace("\"s.toml\"", "\"<stdin>\""));
    assert!(reproduce().contains("came from standard input"));
    folder.write("o/manifest.toml", manifest.replace("\"s.toml\"", "\"gone.toml\""));
    assert!(reproduce().contains("call from the folder from which the result was made"));
    folder.write("o/manifest.toml", manifest.replace("seed = 1", "seed = one"));
    assert!(reproduce().contains("line 6: is no manifest"));
    folder.write("o/manifest.toml", &manifest);
    folder.write("s.toml", SCENARIO.replace("rx = 4", "rx = 5"));
    assert!(reproduce().contains("s.toml has changed since"));
    assert!(folder.run(&["reproduce", "none"]).failure(1).contains("cannot read the manifest"));
}

#[test]
fn completions_know_the_commands() {
    let folder = Folder::with(SCENARIO);
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.run(&["completions", shell]).success();
        assert!(script.contains("sensitivity") && script.contains("shard"), "{shell}");
    }
}

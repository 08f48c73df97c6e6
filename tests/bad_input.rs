//! Bad input: every mistake ends in one sentence that says where, what, and what would be right.
//!
//! `tests/data/bad/` has one scenario per mistake. Its first lines say what the message must have:
//! `# expect: TEXT`, the first of them as `:LINE:COLUMN: KEY: TEXT` of the scenario itself, unless
//! `# place: TEXT` names another file. `# run: simulate`: the mistake shows in a run only.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "tests/data/bad";

/// A scenario that is right.
const RIGHT: &str = r#"
[run]
duration = "2 ms"
warmup = "1 ms"
replications = 1
[nic]
queues = 4
rx = 64
rx_buf_len = "2 KiB"
[host]
model = "server"
service = "1 us"
[[traffic]]
kind = "poisson"
rate = "100 kpps"
"#;

/// Status, standard output and standard error of a run in the package's folder.
fn rxplan(args: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rxplan"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (output.status.code().expect("no signal"), stdout, stderr)
}

/// Why a run was not refused in one line that has all of `expected`.
fn not_refused(args: &[&str], stdin: &[u8], expected: &[&str]) -> Option<String> {
    let (status, stdout, stderr) = rxplan(args, stdin);
    let line = stderr.strip_suffix('\n').unwrap_or("");
    let one_line = line.starts_with("error: ") && !line.contains(char::is_control);
    if status != 1 || !stdout.is_empty() || !one_line {
        return Some(format!("{args:?}: status {status}, {stdout}{stderr}"));
    }
    let missing: Vec<&&str> = expected.iter().filter(|text| !line.contains(**text)).collect();
    (!missing.is_empty()).then(|| format!("{args:?}: lacks {missing:?}: {line}"))
}

#[track_caller]
fn assert_refused(args: &[&str], stdin: &[u8], expected: &[&str]) {
    if let Some(failure) = not_refused(args, stdin, expected) {
        panic!("{failure}");
    }
}

/// What the head of a bad scenario says.
struct Mistake {
    path: String,
    expected: Vec<String>,
    only_simulate: bool,
}

fn mistakes() -> Vec<Mistake> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    let read = |name: &String| {
        let text = String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap()).into_owned();
        let marked = |mark: &str| -> Vec<String> {
            text.lines().filter_map(|line| line.strip_prefix(mark)).map(str::to_owned).collect()
        };
        let mut expected = marked("# expect: ");
        assert!(!expected.is_empty(), "{name} does not say what is expected");
        let elsewhere = marked("# place: ");
        if elsewhere.is_empty() {
            let place = &expected[0];
            let numbers: Vec<&str> = place.split(':').skip(1).take(2).collect();
            let is_number = |text: &&str| text.parse::<u32>().is_ok_and(|number| number > 0);
            assert!(place.starts_with(':') && numbers.iter().all(is_number), "{name}: {place}");
            expected[0] = format!("error: {FOLDER}/{name}{place}");
        }
        expected.extend(elsewhere);
        let only_simulate = !marked("# run: simulate").is_empty();
        Mistake { path: format!("{FOLDER}/{name}"), expected, only_simulate }
    };
    names.iter().map(read).collect()
}

#[test]
fn every_mistake_in_a_scenario_is_named_with_its_place_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, packets, timeline) = (output("out"), output("packets"), output("timeline"));
    let files = ["--out", &out, "--packets", &packets, "--timeline", &timeline];
    let all = mistakes();
    assert!(all.len() > 200, "only {} mistakes", all.len());
    let mut failures = Vec::new();
    for mistake in all {
        let expected: Vec<&str> = mistake.expected.iter().map(String::as_str).collect();
        let simulate = [&["simulate", &mistake.path][..], &files].concat();
        failures.extend(not_refused(&simulate, b"", &expected));
        if !mistake.only_simulate {
            failures.extend(not_refused(&["check", &mistake.path], b"", &expected));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{}", mistake.path);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_scenario_that_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (missing, cut) = (path("missing.toml"), path("cut.toml.gz"));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(RIGHT.as_bytes()).unwrap();
    fs::write(&cut, &encoder.finish().unwrap()[..60]).unwrap();
    for command in ["check", "simulate", "plan", "footprint"] {
        assert_refused(&[command, &missing], b"", &[&missing, "No such file or directory"]);
        assert_refused(&[command, FOLDER], b"", &[FOLDER, "Is a directory"]);
        assert_refused(&[command, &cut], b"", &[&cut, "cannot read the scenario"]);
    }
    assert_refused(&["check", "-"], b"\xff\xfe", &["standard input", "valid UTF-8"]);
    assert_refused(&["check", "-"], b"", &["<stdin>:1:1: nic: is missing"]);
}

#[test]
fn a_wrong_override_is_quoted_and_corrected() {
    for (set, expected) in [
        ("nic.rx", "has no '='; write KEY=VALUE, for example nic.rx=1024"),
        ("nic.rxx=5", "nic.rxx: is not a key here; did you mean rx?"),
        ("nci.rx=5", "nci: is not a key here; did you mean nic?"),
        ("host.period=20 us", "and is not a key here"),
        ("traffic.1.rate=1 kpps", "'1' is not an index below 1"),
        ("traffic.first.rate=1 kpps", "'first' is not an index below 1"),
        ("nic.rx.0=5", "nothing can lie below the key before '0'"),
        ("nic.rx=many", "nic.rx: is the string \"many\"; write a whole number"),
        ("nic.rx=", "nic.rx: is the string \"\"; write a whole number"),
        ("nic.rx=-1", "nic.rx: is the number -1; write a whole number"),
        ("run.duration=5", "run.duration: is the number 5, which has no unit"),
        ("run.duration=5 minutes", "run.duration: 'minutes' is not a unit of time"),
        ("traffic.0.kind=poison", "traffic[0].kind: \"poison\" is not one of"),
        ("traffic=[]", "traffic: "),
        ("reserve.policy=static-cap", "reserve.cap: is needed by \"static-cap\""),
        ("nic.queues=2", ""),
    ] {
        let args = ["check", "-", "--set", set];
        if expected.is_empty() {
            assert_eq!(rxplan(&args, RIGHT.as_bytes()).0, 0, "{set}");
        } else {
            let place = format!("error: --set {set}: ");
            assert_refused(&args, RIGHT.as_bytes(), &[&place, expected]);
        }
    }
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    fs::write(path("file"), "kept").unwrap();
    // Long enough to be noticed if it ran.
    let long = RIGHT.replace("2 ms", "200 s");
    for (option, name, reason) in [
        ("--out", "file", "is not a folder; give --out"),
        ("--out", "file/below", "cannot write: not a directory"),
        ("--packets", "nowhere/packets.csv", "cannot write: entity not found"),
    ] {
        let target = path(name);
        let target = target.to_str().unwrap();
        let args = ["simulate", "-", option, target];
        assert_refused(&args, long.as_bytes(), &[target, reason]);
    }
    let target = path("nowhere/timeline.csv");
    let target = target.to_str().unwrap();
    let args = ["simulate", "-", "--timeline", target];
    assert_refused(&args, RIGHT.as_bytes(), &[target, "cannot write: entity not found"]);
    let args = ["plan", "-", "--out", path("file").to_str().unwrap()].map(str::to_owned);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    assert_refused(&args, long.as_bytes(), &["is not a folder"]);
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "kept");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_run_of_hours_is_refused_unless_it_has_a_time_limit() {
    let endless = RIGHT.replace("2 ms", "1000000 s");
    for command in ["simulate", "plan"] {
        let expected = ["run.duration", "packets", " hours on ", "--time-limit"];
        assert_refused(&[command, "-"], endless.as_bytes(), &expected);
        let limited = [command, "-", "--time-limit", "100 ms"];
        assert_refused(&limited, endless.as_bytes(), &["stopped before "]);
    }
    assert_eq!(rxplan(&["check", "-"], endless.as_bytes()).0, 0);
}

#[test]
fn doubts_are_warnings_and_no_errors() {
    let overloaded = RIGHT.replace("1 us", "10 us");
    let short = RIGHT.replace("warmup = \"1 ms\"\n", "");
    for (scenario, expected) in [
        (&overloaded, "warning: utilisation is 1.000 at queue 0 and 3 more: "),
        (&short, "warning: the warm-up (10 ms) is longer than what is measured (2 ms)"),
    ] {
        for command in ["check", "simulate"] {
            let (status, stdout, stderr) = rxplan(&[command, "-"], scenario.as_bytes());
            assert_eq!(status, 0, "{stderr}");
            assert!(stderr.starts_with(expected) && !stdout.is_empty(), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
}

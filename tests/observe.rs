//! `rxplan observe`: counters of the machine the tests run on.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it skips"
)]

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

#[path = "support/program.rs"]
mod program;

use program::{Folder, finish};

const LOOPBACK: &str = "lo";

/// What the kernel counts of packets received over loopback; `None`, with a message, without it.
fn received() -> Option<u64> {
    let path = Path::new("/sys/class/net").join(LOOPBACK).join("statistics/rx_packets");
    let text = fs::read_to_string(path);
    if text.is_err() {
        eprintln!("skipped: this machine has no {LOOPBACK}");
    }
    Some(text.ok()?.trim().parse().unwrap())
}

/// Runs `work` while datagrams go over loopback.
fn with_traffic<T>(work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(socket.local_addr().unwrap()).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 100];
            while !done.load(Ordering::Relaxed) {
                for _ in 0..20 {
                    socket.send(&buffer).unwrap();
                    socket.recv(&mut buffer).unwrap();
                }
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}

/// Lines of samples as numbers.
fn samples(text: &str) -> Vec<[f64; 5]> {
    let lines = text.lines().skip_while(|line| !line.starts_with(|c: char| c.is_ascii_digit()));
    let values = lines.map(|line| line.split(',').map(|value| value.parse::<f64>().unwrap()));
    values.map(|values| values.collect::<Vec<_>>().try_into().unwrap()).collect()
}

#[test]
fn what_comes_over_loopback_is_in_the_samples_and_nothing_else() {
    let Some(before) = received() else { return };
    let folder = Folder::with("");
    let args = [
        "observe", LOOPBACK, "--for", "300 ms", "--trace", "t.csv", "--format", "json", "--out",
        "o",
    ];
    let report: Value =
        serde_json::from_str(&with_traffic(|| folder.run(&args)).success()).unwrap();
    let most = received().unwrap() - before;
    let packets = report["packets"].as_u64().unwrap();
    assert!(0 < packets && packets <= most, "{packets} of {most}");
    assert_eq!(report["trace"], "t.csv");
    let text = folder.read("t.csv");
    assert!(text.starts_with("# lo, from "), "{text}");
    let lines = samples(&text);
    let sum: f64 = lines.iter().map(|line| line[3]).sum();
    assert_eq!(sum.to_string(), packets.to_string());
    // Spans follow one another without a gap, in whole half nanoseconds.
    for pair in lines.windows(2) {
        assert_eq!((pair[0][0] + pair[0][1]).to_string(), pair[1][0].to_string());
    }
    let [(name, queues)] = folder.files("o").try_into().unwrap();
    assert_eq!(name, "queues.csv");
    assert!(queues.starts_with("queue,packets,share,pps,busiest_pps,bps,mean_len\n0,"), "{queues}");

    folder.write(
        "s.toml",
        "[nic]\nqueues = 1\nrx = 4096\nrx_buf_len = \"2 KiB\"\n[run]\nreplications = 1\n\
         [host]\nmodel = \"server\"\nservice = \"1 ns\"\n\
         [[traffic]]\nkind = \"samples\"\nfile = \"t.csv\"\n",
    );
    let simulated = folder.run(&["simulate", "s.toml", "--format", "json"]).success();
    let simulated: Value = serde_json::from_str(&simulated).unwrap();
    assert_eq!(simulated["packets"]["offered"], packets);
    if packets >= 100 {
        folder.run(&["fit", "t.csv"]).success();
    }
}

#[test]
fn an_interrupt_keeps_what_was_seen() {
    if received().is_none() {
        return;
    }
    let folder = Folder::with("");
    let mut command = folder.command(&["observe", LOOPBACK, "--for", "1000 s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let observes = || {
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut files = names.filter(|name| name.to_string_lossy().starts_with(".rxplan-"));
        files.next().is_some_and(|name| fs::metadata(folder.path().join(name)).unwrap().len() > 0)
    };
    while !observes() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let mut kill = Command::new("kill");
    assert!(kill.args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    assert!(stderr.starts_with("warning: stopped after "), "{stderr}");
    assert!(stderr.ends_with(" s; what was seen until then is kept\n"), "{stderr}");
    assert!(!samples(&folder.read("lo-samples.csv")).is_empty());
    let again = folder.run(&["observe", LOOPBACK]).failure(1);
    assert_eq!(again, "error: lo-samples.csv: is there already; give --trace a new name\n");
}

#[test]
fn what_cannot_be_observed_is_refused_in_a_sentence() {
    let folder = Folder::with("");
    let failure = folder.run(&["observe", "no-such-nic"]).failure(1);
    assert!(failure.contains("interface"), "{failure}");
    for args in [["--interval", "1 us"], ["--interval", "2 s"], ["--for", "2 days"], ["--for", "1"]]
    {
        let mut command = folder.command(&["observe", "no-such-nic"]);
        command.args(args);
        let ran = finish(command);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(
            ran.stderr.contains("it must be 10 us to ") || ran.stderr.contains("unit"),
            "{}",
            ran.stderr
        );
    }
}

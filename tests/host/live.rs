//! The interface of the machine the tests run on: what netlink says is what ethtool prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::report::{host, host_json};

const INTERFACE: &str = "eth0";

/// Whether there is the interface; says so if not.
fn is_there() -> bool {
    let there = Path::new("/sys/class/net").join(INTERFACE).is_dir();
    if !there {
        eprintln!("skipped: this machine has no {INTERFACE}");
    }
    there
}

/// What ethtool prints; `None`, with a message, where it is not installed or refuses.
fn ethtool(option: &str) -> Option<String> {
    let Ok(output) = Command::new("ethtool").args([option, INTERFACE]).output() else {
        eprintln!("skipped: ethtool is not installed");
        return None;
    };
    if !output.status.success() {
        eprintln!("skipped: {INTERFACE} has no ethtool {option}");
        return None;
    }
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The last value behind a label: for sizes, the current one.
fn printed<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix(label)?.strip_prefix(':'));
    values.map(str::trim).next_back()
}

/// What rxplan read under a name, or `n/a` where it read nothing.
fn read<'a>(report: &'a Value, subject: &str, name: &str) -> &'a str {
    let rows = report["values"].as_array().unwrap().iter();
    let mut rows = rows.filter(|row| row["subject"] == subject && row["name"] == name);
    rows.next().map_or("n/a", |row| row["value"].as_str().unwrap())
}

#[test]
fn settings_over_netlink_are_what_ethtool_prints() {
    if !is_there() {
        return;
    }
    let report = host_json(&[INTERFACE], "");
    for (option, subject, names) in [
        ("-g", "rings", [("RX", "rx"), ("RX Mini", "rx-mini"), ("TX", "tx")].as_slice()),
        ("-l", "channels", &[("RX", "rx"), ("TX", "tx"), ("Combined", "combined")]),
        ("-c", "coalescing", &[("rx-usecs", "rx-usecs"), ("rx-frames", "rx-frames")]),
        ("-a", "pause", &[("RX", "rx"), ("TX", "tx")]),
    ] {
        let Some(text) = ethtool(option) else { continue };
        for (label, name) in names {
            let expected = printed(&text, label).unwrap_or("n/a");
            assert_eq!(read(&report, subject, name), expected, "ethtool {option}: {label}");
        }
    }
    if let Some(text) = ethtool("-c") {
        let adaptive = printed(&text, "Adaptive RX").unwrap().split(' ').next().unwrap();
        assert_eq!(read(&report, "coalescing", "adaptive-rx"), adaptive);
    }
    if let Some(text) = ethtool("-i") {
        assert_eq!(report["driver"]["value"].as_str(), printed(&text, "driver"));
    }
}

#[test]
fn features_over_netlink_are_what_ethtool_prints() {
    if !is_there() {
        return;
    }
    let report = host_json(&[INTERFACE], "");
    let Some(text) = ethtool("-k") else { return };
    for name in ["rx-gro-hw", "rx-fcs", "rx-all", "tx-nocache-copy", "rx-gro-list"] {
        let Some(value) = printed(&text, name) else { continue };
        let expected = value.split(' ').next().unwrap();
        assert_eq!(read(&report, "features", name), expected, "{name}");
    }
}

#[test]
fn sysfs_and_procfs_are_read_as_they_are() {
    if !is_there() {
        return;
    }
    let report = host_json(&[INTERFACE], "");
    let folder = Path::new("/sys/class/net").join(INTERFACE);
    let mtu = fs::read_to_string(folder.join("mtu")).unwrap();
    assert_eq!(report["mtu"]["value"].to_string(), mtu.trim());
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let kib: u64 = printed(&meminfo, "MemTotal").unwrap().trim_end_matches(" kB").parse().unwrap();
    assert_eq!(read(&report, "memory", "mem-total"), (kib * 1024).to_string());
    let before: u64 = read(&report, "link", "rx_packets").parse().unwrap();
    let after = fs::read_to_string(folder.join("statistics/rx_packets")).unwrap();
    assert!(before <= after.trim().parse().unwrap(), "{before} {after}");
}

#[test]
fn reading_an_interface_changes_nothing() {
    if !is_there() {
        return;
    }
    let settings = || ["-g", "-l", "-c", "-k"].map(ethtool);
    let before = settings();
    host_json(&[INTERFACE], "");
    assert_eq!(settings(), before);
}

#[test]
fn an_interface_that_is_not_there_is_named_with_those_that_are() {
    if !is_there() {
        return;
    }
    for name in ["no-such-nic", "../net/eth0", "", "--", "eth0/.."] {
        let (status, _, stderr) = host(&["--", name], "");
        assert_eq!(status, 1, "{name}");
        let expected = format!("error: no interface is called \"{name}\"; there are ");
        assert!(stderr.starts_with(&expected) && stderr.contains(INTERFACE), "{stderr}");
    }
}

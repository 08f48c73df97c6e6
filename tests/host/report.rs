//! What `rxplan host` says of an interface, black box.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use rxplan::host::{Findings, Load, Offered, scenario};
use rxplan::input::ethtool::read_text;
use rxplan::preset;
use rxplan::scenario::{Scenario, Source};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ethtool").join(name)
}

/// Status, standard output and standard error of `rxplan host`.
pub(crate) fn host(args: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rxplan"))
        .arg("host")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (output.status.code().unwrap(), stdout, stderr)
}

pub(crate) fn host_json(args: &[&str], stdin: &str) -> Value {
    let (status, stdout, stderr) = host(&[args, &["--format", "json"]].concat(), stdin);
    assert_eq!(status, 0, "{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// A capture of `-i` and `-S`.
fn counters(driver: &str, statistics: &str) -> String {
    format!("driver: {driver}\nNIC statistics:\n{statistics}")
}

/// Counter, cause and count of all counters that are not zero.
fn causes(report: &Value) -> Vec<(&str, &str, u64)> {
    let rows = report["drops"].as_array().unwrap().iter();
    let rows = rows.map(|row| {
        let text = |key: &str| row[key].as_str().unwrap();
        (text("counter"), text("cause"), row["count"].as_u64().unwrap())
    });
    rows.filter(|(.., count)| *count > 0).collect()
}

/// Memory as Linux 7.3 drivers/net/ethernet/mellanox/mlx5/core/en/params.c has it: at MTU 9000 a
/// frame takes 16 KiB. Times: 1024 frames of 9014 + 4 + 20 bytes, or of 84, at 100 Gbit/s.
#[test]
fn a_host_of_mlx5_is_accounted_for() {
    let report = host_json(&["--from", data("made/mlx5.txt").to_str().unwrap()], "");
    assert_eq!(report["schema"], 1);
    assert_eq!(report["interface"], "ens1f0");
    assert_eq!(report["preset"], "mlx5");
    assert_eq!(report["queues"]["value"], 63);
    assert_eq!(report["rx"]["value"], 1024);
    assert!(report["rx"]["from"].as_str().unwrap().ends_with("made/mlx5.txt:14"));
    assert_eq!(report["rx_max"]["value"], 8192);
    assert_eq!(report["queues_max"], 63);
    assert_eq!(report["rss_queues"], 8);
    let footprint = &report["footprint"];
    assert_eq!(footprint["queue_bytes"], 16 << 20);
    assert_eq!(footprint["entry_bytes"], 16 << 10);
    assert_eq!(footprint["buffers_bytes"], 63_u64 * (16 << 20));
    let share = footprint["total_bytes"].as_f64().unwrap() / (263_921_020.0 * 1024.0);
    assert!((footprint["ram_share"].as_f64().unwrap() - share).abs() < 1e-12);
    let lasts = &report["ring_lasts"][0];
    assert_eq!(lasts["bits_per_second"], 100_000_000_000_u64);
    assert!((lasts["mtu_frames_us"].as_f64().unwrap() - 740.392_96).abs() < 1e-9);
    assert!((lasts["small_frames_us"].as_f64().unwrap() - 6.881_28).abs() < 1e-9);
    let expected = [
        ("rx_out_of_buffer", "no_buffer", 48211),
        ("rx_discards_phy", "pcie_or_fifo", 17),
        ("rx*_buff_alloc_err", "allocation", 15),
        ("rx_steer_missed_packets", "unknown", 9),
        ("rx_dropped", "other", 12),
        ("rx_missed_errors", "no_buffer", 48211),
    ];
    assert_eq!(causes(&report), expected);
    let failed = &report["drops"].as_array().unwrap()[3];
    assert_eq!(failed["counter"], "rx*_buff_alloc_err");
    let queues = json!([{ "queue": 3, "count": 12 }, { "queue": 17, "count": 3 }]);
    assert_eq!(failed["queues"], queues);
    assert_eq!(report["time_squeeze"], 3);
    let coalescing =
        json!({ "adaptive": false, "rx_usecs": 16, "rx_frames": 32, "cqe_mode": false });
    assert_eq!(report["coalescing"], coalescing);
}

/// Names and meanings: the drivers' ethtool sources in Linux 7.3, and for ena the allowances of
/// amzn-drivers.
#[test]
fn drops_have_the_causes_that_their_drivers_give_them() {
    for (driver, statistics, expected) in [
        (
            "bnxt_en",
            "\t\t[0]: rx_discards: 5\n\t\t[7]: rx_discards: 9\n  rx_total_oom_discards: 2\n",
            vec![("[*]: rx_discards", "no_buffer", 14), ("rx_total_oom_discards", "allocation", 2)],
        ),
        (
            "ena",
            "  queue_3_rx_empty_rx_ring: 4\n  pps_allowance_exceeded: 6\n",
            vec![
                ("queue_*_rx_empty_rx_ring", "no_buffer", 4),
                ("pps_allowance_exceeded", "rate_limit", 6),
            ],
        ),
        (
            "ixgbe",
            "  rx_missed_errors: 3\n  rx_no_dma_resources: 8\n",
            vec![("rx_missed_errors", "pcie_or_fifo", 3), ("rx_no_dma_resources", "no_buffer", 8)],
        ),
        ("mana", "  hc_rx_discards_no_wqe: 1\n", vec![("hc_rx_discards_no_wqe", "no_buffer", 1)]),
        (
            "a-driver-of-tomorrow",
            "  rx_packets: 7\n  rx_ring_discards: 2\n  tx_dropped: 5\n",
            vec![("rx_ring_discards", "unknown", 2)],
        ),
    ] {
        // Saved twice is not dropped twice.
        let twice = counters(driver, statistics) + &counters(driver, statistics);
        let report = host_json(&["--from", "-"], &twice);
        assert_eq!(causes(&report), expected, "{driver}");
    }
}

/// The kernel's rx_missed_errors is the driver's count of a full FIFO in ixgbe
/// (drivers/net/ethernet/intel/ixgbe/ixgbe_main.c, Linux 7.3), elsewhere of an empty ring.
#[test]
fn the_kernels_missed_errors_mean_what_the_driver_puts_there() {
    let link = "2: p1: <UP> mtu 1500 qdisc mq\n    RX: bytes packets errors dropped missed mcast\n\
                \x20   1 1 0 0 6 0\n";
    for (driver, cause) in [("ixgbe", "pcie_or_fifo"), ("bnxt_en", "no_buffer")] {
        let report = host_json(&["--from", "-"], &format!("driver: {driver}\n{link}"));
        assert_eq!(causes(&report), [("rx_missed_errors", cause, 6)], "{driver}");
    }
}

#[test]
fn the_text_answers_what_people_confuse_and_says_what_it_cannot_see() {
    let (status, text, _) = host(&["--from", data("made/mlx5.txt").to_str().unwrap()], "");
    assert_eq!(status, 0);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "Entries are not bytes: rx 1024 is 1024 descriptors, and their buffers take 16 MiB",
        "The setting is per queue",
        "rx 1024 in 63 queues is 64512 entries",
        "A ring cannot outlast a long stall",
        "would need 13830 entries; the NIC has no more than 8192",
        "Bigger can be slower",
        "With rx 8192 it would be",
        "queues of RSS 8 of 63",
        "whether preset mlx5 is right, or mlx5-legacy",
        "which queue ran empty: mlx5_core counts that for the whole interface",
        "with pause frames on, an empty ring can stop the switch instead",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn without_a_preset_a_page_for_every_entry_is_assumed_and_said() {
    let text = "driver: mystery\nRing parameters for e0:\nRX: 512\nTX: 512\nRX: 256\nTX: 256\n\
                Channel parameters for e0:\nRX: 8\nCombined: 0\nRX: 4\nCombined: 0\n";
    let report = host_json(&["--from", "-"], text);
    assert_eq!(report["preset"], Value::Null);
    assert_eq!(report["queues"]["value"], 4);
    assert_eq!(report["footprint"]["buffers_bytes"], 4 * 256 * 4096);
    assert!(report["footprint"]["buffers"].as_str().unwrap().contains("is assumed"));
    let rates: Vec<u64> = report["ring_lasts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["bits_per_second"].as_u64().unwrap() / 1_000_000_000)
        .collect();
    assert_eq!(rates, [10, 25, 100, 400]);
    let set = text.replace("TX: 256\n", "TX: 256\nRX Buf Len: 2048\nCQE Size: 128\n");
    let report = host_json(&["--from", "-", "--line-rate", "40 Gbit/s"], &set);
    assert_eq!(report["footprint"]["buffers_bytes"], 4 * 256 * 2048);
    assert_eq!(report["footprint"]["completion_bytes"], 4 * 256 * 128);
    assert_eq!(report["line_rate"], json!({ "value": 40_000_000_000_u64, "from": "--line-rate" }));
}

#[test]
fn numbers_that_no_nic_has_are_not_used() {
    let text = "Ring parameters for e0:\nRX: 4294967295\nTX: 1\nRX: 4294967295\nTX: 1\n\
                Channel parameters for e0:\nCombined: 4294967295\nCombined: 4294967295\n";
    let (status, stdout, stderr) = host(&["--from", "-"], text);
    assert_eq!(status, 0);
    assert!(stdout.contains("Receive memory: not known"), "{stdout}");
    let expected = "<stdin>:8: a number of queues of 4294967295 is not from 1 to 65536";
    assert!(stderr.contains(expected), "{stderr}");
}

#[test]
fn a_scenario_of_every_preset_is_valid_and_marks_what_is_assumed() {
    for preset in preset::ALL {
        let Some(driver) = preset.drivers.first() else { continue };
        let (max, rx) = (preset.rx.max.value, preset.rx.default.value - preset.rx.shown_less);
        for (coalescing, speed, mtu) in [
            ("Adaptive RX: off  TX: n/a\nrx-usecs: 20\nrx-frames: 0\n", "25000Mb/s", 1500),
            ("Adaptive RX: on  TX: n/a\nrx-usecs: 8\nrx-frames: 128\n", "Unknown!", 9000),
            ("Adaptive RX: off  TX: n/a\nrx-usecs: 0\nrx-frames: 1\n", "100000Mb/s", 1500),
            ("Adaptive RX: n/a  TX: n/a\nrx-usecs: n/a\nrx-frames: n/a\n", "10Mb/s", 1400),
        ] {
            let (threaded, polls) = if mtu == 9000 { ("enabled", 0) } else { ("disabled", 20) };
            let timeout = polls * 1000;
            let text = format!(
                "driver: {driver}\nRing parameters for e0:\nRX: {max}\nTX: 1\nRX: {rx}\nTX: 1\n\
                 Channel parameters for e0:\nCombined: 8\nCombined: 8\n\
                 Coalesce parameters for e0:\n{coalescing}Settings for e0:\n\tSpeed: {speed}\n\
                 2: e0: <UP> mtu {mtu} qdisc mq\n\
                 [{{\"id\":8193,\"ifindex\":2,\"threaded\":\"{threaded}\",\
                 \"defer-hard-irqs\":{polls},\"gro-flush-timeout\":{timeout}}}]\n"
            );
            let inventory = read_text("\"odd\\name\"\n", &text).inventory(None).unwrap();
            let findings = Findings::new(&inventory, None);
            let text = scenario(&findings, &Offered::Assumed(Load::new(0.3).unwrap())).unwrap();
            let found = Scenario::load(&Source::Stdin(text.clone()), &[])
                .unwrap_or_else(|error| panic!("{driver} {mtu}: {error}\n{text}"));
            assert_eq!(found.queues(), 8, "{text}");
            assert_eq!(text.contains("\nthreaded = true\n"), mtu == 9000, "{text}");
            let defers = "\ngro_flush_timeout = \"20000 ns\"\nnapi_defer_hard_irqs = 20\n";
            assert_eq!(text.contains(defers), mtu != 9000, "{text}");
            assert_eq!(
                found.memory().memory().unwrap().buffers_bytes,
                findings.footprint.unwrap().memory.buffers_bytes,
                "{text}"
            );
            assert!(text.contains("ASSUMED traffic: full frames, 30 % of the line"), "{text}");
        }
    }
}

#[test]
fn a_scenario_is_written_once_and_checks() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mlx5.toml");
    let capture = data("made/mlx5.txt");
    let args = ["--from", capture.to_str().unwrap(), "--scenario", path.to_str().unwrap()];
    let (status, stdout, _) = host(&args, "");
    assert_eq!(status, 0);
    assert!(stdout.contains("Put your traffic there"), "{stdout}");
    let written = fs::read_to_string(&path).unwrap();
    let status =
        Command::new(env!("CARGO_BIN_EXE_rxplan")).arg("check").arg(&path).output().unwrap();
    assert!(status.status.success(), "{written}");
    let (status, _, stderr) = host(&args, "");
    assert_eq!(status, 1);
    assert!(stderr.contains("is there already; give --scenario a new name"), "{stderr}");
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    let (status, _, stderr) = host(&["--from", "-", "--scenario", "x.toml"], "driver: ena\n");
    assert_eq!(status, 1);
    assert!(stderr.contains("add what `ethtool -g` and `ethtool -l` print"), "{stderr}");
}

#[test]
fn a_folder_a_sosreport_and_a_pipe_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("sosreport");
    let networking = report.join("sos_commands/networking");
    fs::create_dir_all(&networking).unwrap();
    fs::create_dir_all(report.join("proc/net")).unwrap();
    let flat = folder.path().join("flat");
    fs::create_dir_all(&flat).unwrap();
    let mut piped = String::new();
    for letter in ["g", "l", "c", "S", "i"] {
        let name = format!("virtio_net-ethtool72_{letter}.txt");
        let text = fs::read_to_string(data(&name)).unwrap();
        fs::write(flat.join(&name), &text).unwrap();
        fs::write(networking.join(format!("ethtool_-{letter}_eth0")), &text).unwrap();
        // A second interface, which only the names of files tell apart for -S and -i.
        let other = text.replace("eth0", "eth1").replace("256", "128").replace("_kicks: ", "_k: 9");
        fs::write(networking.join(format!("ethtool_-{letter}_eth1")), other).unwrap();
        piped += &text;
    }
    fs::write(networking.join("ip_route"), "default via 10.0.0.1\n").unwrap();
    fs::write(report.join("proc/meminfo"), "MemTotal: 1024 kB\n").unwrap();
    let facts = |report: &Value| {
        ["interface", "rx", "queues", "drops", "footprint"].map(|key| match &report[key] {
            Value::Object(fields) => fields.get("value").cloned(),
            Value::Array(rows) => Some(rows.len().into()),
            other => Some(other.clone()),
        })
    };
    let from_flat = host_json(&["--from", flat.to_str().unwrap()], "");
    let from_report = host_json(&["eth0", "--from", report.to_str().unwrap()], "");
    let from_pipe = host_json(&["--from", "-"], &piped);
    assert_eq!(from_flat["rx"]["value"], 256);
    assert_eq!(facts(&from_flat), facts(&from_pipe));
    assert_eq!(facts(&from_report), facts(&from_pipe));
    let ram_share = from_report["footprint"]["ram_share"].as_f64().unwrap();
    let total = from_report["footprint"]["total_bytes"].as_f64().unwrap();
    assert!((ram_share - total / 1_048_576.0).abs() < 1e-12);
    let other = host_json(&["eth1", "--from", report.to_str().unwrap()], "");
    assert_eq!(other["rx"]["value"], 128);
    let (status, _, stderr) = host(&["--from", report.to_str().unwrap()], "");
    assert_eq!(status, 1);
    assert_eq!(
        stderr,
        "error: the captures are of eth0, eth1; name the one that is meant, as in `rxplan host \
         eth0`\n"
    );
}

#[test]
fn csv_has_every_value_with_its_origin() {
    let path = data("virtio_net-ethtool72_l.txt");
    let (status, stdout, _) = host(&["--from", path.to_str().unwrap(), "--format", "csv"], "");
    assert_eq!(status, 0);
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines[0], "subject,name,value,from");
    assert_eq!(lines[1], format!("channels,rx-max,n/a,{}:3", path.display()));
    assert_eq!(lines[8], format!("channels,combined,1,{}:11", path.display()));
    assert_eq!(lines.len(), 9);
}

#[test]
fn wrong_input_ends_in_one_sentence() {
    for (args, stdin, status, expected) in [
        (vec!["--from", "no-such-file"], "", 1, "error: no-such-file: cannot open: No such file"),
        (
            vec!["--from", "-"],
            "",
            1,
            "error: there is no capture here; save what `ethtool -g eth0`",
        ),
        (vec!["--from", env!("CARGO_BIN_EXE_rxplan")], "", 1, "this is "),
        (vec!["--from", "-"], "\x7fELF", 1, "error: <stdin>:1: the line"),
        (vec!["--from", "-"], "{'rx': 1}", 1, "error: <stdin>:1: this is Python's notation"),
        (
            vec!["eth9", "--from", "-"],
            "Features for eth0:\nrx-fcs: off\n",
            1,
            "error: no capture is of eth9; they are of eth0",
        ),
        (vec!["--from", "-", "--load", "0.7"], "", 2, "it must be above 0 and below 0.5"),
        (vec!["--from", "-", "--line-rate", "25G"], "", 2, "error: invalid value '25G'"),
    ] {
        let (found, _, stderr) = host(&args, stdin);
        assert_eq!(found, status, "{args:?}: {stderr}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
        assert!(status == 2 || stderr.lines().count() == 1, "{stderr}");
    }
}

/// fbnic's pages are those of rx-mini and rx-jumbo, whatever rx is:
/// Documentation/networking/device_drivers/ethernet/meta/fbnic.rst of Linux 7.3.
#[test]
fn rings_beside_rx_count_where_the_driver_has_them() {
    let text = "driver: fbnic\nRing parameters for e0:\nRX: 65536\nRX Mini: 65536\n\
                RX Jumbo: 65536\nTX: 1\nRX: 1024\nRX Mini: 512\nRX Jumbo: 1024\n\
                TX: 1\nChannel parameters for e0:\nCombined: 2\nCombined: 2\n";
    let report = host_json(&["--from", "-"], text);
    assert_eq!(report["footprint"]["buffers_bytes"], 2 * (512 + 1024) * 4096);
    let inventory = read_text("x", text).inventory(None).unwrap();
    let findings = Findings::new(&inventory, None);
    assert!(!findings.unseen.iter().any(|text| text.contains("rx-mini")), "{:?}", findings.unseen);
    let toml = scenario(&findings, &Offered::Assumed(Load::new(0.3).unwrap())).unwrap();
    let found = Scenario::load(&Source::Stdin(toml), &[]).unwrap();
    assert_eq!(found.memory().memory().unwrap().buffers_bytes, 2 * (512 + 1024) * 4096);
}

//! NIC presets: what drivers pin, against a table written out from their sources by hand, and how
//! presets fill a scenario.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::process::Command;

use rxplan::model::host::{HostSpec, Refill};
use rxplan::model::system::Progress;
use rxplan::preset::{self, BufferModel, CounterMeaning, Preset, Rounding, Source};
use rxplan::scenario::{Scenario, Shape, Source as From, Warning};
use rxplan::simulation::{Options, simulate};
use serde_json::Value;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// Bytes that one queue pins at its default depth, for MTU 1500 and 9000, worked out by hand from
/// the kernel's sources (Linux 7.3, where not noted otherwise) for x86-64 and pages of 4 KiB.
const PINNED: [(&str, u32, u64, u64); 26] = [
    // 1024 frames: 8 entries of 128 strides of 2 KiB; 64 entries of 16 frames, 256 KiB each.
    ("mlx5", 1024, 2 * MIB, 16 * MIB),
    // Half a page; 2 + 2 + 2 + 4 KiB in three pages.
    ("mlx5-legacy", 1024, 2 * MIB, 12 * MIB),
    ("mlx5-rep", 1024, 2 * MIB, 16 * MIB),
    // 2048 buffers of 2 KiB; of a page each.
    ("ice", 2048, 4 * MIB, 8 * MIB),
    ("ice-e830", 2048, 4 * MIB, 8 * MIB),
    // Two pages for every descriptor.
    ("i40e", 512, 4 * MIB, 4 * MIB),
    ("i40e-xl710", 512, 4 * MIB, 4 * MIB),
    ("iavf", 512, MIB, 2 * MIB),
    // 256 x 2 KiB + 256 x 1 KiB; 256 x 4 KiB + 256 x 2 KiB.
    ("idpf", 512, 768 * KIB, 1536 * KIB),
    // A page; two.
    ("ixgbe", 512, 2 * MIB, 4 * MIB),
    ("ixgbe-x550", 512, 2 * MIB, 4 * MIB),
    ("igb", 256, MIB, 2 * MIB),
    ("igc", 256, MIB, MIB),
    // 511 x (640 B + 4 pages): 8.3 MiB.
    ("bnxt", 511, 511 * (640 + 4 * 4096), 511 * (640 + 4 * 4096)),
    // 1536 + 256 + 320 B; 640 B and 3 pages.
    ("bnxt-noagg", 511, 511 * 2112, 511 * (640 + 3 * 4096)),
    ("ena", 1024, 4 * MIB, 4 * MIB),
    ("gve-rda", 1024, 2 * MIB, 2 * MIB),
    ("gve-qpl", 1024, 8 * MIB, 8 * MIB),
    ("mana", 1024, 2 * MIB, 16 * MIB),
    // 21 buffers of 1.5 KiB in 32 KiB, 13 of those; 8 of 4 KiB, 32 of those. Linux 6.12.
    ("virtio_net", 256, 13 * 32 * KIB, MIB),
    // 1024 x 1920 B + 512 pages; 352 x 3456 B + 704 + 576 pages. Linux 6.12.
    ("vmxnet3", 1024, 1024 * 1920 + 512 * 4096, 352 * 3456 + 1280 * 4096),
    // 256 + 256 pages.
    ("fbnic", 1024, 2 * MIB, 2 * MIB),
    // 1984 B each: 7.75 MiB; 64 + 64 + 9022 B, to 9152, + 320.
    ("nfp", 4096, 4096 * 1984, 4096 * 9472),
    // 72 x 64 KiB.
    ("cxgb4", 72, 4608 * KIB, 4608 * KIB),
    ("reserve-reference", 512, 4 * MIB, 4 * MIB),
    ("private-reference", 4096, 32 * MIB, 32 * MIB),
];

#[test]
fn a_queue_pins_what_its_driver_allocates() {
    assert_eq!(PINNED.map(|(name, ..)| name).as_slice(), preset::NAMES.as_slice());
    for (name, rx, standard, jumbo) in PINNED {
        let preset = preset::find(name).unwrap();
        assert_eq!(preset.rx.default.value, rx, "{name}");
        assert_eq!(preset.queue(rx, 1500).bytes, standard, "{name} at MTU 1500");
        assert_eq!(preset.queue(rx, 9000).bytes, jumbo, "{name} at MTU 9000");
    }
}

/// Ring depths that are not the default, and MTUs in between.
#[test]
fn memory_follows_depth_and_mtu_as_the_driver_rounds_them() {
    for (name, rx, mtu, bytes) in [
        ("mlx5", 8192, 1500, 16 * MIB),
        ("mlx5", 8192, 9000, 128 * MIB),
        // Never fewer than 4 entries of 256 KiB.
        ("mlx5", 64, 1500, MIB),
        ("mlx5", 256, 1500, MIB),
        // The stride is 2 KiB to MTU 1642, 4 KiB to 3690, then 8 KiB.
        ("mlx5", 1024, 1642, 2 * MIB),
        ("mlx5", 1024, 1643, 4 * MIB),
        ("mlx5", 1024, 3690, 4 * MIB),
        ("mlx5", 1024, 3691, 8 * MIB),
        // Three halves of a page: two entries share three pages.
        ("mlx5-legacy", 1024, 4000, 6 * MIB),
        ("mlx5-legacy", 1024, 3800, 6 * MIB),
        // Four: two pages, the last one with room to spare.
        ("mlx5-legacy", 1024, 6000, 8 * MIB),
        ("ice", 4096, 1700, 16 * MIB),
        ("ixgbe", 512, 1501, 4 * MIB),
        ("igb", 256, 1514, MIB),
        ("igb", 256, 1515, 2 * MIB),
        ("bnxt-noagg", 1024, 3000, 1024 * 3648),
        // The aggregation ring ends at 8191 pages.
        ("bnxt", 2047, 9000, 2047 * 640 + 8188 * 4096),
        ("fbnic", 65_536, 1500, 2 * MIB),
        ("mana", 128, 3000, 512 * KIB),
        // The longest packet must fit the ring: 65,565 B over 16 buffers is a page each.
        ("virtio_net", 16, 1500, 64 * KIB),
    ] {
        let found = preset::find(name).unwrap().queue(rx, mtu).bytes;
        assert_eq!(found, bytes, "{name} rx {rx} MTU {mtu}");
    }
}

/// Limits and rounding of the table in `PINNED`.
#[test]
fn rings_have_the_drivers_limits() {
    for (name, min, max, rounding) in [
        ("mlx5", 16, 8192, Rounding::PowerOfTwoUp),
        ("ice", 64, 8160, Rounding::MultipleUp(32)),
        ("ice-e830", 64, 8096, Rounding::MultipleUp(32)),
        ("i40e", 64, 4096, Rounding::MultipleUp(32)),
        ("i40e-xl710", 64, 8160, Rounding::MultipleUp(32)),
        ("ixgbe", 64, 8192, Rounding::MultipleUp(8)),
        ("ixgbe-x550", 64, 32_768, Rounding::MultipleUp(8)),
        ("igc", 64, 4096, Rounding::MultipleUp(8)),
        ("nfp", 256, 262_144, Rounding::PowerOfTwoUp),
        ("idpf", 64, 8128, Rounding::MultipleUp(64)),
        ("bnxt", 1, 8191, Rounding::Any),
        ("ena", 256, 16_384, Rounding::PowerOfTwoDown),
        ("gve-rda", 512, 4096, Rounding::PowerOfTwoOnly),
        ("mana", 128, 8192, Rounding::PowerOfTwoUp),
        ("vmxnet3", 32, 4096, Rounding::MultipleUp(32)),
        ("fbnic", 64, 65_536, Rounding::PowerOfTwoUp),
        // ethtool says 16 to 16384, 8 fewer than the free list has.
        ("cxgb4", 24, 16_392, Rounding::MultipleUp(8)),
    ] {
        let rx = preset::find(name).unwrap().rx;
        let found = (rx.min.value, rx.max.value, rx.rounding.value);
        assert_eq!(found, (min, max, rounding), "{name}");
    }
    let depth = |name: &str, rx, mtu| preset::find(name).unwrap().depth(rx, mtu).ok();
    assert_eq!(depth("mlx5", 1000, 1500), Some(1024));
    assert_eq!(depth("ena", 1000, 1500), Some(512));
    assert_eq!(depth("gve-rda", 1000, 1500), None);
    assert_eq!(depth("bnxt", 4096, 1500), Some(2047));
    assert_eq!(depth("bnxt-noagg", 4096, 1500), Some(4096));
    assert_eq!(depth("bnxt-noagg", 4096, 9000), Some(2047));
    assert_eq!([63, 8161].map(|rx| depth("ice", rx, 1500)), [None, None]);
}

#[test]
fn every_preset_takes_its_own_depths_and_says_where_its_values_are_from() {
    for preset in preset::ALL {
        let Preset { name, rx, .. } = preset;
        for mtu in [1500, 9000] {
            for depth in [rx.default.value, rx.min.value] {
                assert_eq!(preset.depth(depth, mtu), Ok(depth), "{name}");
            }
            let depths = preset.depths(mtu);
            assert!(depths.is_sorted() && depths.len() > 3, "{name}: {depths:?}");
            assert!(depths.iter().all(|depth| preset.depth(*depth, mtu) == Ok(*depth)), "{name}");
        }
        // What memory rests on has a source in every case.
        assert_ne!(preset.buffers.source, Source::Unsourced, "{name}");
        assert_ne!(rx.default.source, Source::Unsourced, "{name}");
        let plain = matches!(preset.buffers.value, BufferModel::Plain(_));
        assert_eq!(preset.drivers.is_empty(), plain, "{name}");
    }
    let ice = preset::find("ice").unwrap().depths(1500);
    assert_eq!(ice, [64, 128, 256, 512, 1024, 2048, 4096, 8160]);
}

#[test]
fn a_driver_finds_its_presets_and_a_counter_its_meaning() {
    let names = |driver| preset::for_driver(driver).map(|p| p.name).collect::<Vec<_>>();
    assert_eq!(names("mlx5_core"), ["mlx5", "mlx5-legacy"]);
    assert_eq!(names("bnxt_en"), ["bnxt", "bnxt-noagg"]);
    assert_eq!(names("virtio_net"), ["virtio_net"]);
    assert!(names("e1000").is_empty());
    for (driver, counter, meaning, queue) in [
        ("mlx5_core", "rx_out_of_buffer", CounterMeaning::NoBuffer, None),
        ("mlx5_core", "rx_discards_phy", CounterMeaning::PcieOrFifo, None),
        ("ixgbe", "rx_missed_errors", CounterMeaning::PcieOrFifo, None),
        ("igb", "rx_queue_3_drops", CounterMeaning::NoBuffer, Some(3)),
        ("bnxt_en", "[7]: rx_discards", CounterMeaning::NoBuffer, Some(7)),
        ("ena", "pps_allowance_exceeded", CounterMeaning::RateLimit, None),
        ("fbnic", "rde_12_pkt_cq_drop", CounterMeaning::CompletionFull, Some(12)),
    ] {
        let preset = preset::for_driver(driver).next().unwrap();
        let found = preset.counters.value.iter().find(|known| known.matches(counter)).unwrap();
        assert_eq!(found.meaning, meaning, "{counter}");
        assert_eq!(found.number(counter).filter(|_| found.per_queue), queue, "{counter}");
    }
    let patterns = preset::ALL.map(|p| p.counters.value.iter().map(|c| c.pattern));
    for (preset, patterns) in preset::ALL.iter().zip(patterns) {
        let distinct: BTreeSet<&str> = patterns.collect();
        assert_eq!(distinct.len(), preset.counters.value.len(), "{}", preset.name);
    }
}

fn load(nic: &str, more: &str) -> Scenario {
    let text = format!(
        "[run]\nduration = \"2 ms\"\nwarmup = \"1 ms\"\nreplications = 1\n[nic]\n{nic}\n\
         [host]\nmodel = \"server\"\nservice = \"1 us\"\n\
         [[traffic]]\nkind = \"poisson\"\nrate = \"100 kpps\"\n{more}\n"
    );
    Scenario::load(&From::Stdin(text), &[]).unwrap()
}

fn dedicated(scenario: &Scenario) -> u64 {
    scenario.memory().memory().unwrap().dedicated_bytes
}

#[test]
fn a_preset_fills_what_the_scenario_leaves_out() {
    let scenario = load("preset = \"mlx5\"\nqueues = 4", "");
    assert_eq!(scenario.nic.rx, [1024; 4]);
    assert_eq!((scenario.nic.rx_buf_len, scenario.nic.mtu), (2048, 1500));
    assert_eq!((scenario.nic.descriptor, scenario.nic.completion), (32, 64));
    assert_eq!(dedicated(&scenario), 8 * MIB);
    assert_eq!(scenario.plan.rx, [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]);
    assert!(scenario.reserve.is_none() && scenario.warnings.is_empty());
    let jumbo = load("preset = \"mlx5\"\nqueues = 4\nmtu = 9000", "");
    assert_eq!(dedicated(&jumbo), 64 * MIB);
    assert_eq!(jumbo.with_shape(Shape { rx: 8192, reserve: 0 }).nic.rx_buf_len, 16_384);
    assert_eq!(dedicated(&jumbo.with_shape(Shape { rx: 8192, reserve: 0 })), 512 * MIB);
    let reference = load("preset = \"reserve-reference\"", "");
    assert_eq!(reference.queues(), 32);
    assert_eq!(reference.memory().memory().unwrap().buffers_bytes, 160 * MIB);
    assert_eq!(dedicated(&load("preset = \"private-reference\"", "")), 1 << 30);
    let none = load("preset = \"reserve-reference\"", "[reserve]\nentries = 0");
    assert!(none.reserve.is_none());
}

#[test]
fn an_explicit_key_goes_before_the_presets() {
    let keys = "preset = \"mlx5\"\nqueues = 4\nrx = 2048\ndescriptor = \"24 B\"\n\
                completion = \"128 B\"\nheader_buffer = \"256 B\"\ncompletion_entries = 4096";
    let scenario = load(keys, "[plan]\nrx = [100, 120, 512]\nbaseline = { rx = 3000 }");
    let memory = scenario.memory().memory().unwrap();
    assert_eq!(memory.dedicated_bytes, 4 * 4 * MIB);
    // 16 work queue entries a queue have a descriptor each.
    assert_eq!(memory.descriptor_bytes, 4 * 16 * 24);
    assert_eq!(memory.completion_bytes, 4 * 4096 * 128);
    assert_eq!(memory.header_bytes, 4 * 2048 * 256);
    assert_eq!((scenario.plan.rx, scenario.plan.baseline.rx), (vec![128, 512], 4096));
}

#[test]
fn an_explicit_buffer_length_switches_the_memory_model_off() {
    let keys = "preset = \"mlx5\"\nqueues = 4\nmtu = 9000\nrx_buf_len = \"4 KiB\"";
    let scenario = load(keys, "");
    assert_eq!((scenario.nic.rx_buf_len, scenario.nic.driver), (4096, None));
    assert_eq!(dedicated(&scenario), 4 * 1024 * 4096);
    assert_eq!(scenario.memory().memory().unwrap().completion_bytes, 4 * 1024 * 64);
    // The limits and the rounding stay the NIC's.
    let rounded = load(&keys.replace("mtu = 9000", "rx = 1000"), "");
    assert_eq!(rounded.nic.rx, [1024; 4]);
    let warning = Warning::RoundedRing { preset: "mlx5", ring: "rx", asked: 1000, given: 1024 };
    assert_eq!(rounded.warnings, [warning]);
}

#[test]
fn the_simulator_has_the_buffers_of_the_driver() {
    // rx and buffers of a queue, and what a frame of 9014 bytes takes of them.
    for (nic, buffers, per_frame) in [
        ("preset = \"mlx5\"\nmtu = 9000", 1024, 1),
        ("preset = \"mlx5\"\nmtu = 9000\nrx = 32", 64, 1),
        ("preset = \"ice\"\nmtu = 9000", 2048, 3),
        ("preset = \"i40e\"\nmtu = 9000", 512, 3),
        ("preset = \"ixgbe\"\nmtu = 9000", 512, 3),
        ("preset = \"bnxt\"\nmtu = 9000", 511, 1),
        ("preset = \"gve-rda\"\nmtu = 9000", 1024, 5),
        ("preset = \"virtio_net\"\nmtu = 9000", 256, 3),
        ("preset = \"vmxnet3\"\nmtu = 9000", 1056, 3),
        ("preset = \"fbnic\"\nmtu = 9000", 512, 5),
        ("preset = \"cxgb4\"\nmtu = 9000", 64 * 7, 1),
    ] {
        let scenario = load(&format!("{nic}\nqueues = 1"), "");
        let system = scenario.system().buffers;
        assert_eq!(system.rx, [buffers], "{nic}");
        assert_eq!(9014_u64.div_ceil(system.rx_buf_len), per_frame, "{nic}");
    }
}

#[test]
fn memory_in_use_is_a_share_of_what_the_driver_pins() {
    let scenario = load("preset = \"ixgbe\"\nqueues = 1", "");
    let simulation = simulate(&scenario, Options::default(), &Progress::default()).unwrap();
    let memory = scenario.memory();
    // A descriptor pins a page, of which its buffer is 1536 bytes.
    assert_eq!(memory.bytes_of(3), 3 * 4096);
    assert!(simulation.in_use.mean > 0.0);
    assert!((simulation.fill_ratio - 1500.0 / 4096.0).abs() < 1e-9, "{}", simulation.fill_ratio);
}

#[test]
fn the_refill_rule_is_the_drivers_unless_the_scenario_has_its_own() {
    let refill = |nic: &str, more: &str| {
        let text = format!(
            "[nic]\n{nic}\nqueues = 2\n[host]\nmodel = \"napi\"\nper_packet = \"1 us\"\n{more}\n\
             [[traffic]]\nkind = \"poisson\"\nrate = \"1 kpps\"\n"
        );
        match Scenario::load(&From::Stdin(text), &[]).unwrap().host {
            HostSpec::Napi(spec) => spec.refill,
            other => panic!("{other:?}"),
        }
    };
    let part = |denominator, most| Refill::Fraction { numerator: 1, denominator, most };
    for (nic, expected) in [
        // A quarter of the ring, at most 512 KiB: 256 buffers of 2 KiB, 32 of 16 KiB.
        ("preset = \"mlx5\"", part(4, 256)),
        ("preset = \"mlx5\"\nmtu = 9000", part(4, 32)),
        ("preset = \"i40e\"", part(2, u32::MAX)),
        ("preset = \"ena\"", part(8, 256)),
        ("preset = \"ixgbe\"", Refill::Batch(16)),
        ("preset = \"bnxt\"", Refill::Batch(1)),
        ("preset = \"ice\"", Refill::EveryPoll),
        ("rx = 64\nrx_buf_len = \"2 KiB\"", Refill::EveryPoll),
    ] {
        assert_eq!(refill(nic, ""), expected, "{nic}");
        assert_eq!(refill(nic, "refill = { batch = 8 }"), Refill::Batch(8), "{nic}");
        assert_eq!(refill(nic, "recycle = \"return\""), Refill::EveryPoll, "{nic}");
    }
}

#[test]
fn the_rings_beside_rx_count_where_a_driver_has_them() {
    let fbnic = load("preset = \"fbnic\"\nqueues = 2\nrx_mini = 512\nrx_jumbo = 1000", "");
    assert_eq!(dedicated(&fbnic), 2 * (512 + 1024) * 4096);
    assert_eq!(fbnic.system().buffers.rx, [2048; 2]);
    let (preset, ring) = ("fbnic", "rx-jumbo");
    let warning = Warning::RoundedRing { preset, ring, asked: 1000, given: 1024 };
    assert_eq!(fbnic.warnings, [warning]);
    assert_eq!(dedicated(&fbnic.with_shape(Shape { rx: 64, reserve: 0 })), dedicated(&fbnic));
    let vmxnet3 = load("preset = \"vmxnet3\"\nqueues = 1\nrx_jumbo = 32", "");
    assert_eq!(dedicated(&vmxnet3), 1024 * 1920 + 32 * 4096);
    let cxgb4 = load("preset = \"cxgb4\"\nqueues = 1\nrx_mini = 512", "");
    assert_eq!(cxgb4.completion_entries(), 512);
}

#[test]
fn frames_above_the_mtu_are_a_doubt() {
    let long = |mtu: u32, size: u32| {
        let nic = format!("preset = \"mlx5\"\nqueues = 1\nmtu = {mtu}");
        load(&nic, &format!("size = \"{size} B\"")).warnings
    };
    assert_eq!(long(1500, 1518), []);
    assert_eq!(long(1500, 1519), [Warning::LongFrames { len: 1519.0, mtu: 1500 }]);
    assert_eq!(long(9000, 9018), []);
}

#[test]
fn ethtool_shows_fewer_entries_where_the_driver_keeps_some() {
    let scenario = load("preset = \"cxgb4\"\nqueues = 1", "");
    assert_eq!((scenario.nic.rx[0], scenario.nic.shown(72)), (72, 64));
    assert_eq!(load("preset = \"ice\"\nqueues = 1", "").nic.shown(2048), 2048);
}

fn rxplan(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rxplan")).args(args).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (output.status.code().unwrap(), stdout, stderr)
}

fn footprint(args: &[&str]) -> Value {
    let (status, stdout, stderr) =
        rxplan(&[&["footprint", "--format", "json", "--quiet"], args].concat());
    assert_eq!((status, stderr.as_str()), (0, ""), "{args:?}");
    serde_json::from_str::<Value>(&stdout).unwrap()["configurations"][0].take()
}

#[test]
fn footprint_tells_what_a_host_of_128_queues_pins() {
    let host = ["--nic", "mlx5", "--queues", "128"];
    for (more, all, queue) in [
        (&["--mtu", "9000", "--rx", "8192"][..], 16 << 30, 128 * MIB),
        (&["--mtu", "9000"], 2 << 30, 16 * MIB),
        (&["--rx", "8192"], 2 << 30, 16 * MIB),
        (&[], 256 * MIB, 2 * MIB),
    ] {
        let row = footprint(&[&host, more].concat());
        assert_eq!(row["dedicated_bytes"], all);
        assert_eq!(row["queue_bytes"], queue);
        assert_eq!(row["nic"], "mlx5");
    }
    let row = footprint(&["--nic", "mlx5", "--queues", "128", "--mtu", "9000", "--rx", "8192"]);
    assert_eq!(row["naive_bytes"], 128 * 8192 * 9018_u64);
    // A completion for every stride of 256 bytes.
    assert_eq!(row["completion_bytes"], 128 * 128 * MIB / 256 * 64);
    let text = rxplan(&["footprint", "--nic", "mlx5", "--queues", "128", "--mtu", "9000"]).1;
    assert!(text.contains("128 x 16 MiB = 2 GiB"), "{text}");
    let reserve = footprint(&["--nic", "reserve-reference"]);
    assert_eq!(reserve["buffers_bytes"], 160 * MIB);
    let plain = footprint(&["--nic", "mlx5", "--queues", "2", "--rx-buf-len", "8 KiB"]);
    assert_eq!(plain["dedicated_bytes"], 2 * 1024 * 8192);
    assert_eq!(plain["nic"], Value::Null);
}

#[test]
fn footprint_of_a_scenario_takes_the_nic_from_the_options() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    let text = "[nic]\npreset = \"mlx5\"\nqueues = 3\nrx = 2048\ncompletion = \"128 B\"\n\
                [host]\nmodel = \"hold\"\ntime = \"1 us\"\n\
                [[traffic]]\nkind = \"poisson\"\nrate = \"1 kpps\"\n";
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let of = |args: &[&str]| footprint(&[&[path], args].concat());
    assert_eq!(of(&[])["dedicated_bytes"], 3 * 4 * MIB);
    assert_eq!(of(&[])["completion_bytes"], 3 * 2048 * 128);
    assert_eq!(of(&["--mtu", "9000"])["dedicated_bytes"], 3 * 32 * MIB);
    assert_eq!(of(&["--mtu", "9000"])["completion_bytes"], 3 * 2048 / 16 * 1024 * 128);
    assert_eq!(of(&["--nic", "i40e"])["dedicated_bytes"], 3 * 2048 * 8192);
    assert_eq!(of(&["--rx", "4000"])["rx"], 4096);
}

#[test]
fn presets_lists_all_and_shows_one_with_its_sources() {
    let (status, list, _) = rxplan(&["presets"]);
    assert_eq!(status, 0);
    assert!(preset::NAMES.iter().all(|name| list.contains(name)), "{list}");
    for preset in preset::ALL {
        let (status, text, _) = rxplan(&["presets", preset.name]);
        assert_eq!(status, 0);
        assert!(text.contains("rx_default"), "{text}");
        assert!(preset.counters.value.iter().all(|counter| text.contains(counter.pattern)));
    }
    let (_, text, _) = rxplan(&["presets", "mlx5"]);
    assert!(text.contains("Linux 7.3 drivers/net/ethernet/mellanox/mlx5/core/en.h"), "{text}");
    assert!(rxplan(&["presets", "bnxt"]).1.contains("unsourced"));
    let (_, json, _) = rxplan(&["presets", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let presets = json["presets"].as_array().unwrap();
    assert_eq!((presets.len(), &json["schema"]), (preset::ALL.len(), &Value::from(1)));
    for preset in presets {
        for value in preset["values"].as_array().unwrap() {
            assert!(value["source"].as_str().is_some_and(|source| !source.is_empty()), "{value}");
        }
    }
    let (_, csv, _) = rxplan(&["presets", "fbnic", "--format", "csv"]);
    assert!(csv.starts_with("preset,key,value,source\nfbnic,rx_default,1024,Linux 7.3 "), "{csv}");
    assert!(csv.contains("fbnic,counter,rde_*_pkt_cq_drop = completion_full,"), "{csv}");
}

#[test]
fn wrong_options_are_told_what_would_be_right() {
    for (args, status, expected) in [
        (&["presets", "mlx"][..], 2, "did you mean mlx5?"),
        (&["footprint", "--nic", "virtio"], 2, "did you mean virtio_net?"),
        (&["footprint", "--nic", "mlx5"], 1, "--queues is missing; mlx5 has as many as"),
        (&["footprint", "--mtu", "9000"], 1, "--mtu has no effect without a NIC"),
        (&["footprint", "--mtu", "12"], 2, "68..=65535"),
        (
            &["footprint", "--nic", "mlx5", "--queues", "1", "--rx", "9000"],
            1,
            "--rx is 9000, but mlx5 takes 16 to 8192 entries",
        ),
        (
            &["footprint", "--nic", "gve-rda", "--queues", "1", "--rx", "1000"],
            1,
            "takes powers of two only; write 1024",
        ),
    ] {
        let (found, stdout, stderr) = rxplan(args);
        assert_eq!((found, stdout.as_str()), (status, ""), "{args:?}");
        assert!(stderr.contains(expected), "{args:?}: {stderr}");
    }
    let reduced = ["footprint", "--nic", "bnxt", "--queues", "1", "--rx", "4096"];
    assert!(rxplan(&reduced).2.contains("warning: bnxt makes rx 2047 of rx 4096"));
}

//! What is read of captures; the numbers were typed from the files.

use std::fs;
use std::path::{Path, PathBuf};

use rxplan::input::ethtool::{
    Captures, Inventory, Reading, Scalar, Subject, counters, known, read_path, read_text,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/ethtool")
}

fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "txt" || end == "json"));
    files.sort();
    assert!(files.len() > 50, "the captures are gone");
    files
}

fn capture(name: &str) -> Captures {
    read_path(&folder().join(format!("virtio_net-ethtool{name}"))).unwrap()
}

fn inventory(text: &str) -> Inventory {
    read_text("x", text).inventory(None).unwrap()
}

fn notes(captures: &Captures) -> Vec<String> {
    captures.notes.iter().map(ToString::to_string).collect()
}

/// The subject a file's name promises: `virtio_net-ethtool72_g.txt` is of `-g`.
fn subject_of(path: &Path) -> Subject {
    match path.file_stem().unwrap().to_str().unwrap().rsplit('_').next().unwrap() {
        "g" => Subject::Rings,
        "l" => Subject::Channels,
        "c" => Subject::Coalescing,
        "k" => Subject::Features,
        "i" => Subject::Driver,
        "S" => Subject::Statistics,
        "x" => Subject::Indirection,
        "a" => Subject::Pause,
        other => panic!("{other}"),
    }
}

#[test]
fn every_capture_is_read_whole_or_refused_with_its_own_words() {
    const REFUSALS: [&str; 5] = [
        "netlink error: Operation not supported",
        "ethtool: bad command line argument(s)",
        "ethtool: parameter '--json' can be used only with netlink",
        "JSON output not available",
        "[ ]",
    ];
    for path in files() {
        let captures = read_path(&path).unwrap();
        let notes = notes(&captures);
        if let [section] = captures.sections.as_slice() {
            assert_eq!(section.subject, subject_of(&path), "{}", path.display());
            assert!(!section.fields.is_empty(), "{}", path.display());
            assert_eq!(notes, [""; 0], "{}", path.display());
        } else {
            assert_eq!(captures.sections, [], "{}", path.display());
            let quoted = |note: &String| REFUSALS.iter().any(|words| note.contains(words));
            assert!(notes.iter().any(quoted), "{}: {notes:?}", path.display());
        }
    }
}

#[test]
fn all_versions_agree_on_rings_channels_and_coalescing() {
    let mut compared = [0; 3];
    for path in files() {
        let Ok(inventory) = read_path(&path).unwrap().inventory(Some("eth0")) else { continue };
        compared[0] += u32::from(inventory.rings.is_some());
        compared[1] += u32::from(inventory.channels.is_some());
        compared[2] += u32::from(inventory.coalescing.is_some());
        let name = path.display();
        if let Some(rings) = &inventory.rings {
            assert_eq!(known(rings.rx.as_ref()), Some(256), "{name}");
            assert_eq!(known(rings.rx_max.as_ref()), Some(256), "{name}");
            assert_eq!(known(rings.rx_mini_max.as_ref()), None, "{name}");
        }
        if let Some(channels) = &inventory.channels {
            assert_eq!(channels.receive_queues(), Some(1), "{name}");
            assert_eq!(channels.receive_queues_max(), Some(1), "{name}");
        }
        if let Some(coalescing) = &inventory.coalescing {
            assert_eq!(known(coalescing.adaptive_rx.as_ref()), Some(false), "{name}");
            assert_eq!(known(coalescing.rx_usecs.as_ref()), Some(0), "{name}");
            assert_eq!(known(coalescing.rx_frames.as_ref()), Some(1), "{name}");
        }
    }
    // 5.9 prints text for --json too; 6.1 has no JSON for any of them, 6.14 none for -l.
    assert_eq!(compared, [7, 6, 7]);
}

#[test]
fn text_and_json_of_one_version_agree_field_by_field() {
    for letter in ["g", "l", "c", "k"] {
        let text = capture(&format!("72_{letter}.txt"));
        let json = capture(&format!("72_{letter}.json"));
        let mut compared = 0;
        for (name, field) in json.sections[0].fields.iter() {
            if let Some(same) = text.sections[0].fields.get(name) {
                assert_eq!(same.value, field.value, "{letter} {name}");
                compared += 1;
            }
        }
        assert!(compared >= 2, "{letter}: {compared} fields in common");
    }
}

#[test]
fn absent_and_not_applicable_and_zero_are_three_answers() {
    let text = capture("72_g.txt").inventory(None).unwrap().rings.unwrap();
    let mini = text.rx_mini.unwrap();
    assert_eq!(mini.value, Reading::NotApplicable);
    assert!(mini.from.to_string().ends_with("virtio_net-ethtool72_g.txt:11"), "{}", mini.from);
    let json = capture("72_g.json").inventory(None).unwrap().rings.unwrap();
    assert_eq!(json.rx_mini, None);
    assert!(json.rx.unwrap().from.to_string().ends_with("virtio_net-ethtool72_g.json: rx"));
    let old = inventory("Ring parameters for p1:\nPre-set maximums:\nRX:\t4096\nRX Mini:\t0\n");
    assert_eq!(known(old.rings.unwrap().rx_mini_max.as_ref()), Some(0));
}

#[test]
fn rings_without_section_headers_have_their_maximum_first() {
    // As ethtool 6.15 prints them.
    let text = "Ring parameters for eth1:\nRX:\t\t8184\nRX Mini:\t\tn/a\nTX:\t\t8184\n\
                TX push buff len:\tn/a\nRX:\t\t2048\nRX Mini:\t\tn/a\nTX:\t\t4096\n\
                RX Buf Len:\t\t2048\nTX push buff len:\tn/a\nTCP data split:\ton\n";
    let found = inventory(text);
    assert_eq!(found.interface, "eth1");
    let rings = found.rings.unwrap();
    assert_eq!(known(rings.rx_max.as_ref()), Some(8184));
    assert_eq!(known(rings.rx.as_ref()), Some(2048));
    assert_eq!(known(rings.rx_buf_len.as_ref()), Some(2048));
    assert_eq!(known(rings.tcp_data_split.as_ref()), Some(true));
}

#[test]
fn pastes_are_read_with_prompts_marks_windows_newlines_and_on_one_line() {
    let plain = fs::read_to_string(folder().join("virtio_net-ethtool61_g.txt")).unwrap();
    let expected = inventory(&plain).rings.unwrap();
    let values = |text: &str| {
        let rings = inventory(text).rings.unwrap();
        [known(rings.rx_max.as_ref()), known(rings.rx.as_ref()), known(rings.rx_buf_len.as_ref())]
    };
    let wanted = [known(expected.rx_max.as_ref()), known(expected.rx.as_ref()), None];
    let marked: String = plain.lines().map(|line| format!("# {line}\n")).collect();
    for variant in [
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{plain}"),
        format!("root@host:~# ethtool -g eth0\n{plain}"),
        format!("$ sudo ethtool -g eth0\n{plain}\n$\n"),
        plain.replace('\t', "  "),
        plain.replace('\n', " "),
        marked,
    ] {
        assert_eq!(values(&variant), wanted, "{variant:?}");
    }
}

#[test]
fn captures_in_a_row_are_told_apart() {
    let names = ["72_g.txt", "72_l.json", "72_c.txt", "72_S.txt", "72_i.txt", "72_x.txt"];
    let path = |name: &str| folder().join(format!("virtio_net-ethtool{name}"));
    let texts = names.map(|name| fs::read_to_string(path(name)).unwrap());
    let found = read_text("all", &texts.concat());
    let subjects: Vec<Subject> = found.sections.iter().map(|section| section.subject).collect();
    use Subject::{Channels, Coalescing, Driver, Indirection, Rings, Statistics};
    assert_eq!(subjects, [Rings, Channels, Coalescing, Statistics, Driver, Indirection]);
    assert_eq!(notes(&found), [""; 0]);
    let lines: usize = texts[..3].iter().map(|text| text.lines().count()).sum();
    let (_, first) = found.sections[3].fields.iter().next().unwrap();
    assert_eq!(first.from.to_string(), format!("all:{}", lines + 2));
}

#[test]
fn names_of_counters_may_hold_colons() {
    let text = "NIC statistics:\n\t\t[0]: rx_discards: 12\n\t\t[17]: rx_discards: 3\n     \
                rx-3.packets: 5\n     rx_1024_to_1518_bytes: 9\n     port.rx_discards: 10\n";
    let captures = read_text("x", text);
    let found: Vec<(String, u64)> =
        counters(&captures.sections).map(|counter| (counter.name, counter.count)).collect();
    let expected = [
        ("[0]: rx_discards", 12),
        ("[17]: rx_discards", 3),
        ("rx-3.packets", 5),
        ("rx_1024_to_1518_bytes", 9),
        ("port.rx_discards", 10),
    ];
    assert_eq!(found, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn ynl_and_ip_are_read_by_their_own_names() {
    let text = r#"{"header":{"dev-index":4,"dev-name":"eth0"},"rx-max":1024,"rx":512,"tx-push":0}
        {"header":{"dev-index":4,"dev-name":"eth0"},"combined-max":8,"combined-count":6}
        {"header":{"dev-name":"eth0"},"rx-usecs":8,"rx-max-frames":32,"use-adaptive-rx":1}
        [{"id":144,"ifindex":4,"inflight":3072,"inflight-mem":12582912,"napi-id":565}]
        [{"ifindex":4,"ifname":"eth0","mtu":9000,
          "stats64":{"rx":{"packets":7,"missed_errors":3}}}]"#;
    let captures = read_text("x", text);
    assert_eq!(notes(&captures), [""; 0]);
    let found = captures.inventory(None).unwrap();
    assert_eq!(found.interface, "eth0");
    assert_eq!(known(found.rings.unwrap().rx.as_ref()), Some(512));
    assert_eq!(found.channels.unwrap().receive_queues(), Some(6));
    let coalescing = found.coalescing.unwrap();
    assert_eq!(known(coalescing.adaptive_rx.as_ref()), Some(true));
    assert_eq!(known(coalescing.rx_frames.as_ref()), Some(32));
    assert_eq!(known(found.link.mtu.as_ref()), Some(9000));
    let missed = counters(&found.sections).find(|it| it.name == "rx_missed_errors");
    assert_eq!(missed.unwrap().count, 3);
    let pools = found.sections.iter().find(|section| section.subject == Subject::PagePools);
    let memory = pools.unwrap().fields.get("pool 144 inflight-mem").unwrap();
    assert_eq!(memory.known(), Some(&Scalar::Count(12_582_912)));
}

#[test]
fn a_list_of_no_use_is_one_remark() {
    let queues = r#"[{"id":0,"type":"rx","ifindex":4},{"id":1,"type":"rx","ifindex":4}]"#;
    assert_eq!(read_text("x", queues).notes.len(), 1);
}

#[test]
fn text_of_ip_and_the_kernels_own_files_are_read() {
    let text = "2: eth0: <BROADCAST,UP> mtu 1500 qdisc mq state UP\n    link/ether 02:fc\n    \
                RX:  bytes packets errors dropped  missed   mcast\n    9000 70 0 2 5 0\n    \
                RX errors:  length    crc   frame    fifo overrun\n    0 0 0 4 0\n    \
                TX:  bytes packets\n    1 1\nSettings for eth0:\n\tSpeed: 25000Mb/s\n\
                \tDuplex: Full\n\
                MemTotal:       16384 kB\nMemFree:  1 kB\nHugePages_Total:  0\n\
                00000009 00000002 00000001 00000000 00000000 00000000 00000000 00000000 00000000\n\
                00000fe9 00000000 0000000a 00000000 00000000 00000000 00000000 00000000 00000000\n";
    let captures = read_text("x", text);
    assert_eq!(notes(&captures), [""; 0]);
    let found = captures.inventory(None).unwrap();
    assert_eq!(known(found.link.mtu.as_ref()), Some(1500));
    assert_eq!(known(found.link.speed.as_ref()), Some(25_000_000_000));
    assert_eq!(known(found.ram.as_ref()), Some(16_777_216));
    let counts: Vec<(String, u64)> = counters(&found.sections)
        .map(|counter| (counter.name, counter.count))
        .filter(|(_, count)| *count > 0)
        .collect();
    let expected = [
        ("rx_bytes", 9000),
        ("rx_packets", 70),
        ("rx_dropped", 2),
        ("rx_missed_errors", 5),
        ("rx_fifo_errors", 4),
        ("cpu0 processed", 9),
        ("cpu0 dropped", 2),
        ("cpu0 time_squeeze", 1),
        ("cpu1 processed", 4073),
        ("cpu1 time_squeeze", 10),
    ];
    assert_eq!(counts, expected.map(|(name, count)| (name.to_owned(), count)));
}

#[test]
fn what_cannot_be_read_is_said_with_its_place() {
    for (text, expected) in [
        ("[ {\n \"ifname\": \"eth0\",\n \"rx-max\": 25", "x:3: the JSON ends before"),
        ("[ {\"ifname\": \"eth0\", rx } ]", "x:1: the JSON is damaged"),
        ("\n{'header': {'dev-name': 'eth0'}, 'rx': 256}\n", "x:2: this is Python's notation"),
        ("RX Mini:\t0\nRX Jumbo:\t0\n", "x:1: the lines up to 2, from \"RX Mini:"),
        (
            "Ring parameters for p1:\nPre-set maximums:\nRX:\t40",
            "x:3: the capture ends before the current sizes are complete; its last number may be",
        ),
        ("NIC statistics:\n", "x:1: there are no values here; ethtool -S prints some"),
        ("[{\"ifname\":\"eth0\",\"stats64\":{}}]", "x: ifname: there are no values here"),
        ("hello\n", "x:1: the line \"hello\" cannot be read"),
        (
            "# ethtool -l v0\nnetlink error: Operation not supported\n",
            "x:2: ethtool -l gave no answer but \"netlink error: Operation not supported\"",
        ),
        ("no stats available\n", "x:1: the command gave no answer but \"no stats available\""),
        (
            "[{\"ifname\":\"v0\",\"rx-max\":4,\"tx-max\":4,\"rx\":2,\"tx\":2}]",
            "x: rx-max: -g and -l of ethtool look the same here; taken for channels",
        ),
        ("[{\"ifname\":\"lo\"}]", "x: ifname: this JSON is none of"),
    ] {
        let found = notes(&read_text("x", text));
        assert!(found.iter().any(|note| note.starts_with(expected)), "{text:?}: {found:?}");
    }
}

#[test]
fn a_capture_cut_anywhere_loses_values_but_invents_none() {
    for name in ["72_g.txt", "59_g.txt", "72_g.json", "72_c.txt", "72_l.txt", "61_S.txt"] {
        let path = folder().join(format!("virtio_net-ethtool{name}"));
        let text = fs::read_to_string(path).unwrap();
        let whole = read_text("x", &text);
        for end in 0..text.len() {
            for section in read_text("x", &text[..end]).sections {
                let last = section.fields.iter().count().saturating_sub(1);
                for (name, field) in section.fields.iter().take(last) {
                    let same = whole.sections[0].fields.get(name);
                    assert_eq!(Some(field), same, "{} cut at {end}", text);
                }
            }
        }
    }
}

#[test]
fn which_interface_is_meant_must_be_clear() {
    let two = "Ring parameters for a:\nRX: 1\nTX: 1\nRX: 1\nTX: 1\n\
               Ring parameters for b:\nRX: 2\nTX: 2\nRX: 2\nTX: 2\n\
               NIC statistics:\n  rx_drops: 3\n";
    let error = read_text("x", two).inventory(None).unwrap_err().to_string();
    assert_eq!(
        error,
        "the captures are of a, b; name the one that is meant, as in `rxplan host a`"
    );
    let error = read_text("x", two).inventory(Some("c")).unwrap_err().to_string();
    assert_eq!(error, "no capture is of c; they are of a, b");
    let found = read_text("x", two).inventory(Some("b")).unwrap();
    assert_eq!(known(found.rings.unwrap().rx.as_ref()), Some(2));
    assert_eq!(
        found.notes[0].to_string(),
        "x:12: statistics without the name of an interface, among captures of several; add ip -j \
         link if it has a number, else put a line such as \"# ethtool -S eth0\" before it"
    );
}

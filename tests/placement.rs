//! `rxplan placement`, black box: headers in hexadecimal and in captures, and where they lead.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// Status, standard output and standard error.
fn rxplan(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_rxplan")).args(args).output().unwrap();
    let [stdout, stderr] = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap());
    (output.status.code().unwrap(), stdout, stderr)
}

#[track_caller]
fn done(args: &[&str]) -> String {
    let (status, stdout, stderr) = rxplan(args);
    assert_eq!((status, stderr.as_str()), (0, ""));
    stdout
}

#[track_caller]
fn json(args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    serde_json::from_str(&done(&args)).unwrap()
}

#[track_caller]
fn assert_refused(args: &[&str], status: i32, expected: &str) {
    let (found, stdout, stderr) = rxplan(args);
    assert_eq!((found, stdout.as_str()), (status, ""), "{stderr}");
    assert!(stderr.starts_with("error: ") && stderr.contains(expected), "{stderr}");
    assert!(status == 2 || stderr.lines().count() == 1, "{stderr}");
}

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path: PathBuf = Path::new(self.folder.path()).join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn regions(&self) -> String {
        let lines = "memory_id,generation,base,len\n7,3,0x10000,0x10000\n8,0,0x20000,4096\n";
        self.write("regions.csv", lines)
    }
}

/// memory id 7, generation 3, base offset 4096, base sequence 0xffffff00.
const HEADER: &str = "000700030000000000001000ffffff00";

#[test]
fn a_header_is_encoded_and_decoded_byte_for_byte() {
    let fields = ["--memory-id", "7", "--generation", "3", "--base-offset", "0x1000"];
    let encode = |more: &[&str]| {
        let args = [&["placement", "encode"][..], &fields, &["--base-seq", "0xffffff00"], more];
        done(&args.concat())
    };
    assert_eq!(encode(&[]), format!("{HEADER}\n"));
    let psp = ["--spi", "0xfffffff0", "--crypt-offset", "16", "--psp-version", "aes-gcm-256"];
    let behind = encode(&[&psp[..], &["--iv", "0x0102030405060708", "--vc", "9"]].concat());
    // Next header 6 (TCP), length 2, crypt offset 4 words, version 1 and VC; SPI, IV, VC.
    let expected = format!("06020407fffffff001020304050607080000000000000009{HEADER}\n");
    assert_eq!(behind, expected);
    let decoded = json(&["placement", "decode", behind.trim()]);
    let packet = &decoded["packets"][0];
    for (name, value) in [
        ("spi", Value::from("0xfffffff0")),
        ("key_phase", 1.into()),
        ("psp_version", "aes-gcm-256".into()),
        ("next_header", 6.into()),
        ("crypt_offset_bytes", 16.into()),
        ("iv", "0x0102030405060708".into()),
        ("vc", "0x0000000000000009".into()),
        ("memory_id", 7.into()),
        ("generation", 3.into()),
        ("base_offset", 4096.into()),
        ("base_seq", 0xffff_ff00_u32.into()),
        ("seq", Value::Null),
    ] {
        assert_eq!(packet[name], value, "{name}");
    }
    assert_eq!(decoded["command"], "placement decode");
}

#[test]
fn hexadecimal_may_have_colons_and_blanks() {
    let spaced = "0x0007:0003 0000:0000:0000:1000 ffff:ff00";
    let csv = done(&["placement", "decode", spaced, "--format", "csv"]);
    assert!(csv.lines().nth(1).unwrap().contains(",7,3,4096,4294967040,"), "{csv}");
}

#[test]
fn resolving_says_where_a_packet_lands_or_why_not() {
    let files = Files::new();
    let regions = files.regions();
    let allow = files.write("allow.csv", "spi,memory_id\n0x7fffffff,7\n");
    let outcome = |seq: &str, len: &str, more: &[&str]| {
        let args = ["placement", "resolve", HEADER, "--regions", &regions, "--seq", seq];
        let told = json(&[&args[..], &["--len", len], more].concat());
        let packet = &told["packets"][0];
        let text = |name: &str| packet[name].as_str().unwrap_or("").to_owned();
        (text("outcome"), text("address"))
    };
    let placed = |address: &str| ("placed".to_owned(), address.to_owned());
    let fallback = |reason: &str| (reason.to_owned(), String::new());
    assert_eq!(outcome("0xffffff00", "256", &[]), placed("0x11000"));
    assert_eq!(outcome("0", "1448", &[]), placed("0x11100"));
    assert_eq!(outcome("0xfffffeff", "1", &[]), fallback("before_base"));
    assert_eq!(outcome("0xeeff", "1", &[]), placed("0x1ffff"));
    assert_eq!(outcome("0xeeff", "2", &[]), fallback("straddles"));
    assert_eq!(outcome("0xef00", "1", &[]), fallback("out_of_bounds"));
    let listed = ["--allow", &allow, "--spi"];
    assert_eq!(outcome("0", "1", &[&listed[..], &["0xffffffff"]].concat()), placed("0x11100"));
    let other = [&listed[..], &["0x7ffffffe"]].concat();
    assert_eq!(outcome("0", "1", &other), fallback("not_allowed"));
    let at_2 = HEADER.replace("00070003", "00070002");
    let stale =
        done(&["placement", "resolve", &at_2, "--regions", &regions, "--seq", "0", "--len", "1"]);
    assert!(stale.contains("stale_generation"), "{stale}");
    assert!(stale.contains("the packet is of generation 2, region 7 of 3"), "{stale}");
}

/// An Ethernet frame over IPv4 to UDP port `port`.
fn frame(port: u16, payload: &[u8]) -> Vec<u8> {
    let udp_len = u16::try_from(8 + payload.len()).unwrap();
    let mut frame = vec![2; 12];
    frame.extend([0x08, 0x00]);
    frame.extend([0x45, 0]);
    frame.extend((20 + udp_len).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(40_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend(udp_len.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// A PSP packet in the clear (GMAC) with a TCP header of 20 bytes.
fn packet(spi: u32, placement: Option<&str>, seq: u32, payload: usize) -> Vec<u8> {
    let mut bytes = vec![6, 1, 0, 0b1001];
    bytes.extend(spi.to_be_bytes());
    bytes.extend([0; 8]);
    let hex = placement.unwrap_or("");
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    bytes.extend((0..hex.len()).step_by(2).map(byte));
    let mut tcp = [0; 20];
    tcp[4..8].copy_from_slice(&seq.to_be_bytes());
    tcp[12] = 5 << 4;
    bytes.extend(tcp);
    bytes.extend(vec![0; payload + 16]);
    frame(1000, &bytes)
}

/// A classic capture with a snap length.
fn capture(frames: &[Vec<u8>], snap: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(0xa1b2_c3d4_u32.to_le_bytes());
    bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 1, 0, 0, 0]);
    for (frame, second) in frames.iter().zip(0_u32..) {
        let there = frame.len().min(snap);
        bytes.extend(second.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(u32::try_from(there).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
        bytes.extend(&frame[..there]);
    }
    bytes
}

#[test]
fn a_capture_is_resolved_packet_by_packet() {
    const DIRECT: u32 = 0x7fff_ffff;
    let files = Files::new();
    let regions = files.regions();
    let frames = [
        packet(DIRECT, Some(HEADER), 0, 1000),
        frame(53, &[0; 60]),
        packet(DIRECT, Some(&HEADER.replace("00070003", "00070004")), 0, 1000),
        packet(DIRECT | 1 << 31, Some(&HEADER.replace("00070003", "00090003")), 0, 1000),
        packet(5, None, 0, 1000),
        frame(1000, &[6, 1, 0, 0b1000, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ];
    // Cut behind the TCP headers: payloads are as long as their headers say.
    let file = files.write("cut.pcap", capture(&frames, 14 + 20 + 8 + 16 + 16 + 20));
    let told = json(&["placement", "resolve", "--pcap", &file, "--regions", &regions]);
    let packets = told["packets"].as_array().unwrap();
    let row = |packet: &Value| {
        let number = packet["packet"].as_u64().unwrap();
        (number, packet["outcome"].as_str().unwrap().to_owned(), packet["payload_bytes"].as_u64())
    };
    let expected = [
        (1, "placed", Some(1000)),
        (3, "stale_generation", Some(1000)),
        (4, "unknown_region", Some(1000)),
        (5, "not_direct", Some(1000)),
        (6, "psp_rejected", None),
    ];
    let rows: Vec<_> = packets.iter().map(row).collect();
    assert_eq!(rows, expected.map(|(number, outcome, len)| (number, outcome.to_owned(), len)));
    assert_eq!(packets[0]["address"], "0x11100");
    assert_eq!(told["outcomes"]["placed"], 1);
    let table = done(&["placement", "resolve", "--pcap", &file, "--regions", &regions]);
    assert!(table.contains("5 packets: not_direct 1, placed 1, psp_rejected 1"), "{table}");
}

#[test]
fn an_encrypted_header_is_not_taken_for_a_clear_one() {
    let mut bytes = packet(0x7fff_ffff, Some(HEADER), 0, 10);
    bytes[14 + 20 + 8 + 3] = 1;
    let hex: String = bytes[42..].iter().map(|byte| format!("{byte:02x}")).collect();
    let wire = json(&["placement", "decode", &hex]);
    assert_eq!(wire["packets"][0]["memory_id"], Value::Null);
    let inside = json(&["placement", "decode", &hex, "--decrypted"]);
    assert_eq!(inside["packets"][0]["memory_id"], 7);
    assert_eq!(inside["packets"][0]["payload_bytes"], 10);
}

#[test]
fn what_is_wrong_is_said_in_a_sentence() {
    let files = Files::new();
    let regions = files.regions();
    let decode = |hex: &str, expected: &str| {
        assert_refused(&["placement", "decode", hex], 1, expected);
    };
    decode("00", "HEX: has 1 bytes, where a placement header takes 16");
    decode("0g", "HEX: 'g' is no hexadecimal digit");
    decode("012", "HEX: has 3 digits; every byte takes two");
    decode(&format!("{}00", "00".repeat(16)), "the lowest bit of its fourth byte must be 1");
    decode(&format!("060100 11{}", "00".repeat(20)), "says PSP version 4");
    decode(&format!("06010003{}", "00".repeat(20)), "must be 2 where the VC bit is 1");
    decode(&format!("06020003{}", "00".repeat(14)), "where a PSP header takes 24");
    let resolve = ["placement", "resolve", HEADER, "--regions", &regions];
    assert_refused(&resolve, 1, "give the packet's --seq and --len too");
    for (lines, expected) in [
        ("7,0,0,100\n8,0,99,1\n", ":3: region 8 overlaps region 7; regions must share no byte"),
        ("7,0,0,100\n7,1,100,1\n", ":3: memory id 7 is used twice"),
        ("7,0,5,0\n", ":2: region 7 has no bytes"),
        ("7,0,0xffffffffffffffff,1\n", "goes past the end of memory"),
        ("7,0,x,1\n", ":2: base 'x' is not a whole number"),
        ("", "no regions"),
    ] {
        let text = format!("memory_id,generation,base,len\n{lines}");
        let file = files.write("wrong.csv", text);
        let args = ["placement", "resolve", HEADER, "--regions", &file, "--seq", "0", "--len", "1"];
        assert_refused(&args, 1, expected);
    }
    let missing = ["placement", "decode", "--pcap", "missing.pcap"];
    assert_refused(&missing, 1, "missing.pcap: cannot open");
    assert_refused(&["placement", "decode"], 2, "required arguments");
    let both = ["placement", "decode", HEADER, "--pcap", "x"];
    assert_refused(&both, 2, "cannot be used with");
}

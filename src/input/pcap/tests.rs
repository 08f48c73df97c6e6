use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::*;

/// A frame as a callback saw it: number, time, length, link type, captured bytes.
type Seen = (u64, u64, u32, LinkType, Vec<u8>);

fn visit(bytes: &[u8]) -> (Result<Summary, InputError>, Vec<Seen>) {
    let mut seen = Vec::new();
    let reader = Box::new(Cursor::new(bytes.to_vec()));
    let result = visit_frames(Path::new("web.pcap"), reader, |frame| {
        let data = frame.data.to_vec();
        seen.push((frame.number, frame.t_ps, frame.len, frame.link_type, data));
    });
    (result, seen)
}

fn refusal(bytes: &[u8]) -> String {
    visit(bytes).0.unwrap_err().to_string()
}

fn times(bytes: &[u8]) -> Vec<u64> {
    let (result, seen) = visit(bytes);
    result.unwrap();
    seen.iter().map(|frame| frame.1).collect()
}

/// Writes captures in either byte order.
#[derive(Clone, Copy)]
struct Writer {
    is_big_endian: bool,
}

const LITTLE: Writer = Writer { is_big_endian: false };
const BIG: Writer = Writer { is_big_endian: true };

impl Writer {
    fn u16(self, number: u16) -> [u8; 2] {
        if self.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        if self.is_big_endian { number.to_be_bytes() } else { number.to_le_bytes() }
    }

    fn words(self, words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|&word| self.u32(word)).collect()
    }

    /// The header of a pcap file.
    fn header(self, magic: u32, network: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [self.words(&[magic]), version, self.words(&[0, 0, 65_535, network])].concat()
    }

    /// A record of a pcap file.
    fn record(self, seconds: u32, fraction: u32, original: u32, data: &[u8]) -> Vec<u8> {
        let captured = u32::try_from(data.len()).unwrap();
        [self.words(&[seconds, fraction, captured, original]), data.to_vec()].concat()
    }

    /// A block of a pcapng file.
    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let padding = vec![0; body.len().next_multiple_of(4) - body.len()];
        let bytes = u32::try_from(12 + body.len() + padding.len()).unwrap();
        [self.words(&[kind, bytes]), body.to_vec(), padding, self.words(&[bytes])].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let length = self.words(&[u32::MAX, u32::MAX]);
        self.block(SECTION, &[self.words(&[0x1a2b_3c4d]), version, length].concat())
    }

    fn interface(self, link_type: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link_type), self.u16(0)].concat();
        body.extend(self.u32(0));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(u16::try_from(value.len()).unwrap()));
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        self.block(INTERFACE, &body)
    }

    fn packet(self, interface: u32, units: u64, original: u32, data: &[u8]) -> Vec<u8> {
        let high = u32::try_from(units >> 32).unwrap();
        let low = u32::try_from(units & u64::from(u32::MAX)).unwrap();
        let captured = u32::try_from(data.len()).unwrap();
        let head = self.words(&[interface, high, low, captured, original]);
        self.block(PACKET, &[head, data.to_vec()].concat())
    }
}

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const SIMPLE: u32 = 3;
const STATISTICS: u32 = 5;
const PACKET: u32 = 6;

const TSRESOL: u16 = 9;
const FCSLEN: u16 = 13;
const TSOFFSET: u16 = 14;

/// An Ethernet frame with the start of an IPv4 header.
const FRAME: [u8; 16] = [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 0x45, 0];

fn two_frames() -> Vec<u8> {
    [
        LITTLE.header(NANOSECONDS, 1),
        LITTLE.record(1_700_000_000, 999_999_000, 1514, &FRAME),
        LITTLE.record(1_700_000_001, 500, 60, &FRAME[..14]),
    ]
    .concat()
}

fn two_frames_ng() -> Vec<u8> {
    [
        LITTLE.section(),
        LITTLE.interface(1, &[(TSRESOL, &[9])]),
        LITTLE.packet(0, 1_700_000_000_999_999_000, 1514, &FRAME),
        LITTLE.packet(0, 1_700_000_001_000_000_500, 60, &FRAME[..14]),
    ]
    .concat()
}

fn expected_frames() -> Vec<Seen> {
    vec![
        (1, 0, 1514, LinkType::Ethernet, FRAME.to_vec()),
        (2, 1_500_000, 60, LinkType::Ethernet, FRAME[..14].to_vec()),
    ]
}

#[test]
fn frames_come_with_times_since_the_first_and_lengths_on_the_wire() {
    for bytes in [two_frames(), two_frames_ng()] {
        let (result, seen) = visit(&bytes);
        assert_eq!(seen, expected_frames());
        let summary =
            Summary { frames: 2, bytes: 1574, cut: 2, reordered: 0, non_ip: 0, span_ps: 1_500_000 };
        assert_eq!(result.unwrap(), Summary { non_ip: 0, ..summary });
    }
}

#[test]
fn gzip_captures_are_read_from_files() {
    for bytes in [two_frames(), two_frames_ng()] {
        let mut encoder = GzEncoder::new(NamedTempFile::new().unwrap(), Compression::fast());
        encoder.write_all(&bytes).unwrap();
        let file = encoder.finish().unwrap();
        let mut frames = 0;
        let summary = for_each_frame(file.path(), |frame| frames = frame.number).unwrap();
        assert_eq!((summary.frames, frames), (2, 2));
    }
}

#[test]
fn both_resolutions_and_byte_orders_of_pcap_are_read() {
    for (writer, magic, step_ps) in [
        (LITTLE, MICROSECONDS, 1_000_000),
        (LITTLE, NANOSECONDS, 1_000),
        (BIG, MICROSECONDS, 1_000_000),
        (BIG, NANOSECONDS, 1_000),
    ] {
        let bytes = [
            writer.header(magic, 1),
            writer.record(7, 1, 60, &FRAME),
            writer.record(7, 3, 60, &FRAME),
            writer.record(8, 1, 60, &FRAME),
        ]
        .concat();
        assert_eq!(times(&bytes), [0, 2 * step_ps, 1_000_000_000_000]);
    }
}

#[test]
fn resolutions_and_offsets_of_pcapng_are_taken_from_each_interface() {
    for writer in [LITTLE, BIG] {
        let offset = |seconds: i64| {
            if writer.is_big_endian { seconds.to_be_bytes() } else { seconds.to_le_bytes() }
        };
        let bytes = [
            writer.section(),
            writer.interface(1, &[]),
            writer.interface(1, &[(TSRESOL, &[12]), (TSOFFSET, &offset(100))]),
            writer.interface(1, &[(TSRESOL, &[0x80 | 20]), (TSOFFSET, &offset(-100))]),
            writer.packet(0, 100_000_001, 60, &FRAME),
            writer.packet(1, 1_500_123, 60, &FRAME),
            writer.packet(2, 200 << 20 | 1 << 19, 60, &FRAME),
        ]
        .concat();
        assert_eq!(times(&bytes), [0, 500_123, 499_999_000_000]);
    }
}

#[test]
fn options_after_their_end_are_ignored() {
    let bytes = [
        LITTLE.section(),
        LITTLE.interface(1, &[(TSRESOL, &[9]), (0, &[]), (TSRESOL, &[0])]),
        LITTLE.packet(0, 5, 60, &FRAME),
        LITTLE.packet(0, 6, 60, &FRAME),
    ];
    assert_eq!(times(&bytes.concat()), [0, 1_000]);
}

#[test]
fn a_new_section_has_its_own_interfaces_and_byte_order() {
    let bytes = [
        LITTLE.section(),
        LITTLE.interface(1, &[(TSRESOL, &[9])]),
        LITTLE.packet(0, 5_000, 60, &FRAME),
        BIG.section(),
        BIG.interface(101, &[]),
        BIG.packet(0, 7, 60, &FRAME),
    ]
    .concat();
    let (_, seen) = visit(&bytes);
    assert_eq!(seen[1].1, 2_000_000);
    assert_eq!(seen[1].3, LinkType::RawIp);
}

#[test]
fn other_blocks_are_passed_over_whatever_their_length() {
    let bytes = [
        LITTLE.section(),
        LITTLE.block(0x0bad, &vec![7; 300_000]),
        LITTLE.interface(1, &[]),
        LITTLE.block(STATISTICS, &[1, 2, 3]),
        LITTLE.packet(0, 5, 60, &FRAME),
        LITTLE.block(0x7fff_ffff, &[]),
    ];
    assert_eq!(times(&bytes.concat()), [0]);
}

#[test]
fn frames_stamped_before_an_earlier_one_get_its_time_and_are_counted() {
    let stamps = [50, 40, 70, 60, 69, 70, 80];
    let records = stamps.map(|stamp| LITTLE.record(0, stamp, 60, &FRAME)).concat();
    let bytes = [LITTLE.header(NANOSECONDS, 1), records].concat();
    assert_eq!(times(&bytes), [0, 0, 20_000, 20_000, 20_000, 20_000, 30_000]);
    assert_eq!(visit(&bytes).0.unwrap().reordered, 3);
}

#[test]
fn frames_that_are_not_ip_are_counted() {
    let mut arp = FRAME;
    arp[13] = 6;
    let records = [FRAME, arp, arp].map(|frame| LITTLE.record(0, 0, 60, &frame)).concat();
    let bytes = [LITTLE.header(NANOSECONDS, 1), records].concat();
    assert_eq!(visit(&bytes).0.unwrap().non_ip, 2);
}

#[test]
fn link_types_are_passed_along() {
    for (number, link_type) in [
        (1, LinkType::Ethernet),
        (113, LinkType::Cooked),
        (276, LinkType::CookedV2),
        (101, LinkType::RawIp),
        (228, LinkType::RawIp),
        (229, LinkType::RawIp),
    ] {
        let bytes = [
            BIG.header(MICROSECONDS, u32::from(number)),
            BIG.record(0, 0, 60, &FRAME),
            BIG.record(0, 0, 60, &FRAME),
        ];
        assert_eq!(visit(&bytes.concat()).1[1].3, link_type);
        let bytes =
            [LITTLE.section(), LITTLE.interface(number, &[]), LITTLE.packet(0, 5, 60, &FRAME)];
        assert_eq!(visit(&bytes.concat()).1[0].3, link_type);
    }
}

#[test]
fn other_link_types_are_refused() {
    let sentence = "link type 105 is not supported; Ethernet (1), Linux cooked (113, 276) or raw \
                    IP (101, 228, 229) is needed";
    assert_eq!(refusal(&LITTLE.header(MICROSECONDS, 105)), format!("web.pcap: byte 0: {sentence}"));
    let bytes = [
        LITTLE.section(),
        LITTLE.interface(1, &[]),
        LITTLE.interface(105, &[]),
        LITTLE.packet(0, 5, 60, &FRAME),
        LITTLE.packet(1, 5, 60, &FRAME),
    ]
    .concat();
    assert_eq!(refusal(&bytes), format!("web.pcap: packet 2: byte 116: {sentence}"));
    assert_eq!(visit(&bytes).1.len(), 1);
}

#[test]
fn an_fcs_that_the_file_announces_is_not_counted() {
    let with_fcs = 2 << 28 | 1 << 26 | 1;
    let bytes = [LITTLE.header(MICROSECONDS, with_fcs), LITTLE.record(0, 0, 64, &FRAME)];
    assert_eq!(visit(&bytes.concat()).1[0].2, 60);
    for length in [4, 32] {
        let bytes = [
            LITTLE.section(),
            LITTLE.interface(1, &[(FCSLEN, &[length])]),
            LITTLE.packet(0, 0, 64, &FRAME),
        ];
        assert_eq!(visit(&bytes.concat()).1[0].2, 60);
    }
}

#[test]
fn a_frame_is_no_shorter_than_what_was_captured_of_it() {
    let bytes = [LITTLE.header(MICROSECONDS, 1), LITTLE.record(0, 0, 0, &FRAME)].concat();
    assert_eq!(visit(&bytes).1[0].2, 16);
    let bytes = [LITTLE.header(MICROSECONDS, 1), LITTLE.record(0, 0, 0, &[])].concat();
    assert_eq!(
        refusal(&bytes),
        "web.pcap: packet 1: byte 24: the packet's length is 0; at least 1 byte is needed"
    );
}

#[test]
fn a_pcap_file_cut_anywhere_is_refused_but_between_packets() {
    let bytes = two_frames();
    for cut in 0..bytes.len() {
        let (result, seen) = visit(&bytes[..cut]);
        let message = result.map_or_else(|error| error.to_string(), |_| String::new());
        let (expected, frames) = match cut {
            0 => (String::from("byte 0: no packets"), 0),
            1..24 => (String::from("byte 0: the file ends inside the file header"), 0),
            24 => (String::from("byte 24: no packets"), 0),
            25..40 => (String::from("packet 1: byte 24: the file ends inside the packet's"), 0),
            40..56 => (format!("16 bytes expected, {} there", cut - 40), 0),
            56 => (String::new(), 1),
            57..72 => (String::from("packet 2: byte 56: the file ends inside the packet's"), 1),
            _ => (format!("14 bytes expected, {} there", cut - 72), 1),
        };
        assert!(message.contains(&expected), "{cut}: {message}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{cut}: {message}");
        assert_eq!(seen.len(), frames, "{cut}");
    }
}

#[test]
fn a_truncated_packet_says_how_much_is_missing() {
    let bytes = two_frames();
    assert_eq!(
        refusal(&bytes[..bytes.len() - 4]),
        "web.pcap: packet 2: byte 56: the file ends inside the packet (truncated capture?); 14 \
         bytes expected, 10 there"
    );
}

#[test]
fn a_pcapng_file_cut_anywhere_is_refused_but_between_blocks() {
    let bytes = two_frames_ng();
    let ends = [28, 56, 104, 152];
    assert_eq!(bytes.len(), ends[3]);
    for cut in 0..bytes.len() {
        let (result, seen) = visit(&bytes[..cut]);
        let message = result.map_or_else(|error| error.to_string(), |_| String::new());
        let expected = match cut {
            0 | 28 | 56 => "no packets; a capture of at least one",
            1..4 => "byte 0: the file ends inside the file header",
            104 => "",
            4..8 | 29..36 | 57..64 | 105..112 => "the file ends inside the block's header",
            64..104 => "packet 1: byte 56: the file ends inside the packet (tr",
            112..152 => "packet 2: byte 104: the file ends inside the packet (tr",
            _ => "(truncated capture?)",
        };
        assert!(message.contains(expected), "{cut}: {message}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{cut}: {message}");
        assert_eq!(seen.len(), usize::from(cut >= 104), "{cut}");
    }
}

#[test]
fn a_file_that_is_no_capture_is_refused() {
    assert_eq!(
        refusal(b"t_ns,queue,len\n"),
        "web.pcap: byte 0: the file starts with 74 5f 6e 73; a pcap or pcapng file is needed"
    );
}

#[test]
fn simple_and_obsolete_packet_blocks_are_refused() {
    let start = [LITTLE.section(), LITTLE.interface(1, &[])].concat();
    let simple = LITTLE.block(SIMPLE, &[60, 0, 0, 0, 1, 2, 3, 4]);
    assert_eq!(
        refusal(&[start.clone(), simple].concat()),
        "web.pcap: packet 1: byte 48: the packet has no time stamp (simple packet block); enhanced \
         packet blocks are needed"
    );
    let obsolete = LITTLE.block(OBSOLETE, &[0; 24]);
    assert!(refusal(&[start, obsolete].concat()).contains("editcap -F pcapng"));
}

const OBSOLETE: u32 = 2;

#[test]
fn a_packet_of_an_interface_not_described_is_refused() {
    let bytes = [LITTLE.section(), LITTLE.interface(1, &[]), LITTLE.packet(1, 5, 60, &FRAME)];
    assert_eq!(
        refusal(&bytes.concat()),
        "web.pcap: packet 1: byte 48: the packet is of interface 1; only 1 were described before it"
    );
}

#[test]
fn lengths_that_cannot_be_true_are_refused() {
    let mut bytes = two_frames();
    bytes[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(
        refusal(&bytes),
        "web.pcap: packet 1: byte 24: the packet claims 4294967295 bytes, which is damage; at most \
         16777216"
    );
    for (place, value, expected) in [
        (60, u32::MAX - 3, "packet 1: byte 56: the packet claims 4294967292 bytes"),
        (60, 49, "packet 1: byte 56: the packet is damaged; its lengths do not agree"),
        (60, 8, "packet 1: byte 56: the packet is damaged"),
        (60, 28, "packet 1: byte 56: the packet is damaged"),
        (76, 1000, "packet 1: byte 56: the packet is damaged"),
        (76, u32::MAX, "packet 1: byte 56: the packet is damaged"),
        (100, 44, "packet 1: byte 56: the packet is damaged"),
        (32, 16, "byte 28: the interface description is damaged"),
        (4, 24, "byte 0: the section header is damaged"),
        (8, 0, "byte 0: the section header is damaged; it has no byte-order magic 1a2b3c4d"),
    ] {
        let mut bytes = two_frames_ng();
        bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
        let message = refusal(&bytes);
        assert!(message.contains(expected), "{place} {value}: {message}");
    }
}

#[test]
fn a_frame_too_long_after_the_first_is_refused() {
    let day = 86_400_u32;
    let bytes = |days| {
        let records = [LITTLE.record(0, 0, 60, &FRAME), LITTLE.record(days * day, 0, 60, &FRAME)];
        [LITTLE.header(MICROSECONDS, 1), records.concat()].concat()
    };
    assert_eq!(times(&bytes(213))[1], 213 * u64::from(day) * 1_000_000_000_000);
    assert_eq!(
        refusal(&bytes(250)),
        "web.pcap: packet 2: byte 56: the packet comes 250 days after the first; at most 213 days \
         fit"
    );
}

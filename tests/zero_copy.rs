//! Transfers and placement where the result is known: counted by hand, or by an identity.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use rxplan::model::placement::{Change, Fallback, Genuine, Load, Segment};
use rxplan::model::system::Progress;
use rxplan::model::traffic::{Arrival, Window};
use rxplan::random::Streams;
use rxplan::report::{Placement, SimulateReport};
use rxplan::scenario::{Scenario, Source, Warning};
use rxplan::simulation::{Options, simulate};
use rxplan::units::SimTime;

/// One flow at 1 byte a nanosecond: frames of 1000 bytes are 1 us apart, ten to a response.
const ONE_FLOW: &str = r#"
[run]
duration = "10 ms"
warmup = "0 ns"
replications = 1
[nic]
queues = 1
rx = 64
rx_buf_len = "2 KiB"
[host]
model = "server"
service = "100 ns"
[placement]
mode = "direct"
region = "16 KiB"
regions = 2
[[traffic]]
kind = "transfers"
flows = 1
every = "50 us"
bytes = "9000 B"
rate = "8 Gbit/s"
mss = "900 B"
overhead = "100 B"
"#;

fn load(overrides: &[&str]) -> Scenario {
    let overrides: Vec<String> = overrides.iter().map(|it| (*it).to_owned()).collect();
    Scenario::load(&Source::Stdin(ONE_FLOW.to_owned()), &overrides).unwrap()
}

fn run(scenario: &Scenario) -> (SimulateReport, Placement) {
    let simulation = simulate(scenario, Options::default(), &Progress::default()).unwrap();
    let report = SimulateReport::new(scenario, &simulation);
    let placement = report.placement.clone().unwrap();
    (report, placement)
}

fn placement(overrides: &[&str]) -> Placement {
    run(&load(overrides)).1
}

/// What the flow of `scenario` sends in its first `us` microseconds.
fn sent(scenario: &Scenario, us: u64) -> (Vec<(Arrival, Segment)>, Vec<Change>) {
    let window = Window { start: SimTime::ZERO, end: Some(SimTime::from_ps(us * 1_000_000)) };
    let (sent, changes) = scenario.traffic[0].sent(0, Streams::new(1, 0), window);
    let segment = |(arrival, load)| match load {
        Some(Load::Genuine(Genuine { segment, .. })) => (arrival, segment),
        other => panic!("{other:?}"),
    };
    (sent.into_iter().map(segment).collect(), changes)
}

#[test]
fn responses_come_in_segments_a_frame_time_apart_with_rising_sequence_numbers() {
    let (sent, changes) = sent(&load(&[]), 1_000);
    assert!(sent.len() >= 190, "{}", sent.len());
    for (number, pair) in sent.windows(2).enumerate() {
        let [(before, first), (after, second)] = pair else { unreachable!() };
        let gap = (after.time - before.time).as_ps();
        let last_of_response = number % 10 == 9;
        assert_eq!(gap, if last_of_response { 41_000_000 } else { 1_000_000 });
        assert_eq!(second.seq.since(first.seq), Some(900));
        assert_eq!((after.len, second.payload), (1000, 900));
    }
    for (response, segments) in sent.chunks(10).enumerate() {
        let header = segments[0].1.header;
        assert!(segments.iter().all(|(_, segment)| segment.header == header), "one super-frame");
        assert_eq!(usize::from(header.memory.get()), response % 2, "regions in turn");
        assert_eq!(usize::from(header.generation.get()), response / 2);
        assert_eq!((header.base_offset, header.base_seq), (0, segments[0].1.seq));
        assert_eq!(changes[response].region, header.memory);
        assert_eq!(changes[response].time, segments[0].0.time);
    }
}

#[test]
fn a_super_frame_has_one_base_and_the_next_begins_behind_it() {
    let (sent, _) = sent(&load(&["traffic.0.tso=2700 B"]), 1_000);
    let offsets: Vec<u64> =
        sent[..10].iter().map(|(_, segment)| segment.header.base_offset).collect();
    assert_eq!(offsets, [0, 0, 0, 2700, 2700, 2700, 5400, 5400, 5400, 8100]);
    let base = sent[3].1.header.base_seq;
    assert_eq!(base, sent[3].1.seq);
    assert_eq!(sent[5].1.header.base_seq, base);
}

#[test]
fn all_is_placed_where_the_nic_knows_at_once() {
    let placement = placement(&[]);
    assert!(placement.offered >= 1_980, "{}", placement.offered);
    assert_eq!(placement.placed, placement.offered);
    assert_eq!((placement.copied_bytes, placement.copies), (0, 0));
    assert_eq!(placement.placed_bytes, placement.payload_bytes);
    assert_eq!(placement.application_bytes, 2 * 16_384);
    // Two regions of 18 bytes, 65,536 pairs of 6 bytes.
    assert_eq!(placement.nic_table_bytes, 2 * 18 + 65_536 * 6);
}

/// Ten segments, at 0, 1 ... 9 us: those before 3.5 us find the generation before, at first none.
#[test]
fn segments_that_come_before_the_configuration_fall_back() {
    let (report, placement) =
        run(&load(&["placement.config_latency=3500 ns", "run.duration=9990 us"]));
    let fallback = &placement.fallback;
    assert_eq!(fallback.unknown_region, 2 * 4, "four of the first use of either region");
    let responses = placement.offered.div_ceil(10);
    assert_eq!(fallback.stale_generation, (responses - 2) * 4);
    assert_eq!(placement.placed + 4 * responses, placement.offered);
    assert_eq!(report.packets.dropped, 0);
    let early = self::placement(&["placement.config_latency=3500 ns", "traffic.0.lead=3500 ns"]);
    assert_eq!(early.placed, early.offered, "prepared in time");
}

/// The region ends after 8192 bytes; super-frames of 9000 go on. Segment 9 begins at 8100 and ends
/// at 9000 > 8192: it straddles; none begins behind. With 4096 bytes segment 4 straddles (3600 to
/// 4500) and segments 5 to 9 begin behind the end.
#[test]
fn super_frames_past_the_end_of_a_region_straddle_it_or_miss_it() {
    let fallback = |region: &str| {
        let region = format!("placement.region={region}");
        let told = placement(&[&region, "placement.regions=8", "traffic.0.align=false"]);
        let responses = told.offered / 10;
        (told.fallback.straddles / responses, told.fallback.out_of_bounds / responses)
    };
    assert_eq!(fallback("8192 B"), (1, 0));
    assert_eq!(fallback("4096 B"), (1, 5));
    let aligned = placement(&["placement.region=4096 B", "placement.regions=8"]);
    assert_eq!(aligned.placed, aligned.offered, "aligned super-frames end with the region");
}

#[test]
fn lost_late_and_doubled_segments_keep_their_address() {
    let network = ["loss=0.1", "retransmit=5 us", "reorder=0.2", "duplicate=0.1"];
    let overrides = network.map(|it| format!("traffic.0.{it}"));
    let overrides: Vec<&str> = overrides.iter().map(String::as_str).collect();
    let (sent, _) = sent(&load(&overrides), 10_000);
    let mut disordered = 0;
    let mut addresses = std::collections::BTreeMap::new();
    for pair in sent.windows(2) {
        disordered += u32::from(pair[1].1.seq.since(pair[0].1.seq).is_none());
    }
    for (_, segment) in &sent {
        let header = &segment.header;
        let distance = segment.seq.since(header.base_seq).unwrap();
        let address = (header.memory.get(), header.base_offset + u64::from(distance));
        let known = addresses.entry(segment.seq.get()).or_insert(address);
        assert_eq!(*known, address);
    }
    assert!(disordered > 100, "{disordered}");
    assert!(addresses.len() < sent.len(), "some come twice");
    let told = placement(&overrides);
    assert_eq!(told.placed, told.offered, "late ones come well before the region is used again");
}

/// Keys rotate every 60 us. Senders that learn of it within that time lose nothing; those that
/// learn 90 us later have a key that has run out for half of the time.
#[test]
fn a_sender_late_by_a_rotation_is_rejected_until_it_has_the_new_key() {
    let rejected = |notice: &str| {
        let notice = format!("placement.rotation.notice={notice}");
        let told = placement(&["traffic.0.every=1 us", "placement.rotation.every=60 us", &notice]);
        (told.psp_rejected, told.offered)
    };
    assert_eq!(rejected("0 ns").0, 0);
    assert_eq!(rejected("59 us").0, 0);
    // From 120 us on, 30 of every 60 segments; 165 times in 10 ms.
    assert_eq!(rejected("90 us"), (165 * 30, 10_000));
}

/// A storm every 60 us on a flow that sends without pause: for the 10 us until senders know, 10
/// segments are stale, to the boundary of a microsecond.
#[test]
fn a_storm_turns_back_what_is_sent_until_senders_know() {
    let scenario = load(&[
        "traffic.0.every=1 us",
        "placement.storm.every=60 us",
        "placement.storm.notice=10 us",
        "placement.survive=one-storm",
    ]);
    assert_eq!(scenario.storm_packets(), [10]);
    let (_, placement) = run(&scenario);
    let storms = 10_000 / 60;
    let stale = placement.fallback.stale_generation;
    assert!((storms * 10..=(storms + 1) * 10).contains(&stale), "{stale}");
    assert_eq!(placement.placed + stale, placement.offered);
    let with_rx = |rx: &str| {
        load(&[
            &format!("nic.rx={rx}"),
            "placement.storm.every=60 us",
            "placement.storm.notice=10 us",
        ])
        .holds_storm()
    };
    assert!(with_rx("10") && !with_rx("9"));
}

#[test]
fn every_mode_counts_what_it_does_to_each_byte() {
    let mode = |mode: &str, more: &[&str]| {
        let mode = format!("placement.mode={mode}");
        let overrides = [&[mode.as_str(), "placement.copy_per_byte=100 ps"][..], more].concat();
        let (report, placement) = run(&load(&overrides));
        assert_eq!(report.packets.dropped, 0);
        placement
    };
    // 100 bytes of headers and 900 of payload, written once by the NIC and, where copied, once
    // more; headers are read, and what is copied.
    let traffic = |told: &Placement| (told.written_per_payload_byte, told.read_per_payload_byte);
    let near = |(written, read): (f64, f64), (w, r): (f64, f64)| {
        assert!((written - w / 9.0).abs() < 1e-12 && (read - r / 9.0).abs() < 1e-12);
    };
    for name in ["off", "header-split"] {
        let told = mode(name, &[]);
        near(traffic(&told), (19.0, 10.0));
        assert_eq!(told.copied_bytes, told.payload_bytes);
        // 100 ns of service and 900 x 100 ps.
        assert!((told.host_ns_per_packet - 190.0).abs() < 0.2, "{}", told.host_ns_per_packet);
        assert_eq!(told.placed, 0);
    }
    let mapped = mode("page-map", &["placement.page=300 B", "placement.map_per_page=10 ns"]);
    near(traffic(&mapped), (10.0, 1.0));
    assert_eq!(mapped.mapped_bytes, mapped.payload_bytes);
    assert!((mapped.page_updates_per_s * 0.01 - 3.0 * mapped.offered as f64).abs() < 10.0);
    assert!((mapped.host_ns_per_packet - 130.0).abs() < 0.2);
    let odd = mode("page-map", &["placement.page=400 B"]);
    assert_eq!((odd.mapped_bytes, odd.copied_bytes), (0, odd.payload_bytes));
    let direct = mode("direct", &[]);
    near(traffic(&direct), (10.0, 1.0));
    assert!((direct.host_ns_per_packet - 100.0).abs() < 0.2);
}

/// Frames come 1 us apart and are delivered 0.1 us later; with tokens 3.5 us late a buffer is in
/// use for 3.6 us: four are in use at once, so three are one too few.
#[test]
fn late_tokens_starve_registered_buffers() {
    let told = |entries: u32| {
        let entries = format!("placement.registered={entries}");
        let mode = "placement.mode=registered";
        placement(&[mode, "placement.token=3500 ns", &entries])
    };
    let enough = told(4);
    assert_eq!((enough.starved, enough.registered_bytes), (0, enough.payload_bytes));
    // Of ten segments the fourth and the eighth find none.
    let short = told(3);
    assert_eq!(short.starved, short.copies);
    assert_eq!(short.starved / (short.offered / 10), 2);
}

#[test]
fn a_header_ring_too_short_drops_what_would_be_placed() {
    let overrides = ["placement.header_entries=2", "host.service=10 us", "run.duration=9990 us"];
    let (report, placement) = run(&load(&overrides));
    assert_eq!(placement.placed, placement.offered, "resolved, but not taken in");
    assert!(report.drops.no_buffer > 0);
    assert_eq!(placement.header_in_use_max, 2);
    assert_eq!(report.memory.in_use_bytes_max, 0, "no ring buffer is used");
}

#[test]
fn attacks_are_refused_by_the_check_that_they_meet() {
    let attack = ["traffic.0.flows=8", "traffic.0.attack=1 Mpps", "run.warmup=1 ms"];
    let told = placement(&attack).attack;
    assert_eq!(told.placed, 0);
    assert!(told.offered > 9_000, "{}", told.offered);
    assert_eq!(told.psp_rejected, told.wrong_spi);
    assert_eq!(told.refused.not_allowed, told.wrong_region);
    assert_eq!(told.refused.out_of_bounds, told.out_of_bounds);
    assert_eq!(told.refused.stale_generation, told.replay);
    let keys = [&attack[..], &["placement.protection=region-keys"]].concat();
    let told = placement(&keys).attack;
    assert_eq!((told.placed, told.refused.not_allowed), (0, 0));
    assert_eq!(told.psp_rejected, told.wrong_spi + told.wrong_region);
}

#[test]
fn flows_that_find_the_allow_list_full_fall_back() {
    // Pairs go in by flow and region: the first three flows have theirs.
    let told = placement(&["traffic.0.flows=4", "placement.allow_entries=6"]);
    let share = told.fallback.not_allowed as f64 / told.offered as f64;
    assert!((share - 0.25).abs() < 0.01, "{share}");
    assert_eq!(told.fallback.not_allowed + told.placed, told.offered);
    assert_eq!(Fallback::NotAllowed.name(), "not_allowed");
}

#[test]
fn generations_that_come_round_in_time_are_warned_of() {
    let warns = |overrides: &[&str]| {
        let repeats = |it: &Warning| matches!(it, Warning::GenerationsRepeat { .. });
        load(overrides).warnings.iter().any(repeats)
    };
    // Two regions of a use every 50 us: 65,536 x 100 us = 6.5536 s.
    assert!(!warns(&["placement.packet_lifetime=6553 ms"]));
    assert!(warns(&["placement.packet_lifetime=6554 ms"]));
    assert!(!warns(&["placement.packet_lifetime=7 s", "placement.mode=off"]));
}

#[test]
fn with_a_wire_what_frames_carry_keeps_up_with_them() {
    let wire = ["nic.line_rate=100 Gbit/s", "traffic.0.flows=8", "traffic.0.attack=100 kpps"];
    let told = placement(&wire);
    assert_eq!(told.placed, told.offered);
    assert_eq!(told.attack.placed, 0);
}

/// Segments at 0, 1 ... 9 us: sessions of 3.5 us hold 4, 4 and 2 of them, and 3.5 + 2.5 + 1.5 + 0.5
/// us twice and 3.5 + 2.5 us make 22 us; sessions of three segments hold 2 + 1 us three times and
/// leave one alone for 3.5 us.
#[test]
fn coalescing_merges_until_a_session_is_full_or_its_time_is_up() {
    let lro = |more: &[&str]| {
        let timeout = ["placement.lro.timeout=3500 ns", "run.duration=9990 us"];
        placement(&[&timeout[..], more].concat()).lro
    };
    let per_response = |told: &rxplan::report::Lro| told.segments_per_aggregate;
    let timed = lro(&[]);
    assert!((per_response(&timed) - 10.0 / 3.0).abs() < 0.05, "{timed:?}");
    assert!((timed.added_us_mean - 2.2).abs() < 0.02, "{timed:?}");
    assert!((timed.added_us_max - 3.5).abs() < 1e-9);
    let full = lro(&["placement.lro.max_bytes=2700 B"]);
    assert!((per_response(&full) - 10.0 / 4.0).abs() < 0.05, "{full:?}");
    assert!((full.added_us_mean - 1.25).abs() < 0.02, "{full:?}");
    assert_eq!((timed.evictions, full.evictions), (0, 0));
    let crowded = lro(&["placement.lro.sessions=1", "traffic.0.flows=8"]);
    assert!(crowded.evictions > 0 && per_response(&crowded) < per_response(&timed));
    let disordered = lro(&["traffic.0.reorder=0.3"]);
    assert!(per_response(&disordered) < per_response(&timed));
}

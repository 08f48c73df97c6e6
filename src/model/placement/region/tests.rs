//! Regions and where packets land in them: the edges, and random cases against wide arithmetic.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::super::{FlowKind, PlacementHeader, Seq, Spi};
use super::*;

const ID: MemoryId = MemoryId::new(7);
const OTHER: MemoryId = MemoryId::new(8);

fn flow() -> FlowKey {
    FlowKey::spi(Spi::new(0x7fff_ffff))
}

fn one(base: u64, len: u64) -> Regions {
    let mut regions = Regions::new(u64::MAX);
    regions.register(ID, Region { base, len }).unwrap();
    regions
}

fn segment(base_offset: u64, base_seq: u32, seq: u32, payload: u32) -> Segment {
    let (base_seq, generation) = (Seq::new(base_seq), Generation::default());
    let header = PlacementHeader { memory: ID, generation, base_offset, base_seq };
    Segment { header, seq: Seq::new(seq), payload }
}

fn resolve(regions: &Regions, segment: &Segment) -> Result<u64, Fallback> {
    regions.resolve(segment, flow(), None)
}

#[test]
fn a_packet_lands_at_base_plus_offset_plus_distance() {
    let regions = one(0x10_0000, 0x1_0000);
    assert_eq!(
        resolve(&regions, &segment(0x200, 1_000, 4_000, 1_448)),
        Ok(0x10_0000 + 512 + 3_000)
    );
}

#[test]
fn a_transfer_goes_on_where_the_sequence_number_wraps() {
    let regions = one(0x1000, 0x1000);
    for (seq, address) in
        [(0xffff_ff00, 0x1000), (0xffff_ffff, 0x10ff), (0, 0x1100), (0x10, 0x1110)]
    {
        assert_eq!(resolve(&regions, &segment(0, 0xffff_ff00, seq, 16)), Ok(address));
    }
}

#[test]
fn what_lies_before_the_base_is_not_placed_4_gib_behind_it() {
    // 8 GiB: the wrong arithmetic would stay in bounds.
    let regions = one(0, 8 << 30);
    for seq in [999, 0, 0x8000_03e8, 0x8000_03e9, u32::MAX] {
        assert_eq!(resolve(&regions, &segment(0, 1_000, seq, 1)), Err(Fallback::BeforeBase));
    }
    assert_eq!(resolve(&regions, &segment(0, 1_000, 0x8000_03e7, 1)), Ok(0x7fff_ffff));
}

#[test]
fn the_last_byte_is_inside_and_the_next_is_not() {
    let regions = one(0x1000, 100);
    let at = |offset, payload| resolve(&regions, &segment(offset, 0, 0, payload));
    assert_eq!(at(99, 1), Ok(0x1000 + 99));
    assert_eq!(at(0, 100), Ok(0x1000));
    assert_eq!(at(0, 101), Err(Fallback::Straddles));
    assert_eq!(at(99, 2), Err(Fallback::Straddles));
    assert_eq!(at(100, 1), Err(Fallback::OutOfBounds));
    assert_eq!(at(99, 0), Ok(0x1000 + 99));
    assert_eq!(at(100, 0), Err(Fallback::OutOfBounds));
    assert_eq!(at(99, u32::MAX), Err(Fallback::Straddles));
}

#[test]
fn offsets_near_the_end_of_64_bits_do_not_wrap() {
    let regions = one(0, 1 << 40);
    for back in 0..300 {
        for distance in [0, 1, 255, 256, 0x7fff_ffff] {
            let packet = segment(u64::MAX - back, 5, 5_u32.wrapping_add(distance), 64);
            assert_eq!(resolve(&regions, &packet), Err(Fallback::OutOfBounds));
        }
    }
    let top = one(u64::MAX - 100, 100);
    assert_eq!(resolve(&top, &segment(99, 0, 0, 1)), Ok(u64::MAX - 1));
    assert_eq!(resolve(&top, &segment(u64::MAX, 0, 0, u32::MAX)), Err(Fallback::OutOfBounds));
}

#[test]
fn the_first_failed_test_is_told() {
    let regions = one(0, 100);
    let mut list = AllowList::new(FlowKind::Spi, 4);
    let mut packet = segment(200, 9, 8, 1);
    packet.header.generation = Generation::new(3);
    let told = |packet: &Segment, list: &AllowList| regions.resolve(packet, flow(), Some(list));
    let unknown = PlacementHeader { memory: OTHER, ..packet.header };
    let unknown = Segment { header: unknown, ..packet };
    assert_eq!(told(&unknown, &list), Err(Fallback::UnknownRegion));
    assert_eq!(told(&packet, &list), Err(Fallback::NotAllowed));
    list.allow(flow(), ID).unwrap();
    assert_eq!(told(&packet, &list), Err(Fallback::StaleGeneration));
    packet.header.generation = Generation::new(0);
    assert_eq!(told(&packet, &list), Err(Fallback::BeforeBase));
    packet.seq = Seq::new(9);
    assert_eq!(told(&packet, &list), Err(Fallback::OutOfBounds));
    packet.header.base_offset = 100;
    packet.payload = 0;
    assert_eq!(told(&packet, &list), Err(Fallback::OutOfBounds));
    packet.header.base_offset = 0;
    packet.payload = 101;
    assert_eq!(told(&packet, &list), Err(Fallback::Straddles));
    packet.payload = 100;
    assert_eq!(told(&packet, &list), Ok(0));
}

#[test]
fn regions_share_no_byte_and_no_id_and_stay_in_memory() {
    let mut regions = Regions::new(1000);
    let region = |base, len| Region { base, len };
    let mut register = |id, base, len| regions.register(MemoryId::new(id), region(base, len));
    let overlap = |id| RegionFault::Overlap { id: MemoryId::new(id), other: ID };
    assert_eq!(register(7, 100, 100), Ok(Generation::new(0)));
    assert_eq!(register(7, 500, 1), Err(RegionFault::IdTwice { id: ID }));
    assert_eq!(register(1, 199, 1), Err(overlap(1)));
    assert_eq!(register(1, 0, 101), Err(overlap(1)));
    assert_eq!(register(1, 120, 10), Err(overlap(1)));
    assert_eq!(register(1, 0, 1000), Err(overlap(1)));
    assert_eq!(register(1, 5, 0), Err(RegionFault::Empty { id: MemoryId::new(1) }));
    assert_eq!(register(1, 0, 100), Ok(Generation::new(0)));
    assert_eq!(register(2, 200, 800), Ok(Generation::new(0)));
    for (base, len) in [(200, 801), (1000, 1), (u64::MAX, 1), (1, u64::MAX)] {
        let id = MemoryId::new(3);
        let fault = RegionFault::PastMemory { id, base, len, memory: 1000 };
        assert_eq!(register(3, base, len), Err(fault));
    }
}

#[test]
fn a_region_comes_back_with_the_generation_after() {
    let mut regions = one(0, 100);
    assert_eq!(regions.reuse(ID), Some(Generation::new(1)));
    assert_eq!(resolve(&regions, &segment(0, 0, 0, 1)), Err(Fallback::StaleGeneration));
    assert_eq!(regions.deregister(ID), Some(Region { base: 0, len: 100 }));
    assert_eq!(regions.deregister(ID), None);
    assert_eq!(regions.reuse(ID), None);
    assert_eq!(resolve(&regions, &segment(0, 0, 0, 1)), Err(Fallback::UnknownRegion));
    // Its bytes are free for others meanwhile.
    assert_eq!(regions.register(OTHER, Region { base: 50, len: 50 }), Ok(Generation::new(0)));
    assert_eq!(regions.register(ID, Region { base: 0, len: 50 }), Ok(Generation::new(2)));
}

#[test]
fn after_65536_uses_an_old_packet_looks_new() {
    let mut regions = one(0, 100);
    let packet = segment(0, 0, 0, 1);
    for _ in 1..GENERATIONS {
        regions.reuse(ID).unwrap();
        assert_eq!(resolve(&regions, &packet), Err(Fallback::StaleGeneration));
    }
    regions.reuse(ID).unwrap();
    assert_eq!(resolve(&regions, &packet), Ok(0));
}

/// 65,536 uses of 10 us are 0.655,36 s.
#[test]
fn generations_repeat_where_uses_are_short_and_packets_live_long() {
    let use_time = SimDuration::from_us(10);
    assert!(generations_repeat(use_time, SimDuration::from_us(655_360)));
    assert!(!generations_repeat(use_time, SimDuration::from_us(655_359)));
    assert!(generations_repeat(SimDuration::ZERO, SimDuration::ZERO));
}

/// Numbers near the ends of their ranges as often as others.
fn edgy(max: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        0..=max,
        (0..=64_u64).prop_map(move |near| near.min(max)),
        (0..=64_u64).prop_map(move |near| max - near.min(max)),
        (0..=64_u64).prop_map(move |near| (max / 2 + 32).saturating_sub(near)),
    ]
}

fn edgy_u32() -> impl Strategy<Value = u32> {
    edgy(u64::from(u32::MAX)).prop_map(|it| u32::try_from(it).unwrap())
}

/// The rules once more, in 128 bits and signed, where nothing can wrap.
fn wide(
    region: Region,
    offset: u64,
    base_seq: u32,
    seq: u32,
    payload: u32,
) -> Result<u64, Fallback> {
    let mut distance = i128::from(seq) - i128::from(base_seq);
    if distance >= 1 << 31 {
        distance -= 1 << 32;
    } else if distance < -(1 << 31) {
        distance += 1 << 32;
    }
    // Exactly half the space away counts as before.
    if distance < 0 {
        return Err(Fallback::BeforeBase);
    }
    let begin = i128::from(offset) + distance;
    let end = begin + i128::from(payload);
    let len = i128::from(region.len);
    if begin >= len {
        Err(Fallback::OutOfBounds)
    } else if end > len {
        Err(Fallback::Straddles)
    } else {
        Ok(u64::try_from(i128::from(region.base) + begin).unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 50_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    })]

    #[test]
    fn addresses_are_those_of_wide_arithmetic(
        base in edgy(u64::MAX),
        len in edgy(u64::MAX),
        offset in edgy(u64::MAX),
        near in 0..200_u64,
        at_the_end in any::<bool>(),
        base_seq in edgy_u32(),
        distance in edgy_u32(),
        payload in edgy_u32(),
    ) {
        let len = len.clamp(1, u64::MAX - base.min(u64::MAX - 1));
        let base = base.min(u64::MAX - 1);
        let last = len.saturating_add(near).saturating_sub(100);
        let offset = if at_the_end { last } else { offset };
        let seq = base_seq.wrapping_add(distance);
        let regions = one(base, len);
        let told = resolve(&regions, &segment(offset, base_seq, seq, payload));
        prop_assert_eq!(told, wide(Region { base, len }, offset, base_seq, seq, payload));
    }

    /// Whatever 16 bytes arrive, with whatever sequence number and length.
    #[test]
    fn no_header_resolves_outside_the_region_that_it_names(
        bytes in any::<[u8; 16]>(),
        small in any::<bool>(),
        seq in any::<u32>(),
        payload in prop_oneof![0..9_001_u32, edgy_u32()],
        regions in prop::collection::vec((0..4_u16, edgy(u64::MAX), edgy(u64::MAX)), 1..6),
    ) {
        let mut header = PlacementHeader::decode(bytes);
        if small {
            // Aim at what is there.
            header.memory = MemoryId::new(header.memory.get() % 4);
            header.generation = Generation::new(0);
            header.base_offset %= 100_000;
            header.base_seq = Seq::new(seq.wrapping_sub(header.base_seq.get() % 70_000));
        }
        let mut table = Regions::new(u64::MAX);
        for (id, base, len) in regions {
            // Those that do not fit beside the others are refused.
            let _ = table.register(MemoryId::new(id), Region { base, len });
        }
        let packet = Segment { header, seq: Seq::new(seq), payload };
        if let Ok(address) = table.resolve(&packet, flow(), None) {
            let (region, generation) = table.get(header.memory).unwrap();
            prop_assert_eq!(generation, header.generation);
            let (first, end) = (u128::from(address), u128::from(address) + u128::from(payload));
            prop_assert!(first >= u128::from(region.base));
            prop_assert!(end <= u128::from(region.base) + u128::from(region.len));
        }
    }
}

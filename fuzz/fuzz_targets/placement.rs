//! No packet may resolve outside its region, whatever regions and packets say.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use rxplan::model::placement::{
    Generation, MemoryId, PlacementHeader, Region, Regions, Segment, Seq,
};

#[derive(Debug, Arbitrary)]
struct Input {
    memory: u64,
    regions: Vec<(u16, u64, u64, u16)>,
    packets: Vec<([u8; 16], u32, u32)>,
}

fuzz_target!(|input: Input| {
    let mut regions = Regions::new(input.memory);
    for (id, base, len, generation) in input.regions {
        let (id, generation) = (MemoryId::new(id), Generation::new(generation));
        let _ = regions.register_at(id, Region { base, len }, generation);
    }
    for (header, seq, payload) in input.packets {
        let header = PlacementHeader::decode(header);
        let segment = Segment { header, seq: Seq::new(seq), payload };
        let Some((region, generation)) = regions.get(header.memory) else { continue };
        if let Ok(address) = segment.address_in(&region, generation) {
            let (from, to) = (u128::from(address), u128::from(address) + u128::from(payload));
            assert!(from >= u128::from(region.base));
            assert!(to <= u128::from(region.base) + u128::from(region.len));
            assert!(to <= u128::from(input.memory));
            assert_eq!(header.generation, generation);
        }
    }
});

//! PSP and placement headers from any bytes: told or refused, and written again as they were.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rxplan::model::placement::{DIRECT_FROM, PlacementPacket, PspHeader, Readable};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(psp) = PspHeader::decode(bytes) {
        assert_eq!(PspHeader::decode(&psp.encode()), Ok(psp));
    }
    for readable in [Readable::Clear, Readable::All] {
        let _ = PlacementPacket::decode(bytes, bytes.len(), readable, DIRECT_FROM)
            .map(|packet| packet.segment());
    }
});

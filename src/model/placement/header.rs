//! The placement header: 16 bytes in network order.
//!
//! ```text
//!  0               2               4                               12              16
//!  | memory id     | generation    | base offset                   | base sequence |
//! ```

use std::fmt;

/// The id of a region of application memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryId(u16);

/// Which use of a region a packet is for; counts up with every reuse and wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Generation(u16);

/// A TCP sequence number; they wrap, so there is no order, only distances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seq(u32);

/// Where a packet's payload belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlacementHeader {
    /// The region.
    pub memory: MemoryId,
    /// The use of the region that the sender was told of.
    pub generation: Generation,
    /// Where in the region the byte with sequence number `base_seq` belongs, in bytes.
    pub base_offset: u64,
    /// Sequence number of the byte at `base_offset`.
    pub base_seq: Seq,
}

impl PlacementHeader {
    /// Bytes on the wire.
    pub const BYTES: usize = 16;

    /// The header as it goes on the wire.
    #[must_use]
    pub fn encode(&self) -> [u8; Self::BYTES] {
        let [m0, m1] = self.memory.0.to_be_bytes();
        let [g0, g1] = self.generation.0.to_be_bytes();
        let [o0, o1, o2, o3, o4, o5, o6, o7] = self.base_offset.to_be_bytes();
        let [s0, s1, s2, s3] = self.base_seq.0.to_be_bytes();
        [m0, m1, g0, g1, o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3]
    }

    /// The header that these bytes are: any bytes are one.
    #[must_use]
    pub const fn decode(bytes: [u8; Self::BYTES]) -> Self {
        let [m0, m1, g0, g1, o0, o1, o2, o3, o4, o5, o6, o7, s0, s1, s2, s3] = bytes;
        Self {
            memory: MemoryId(u16::from_be_bytes([m0, m1])),
            generation: Generation(u16::from_be_bytes([g0, g1])),
            base_offset: u64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]),
            base_seq: Seq(u32::from_be_bytes([s0, s1, s2, s3])),
        }
    }
}

impl MemoryId {
    /// The region with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Generation {
    /// The use with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The use after this one: 0 follows 65,535.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

impl Seq {
    /// This sequence number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The sequence number `bytes` further on.
    #[must_use]
    pub const fn plus(self, bytes: u32) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Bytes from `base` to here; `None` when this lies before it. A distance of 2^31 or more is a
    /// step back (RFC 9293, section 3.4): taken for a step forward, a late retransmission would be
    /// written up to 4 GiB past the base.
    #[must_use]
    pub const fn since(self, base: Self) -> Option<u32> {
        let distance = self.0.wrapping_sub(base.0);
        if distance < 1 << 31 { Some(distance) } else { None }
    }
}

macro_rules! prints_its_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

prints_its_number!(MemoryId, Generation, Seq);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_lies_where_the_wire_format_says() {
        let header = PlacementHeader {
            memory: MemoryId(0x0102),
            generation: Generation(0x0304),
            base_offset: 0x0506_0708_090a_0b0c,
            base_seq: Seq(0x0d0e_0f10),
        };
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
        assert_eq!(header.encode(), bytes);
        assert_eq!(PlacementHeader::decode(bytes), header);
    }

    #[test]
    fn any_16_bytes_survive_decoding_and_encoding() {
        for byte in 0..=u8::MAX {
            for place in 0..PlacementHeader::BYTES {
                let mut bytes = [0xa5; PlacementHeader::BYTES];
                bytes[place] = byte;
                assert_eq!(PlacementHeader::decode(bytes).encode(), bytes);
            }
        }
    }

    #[test]
    fn distances_wrap_and_half_the_space_lies_before() {
        let since = |seq, base| Seq(seq).since(Seq(base));
        assert_eq!(since(5, 5), Some(0));
        assert_eq!(since(0x10, 0xffff_ff00), Some(0x110));
        assert_eq!(since(0x7fff_ffff, 0), Some(0x7fff_ffff));
        assert_eq!(since(0x8000_0000, 0), None);
        assert_eq!(since(4, 5), None);
        assert_eq!(since(0xffff_ff00, 0x10), None);
    }

    #[test]
    fn generation_0_follows_the_last() {
        assert_eq!(Generation(65_535).next(), Generation(0));
    }
}

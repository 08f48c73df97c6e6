//! Where a packet lands, or why it does not.

use super::{Generation, PlacementHeader, Region, Seq};

/// What a NIC reads of a packet to place it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Its placement header.
    pub header: PlacementHeader,
    /// Sequence number of its first byte of payload.
    pub seq: Seq,
    /// Bytes of payload.
    pub payload: u32,
}

/// Why a packet is not placed and takes a ring buffer instead, in the order of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Header and payload could not be told apart.
    SplitFailed,
    /// No region has the memory id (now).
    UnknownRegion,
    /// The flow may not write to the region, or its pair found no room in the table.
    NotAllowed,
    /// The region is at another generation.
    StaleGeneration,
    /// The packet's sequence number lies before the base.
    BeforeBase,
    /// It begins outside the region, or an addition passes 2^64.
    OutOfBounds,
    /// It begins inside the region and ends outside.
    Straddles,
}

impl Fallback {
    /// All reasons, in the order of the tests.
    pub const ALL: [Self; 7] = [
        Self::SplitFailed,
        Self::UnknownRegion,
        Self::NotAllowed,
        Self::StaleGeneration,
        Self::BeforeBase,
        Self::OutOfBounds,
        Self::Straddles,
    ];

    /// The name used in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SplitFailed => "split_failed",
            Self::UnknownRegion => "unknown_region",
            Self::NotAllowed => "not_allowed",
            Self::StaleGeneration => "stale_generation",
            Self::BeforeBase => "before_base",
            Self::OutOfBounds => "out_of_bounds",
            Self::Straddles => "straddles",
        }
    }
}

impl Segment {
    /// The address of the first byte of payload in a region at this generation: all of the payload
    /// lies inside the region.
    ///
    /// # Errors
    /// Why the packet cannot be placed there.
    pub fn address_in(&self, region: &Region, generation: Generation) -> Result<u64, Fallback> {
        if self.header.generation != generation {
            return Err(Fallback::StaleGeneration);
        }
        let distance = self.seq.since(self.header.base_seq).ok_or(Fallback::BeforeBase)?;
        let within = self.header.base_offset.checked_add(u64::from(distance));
        let begin = within.filter(|begin| *begin < region.len).ok_or(Fallback::OutOfBounds)?;
        // What is left of the region cannot overflow, where begin + payload could.
        if u64::from(self.payload) > region.len - begin {
            return Err(Fallback::Straddles);
        }
        // INVARIANT: begin + payload <= len, so no byte lies outside base .. base + len.
        region.base.checked_add(begin).ok_or(Fallback::OutOfBounds)
    }
}

//! Regions of application memory, by id: registered, taken away, and used again.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{AllowList, Fallback, FlowKey, Generation, MemoryId, Segment};
use crate::units::SimDuration;

/// A region: the bytes from `base` to `base + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// Address of its first byte.
    pub base: u64,
    /// Its bytes, at least one.
    pub len: u64,
}

/// The table that a NIC looks memory ids up in.
#[derive(Debug, Clone)]
pub struct Regions {
    /// Addresses go from 0 to this, in bytes.
    memory: u64,
    entries: BTreeMap<MemoryId, Entry>,
}

/// What is known of an id that has been in use: its generation outlives its region.
#[derive(Debug, Clone, Copy)]
struct Entry {
    generation: Generation,
    /// `None` while there is no region of this id.
    region: Option<Region>,
}

/// Why a region cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RegionFault {
    /// The id has a region.
    #[error("memory id {id} is used twice; give each region an id of its own")]
    IdTwice {
        /// The id.
        id: MemoryId,
    },
    /// It has no bytes.
    #[error("region {id} has no bytes; its length must be at least 1")]
    Empty {
        /// The id.
        id: MemoryId,
    },
    /// It lies partly, or wholly, outside memory.
    #[error(
        "region {id} of {len} bytes at {base:#x} goes past the end of memory ({memory:#x}); make \
         it shorter or move it down"
    )]
    PastMemory {
        /// The id.
        id: MemoryId,
        /// Its base.
        base: u64,
        /// Its length.
        len: u64,
        /// Bytes of memory.
        memory: u64,
    },
    /// It shares bytes with another.
    #[error("region {id} overlaps region {other}; regions must share no byte")]
    Overlap {
        /// The id.
        id: MemoryId,
        /// The other's id.
        other: MemoryId,
    },
}

impl Region {
    /// The address behind its last byte; `None` past 2^64.
    fn end(self) -> Option<u64> {
        self.base.checked_add(self.len)
    }

    fn overlaps(self, other: Self) -> bool {
        let ends_before = |a: Self, b: Self| a.end().is_some_and(|end| end <= b.base);
        !ends_before(self, other) && !ends_before(other, self)
    }
}

impl Regions {
    /// Bytes of a table entry in the NIC: base and length of 8 bytes each, generation of 2.
    pub const ENTRY_BYTES: u64 = 8 + 8 + 2;

    /// No regions yet, in `memory` bytes of memory.
    #[must_use]
    pub const fn new(memory: u64) -> Self {
        Self { memory, entries: BTreeMap::new() }
    }

    /// Registers a region; an id that was in use before comes back with the generation after.
    ///
    /// # Errors
    /// [`RegionFault`], and nothing has changed.
    pub fn register(&mut self, id: MemoryId, region: Region) -> Result<Generation, RegionFault> {
        let next =
            self.entries.get(&id).map_or_else(Generation::default, |it| it.generation.next());
        self.register_at(id, region, next)?;
        Ok(next)
    }

    /// Registers a region at a generation, as when a NIC is found with regions in it.
    ///
    /// # Errors
    /// [`RegionFault`], and nothing has changed.
    pub fn register_at(
        &mut self,
        id: MemoryId,
        region: Region,
        generation: Generation,
    ) -> Result<(), RegionFault> {
        if self.get(id).is_some() {
            return Err(RegionFault::IdTwice { id });
        }
        if region.len == 0 {
            return Err(RegionFault::Empty { id });
        }
        if region.end().is_none_or(|end| end > self.memory) {
            let (Region { base, len }, memory) = (region, self.memory);
            return Err(RegionFault::PastMemory { id, base, len, memory });
        }
        let overlapping = |entry: &Entry| entry.region.is_some_and(|it| it.overlaps(region));
        if let Some((other, _)) = self.entries.iter().find(|(_, entry)| overlapping(entry)) {
            return Err(RegionFault::Overlap { id, other: *other });
        }
        self.entries.insert(id, Entry { generation, region: Some(region) });
        Ok(())
    }

    /// Takes a region away; packets for it find none from now on. `None` where there is none.
    pub fn deregister(&mut self, id: MemoryId) -> Option<Region> {
        self.entries.get_mut(&id)?.region.take()
    }

    /// Gives a region another use: the same bytes at the generation after. `None` where there is
    /// none.
    pub fn reuse(&mut self, id: MemoryId) -> Option<Generation> {
        let entry = self.entries.get_mut(&id).filter(|entry| entry.region.is_some())?;
        entry.generation = entry.generation.next();
        Some(entry.generation)
    }

    /// The region of an id and its generation.
    #[must_use]
    pub fn get(&self, id: MemoryId) -> Option<(Region, Generation)> {
        let entry = self.entries.get(&id)?;
        Some((entry.region?, entry.generation))
    }

    /// The address where a packet's payload begins, all of it inside its region.
    ///
    /// `allowed` is the table of who may write where; `None`: everyone everywhere.
    ///
    /// # Errors
    /// Why the packet is not placed: the first test that it fails, in the order of
    /// [`Fallback::ALL`].
    pub fn resolve(
        &self,
        segment: &Segment,
        flow: FlowKey,
        allowed: Option<&AllowList>,
    ) -> Result<u64, Fallback> {
        let id = segment.header.memory;
        let (region, generation) = self.get(id).ok_or(Fallback::UnknownRegion)?;
        if allowed.is_some_and(|list| !list.allows(flow, id)) {
            return Err(Fallback::NotAllowed);
        }
        segment.address_in(&region, generation)
    }
}

/// Uses of a region after which its generation is the same again.
pub const GENERATIONS: u64 = 1 << 16;

/// Whether a packet can be so late that its region's generation has come round to the packet's
/// again, and would take it: 65,536 uses of `use_time` each, or more, within a packet's lifetime.
#[must_use]
pub fn generations_repeat(use_time: SimDuration, packet_lifetime: SimDuration) -> bool {
    u128::from(use_time.as_ps()) * u128::from(GENERATIONS) <= u128::from(packet_lifetime.as_ps())
}

#[cfg(test)]
mod tests;

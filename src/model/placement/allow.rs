//! Who may write where: the NIC's table of (flow, region) pairs.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{MemoryId, Spi};

/// What the flows of a table are known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowKind {
    /// Their PSP index.
    Spi,
    /// Addresses and ports over IPv6.
    Ipv6,
}

/// A flow as a table knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey(Key);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The low 31 bits of its index: the key phase flips while the flow stays the same.
    Spi(u32),
    Ipv6([u8; 36]),
}

/// The pairs of flow and region that may write.
#[derive(Debug, Clone)]
pub struct AllowList {
    kind: FlowKind,
    capacity: usize,
    pairs: BTreeSet<(FlowKey, MemoryId)>,
}

/// The table has no room for another pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the allow list is full at {capacity} pairs; make the table larger or take pairs away")]
pub struct Full {
    /// Pairs it holds.
    pub capacity: usize,
}

impl FlowKind {
    /// Bytes of a flow's key.
    #[must_use]
    pub const fn key_bytes(self) -> u64 {
        match self {
            Self::Spi => 4,
            Self::Ipv6 => 2 * 16 + 2 * 2,
        }
    }

    /// Bytes of a table of `pairs` such flows with a memory id of 2 bytes each; `None` past 2^64.
    #[must_use]
    pub const fn table_bytes(self, pairs: u64) -> Option<u64> {
        pairs.checked_mul(self.key_bytes() + 2)
    }
}

impl FlowKey {
    /// The flow of a PSP index, in whatever key phase.
    #[must_use]
    pub const fn spi(spi: Spi) -> Self {
        Self(Key::Spi(spi.id()))
    }

    /// The flow over IPv6 with these source and destination addresses and ports in network order,
    /// as they lie in the table.
    #[must_use]
    pub const fn ipv6(fields: [u8; 36]) -> Self {
        Self(Key::Ipv6(fields))
    }

    const fn kind(self) -> FlowKind {
        match self.0 {
            Key::Spi(_) => FlowKind::Spi,
            Key::Ipv6(_) => FlowKind::Ipv6,
        }
    }
}

impl AllowList {
    /// An empty table with room for `capacity` pairs.
    #[must_use]
    pub const fn new(kind: FlowKind, capacity: usize) -> Self {
        Self { kind, capacity, pairs: BTreeSet::new() }
    }

    /// Lets a flow write to a region; a pair that is there already takes no more room.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    ///
    /// # Panics
    /// When the flow is of another kind than the table's: a bug of the caller.
    pub fn allow(&mut self, flow: FlowKey, region: MemoryId) -> Result<(), Full> {
        assert_eq!(flow.kind(), self.kind, "a table knows flows of one kind");
        if self.pairs.len() >= self.capacity && !self.allows(flow, region) {
            return Err(Full { capacity: self.capacity });
        }
        self.pairs.insert((flow, region));
        Ok(())
    }

    /// Takes the right away; whether it was there.
    pub fn forbid(&mut self, flow: FlowKey, region: MemoryId) -> bool {
        self.pairs.remove(&(flow, region))
    }

    /// Whether a flow may write to a region.
    #[must_use]
    pub fn allows(&self, flow: FlowKey, region: MemoryId) -> bool {
        self.pairs.contains(&(flow, region))
    }

    /// Pairs in the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    /// Whether nobody may write anywhere.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemoryId = MemoryId::new(1);
    const B: MemoryId = MemoryId::new(2);

    #[test]
    fn a_pair_allows_one_flow_one_region() {
        let mut list = AllowList::new(FlowKind::Spi, 8);
        let (mine, other) = (FlowKey::spi(Spi::new(7)), FlowKey::spi(Spi::new(8)));
        list.allow(mine, A).unwrap();
        assert!(list.allows(mine, A));
        assert!(!list.allows(mine, B));
        assert!(!list.allows(other, A));
        assert!(list.forbid(mine, A));
        assert!(!list.allows(mine, A));
        assert!(!list.forbid(mine, A));
    }

    #[test]
    fn a_flow_stays_the_same_in_the_other_key_phase() {
        let mut list = AllowList::new(FlowKind::Spi, 1);
        list.allow(FlowKey::spi(Spi::new(0x7fff_fff0)), A).unwrap();
        assert!(list.allows(FlowKey::spi(Spi::new(0xffff_fff0)), A));
    }

    #[test]
    fn a_full_table_takes_no_new_pair_but_keeps_what_it_has() {
        let mut list = AllowList::new(FlowKind::Ipv6, 1);
        let flow = FlowKey::ipv6([1; 36]);
        list.allow(flow, A).unwrap();
        assert_eq!(list.allow(flow, A), Ok(()));
        assert_eq!(list.allow(flow, B), Err(Full { capacity: 1 }));
        assert_eq!(list.len(), 1);
        list.forbid(flow, A);
        assert_eq!(list.allow(flow, B), Ok(()));
    }

    /// 65,536 pairs of (4 + 2) and of (36 + 2) bytes.
    #[test]
    fn indices_make_the_table_six_times_smaller_than_addresses() {
        assert_eq!(FlowKind::Spi.table_bytes(65_536), Some(384 << 10));
        assert_eq!(FlowKind::Ipv6.table_bytes(65_536), Some(2_432 << 10));
        assert_eq!(FlowKind::Spi.table_bytes(u64::MAX), None);
    }
}

//! What packets carry for placement, and what changes in the NIC's table meanwhile.

use super::{MemoryId, Segment};
use crate::units::SimTime;

/// What a packet carries, or claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// A segment of a transfer.
    Genuine(Genuine),
    /// A packet that wants to be written where it must not.
    Attack(Attack),
}

/// A segment of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Genuine {
    /// The flow it belongs to, counted from 0.
    pub flow: u32,
    /// What places it.
    pub segment: Segment,
    /// Whether the NIC will fail to tell header and payload apart.
    pub split_fails: bool,
}

/// A packet of an attacker; the NIC's table of the moment it arrives at fills in the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attack {
    /// What it tries.
    pub kind: AttackKind,
    /// The flow that the attacker owns.
    pub attacker: u32,
    /// The region it wants to write to, or, out of bounds, one of its own.
    pub target: MemoryId,
    /// The flow that owns the target.
    pub victim: u32,
    /// A number for what the attack leaves open: an offset, or how old a generation.
    pub draw: u64,
    /// Bytes of payload.
    pub payload: u32,
}

/// What an attack tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttackKind {
    /// An index that was never handed out.
    WrongSpi,
    /// Another flow's region with the attacker's own index.
    WrongRegion,
    /// Beyond the attacker's own region.
    OutOfBounds,
    /// A packet of another flow, recorded when its region was at an earlier generation.
    Replay,
}

impl AttackKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::WrongSpi, Self::WrongRegion, Self::OutOfBounds, Self::Replay];
}

/// At `time` the NIC's table gets the next generation of a region, the first of them with the
/// region itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// When it takes effect.
    pub time: SimTime,
    /// The region.
    pub region: MemoryId,
}

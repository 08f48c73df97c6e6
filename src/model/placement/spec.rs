//! How a NIC receives payload: with copies or without.

use super::{FlowKind, LroSpec, Regions};
use crate::model::distribution::Distribution;
use crate::units::SimDuration;

/// How payload gets to the application.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Whole packets into ring buffers, payload copied.
    Off,
    /// Headers into header buffers, payload into ring buffers and copied.
    HeaderSplit,
    /// As with split headers, but payload of whole pages is mapped instead of copied
    /// (Linux's `TCP_ZEROCOPY_RECEIVE`).
    PageMap {
        /// Bytes of a page.
        page: u64,
    },
    /// Payload into buffers that the application has posted, as io_uring's zero-copy receive and
    /// device-memory TCP do; into ring buffers and copied where it has none posted.
    Registered {
        /// Application buffers of each queue, of the size of a ring buffer.
        entries: u32,
        /// How long the application keeps a buffer after delivery, in picoseconds.
        token: Distribution,
    },
    /// Payload to where its placement header says.
    Direct(Protection),
}

/// What keeps a flow from writing to regions of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// One key for all regions, and a table of who may write where.
    AllowList {
        /// What flows are known by.
        kind: FlowKind,
        /// Pairs it has room for.
        entries: u32,
    },
    /// Keys that are each good for one region.
    RegionKeys,
}

/// When the NIC's device keys rotate.
#[derive(Debug, Clone, PartialEq)]
pub struct RotationSpec {
    /// Time from one to the next, in picoseconds.
    pub every: Distribution,
    /// How long senders go on with the keys before.
    pub notice: SimDuration,
}

/// The NIC's part in placement.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacementSpec {
    /// How payload gets to the application.
    pub mode: Mode,
    /// Bytes of each region.
    pub region: u64,
    /// Header buffers of each queue, where headers are split.
    pub header_entries: u32,
    /// Host time to copy a byte.
    pub copy_per_byte: SimDuration,
    /// Host time to map a page.
    pub map_per_page: SimDuration,
    /// Coalescing, counted beside.
    pub lro: Option<LroSpec>,
    /// Rotation of the device keys; `None`: never.
    pub rotation: Option<RotationSpec>,
}

impl Mode {
    /// The name used in scenarios and results.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::HeaderSplit => "header-split",
            Self::PageMap { .. } => "page-map",
            Self::Registered { .. } => "registered",
            Self::Direct(_) => "direct",
        }
    }

    /// Whether headers go to buffers of their own.
    #[must_use]
    pub const fn splits_headers(&self) -> bool {
        !matches!(self, Self::Off)
    }
}

impl PlacementSpec {
    /// Bytes of the NIC's tables for `flows` flows with `regions` regions each: of regions, and of
    /// who may write to them.
    #[must_use]
    pub fn table_bytes(&self, flows: u64, regions: u64) -> u64 {
        let Mode::Direct(protection) = self.mode else { return 0 };
        let allowed = match protection {
            Protection::AllowList { kind, entries } => kind.table_bytes(u64::from(entries)),
            Protection::RegionKeys => Some(0),
        };
        (flows * regions * Regions::ENTRY_BYTES).saturating_add(allowed.unwrap_or(u64::MAX))
    }
}

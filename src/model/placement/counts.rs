//! What placement came to: packets by outcome, bytes by the way they went.

use super::{AttackKind, Fallback, LroCounts};

/// Counters of packets that arrived in the measured window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlacementCounts {
    /// Segments of transfers, by outcome.
    pub genuine: Outcomes,
    /// Packets of attackers, by outcome.
    pub attack: Outcomes,
    /// Packets of attackers by what they tried, in the order of [`AttackKind::ALL`].
    pub attack_kinds: [u64; AttackKind::ALL.len()],
    /// Payload that was taken in, by any way (bytes).
    pub payload_bytes: u64,
    /// Payload written to its place directly (bytes).
    pub placed_bytes: u64,
    /// Payload mapped into the application (bytes).
    pub mapped_bytes: u64,
    /// Payload received in buffers of the application (bytes).
    pub registered_bytes: u64,
    /// Payload copied by the host (bytes).
    pub copied_bytes: u64,
    /// Packets whose payload was copied.
    pub copies: u64,
    /// Page-table entries written.
    pub page_updates: u64,
    /// Packets that found no application buffer posted.
    pub starved: u64,
    /// Bytes written to memory: by the NIC, and by copies.
    pub written_bytes: u64,
    /// Bytes read from memory: headers, and by copies. What the application reads comes on top.
    pub read_bytes: u64,
    /// What coalescing would come to.
    pub lro: LroCounts,
    /// Most header buffers of a queue in use at once, over the whole run.
    pub header_in_use_max: u64,
}

/// Packets by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// All that arrived.
    pub offered: u64,
    /// Resolved to an address. (Those that then find no header buffer or completion entry are
    /// dropped all the same.)
    pub placed: u64,
    /// Sent to a ring buffer, by reason, in the order of [`Fallback::ALL`].
    pub fallback: [u64; Fallback::ALL.len()],
    /// Dropped because the PSP check failed.
    pub psp_rejected: u64,
}

impl Outcomes {
    /// Packets sent to a ring buffer for this reason.
    #[must_use]
    pub fn of(&self, reason: Fallback) -> u64 {
        self.fallback[reason as usize]
    }

    /// Notes a packet that fell back.
    pub(super) fn fell_back(&mut self, reason: Fallback) {
        self.fallback[reason as usize] += 1;
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.placed += other.placed;
        for (sum, count) in self.fallback.iter_mut().zip(other.fallback) {
            *sum += count;
        }
        self.psp_rejected += other.psp_rejected;
    }
}

impl PlacementCounts {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        self.genuine.add(&other.genuine);
        self.attack.add(&other.attack);
        for (sum, count) in self.attack_kinds.iter_mut().zip(other.attack_kinds) {
            *sum += count;
        }
        self.payload_bytes += other.payload_bytes;
        self.placed_bytes += other.placed_bytes;
        self.mapped_bytes += other.mapped_bytes;
        self.registered_bytes += other.registered_bytes;
        self.copied_bytes += other.copied_bytes;
        self.copies += other.copies;
        self.page_updates += other.page_updates;
        self.starved += other.starved;
        self.written_bytes += other.written_bytes;
        self.read_bytes += other.read_bytes;
        self.lro.add(&other.lro);
        self.header_in_use_max = self.header_in_use_max.max(other.header_in_use_max);
    }
}

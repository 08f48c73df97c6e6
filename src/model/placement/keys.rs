//! PSP indices and their keys: handed out, rotated, and checked.
//!
//! A NIC derives a flow's key from the index and one of two device keys, which the key phase (bit
//! 31) names. When keys rotate the phase flips, and the device key before stays valid until the
//! next rotation (Linux Documentation/networking/psp.rst). A packet whose key is no longer valid
//! fails authentication and is dropped, in every state: it never takes a ring buffer.
//!
//! Ordinary flows get indices from 1 up, flows that may write directly from 2^31 - 1 down: one
//! comparison of the low 31 bits tells whether a placement header follows. With keys per region the
//! NIC derives the key from the memory id too, so that a packet for another region fails.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{MemoryId, Spi};

/// The least id of an index for direct write, unless a NIC is set up otherwise: half of all.
pub const DIRECT_FROM: u32 = 1 << 30;

/// The largest id.
const LAST: u32 = (1 << 31) - 1;

/// The indices that a NIC has handed out.
#[derive(Debug, Clone)]
pub struct Keys {
    direct_from: u32,
    next_ordinary: u32,
    /// `None`: all have been handed out.
    next_direct: Option<u32>,
    /// Rotations so far.
    epoch: u64,
    issued: BTreeMap<u32, Issued>,
}

/// An index in use.
#[derive(Debug, Clone, Copy)]
struct Issued {
    /// The first and the last rotation for which the flow was given a key.
    epochs: (u64, u64),
    /// With keys per region: the region its key is good for.
    region: Option<MemoryId>,
}

/// All indices of a kind have been handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("all indices of this kind are in use; move the border between the kinds ({border:#x})")]
pub struct OutOfSpis {
    /// The least id for direct write.
    pub border: u32,
}

impl Keys {
    /// No index in use; those for direct write have ids of `direct_from` and more.
    ///
    /// # Panics
    /// When `direct_from` is no id: 0, or past 31 bits.
    #[must_use]
    pub fn new(direct_from: u32) -> Self {
        assert!((1..=LAST).contains(&direct_from), "{direct_from:#x} is no id");
        Self {
            direct_from,
            next_ordinary: 1,
            next_direct: Some(LAST),
            epoch: 0,
            issued: BTreeMap::new(),
        }
    }

    /// Whether packets with this index carry a placement header.
    #[must_use]
    pub const fn is_direct(&self, spi: Spi) -> bool {
        spi.id() >= self.direct_from
    }

    /// An index for a flow that does not write directly.
    ///
    /// # Errors
    /// [`OutOfSpis`] when all are in use.
    pub fn issue_ordinary(&mut self) -> Result<Spi, OutOfSpis> {
        let id = self.next_ordinary;
        if id >= self.direct_from {
            return Err(OutOfSpis { border: self.direct_from });
        }
        self.next_ordinary += 1;
        Ok(self.issue(id, None))
    }

    /// An index for a flow that writes directly, with a key for all regions or for one.
    ///
    /// # Errors
    /// [`OutOfSpis`] when all are in use.
    pub fn issue_direct(&mut self, region: Option<MemoryId>) -> Result<Spi, OutOfSpis> {
        let id = self.next_direct.ok_or(OutOfSpis { border: self.direct_from })?;
        self.next_direct = id.checked_sub(1).filter(|next| *next >= self.direct_from);
        Ok(self.issue(id, region))
    }

    fn issue(&mut self, id: u32, region: Option<MemoryId>) -> Spi {
        self.issued.insert(id, Issued { epochs: (self.epoch, self.epoch), region });
        Spi::of(id, self.epoch)
    }

    /// Rotates the device keys: those before the last become invalid.
    pub fn rotate(&mut self) {
        self.epoch += 1;
    }

    /// Gives the flow of an index its key in the current phase; `None` if it has no key that is
    /// still valid.
    pub fn renew(&mut self, spi: Spi) -> Option<Spi> {
        let (id, epoch) = (spi.id(), self.epoch);
        let issued = self.issued.get_mut(&id)?;
        let (_, last) = &mut issued.epochs;
        if *last + 1 < epoch {
            return None;
        }
        *last = epoch;
        Some(Spi::of(id, epoch))
    }

    /// Whether a packet with this index, made for this region, is authentic.
    #[must_use]
    pub fn accepts(&self, spi: Spi, region: MemoryId) -> bool {
        let Some(issued) = self.issued.get(&spi.id()) else { return false };
        // The latest rotation of the packet's phase: this one or the one before.
        let is_current = Spi::of(spi.id(), self.epoch) == spi;
        let epoch = if is_current { Some(self.epoch) } else { self.epoch.checked_sub(1) };
        let (first, last) = issued.epochs;
        epoch.is_some_and(|epoch| (first..=last).contains(&epoch))
            && issued.region.is_none_or(|own| own == region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: MemoryId = MemoryId::new(1);
    const B: MemoryId = MemoryId::new(2);

    #[test]
    fn direct_indices_come_from_the_top_and_ordinary_ones_from_the_bottom() {
        let mut keys = Keys::new(DIRECT_FROM);
        let [a, b] = [(), ()].map(|()| keys.issue_direct(None).unwrap());
        assert_eq!([a, b], [0x7fff_ffff, 0x7fff_fffe].map(Spi::new));
        let ordinary = keys.issue_ordinary().unwrap();
        assert_eq!(ordinary, Spi::new(1));
        assert!(keys.is_direct(a) && !keys.is_direct(ordinary));
    }

    #[test]
    fn the_key_phase_does_not_turn_an_ordinary_index_into_a_direct_one() {
        let mut keys = Keys::new(DIRECT_FROM);
        keys.rotate();
        let ordinary = keys.issue_ordinary().unwrap();
        assert_eq!(ordinary, Spi::new(0x8000_0001));
        assert!(!keys.is_direct(ordinary));
        assert!(keys.is_direct(keys.clone().issue_direct(None).unwrap()));
    }

    #[test]
    fn indices_of_each_kind_run_out_at_the_border() {
        let mut keys = Keys::new(LAST);
        assert!(keys.issue_direct(None).is_ok());
        assert_eq!(keys.issue_direct(None), Err(OutOfSpis { border: LAST }));
        let mut keys = Keys::new(2);
        assert!(keys.issue_ordinary().is_ok());
        assert_eq!(keys.issue_ordinary(), Err(OutOfSpis { border: 2 }));
    }

    #[test]
    fn a_key_outlives_one_rotation_and_no_more() {
        let mut keys = Keys::new(DIRECT_FROM);
        let spi = keys.issue_direct(None).unwrap();
        for accepted in [true, true, false, false, false] {
            assert_eq!(keys.accepts(spi, A), accepted, "after {} rotations", keys.epoch);
            keys.rotate();
        }
        assert_eq!(keys.renew(spi), None);
    }

    #[test]
    fn a_renewed_flow_is_accepted_in_both_phases_until_the_next_rotation() {
        let mut keys = Keys::new(DIRECT_FROM);
        let old = keys.issue_direct(None).unwrap();
        keys.rotate();
        let new = keys.renew(old).unwrap();
        assert_eq!((new.id(), new.phase(), old.phase()), (old.id(), 1, 0));
        assert!(keys.accepts(old, A) && keys.accepts(new, A));
        keys.rotate();
        // The same index in phase 0 now names the key after the next rotation, which is not out.
        assert!(!keys.accepts(old, A) && keys.accepts(new, A));
    }

    #[test]
    fn an_index_in_a_phase_it_was_never_given_is_refused() {
        let mut keys = Keys::new(DIRECT_FROM);
        let spi = keys.issue_direct(None).unwrap();
        let flipped = Spi::new(spi.get() ^ 1 << 31);
        assert!(!keys.accepts(flipped, A));
        keys.rotate();
        assert!(!keys.accepts(flipped, A), "its key in the new phase was never asked for");
        assert!(!keys.accepts(Spi::new(1), A), "never handed out");
    }

    #[test]
    fn a_key_of_one_region_is_no_key_of_another() {
        let mut keys = Keys::new(DIRECT_FROM);
        let bound = keys.issue_direct(Some(A)).unwrap();
        assert!(keys.accepts(bound, A) && !keys.accepts(bound, B));
        let free = keys.issue_direct(None).unwrap();
        assert!(keys.accepts(free, A) && keys.accepts(free, B));
    }
}

//! Pools of small buffers for short packets.

use crate::id::GroupId;
use crate::model::buffers::{ReserveSpec, SmallSpec};
use crate::stats::Level;
use crate::units::SimTime;

/// The pools of small buffers, one for each group of queues; none: packets of any length take the
/// same buffers.
///
/// Size classes as in Marvell's buffer manager: one pool for short packets and one for long ones,
/// shared by all queues, and the length of a packet says which (Linux 7.3
/// drivers/net/ethernet/marvell/mvpp2/mvpp2_main.c, `mvpp2_swf_bm_pool_init_shared` and
/// `mvpp2_rx`). A short packet takes one small buffer and nothing else; where none is free it is
/// dropped, however many others are. The driver gives the pool a new buffer before it passes the
/// packet on (`mvpp2_rx_refill`), so that one is free again when its packet is delivered.
#[derive(Debug, Clone)]
pub(crate) struct SmallPools {
    spec: Option<SmallSpec>,
    /// Used of each.
    in_use: Vec<u32>,
    level: Level,
}

impl SmallPools {
    pub(crate) fn new(reserve: Option<&ReserveSpec>) -> Self {
        let groups = reserve.map_or(1, |reserve| reserve.groups as usize);
        Self {
            spec: reserve.and_then(|reserve| reserve.small),
            in_use: vec![0; groups],
            level: Level::default(),
        }
    }

    /// Whether packets of `len` bytes take a small buffer.
    pub(crate) fn are_for(&self, len: u32) -> bool {
        len > 0 && self.spec.is_some_and(|spec| u64::from(len) <= spec.buf_len)
    }

    /// Whether a small buffer is free.
    pub(crate) fn has_free(&self, group: GroupId) -> bool {
        self.spec.is_some_and(|spec| self.in_use[group.index()] < spec.entries)
    }

    /// Whether there ever is one.
    pub(crate) fn has_any(&self) -> bool {
        self.spec.is_some_and(|spec| spec.entries > 0)
    }

    /// A packet takes one.
    pub(crate) fn take(&mut self, group: GroupId, now: SimTime) {
        self.change(group, 1, now);
    }

    /// One is free again.
    pub(crate) fn give_back(&mut self, group: GroupId, now: SimTime) {
        self.change(group, -1, now);
    }

    fn change(&mut self, group: GroupId, by: i32, now: SimTime) {
        let in_use = &mut self.in_use[group.index()];
        *in_use = in_use.checked_add_signed(by).expect("no more come back than were taken");
        self.level.change(by.into(), now);
    }

    pub(crate) fn open_window(&mut self, start: SimTime) {
        self.level.open(start);
    }

    /// Those in use, of all pools together.
    pub(crate) fn into_level(self) -> Level {
        self.level
    }
}

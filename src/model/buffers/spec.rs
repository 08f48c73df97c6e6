//! What the buffers of a NIC are made of.

use crate::id::GroupId;
use crate::model::policy::Policy;
use crate::units::SimDuration;

/// A reserve, or several alike.
#[derive(Debug, Clone, PartialEq)]
pub struct ReserveSpec {
    /// Buffers of each reserve.
    pub entries: u32,
    /// Buffers of the device, on which all reserves draw that have used up their own.
    pub device_entries: u32,
    /// Who may take one more.
    pub policy: Policy,
    /// Where a released buffer goes.
    pub accounting: Accounting,
    /// Number of reserves; queue q uses number `q * groups / queues`.
    pub groups: u32,
    /// Time of a core for each reserve buffer that is reposted.
    pub sync_cost: SimDuration,
    /// Whose time that is.
    pub refiller: Refiller,
    /// Reserve buffers are reposted in batches of this many, per queue.
    pub repost: u32,
    /// Instead of in batches, all that came back are reposted when fewer than this many are free:
    /// the limit event of an RDMA shared receive queue (`ibv_modify_srq`, `srq_limit`), here
    /// without delay.
    pub low_watermark: Option<u32>,
    /// Cores that repost to one reserve at the same time wait for each other.
    pub lock: bool,
    /// Buffers of each reserve that are for short packets alone.
    pub small: Option<SmallSpec>,
}

/// Small buffers, which packets that fit take, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmallSpec {
    /// How many there are in each reserve.
    pub entries: u32,
    /// Bytes of one: that of the longest packet that takes it.
    pub buf_len: u64,
}

impl ReserveSpec {
    /// The most reserve buffers that one queue can reach.
    #[must_use]
    pub const fn within_reach(&self) -> u32 {
        self.entries.saturating_add(self.device_entries)
    }

    /// What a core that takes packets spends on each reserve buffer.
    #[must_use]
    pub fn cost_of_consumers(&self) -> SimDuration {
        match self.refiller {
            Refiller::ConsumingCore => self.sync_cost,
            Refiller::OneCore => SimDuration::ZERO,
        }
    }

    /// Small buffers of all reserves.
    #[must_use]
    pub fn small_entries(&self) -> u64 {
        self.small.map_or(0, |small| u64::from(self.groups) * u64::from(small.entries))
    }

    /// Buffers of all reserves and of the device.
    #[must_use]
    pub fn total_entries(&self) -> u64 {
        u64::from(self.groups) * u64::from(self.entries) + u64::from(self.device_entries)
    }

    /// The reserve that queue number `queue` of `queues` draws on.
    #[must_use]
    pub fn group_of(&self, queue: usize, queues: usize) -> GroupId {
        let group = queue as u64 * u64::from(self.groups) / queues as u64;
        GroupId::new(u32::try_from(group).expect("below groups"))
    }
}

/// Who posts the buffers of a reserve again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refiller {
    /// The core that takes the packets; meanwhile it takes none.
    ConsumingCore,
    /// A core of the reserve's own, in the order in which batches are handed to it. Packets do not
    /// wait for it; buffers do.
    OneCore,
}

/// Where a released buffer goes: see the [module](super) documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounting {
    /// To the pool it came from.
    Pinned,
    /// To the reserve as long as the queue owes it any.
    Relabelled,
}

/// What the buffers of a NIC are made of.
#[derive(Debug, Clone, PartialEq)]
pub struct BufferSpec {
    /// Dedicated entries of each queue.
    pub rx: Vec<u32>,
    /// Bytes of one buffer.
    pub rx_buf_len: u64,
    /// Completion entries of each queue.
    pub completion_entries: u32,
    /// Packets refused for want of a completion entry are tried again when entries are freed, not
    /// only when buffers are.
    pub completion_flow_control: bool,
    /// The reserve, if there is one.
    pub reserve: Option<ReserveSpec>,
}

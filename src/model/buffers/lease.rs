//! The buffers that packets hold.

/// The buffers a packet holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// Of its queue's dedicated ones.
    pub dedicated: u32,
    /// Of the reserve.
    pub reserve: u32,
}

/// Buffers held by the packets of a queue, counted where packets come and go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    /// All of them.
    pub(crate) total: i64,
    /// Those taken from, less those returned to, the reserve.
    pub(crate) reserve: i64,
}

impl Held {
    /// Adds (`sign` 1) or subtracts (-1) a lease.
    #[inline]
    pub(crate) fn change(&mut self, lease: Lease, sign: i64) {
        self.total += sign * i64::from(lease.total());
        self.reserve += sign * i64::from(lease.reserve);
    }
}

impl From<Lease> for Held {
    /// What is held from now on, where it returns to the pools it came from.
    fn from(lease: Lease) -> Self {
        Self { total: i64::from(lease.total()), reserve: i64::from(lease.reserve) }
    }
}

impl Lease {
    /// Buffers of both kinds.
    #[must_use]
    pub fn total(self) -> u32 {
        self.dedicated + self.reserve
    }

    /// Both leases together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { dedicated: self.dedicated + other.dedicated, reserve: self.reserve + other.reserve }
    }
}

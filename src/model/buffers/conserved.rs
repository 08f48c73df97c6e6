//! What must hold of the books at every event.

use super::{Accounting, Buffers, Device, Group, Held, Refiller};
use crate::id::QueueId;
use crate::model::policy::Policy;

impl Buffers {
    /// Asserts what must hold of one queue at every event: `held` is what its packets hold.
    ///
    /// # Panics
    /// When a buffer was lost or made from nothing: a bug of the simulator.
    pub(crate) fn assert_conserved(&self, queue: QueueId, held: Held) {
        let ring = &self.rings[queue.index()];
        let (in_use, reserve) = (ring.in_use.value(), ring.reserve_in_use.value());
        let dedicated = in_use - reserve;
        assert!((0..=ring.rx).contains(&dedicated), "queue {queue}: {dedicated} of {}", ring.rx);
        let returned = i64::from(ring.returned());
        assert!(reserve >= returned, "queue {queue}: more await than held");
        // posted + outstanding + awaiting repost = configured
        let expected = held.total + returned;
        assert_eq!(in_use, expected, "queue {queue}: buffers in use");
        match self.accounting {
            Accounting::Pinned => {
                let expected = held.reserve + returned;
                assert_eq!(reserve, expected, "queue {queue}: reserve buffers in use");
            }
            Accounting::Relabelled => {
                let owed = (in_use - ring.rx).max(0);
                // A waiting repost batch keeps reserve buffers longer than the rule alone would.
                let exact = self.repost == 1
                    && self.low_watermark.is_none()
                    && self.refiller == Refiller::ConsumingCore;
                assert!(reserve >= owed, "queue {queue}: reserve use {reserve} below {owed}");
                assert!(!exact || reserve == owed, "queue {queue}: {reserve} instead of {owed}");
            }
        }
        let group = &self.groups[ring.group.index()];
        let most = group.entries + self.device.entries;
        assert!(
            (0..=most).contains(&group.in_use),
            "group {}: {} of {most}",
            ring.group,
            group.in_use
        );
    }

    /// Asserts that queues and groups add up to the totals.
    ///
    /// # Panics
    /// When they do not: a bug of the simulator.
    pub(crate) fn assert_totals(&self) {
        let in_use: i64 = self.rings.iter().map(|ring| ring.in_use.value()).sum();
        assert_eq!(in_use, self.total.value(), "buffers in use, all queues");
        let by_queue: i64 = self.rings.iter().map(|ring| ring.reserve_in_use.value()).sum();
        assert_eq!(by_queue, self.reserve_total.value(), "reserve buffers in use, total");
        let by_group: i64 = self.groups.iter().map(|group| group.in_use).sum();
        let shared = if self.policy == Policy::PeerBorrow { in_use } else { by_queue };
        assert_eq!(shared, by_group, "shared buffers in use, by queue and by group");
        let borrowed: i64 = self.groups.iter().map(Group::of_device).sum();
        let Device { entries, in_use } = self.device;
        assert_eq!(in_use, borrowed, "buffers of the device in use");
        assert!((0..=entries).contains(&in_use), "device: {in_use} of {entries}");
    }
}

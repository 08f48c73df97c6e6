//! What is measured of a queue.

use super::{Queue, Tag, byte_ps};
use crate::model::fast::windowed::packets::DENIED;
use crate::model::ledger::{DropReason, PacketCounts};

/// What is measured of a queue.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::model::fast::cores) struct Sums {
    pub(in crate::model::fast::cores) counts: PacketCounts,
    /// Delivered since the window of measurement began, whenever they arrived.
    pub(in crate::model::fast::cores) delivered: u64,
    /// Packets and buffers at its beginning.
    pub(in crate::model::fast::cores) waiting: u64,
    pub(in crate::model::fast::cores) in_use: u64,
    pub(in crate::model::fast::cores) reserve: u64,
    /// Sums of times of arrival, of delivery and of return since then, in all buffers and in those
    /// of the reserve.
    pub(in crate::model::fast::cores) admitted_ps: u128,
    pub(in crate::model::fast::cores) granted_ps: u128,
    pub(in crate::model::fast::cores) done_ps: u128,
    pub(in crate::model::fast::cores) returned_ps: u128,
    pub(in crate::model::fast::cores) reserve_returned_ps: u128,
    /// Bytes times their time in buffers, where packets have tags.
    pub(in crate::model::fast::cores) byte_ps: i128,
    pub(in crate::model::fast::cores) in_use_max: u64,
    pub(in crate::model::fast::cores) reserve_max: u32,
}

impl Queue {
    /// The window of measurement opens.
    pub(in crate::model::fast::cores) fn open(&mut self, start: u64) {
        let bytes: i128 = self.waiting_tags().iter().map(|tag| byte_ps(*tag, start)).sum();
        self.sums = Sums {
            waiting: self.waiting() as u64,
            in_use: self.in_use(),
            reserve: self.reserve_held.into(),
            byte_ps: -bytes,
            ..Sums::default()
        };
    }

    /// Tells of the drops of the window and their reasons, where there are `room` completion
    /// entries. When all of these are taken, that is the reason.
    pub(in crate::model::fast::cores) fn drops(
        &self,
        room: u64,
        mut tell: impl FnMut(usize, DropReason),
    ) {
        let freed = self.freed.as_deref().unwrap_or_default();
        let (mut taken, mut next) = (self.completions, 0);
        for (index, (time, verdict)) in self.times.iter().zip(&self.verdicts).enumerate() {
            if verdict & 1 == 1 {
                taken += 1;
                continue;
            }
            let before = next;
            while freed.get(next).is_some_and(|at| at <= time) {
                next += 1;
            }
            taken -= (next - before) as u64;
            let is_full = self.freed.is_some() && taken >= room;
            let reason = match *verdict {
                _ if is_full => DropReason::CompletionFull,
                DENIED => DropReason::ReserveDenied,
                _ => DropReason::NoBuffer,
            };
            tell(index, reason);
        }
    }

    /// Packets by fate, of the window of measurement.
    pub(in crate::model::fast::cores) fn counts(&self) -> PacketCounts {
        // Those that waited at its beginning were delivered first.
        let delivered = self.sums.delivered.saturating_sub(self.sums.waiting);
        PacketCounts { delivered, ..self.sums.counts }
    }

    /// Buffers in use times picoseconds from `start` to `end`, in all, and in the reserve.
    pub(in crate::model::fast::cores) fn areas(&self, start: u64, end: u64) -> (i128, i128) {
        let Sums { in_use, reserve, .. } = self.sums;
        let rest = |before: u64, after: u64| {
            i128::from(after) * i128::from(end) - i128::from(before) * i128::from(start)
        };
        let all = rest(in_use, self.in_use());
        let of_reserve = rest(reserve, self.reserve_held.into());
        (
            all + signed(self.sums.returned_ps) - signed(self.sums.admitted_ps),
            of_reserve + signed(self.sums.reserve_returned_ps) - signed(self.sums.granted_ps),
        )
    }

    /// Bytes of packets times picoseconds from `start` to `end`; `len` is their length where they
    /// have no tags.
    pub(in crate::model::fast::cores) fn byte_ps(
        &self,
        start: u64,
        end: u64,
        len: Option<u32>,
    ) -> i128 {
        let Some(len) = len else {
            let bytes: i128 = self.waiting_tags().iter().map(|tag| byte_ps(*tag, end)).sum();
            return self.sums.byte_ps + bytes;
        };
        let before = i128::from(self.sums.waiting) * i128::from(start);
        let after = self.waiting() as i128 * i128::from(end);
        let packets = after - before + signed(self.sums.done_ps) - signed(self.sums.admitted_ps);
        packets * i128::from(len)
    }

    fn waiting_tags(&self) -> &[Tag] {
        self.fifo_tags.get(self.head..).unwrap_or_default()
    }
}

fn signed(ps: u128) -> i128 {
    i128::try_from(ps).expect("sums of times fit 127 bits")
}

//! Counters of queues, read again and again, as samples of what came between two readings.
//!
//! A counter that falls has begun again, unless it has 32 bits and could have passed their end in
//! the time; a queue that appears, or begins again, has its first sample at the next reading.

use std::collections::BTreeMap;

use crate::input::ethtool::QueueCount;
use crate::input::samples::SampleRecord;
use crate::stats::Histogram;
use crate::units::{SimDuration, to_f64};

/// Packets per nanosecond that no NIC exceeds: 64-byte frames at 672 Gbit/s.
const PACKETS_PER_NS: u64 = 1;
/// Bytes per nanosecond that no NIC exceeds: 800 Gbit/s.
const BYTES_PER_NS: u64 = 100;

/// Makes samples of counts.
#[derive(Debug, Default)]
pub struct Observer {
    last: Option<Reading>,
    totals: Totals,
}

/// Counts at one time.
#[derive(Debug)]
struct Reading {
    at: SimDuration,
    counts: BTreeMap<u32, QueueCount>,
}

/// What was observed so far.
#[derive(Debug, Default)]
pub struct Totals {
    /// Each queue that was seen.
    pub queues: BTreeMap<u32, QueueTotal>,
    /// From the first reading to the last.
    pub duration: SimDuration,
    /// Times between readings.
    pub spans: Histogram,
    /// Times that readings took.
    pub readings: Histogram,
    /// Spans of a queue without a sample, as it appeared or its counters began again.
    pub restarts: u64,
    /// Counters of 32 bits that passed their end.
    pub wraps: u64,
}

/// What a queue received.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct QueueTotal {
    /// Packets.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets per second in its busiest span.
    pub busiest_pps: f64,
}

impl Observer {
    /// Takes a reading that began and ended at these times since the first one began, of queues in
    /// order; counts as taken in the middle. Returns the samples since the reading before it: of
    /// queues that received something, or of the first queue if none did.
    pub fn take(
        &mut self,
        begun: SimDuration,
        ended: SimDuration,
        counts: &[QueueCount],
    ) -> Vec<SampleRecord> {
        let reading_ps = ended.as_ps().saturating_sub(begun.as_ps());
        let at = SimDuration::from_ps(begun.as_ps() + reading_ps / 2);
        self.totals.readings.record(SimDuration::from_ps(reading_ps));
        let counts = counts.iter().map(|count| (count.queue, *count)).collect();
        let Some(mut last) = self.last.replace(Reading { at, counts }) else {
            return Vec::new();
        };
        let duration_ps = at.as_ps().saturating_sub(last.at.as_ps());
        if duration_ps == 0 {
            self.last = Some(last);
            return Vec::new();
        }
        let duration = SimDuration::from_ps(duration_ps);
        self.totals.spans.record(duration);
        self.totals.duration = SimDuration::from_ps(self.totals.duration.as_ps() + duration_ps);
        let now = self.last.as_mut().expect("just put there");
        let mut samples = Vec::new();
        for (queue, count) in &mut now.counts {
            let before = last.counts.remove(queue);
            let received = before.and_then(|before| self.totals.received(before, *count, duration));
            let Some((packets, bytes)) = received else {
                self.totals.restarts += 1;
                continue;
            };
            // Bytes that were counted before their packet go with it.
            let bytes = if packets == 0 { 0 } else { bytes.max(u64::from(packets)) };
            if packets == 0 {
                count.bytes = before.map_or(count.bytes, |before| before.bytes);
            }
            let total = self.totals.queues.entry(*queue).or_default();
            total.packets += u64::from(packets);
            total.bytes += bytes;
            let pps = f64::from(packets) / duration.as_secs_f64();
            total.busiest_pps = total.busiest_pps.max(pps);
            let begin_ps = last.at.as_ps();
            samples.push(SampleRecord { begin_ps, duration_ps, queue: *queue, packets, bytes });
        }
        if samples.iter().any(|sample| sample.packets > 0) {
            samples.retain(|sample| sample.packets > 0);
        } else {
            samples.truncate(1);
        }
        samples
    }

    /// What was observed so far.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }
}

impl Totals {
    /// Packets and bytes between two counts; `None` where the counters began again.
    fn received(
        &mut self,
        before: QueueCount,
        now: QueueCount,
        duration: SimDuration,
    ) -> Option<(u32, u64)> {
        let ns = duration.as_ps().div_ceil(1_000);
        let mut difference = |before: u64, now: u64, per_ns: u64| {
            if now >= before {
                return Some(now - before);
            }
            let wrapped = (now + (1 << 32)).checked_sub(before)?;
            let is_possible = before < 1 << 32 && wrapped <= ns.saturating_mul(per_ns);
            self.wraps += u64::from(is_possible);
            is_possible.then_some(wrapped)
        };
        let packets = difference(before.packets, now.packets, PACKETS_PER_NS)?;
        let bytes = difference(before.bytes, now.bytes, BYTES_PER_NS)?;
        // A sample has packets of fewer than 4 GiB each.
        let is_sound = bytes / packets.max(1) < u64::from(u32::MAX);
        u32::try_from(packets).ok().filter(|_| is_sound).map(|packets| (packets, bytes))
    }

    /// Packets of all queues.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.queues.values().map(|queue| queue.packets).sum()
    }

    /// Packets per second in `duration`; 0 in none.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        if self.duration.is_zero() { 0.0 } else { to_f64(count) / self.duration.as_secs_f64() }
    }
}

#[cfg(test)]
mod tests;

//! Receive memory: what a configuration pins, whether used or not.

pub mod driver;

use serde::Serialize;

use crate::units::to_f64;

use driver::{Driver, QueueLayout};

/// What the NIC is given to receive into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySpec {
    /// Dedicated entries of each queue.
    pub rx: Vec<u32>,
    /// Entries of each reserve; 0 without a reserve.
    pub reserve_entries: u32,
    /// Number of reserves.
    pub groups: u32,
    /// Buffers of the device, behind the reserves.
    pub device_entries: u32,
    /// Small buffers of all reserves.
    pub small_entries: u64,
    /// Bytes of one of these.
    pub small_buf_len: u64,
    /// Bytes of one buffer.
    pub rx_buf_len: u64,
    /// How a driver allocates for the rings; `None`: `rx` buffers of `rx_buf_len`.
    pub driver: Option<Driver>,
    /// Bytes of a descriptor, one per posted buffer.
    pub descriptor: u64,
    /// Bytes of a completion entry.
    pub completion: u64,
    /// Completion entries of each queue.
    pub completion_entries: u32,
    /// Bytes of a header buffer, one per posted buffer; 0 when headers are not split.
    pub header_buffer: u64,
    /// Header buffers of each queue, with descriptors of their own; `None`: one per posted buffer.
    pub header_entries: Option<u32>,
}

/// Receive memory by what it is used for, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Buffers posted on the queues' own rings.
    pub dedicated_bytes: u64,
    /// Buffers of the reserves.
    pub reserve_bytes: u64,
    /// Descriptors of all buffers.
    pub descriptor_bytes: u64,
    /// Completion rings.
    pub completion_bytes: u64,
    /// Header buffers.
    pub header_bytes: u64,
    /// Dedicated and reserve buffers together.
    pub buffers_bytes: u64,
    /// Everything.
    pub total_bytes: u64,
}

impl MemorySpec {
    /// Buffers of all reserves and of the device.
    #[must_use]
    pub fn shared_entries(&self) -> u64 {
        u64::from(self.groups) * u64::from(self.reserve_entries) + u64::from(self.device_entries)
    }

    /// The memory this configuration pins; `None` when it does not fit 64 bits.
    #[must_use]
    pub fn memory(&self) -> Option<Memory> {
        let entries: u64 = self.rx.iter().map(|rx| u64::from(*rx)).sum();
        let reserve = self.shared_entries();
        let queues = self.rx.len() as u64;
        let completions = queues.checked_mul(u64::from(self.completion_entries))?;
        let (dedicated_bytes, descriptors) = match self.driver {
            None => (entries.checked_mul(self.rx_buf_len)?, entries),
            Some(driver) => (
                self.of_queues(driver, |layout| layout.bytes),
                self.of_queues(driver, |layout| layout.descriptors),
            ),
        };
        let small_bytes = self.small_entries.checked_mul(self.small_buf_len)?;
        let reserve_bytes = reserve.checked_mul(self.rx_buf_len)?.checked_add(small_bytes)?;
        let reserve = reserve.checked_add(self.small_entries)?;
        let posted = entries.checked_add(reserve)?;
        let (headers, header_descriptors) = match self.header_entries {
            None => (posted, 0),
            Some(entries) => {
                let headers = queues.checked_mul(u64::from(entries))?;
                (headers, headers)
            }
        };
        let descriptors = descriptors.checked_add(reserve)?.checked_add(header_descriptors)?;
        let descriptor_bytes = descriptors.checked_mul(self.descriptor)?;
        let completion_bytes = completions.checked_mul(self.completion)?;
        let header_bytes = headers.checked_mul(self.header_buffer)?;
        let buffers_bytes = dedicated_bytes.checked_add(reserve_bytes)?;
        let total_bytes = buffers_bytes
            .checked_add(descriptor_bytes)?
            .checked_add(completion_bytes)?
            .checked_add(header_bytes)?;
        Some(Memory {
            dedicated_bytes,
            reserve_bytes,
            descriptor_bytes,
            completion_bytes,
            header_bytes,
            buffers_bytes,
            total_bytes,
        })
    }

    /// Bytes pinned for one buffer that a packet can take: on average, where a driver allocates.
    #[must_use]
    pub fn bytes_per_buffer(&self) -> f64 {
        let (bytes, buffers) = self.per_buffer();
        to_f64(bytes) / to_f64(buffers)
    }

    /// Bytes pinned for this many of them, rounded down.
    #[must_use]
    pub fn bytes_of(&self, count: u64) -> u64 {
        let (bytes, buffers) = self.per_buffer();
        let bytes = u128::from(count) * u128::from(bytes) / u128::from(buffers);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }

    /// Bytes and the number of buffers that they are pinned for.
    fn per_buffer(&self) -> (u64, u64) {
        let reserve = self.shared_entries();
        match self.driver.zip(self.memory()) {
            None => (self.rx_buf_len, 1),
            Some((driver, memory)) => {
                let own = self.of_queues(driver, |layout| u64::from(layout.buffers));
                let small = self.small_entries * self.small_buf_len;
                (memory.buffers_bytes - small, (own + reserve).max(1))
            }
        }
    }

    /// The sum over all queues of something that a driver's queues have. It fits: a queue takes at
    /// most 2^26 entries of less than 2^20 bytes, and there are at most 2^16 queues.
    fn of_queues(&self, driver: Driver, part: impl Fn(QueueLayout) -> u64) -> u64 {
        let alike = self.rx.chunk_by(|one, next| one == next);
        alike.map(|rx| rx.len() as u64 * part(driver.queue(rx[0]))).sum()
    }
}

/// The completion entries a queue gets when the scenario names none: the next power of two that
/// holds every buffer the queue can have.
#[must_use]
pub fn default_completion_entries(rx_max: u32, reserve_entries: u32) -> u32 {
    rx_max.saturating_add(reserve_entries).max(1).checked_next_power_of_two().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rx: u32, reserve_entries: u32) -> MemorySpec {
        MemorySpec {
            rx: vec![rx; 32],
            reserve_entries,
            groups: 1,
            device_entries: 0,
            small_entries: 0,
            small_buf_len: 0,
            rx_buf_len: 8192,
            driver: None,
            descriptor: 16,
            completion: 64,
            completion_entries: default_completion_entries(rx, reserve_entries),
            header_buffer: 0,
            header_entries: None,
        }
    }

    /// J. Kicinski, "NIC memory reserve" (people.kernel.org/kuba/nic-memory-reserve).
    #[test]
    fn the_source_posts_arithmetic_holds() {
        let today = spec(4096, 0).memory().unwrap();
        assert_eq!(today.dedicated_bytes, 1 << 30);
        let shared = spec(512, 4096).memory().unwrap();
        assert_eq!(shared.buffers_bytes, 160 << 20);
        assert_eq!(shared.completion_bytes, 32 * 8192 * 64);
        assert_eq!(shared.descriptor_bytes, (32 * 512 + 4096) * 16);
    }

    #[test]
    fn header_rings_have_buffers_and_descriptors_of_their_own() {
        let mut split = spec(16, 0);
        (split.header_buffer, split.header_entries) = (256, Some(1024));
        let memory = split.memory().unwrap();
        assert_eq!(memory.header_bytes, 32 * 1024 * 256);
        assert_eq!(memory.descriptor_bytes, 32 * (16 + 1024) * 16);
    }

    #[test]
    fn memory_past_64_bits_is_no_number() {
        let mut huge = spec(u32::MAX, u32::MAX);
        huge.rx_buf_len = u64::MAX / 4;
        assert_eq!(huge.memory(), None);
    }

    #[test]
    fn small_buffers_count_with_the_reserve_and_have_descriptors() {
        let plain = spec(512, 4096).memory().unwrap();
        let small = MemorySpec { small_entries: 1000, small_buf_len: 256, ..spec(512, 4096) };
        let memory = small.memory().unwrap();
        assert_eq!(memory.reserve_bytes, plain.reserve_bytes + 256_000);
        assert_eq!(memory.descriptor_bytes, plain.descriptor_bytes + 16_000);
        assert_eq!(memory.total_bytes, plain.total_bytes + 272_000);
        assert!((small.bytes_per_buffer() - 8192.0).abs() < 1e-9);
    }

    #[test]
    fn the_device_counts_once_however_many_groups_there_are() {
        let levels = MemorySpec { groups: 2, device_entries: 100, ..spec(512, 1000) };
        assert_eq!(levels.memory().unwrap().reserve_bytes, 2100 * 8192);
    }
}

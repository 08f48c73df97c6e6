//! virtio: `virtio_net`.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const VIRTIO_NET_C: Source = Source::linux("drivers/net/virtio_net.c");
const VIRTIO_RING_H: Source = Source::linux("include/uapi/linux/virtio_ring.h");

/// A guest of QEMU and others.
pub(super) const VIRTIO_NET: Preset = Preset {
    name: "virtio_net",
    about: "virtio network device with mergeable buffers",
    drivers: &["virtio_net"],
    rx: Depths {
        default: Source::Text("read off a guest with Linux 6.18: the size of the vring").says(256),
        min: Source::Unsourced.says(16),
        max: Source::Unsourced.says(1024),
        rounding: VIRTIO_NET_C.says(Rounding::Any),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: VIRTIO_NET_C.says(QueueRule::Rule("min(CPUs, queue pairs of the device)")),
    buffers: VIRTIO_NET_C.says(BufferModel::Driver(DriverMemory::VirtioMergeable)),
    buffers_text: "as long as packets are on average, 1.5 KiB to a page, cut from 32 KiB; here for \
                   packets of full MTU",
    descriptor: VIRTIO_RING_H.says(16),
    completion: VIRTIO_RING_H.says(8),
    header_buffer: VIRTIO_NET_C.says(0),
    refill: VIRTIO_NET_C.says(RefillRule::Batch(33)),
    reserve: 0,
    counters: VIRTIO_NET_C.says(&[
        Counter::queue("rx*_drops", CounterMeaning::Other)
            .note("the driver's own; those of the host behind the device are not seen"),
        Counter::queue("rx*_drop_overruns", CounterMeaning::NoBuffer)
            .note("only where the device reports statistics"),
    ]),
    notes: &[
        "the size of the ring is the device's: QEMU's rx_queue_size sets up to 1024",
        "the ring is refilled at the end of a poll that leaves more than 32 free",
        "without mergeable buffers, large packets (GSO) take 17 pages for every entry: 68 KiB",
    ],
};

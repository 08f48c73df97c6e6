//! VMware: vmxnet3.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const INT_H: Source = Source::linux("drivers/net/vmxnet3/vmxnet3_int.h");
const DEFS_H: Source = Source::linux("drivers/net/vmxnet3/vmxnet3_defs.h");
const ETHTOOL_C: Source = Source::linux_6_12("drivers/net/vmxnet3/vmxnet3_ethtool.c");
const DRV_C: Source = Source::linux_6_12("drivers/net/vmxnet3/vmxnet3_drv.c");

/// The second ring, of pages.
const RING2: Depths = Depths { default: INT_H.says(512), ..RX };

const RX: Depths = Depths {
    default: INT_H.says(1024),
    min: ETHTOOL_C.says(32),
    max: DEFS_H.says(4096),
    rounding: DEFS_H.says(Rounding::MultipleUp(32)),
    shown_less: 0,
};

/// A guest of ESXi.
pub(super) const VMXNET3: Preset = Preset {
    name: "vmxnet3",
    about: "VMware paravirtual network device, before its version 7",
    drivers: &["vmxnet3"],
    rx: RX,
    mini: None,
    jumbo: Some(RING2),
    queues: Source::Unsourced.says(QueueRule::Rule("min(CPUs, queues of the device), often 8")),
    buffers: DRV_C.says(BufferModel::Driver(DriverMemory::Vmxnet3)),
    buffers_text: "heads of one frame, or of 3 KiB with pages for the rest, and a second ring of \
                   512 pages",
    descriptor: DEFS_H.says(16),
    completion: DEFS_H.says(16),
    header_buffer: DRV_C.says(0),
    refill: DRV_C.says(RefillRule::Batch(1)),
    reserve: 0,
    counters: ETHTOOL_C.says(&[
        Counter::whole("pkts rx OOB", CounterMeaning::NoBuffer),
        Counter::whole("drv dropped rx total", CounterMeaning::Other),
        Counter::whole("rx buf alloc fail", CounterMeaning::Allocation),
    ]),
    notes: &[
        "at a jumbo MTU the ring is a multiple of 32 frames: rx 1024 becomes 1056 at MTU 9000",
        "ethtool -S lists these counters below the number of each queue, indented",
        "of the second ring (rx-jumbo), LRO alone makes use at MTU 1500",
    ],
};

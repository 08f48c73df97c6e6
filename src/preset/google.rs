//! Google's virtual NIC: gve.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const GVE_H: Source = Source::linux("drivers/net/ethernet/google/gve/gve.h");
const GVE_MAIN_C: Source = Source::linux("drivers/net/ethernet/google/gve/gve_main.c");
const GVE_ETHTOOL_C: Source = Source::linux("drivers/net/ethernet/google/gve/gve_ethtool.c");
const RX_DQO_C: Source = Source::linux("drivers/net/ethernet/google/gve/gve_rx_dqo.c");
const DESC_DQO_H: Source = Source::linux("drivers/net/ethernet/google/gve/gve_desc_dqo.h");

/// Raw addressing.
pub(super) const GVE_RDA: Preset = Preset {
    name: "gve-rda",
    about: "Google Cloud gVNIC, DQO with raw addressing",
    drivers: &["gve"],
    rx: Depths {
        default: Source::Text("the device says; 1024 was seen on netdev").says(1024),
        min: GVE_H.says(512),
        max: Source::Unsourced.says(4096),
        rounding: GVE_ETHTOOL_C.says(Rounding::PowerOfTwoOnly),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: Source::Unsourced.says(QueueRule::Rule("as many as the device gives")),
    buffers: GVE_MAIN_C.says(BufferModel::Driver(DriverMemory::GveRaw)),
    buffers_text: "fragments of 2 KiB at any MTU (ethtool -G rx-buf-len 4096 doubles them)",
    descriptor: DESC_DQO_H.says(32),
    completion: DESC_DQO_H.says(32),
    header_buffer: GVE_H.says(0),
    refill: RX_DQO_C.says(RefillRule::Batch(32)),
    reserve: 0,
    counters: GVE_ETHTOOL_C.says(&[
        Counter::queue("rx_no_buffers_posted[*]", CounterMeaning::NoBuffer)
            .note("reported by the device"),
        Counter::queue("rx_queue_drop_cnt[*]", CounterMeaning::Other)
            .note("reported by the device"),
        Counter::whole("rx_dropped", CounterMeaning::Other)
            .note("failed allocations and descriptor errors of the driver"),
        Counter::whole("rx_buf_alloc_fail", CounterMeaning::Allocation),
    ]),
    notes: &[
        "header split (128 B for every entry) is off; write header_buffer = \"128 B\" for it",
        "limits and defaults come from the device: see ethtool -g",
    ],
};

/// Queue page lists.
pub(super) const GVE_QPL: Preset = Preset {
    name: "gve-qpl",
    about: "Google Cloud gVNIC, DQO with queue page lists",
    buffers: GVE_H.says(BufferModel::Driver(DriverMemory::GvePageList)),
    buffers_text: "two registered pages a descriptor",
    notes: &[
        "the older GQI format has one page a descriptor: half of this",
        "limits and defaults come from the device: see ethtool -g",
    ],
    ..GVE_RDA
};

//! Broadcom NetXtreme-C and -E: bnxt.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const BNXT_C: Source = Source::linux("drivers/net/ethernet/broadcom/bnxt/bnxt.c");
const BNXT_H: Source = Source::linux_6_12("drivers/net/ethernet/broadcom/bnxt/bnxt.h");
const ETHTOOL_C: Source = Source::linux_6_12("drivers/net/ethernet/broadcom/bnxt/bnxt_ethtool.c");
const DEV_C: Source = Source::linux("net/core/dev.c");

/// With aggregation rings.
pub(super) const BNXT: Preset = Preset {
    name: "bnxt",
    about: "Broadcom BCM573xx and later, aggregating (LRO, GRO in hardware, header split)",
    drivers: &["bnxt_en"],
    rx: Depths {
        default: BNXT_H.says(511),
        min: Source::Unsourced.says(1),
        max: BNXT_H.says(8191),
        rounding: ETHTOOL_C.says(Rounding::Any),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: DEV_C.says(QueueRule::Rule("half of the physical cores, if there are more than 2")),
    buffers: BNXT_C.says(BufferModel::Driver(DriverMemory::Bnxt { aggregation: true })),
    buffers_text: "a header buffer of 640 B and 4 pages of an aggregation ring for every entry",
    descriptor: BNXT_H.says(16),
    completion: BNXT_H.says(16),
    header_buffer: BNXT_C.says(0),
    refill: BNXT_C.says(RefillRule::Batch(1)),
    reserve: 0,
    counters: BNXT_C.says(&[
        Counter::queue("[*]: rx_discards", CounterMeaning::NoBuffer)
            .note("rx_missed_errors of the interface is their sum"),
        Counter::whole("rx_total_ring_discards", CounterMeaning::NoBuffer)
            .note("of rings that have been closed"),
        Counter::whole("rx_total_oom_discards", CounterMeaning::Allocation),
    ]),
    notes: &[
        "with aggregation rings the driver accepts up to 8191 but keeps 2047, with a line in dmesg",
        "rings are powers of two of pages with 256 descriptors each; entries of the transmit ring \
         in a shared completion ring are left out",
        "aggregated segments (TPA) are not simulated: every frame is a packet",
        "a frame has its own entry and its share of aggregation pages",
    ],
};

/// Without them.
pub(super) const BNXT_NOAGG: Preset = Preset {
    name: "bnxt-noagg",
    about: "Broadcom BCM573xx and later, LRO, GRO in hardware and header split off",
    buffers: BNXT_C.says(BufferModel::Driver(DriverMemory::Bnxt { aggregation: false })),
    buffers_text: "one buffer a frame; above a page a header buffer and pages for the rest",
    notes: &[
        "a jumbo MTU has aggregation rings in any case, and then at most 2047 entries",
        "rings are powers of two of pages with 256 descriptors each",
    ],
    ..BNXT
};

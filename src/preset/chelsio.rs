//! Chelsio Terminator: cxgb4.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const MAIN_C: Source = Source::linux("drivers/net/ethernet/chelsio/cxgb4/cxgb4_main.c");
const SGE_C: Source = Source::linux("drivers/net/ethernet/chelsio/cxgb4/sge.c");
const ETHTOOL_C: Source = Source::linux_6_12("drivers/net/ethernet/chelsio/cxgb4/cxgb4_ethtool.c");
/// `MIN_FL_ENTRIES` and `MAX_RX_BUFFERS` are what `ethtool -G` takes, 8 fewer.
const CXGB4_H: Source = Source::linux_6_12("drivers/net/ethernet/chelsio/cxgb4/cxgb4.h");

/// The response queue, which is `rx-mini`.
const RESPONSES: Depths = Depths {
    default: MAIN_C.says(1024),
    min: CXGB4_H.says(128),
    max: CXGB4_H.says(16_384),
    rounding: ETHTOOL_C.says(Rounding::Any),
    shown_less: 0,
};

/// T5 and T6.
pub(super) const CXGB4: Preset = Preset {
    name: "cxgb4",
    about: "Chelsio T4, T5 and T6",
    drivers: &["cxgb4"],
    rx: Depths {
        default: MAIN_C.says(72),
        min: CXGB4_H.says(24),
        max: CXGB4_H.says(16_392),
        rounding: SGE_C.says(Rounding::MultipleUp(8)),
        shown_less: 8,
    },
    mini: Some(RESPONSES),
    jumbo: None,
    queues: MAIN_C.says(QueueRule::Rule("the queue sets of the port, at most one a CPU")),
    buffers: SGE_C.says(BufferModel::Driver(DriverMemory::Cxgb4)),
    buffers_text: "pages of 64 KiB in a free list, each for many packets",
    descriptor: SGE_C.says(8),
    completion: MAIN_C.says(64),
    header_buffer: SGE_C.says(0),
    refill: SGE_C.says(RefillRule::Batch(16)),
    reserve: 0,
    counters: ETHTOOL_C.says(&[
        Counter::whole("rx_bg*_frames_dropped", CounterMeaning::Fifo)
            .note("* is a buffer group; rx_dropped of the interface is their sum"),
        Counter::whole("rx_bg*_frames_trunc", CounterMeaning::Fifo).note("* is a buffer group"),
    ]),
    notes: &[
        "rx is the size of the free list; ethtool -g shows, and -G takes, 8 fewer, and those 8 are \
         never posted: the memory of a full list is an upper bound",
        "where no 64 KiB page is to be had the driver posts pages of 4 KiB",
        "where packets are short the response queue (rx-mini), not the free list, is the limit",
    ],
};

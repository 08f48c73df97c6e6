//! Microsoft Azure Network Adapter: mana.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const MANA_H: Source = Source::linux("include/net/mana/mana.h");
const MANA_EN_C: Source = Source::linux("drivers/net/ethernet/microsoft/mana/mana_en.c");
const GDMA_H: Source = Source::linux("include/net/mana/gdma.h");

/// Azure.
pub(super) const MANA: Preset = Preset {
    name: "mana",
    about: "Microsoft Azure Network Adapter",
    drivers: &["mana"],
    rx: Depths {
        default: MANA_H.says(1024),
        min: MANA_H.says(128),
        max: MANA_H.says(8192),
        rounding: MANA_EN_C.says(Rounding::PowerOfTwoUp),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: MANA_EN_C.says(QueueRule::Rule("min(16, queues of the port); at most 64")),
    buffers: MANA_EN_C.says(BufferModel::Driver(DriverMemory::Mana)),
    buffers_text: "half a page at MTU 1500, four pages at 9000",
    descriptor: GDMA_H.says(32),
    completion: GDMA_H.says(64),
    header_buffer: MANA_EN_C.says(0),
    refill: MANA_EN_C.says(RefillRule::EveryPoll),
    reserve: 0,
    counters: MANA_EN_C.says(&[
        Counter::whole("hc_rx_discards_no_wqe", CounterMeaning::NoBuffer)
            .note("rx_missed_errors of the interface is this"),
        Counter::whole("hc_rx_pkt_drop_phy", CounterMeaning::Fifo),
    ]),
    notes: &["Linux 6.12 has a default of 512 and a whole page for every entry"],
};

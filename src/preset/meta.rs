//! Meta's host NIC: fbnic.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const TXRX_H: Source = Source::linux("drivers/net/ethernet/meta/fbnic/fbnic_txrx.h");
const TXRX_C: Source = Source::linux("drivers/net/ethernet/meta/fbnic/fbnic_txrx.c");
const FBNIC_RST: Source =
    Source::linux("Documentation/networking/device_drivers/ethernet/meta/fbnic.rst");
const DEV_C: Source = Source::linux("net/core/dev.c");

/// Queues of pages: `rx-mini` for headers, `rx-jumbo` for payload.
const PAGES: Depths = Depths {
    default: TXRX_H.says(256),
    min: TXRX_H.says(64),
    max: TXRX_H.says(65_536),
    rounding: TXRX_H.says(Rounding::PowerOfTwoUp),
    shown_less: 0,
};

/// Page queues beside a completion ring.
pub(super) const FBNIC: Preset = Preset {
    name: "fbnic",
    about: "Meta host network interface",
    drivers: &["fbnic"],
    rx: Depths {
        default: TXRX_H.says(1024),
        min: TXRX_H.says(64),
        max: TXRX_H.says(65_536),
        rounding: TXRX_H.says(Rounding::PowerOfTwoUp),
        shown_less: 0,
    },
    mini: Some(PAGES),
    jumbo: Some(PAGES),
    queues: DEV_C.says(QueueRule::Rule("half of the cores, at most 128")),
    buffers: FBNIC_RST.says(BufferModel::Driver(DriverMemory::Fbnic)),
    buffers_text: "pages of headers (rx-mini) and of payload (rx-jumbo), each for many packets, \
                   whatever rx is",
    descriptor: FBNIC_RST.says(8),
    completion: FBNIC_RST.says(8),
    header_buffer: TXRX_H.says(0),
    refill: TXRX_C.says(RefillRule::EveryPoll),
    reserve: 0,
    counters: FBNIC_RST.says(&[
        Counter::queue("rde_*_pkt_bdq_drop", CounterMeaning::NoBuffer)
            .note("header or payload pages: raise rx-mini or rx-jumbo, not rx"),
        Counter::queue("rde_*_pkt_cq_drop", CounterMeaning::CompletionFull)
            .note("this is what a larger rx helps against"),
        Counter::whole("rxb_fifo*_dropped_frames", CounterMeaning::Fifo).note("* is a FIFO"),
    ]),
    notes: &[
        "rx is the completion ring: a deeper one costs 8 B an entry and holds no more packets",
        "the simulator gives a packet's payload half a page (unsourced), and one completion entry \
         although the NIC writes several",
    ],
};

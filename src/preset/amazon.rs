//! Amazon's Elastic Network Adapter: ena.

use super::value::{Counter, CounterMeaning, QueueRule, RefillMost, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const ENA_NETDEV_H: Source = Source::linux("drivers/net/ethernet/amazon/ena/ena_netdev.h");
const ENA_NETDEV_C: Source = Source::linux("drivers/net/ethernet/amazon/ena/ena_netdev.c");
const ENA_ETHTOOL_C: Source = Source::linux_6_12("drivers/net/ethernet/amazon/ena/ena_ethtool.c");
const ENA_COM_H: Source = Source::linux("drivers/net/ethernet/amazon/ena/ena_com.h");
const IO_DEFS_H: Source = Source::linux_6_12("drivers/net/ethernet/amazon/ena/ena_eth_io_defs.h");

/// Nitro instances.
pub(super) const ENA: Preset = Preset {
    name: "ena",
    about: "Amazon EC2 Elastic Network Adapter",
    drivers: &["ena"],
    rx: Depths {
        default: ENA_NETDEV_H.says(1024),
        min: ENA_NETDEV_H.says(256),
        max: Source::Text("the device says; amzn-drivers ENA_Linux_Best_Practices.rst: up to 16K")
            .says(16_384),
        rounding: ENA_ETHTOOL_C.says(Rounding::PowerOfTwoDown),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: ENA_COM_H.says(QueueRule::Rule("min(CPUs, queues of the device, 128); often 8 or 32")),
    buffers: ENA_NETDEV_C.says(BufferModel::Driver(DriverMemory::Ena)),
    buffers_text: "a page a descriptor; unused room of a page may be used again",
    descriptor: IO_DEFS_H.says(16),
    completion: IO_DEFS_H.says(16),
    header_buffer: ENA_NETDEV_C.says(0),
    refill: ENA_NETDEV_H.says(RefillRule::Part { of: 8, most: RefillMost::Entries(256) }),
    reserve: 0,
    counters: ENA_NETDEV_C.says(&[
        Counter::whole("rx_drops", CounterMeaning::NoBuffer)
            .note("rx_dropped of the interface (ip -s link); its rx_missed_errors is always 0"),
        Counter::queue("queue_*_rx_empty_rx_ring", CounterMeaning::NoBuffer)
            .note("times a ring was found empty, no packets"),
        Counter::queue("queue_*_rx_page_alloc_fail", CounterMeaning::Allocation),
        Counter::whole("bw_in_allowance_exceeded", CounterMeaning::RateLimit),
        Counter::whole("pps_allowance_exceeded", CounterMeaning::RateLimit),
    ]),
    notes: &["the largest ring depends on the instance: see ethtool -g"],
};

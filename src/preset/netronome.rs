//! Netronome and Corigine Agilio: nfp.

use super::value::{Counter, CounterMeaning, QueueRule, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const NFP_NET_H: Source = Source::linux("drivers/net/ethernet/netronome/nfp/nfp_net.h");
const COMMON_C: Source = Source::linux_6_12("drivers/net/ethernet/netronome/nfp/nfp_net_common.c");
const ETHTOOL_C: Source =
    Source::linux_6_12("drivers/net/ethernet/netronome/nfp/nfp_net_ethtool.c");
const NFP_DEV_C: Source =
    Source::linux_6_12("drivers/net/ethernet/netronome/nfp/nfpcore/nfp_dev.c");
const DP_C: Source = Source::linux("drivers/net/ethernet/netronome/nfp/nfd3/dp.c");

/// Agilio.
pub(super) const NFP: Preset = Preset {
    name: "nfp",
    about: "Netronome and Corigine Agilio",
    drivers: &["nfp"],
    rx: Depths {
        default: NFP_NET_H.says(4096),
        min: NFP_DEV_C.says(256),
        max: NFP_DEV_C.says(262_144),
        rounding: ETHTOOL_C.says(Rounding::PowerOfTwoUp),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: NFP_NET_H.says(QueueRule::Rule("min(CPUs, rings of the device, 64)")),
    buffers: COMMON_C.says(BufferModel::Driver(DriverMemory::Nfp)),
    buffers_text: "one page fragment a frame, with headroom and 64 B of metadata",
    descriptor: NFP_NET_H.says(8),
    completion: NFP_NET_H.says(0),
    header_buffer: COMMON_C.says(0),
    refill: DP_C.says(RefillRule::Batch(16)),
    reserve: 0,
    counters: ETHTOOL_C.says(&[Counter::whole("dev_rx_discards", CounterMeaning::NoBuffer)
        .note("rx_dropped of the interface has it")]),
    notes: &[
        "an NFP-3800 takes 512 to 65536",
        "room that is left over between fragments of a page is not counted",
    ],
};

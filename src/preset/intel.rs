//! Intel: ice, i40e, iavf, idpf, ixgbe, igb and igc.

use super::value::{Counter, CounterMeaning, QueueRule, RefillMost, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const LIBETH_C: Source = Source::linux("drivers/net/ethernet/intel/libeth/rx.c");
const ICE_H: Source = Source::linux("drivers/net/ethernet/intel/ice/ice.h");
const ICE_TXRX_C: Source = Source::linux("drivers/net/ethernet/intel/ice/ice_txrx.c");
const ICE_MAIN_C: Source = Source::linux("drivers/net/ethernet/intel/ice/ice_main.c");
const ICE_LAN_H: Source = Source::linux("drivers/net/ethernet/intel/ice/ice_lan_tx_rx.h");
const DEV_C: Source = Source::linux("net/core/dev.c");
const I40E_H: Source = Source::linux("drivers/net/ethernet/intel/i40e/i40e.h");
const I40E_MAIN_C: Source = Source::linux("drivers/net/ethernet/intel/i40e/i40e_main.c");
const I40E_TXRX_H: Source = Source::linux("drivers/net/ethernet/intel/i40e/i40e_txrx.h");
const I40E_TXRX_C: Source = Source::linux("drivers/net/ethernet/intel/i40e/i40e_txrx.c");
const I40E_TYPE_H: Source = Source::linux("drivers/net/ethernet/intel/i40e/i40e_type.h");
const IAVF_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/iavf/iavf.h");
const IAVF_TXRX_C: Source = Source::linux_6_12("drivers/net/ethernet/intel/iavf/iavf_txrx.c");
const IAVF_ETHTOOL_C: Source = Source::linux_6_12("drivers/net/ethernet/intel/iavf/iavf_ethtool.c");
const IDPF_DESC_H: Source =
    Source::linux_6_12("drivers/net/ethernet/intel/idpf/virtchnl2_lan_desc.h");
const IDPF_TXRX_H: Source = Source::linux("drivers/net/ethernet/intel/idpf/idpf_txrx.h");
const IDPF_TXRX_C: Source = Source::linux_6_12("drivers/net/ethernet/intel/idpf/idpf_txrx.c");
const IXGBE_H: Source = Source::linux("drivers/net/ethernet/intel/ixgbe/ixgbe.h");
const IXGBE_MAIN_C: Source = Source::linux("drivers/net/ethernet/intel/ixgbe/ixgbe_main.c");
const IXGBE_TYPE_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/ixgbe/ixgbe_type.h");
const IGB_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/igb/igb.h");
const IGB_MAIN_C: Source = Source::linux_6_12("drivers/net/ethernet/intel/igb/igb_main.c");
const IGB_DEFINES_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/igb/e1000_defines.h");
const IGB_ETHTOOL_C: Source = Source::linux("drivers/net/ethernet/intel/igb/igb_ethtool.c");
const IGC_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/igc/igc.h");
const IGC_MAIN_C: Source = Source::linux_6_12("drivers/net/ethernet/intel/igc/igc_main.c");
const IGC_DEFINES_H: Source = Source::linux_6_12("drivers/net/ethernet/intel/igc/igc_defines.h");

/// Bytes of a completion where there is no ring of them.
const WRITTEN_BACK: u64 = 0;
const IN_PLACE: &str = "the NIC writes completions over the descriptors: they have no ring";

/// E810.
pub(super) const ICE: Preset = Preset {
    name: "ice",
    about: "Intel E810",
    drivers: &["ice"],
    rx: Depths {
        default: ICE_H.says(2048),
        min: ICE_H.says(64),
        max: ICE_H.says(8160),
        rounding: ICE_H.says(Rounding::MultipleUp(32)),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: DEV_C.says(QueueRule::Rule("half of the physical cores, if there are more than 2")),
    buffers: LIBETH_C.says(BufferModel::Driver(DriverMemory::Libeth)),
    buffers_text: "a power-of-two part of a page for an MTU that fits one, else chained pages",
    descriptor: ICE_LAN_H.says(32),
    completion: ICE_LAN_H.says(WRITTEN_BACK),
    header_buffer: LIBETH_C.says(0),
    refill: ICE_TXRX_C.says(RefillRule::EveryPoll),
    reserve: 0,
    counters: ICE_MAIN_C.says(&[
        Counter::whole("rx_dropped", CounterMeaning::NoBuffer),
        Counter::whole("rx_dropped.nic", CounterMeaning::PcieOrFifo)
            .note("rings empty too; rx_missed_errors of the interface is this"),
    ]),
    notes: &[IN_PLACE, "XDP doubles the buffers of MTU 1500; not modelled"],
};

/// E830.
pub(super) const ICE_E830: Preset = Preset {
    name: "ice-e830",
    about: "Intel E830",
    rx: Depths { max: ICE_H.says(8096), ..ICE.rx },
    ..ICE
};

/// X710.
pub(super) const I40E: Preset = Preset {
    name: "i40e",
    about: "Intel X710 and X722",
    drivers: &["i40e"],
    rx: Depths {
        default: I40E_H.says(512),
        min: I40E_H.says(64),
        max: I40E_H.says(4096),
        rounding: I40E_H.says(Rounding::MultipleUp(32)),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: I40E_MAIN_C.says(QueueRule::Rule("min(CPUs, half of the interrupt vectors)")),
    buffers: I40E_TXRX_H.says(BufferModel::Driver(DriverMemory::I40e)),
    buffers_text: "two pages a descriptor, of which one half, 3 KiB, is in use",
    descriptor: I40E_TYPE_H.says(32),
    completion: I40E_TYPE_H.says(WRITTEN_BACK),
    header_buffer: I40E_TXRX_H.says(0),
    refill: I40E_TXRX_C.says(RefillRule::Part { of: 2, most: RefillMost::Ring }),
    reserve: 0,
    counters: I40E_MAIN_C.says(&[
        Counter::whole("port.rx_discards", CounterMeaning::NoBuffer)
            .note("rx_missed_errors of the interface is this"),
        Counter::whole("rx_dropped", CounterMeaning::Other),
    ]),
    notes: &[IN_PLACE, "descriptors are 16 or 32 bytes; 32 is assumed"],
};

/// XL710.
pub(super) const I40E_XL710: Preset = Preset {
    name: "i40e-xl710",
    about: "Intel XL710",
    rx: Depths { max: I40E_H.says(8160), ..I40E.rx },
    ..I40E
};

/// Virtual functions of ice and i40e.
pub(super) const IAVF: Preset = Preset {
    name: "iavf",
    about: "virtual function of an Intel 700 or 800 series NIC",
    drivers: &["iavf"],
    rx: Depths {
        default: IAVF_H.says(512),
        min: IAVF_H.says(64),
        max: IAVF_H.says(4096),
        rounding: IAVF_H.says(Rounding::MultipleUp(32)),
        shown_less: 0,
    },
    queues: Source::Unsourced.says(QueueRule::Rule("as many as the host gives the function")),
    counters: IAVF_ETHTOOL_C.says(&[Counter::whole("rx_discards", CounterMeaning::NoBuffer)]),
    refill: IAVF_TXRX_C.says(RefillRule::Batch(16)),
    notes: &[IN_PLACE],
    ..ICE
};

/// IPU E2100.
pub(super) const IDPF: Preset = Preset {
    name: "idpf",
    about: "Intel IPU E2100 and other infrastructure functions, split queues",
    drivers: &["idpf"],
    rx: Depths {
        default: IDPF_TXRX_H.says(512),
        min: IDPF_TXRX_H.says(64),
        max: IDPF_TXRX_H.says(8128),
        rounding: IDPF_TXRX_H.says(Rounding::MultipleUp(64)),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: Source::Unsourced.says(QueueRule::Rule("as many as the device gives")),
    buffers: IDPF_TXRX_C.says(BufferModel::Driver(DriverMemory::Idpf)),
    buffers_text: "two buffer queues of rx / 2: one for frames of the MTU, one of half that size",
    descriptor: IDPF_DESC_H.says(32),
    completion: IDPF_DESC_H.says(32),
    header_buffer: IDPF_TXRX_C.says(0),
    refill: IDPF_TXRX_C.says(RefillRule::Batch(16)),
    reserve: 0,
    counters: Source::Unsourced.says(&[]),
    notes: &["the simulator gives both buffer queues the size of whole frames"],
};

/// 82599 and its successors.
pub(super) const IXGBE: Preset = Preset {
    name: "ixgbe",
    about: "Intel 82599 and X540",
    drivers: &["ixgbe"],
    rx: Depths {
        default: IXGBE_H.says(512),
        min: IXGBE_H.says(64),
        max: IXGBE_H.says(8192),
        rounding: IXGBE_TYPE_H.says(Rounding::MultipleUp(8)),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: IXGBE_MAIN_C.says(QueueRule::Rule("min(RSS queues of the NIC, CPUs)")),
    buffers: IXGBE_MAIN_C.says(BufferModel::Driver(DriverMemory::Ixgbe)),
    buffers_text: "a page a descriptor, of which one half is in use; two pages above MTU 1500",
    descriptor: IXGBE_TYPE_H.says(16),
    completion: IXGBE_TYPE_H.says(WRITTEN_BACK),
    header_buffer: IXGBE_MAIN_C.says(0),
    refill: IXGBE_H.says(RefillRule::Batch(16)),
    reserve: 0,
    counters: IXGBE_MAIN_C.says(&[
        Counter::whole("rx_no_dma_resources", CounterMeaning::NoBuffer)
            .note("only where rings drop: several queues and flow control off"),
        Counter::whole("rx_missed_errors", CounterMeaning::PcieOrFifo),
        Counter::whole("alloc_rx_page_failed", CounterMeaning::Allocation),
    ]),
    notes: &[
        IN_PLACE,
        "an 82598 takes at most 4096",
        "with LRO (RSC) on, MTU 1500 takes two pages a descriptor as well",
        "with flow control on, an empty ring stalls all queues and sends pause frames instead of \
         dropping: see ethtool -a",
    ],
};

/// X550 and its relatives.
pub(super) const IXGBE_X550: Preset = Preset {
    name: "ixgbe-x550",
    about: "Intel X550",
    rx: Depths { max: IXGBE_H.says(32_768), ..IXGBE.rx },
    ..IXGBE
};

/// Gigabit server NICs.
pub(super) const IGB: Preset = Preset {
    name: "igb",
    about: "Intel I350, I210 and 82576",
    drivers: &["igb"],
    rx: Depths {
        default: IGB_H.says(256),
        min: IGB_H.says(64),
        max: IGB_H.says(4096),
        rounding: IGB_DEFINES_H.says(Rounding::MultipleUp(8)),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: IGB_H.says(QueueRule::Rule("min(8, CPUs); an I210 has 4")),
    buffers: IGB_MAIN_C.says(BufferModel::Driver(DriverMemory::Igb)),
    buffers_text: "a page a descriptor, of which one half is in use; two pages for jumbo frames",
    descriptor: IGB_H.says(16),
    completion: IGB_H.says(WRITTEN_BACK),
    header_buffer: IGB_MAIN_C.says(0),
    refill: IGB_H.says(RefillRule::Batch(16)),
    reserve: 0,
    counters: IGB_ETHTOOL_C.says(&[
        Counter::queue("rx_queue_*_drops", CounterMeaning::NoBuffer),
        Counter::whole("rx_no_buffer_count", CounterMeaning::NoBuffer)
            .note("an empty ring; the packet may still have been received from the FIFO"),
        Counter::whole("rx_missed_errors", CounterMeaning::PcieOrFifo),
        Counter::whole("rx_fifo_errors", CounterMeaning::PcieOrFifo),
        Counter::queue("rx_queue_*_alloc_failed", CounterMeaning::Allocation),
    ]),
    notes: &[IN_PLACE],
};

/// 2.5 Gbit/s NICs.
pub(super) const IGC: Preset = Preset {
    name: "igc",
    about: "Intel I225 and I226",
    drivers: &["igc"],
    rx: Depths {
        default: IGC_H.says(256),
        min: IGC_H.says(64),
        max: IGC_H.says(4096),
        rounding: IGC_DEFINES_H.says(Rounding::MultipleUp(8)),
        shown_less: 0,
    },
    queues: IGC_H.says(QueueRule::Rule("min(4, CPUs)")),
    buffers: IGC_MAIN_C.says(BufferModel::Driver(DriverMemory::Igc)),
    buffers_text: "a page a descriptor, of which one half is in use",
    refill: IGC_H.says(RefillRule::Batch(16)),
    ..IGB
};

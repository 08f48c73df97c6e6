//! NVIDIA ConnectX and BlueField: mlx5.

use super::value::{Counter, CounterMeaning, QueueRule, RefillMost, RefillRule, Rounding, Source};
use super::{BufferModel, Depths, Preset};
use crate::model::memory::driver::DriverMemory;

const EN_H: Source = Source::linux("drivers/net/ethernet/mellanox/mlx5/core/en.h");
const ETHTOOL_C: Source =
    Source::linux_6_12("drivers/net/ethernet/mellanox/mlx5/core/en_ethtool.c");
const PARAMS_C: Source = Source::linux("drivers/net/ethernet/mellanox/mlx5/core/en/params.c");
const REP_C: Source = Source::linux("drivers/net/ethernet/mellanox/mlx5/core/en_rep.c");
const DEVICE_H: Source = Source::linux("include/linux/mlx5/device.h");
const COUNTERS_RST: Source =
    Source::linux("Documentation/networking/device_drivers/ethernet/mellanox/mlx5/counters.rst");

const COUNTERS: &[Counter] = &[
    Counter::whole("rx_out_of_buffer", CounterMeaning::NoBuffer)
        .note("rx_missed_errors of the interface is the same"),
    Counter::queue("rx*_buff_alloc_err", CounterMeaning::Allocation),
    Counter::whole("rx_discards_phy", CounterMeaning::PcieOrFifo),
    Counter::whole("rx_prio*_buf_discard", CounterMeaning::Fifo).note("* is a priority"),
    Counter::whole("outbound_pci_buffer_overflow", CounterMeaning::PcieOrFifo),
    Counter::whole("outbound_pci_stalled_wr", CounterMeaning::PcieOrFifo)
        .note("share of time in which writes were stalled, no packets"),
];

/// Striding RQ, the driver's default.
pub(super) const MLX5: Preset = Preset {
    name: "mlx5",
    about: "NVIDIA ConnectX-4 and later, striding RQ (the default)",
    drivers: &["mlx5_core"],
    rx: Depths {
        default: EN_H.says(1024),
        min: EN_H.says(16),
        max: EN_H.says(8192),
        rounding: ETHTOOL_C.says(Rounding::PowerOfTwoUp),
        shown_less: 0,
    },
    mini: None,
    jumbo: None,
    queues: EN_H.says(QueueRule::Rule(
        "min(128, completion vectors), which are no more than CPUs; at most 256",
    )),
    buffers: PARAMS_C.says(BufferModel::Driver(DriverMemory::Mlx5Striding)),
    buffers_text: "work queue entries of 256 KiB, at least 4; a frame has a stride that is a power \
                   of two, so that MTU 9000 takes 16 KiB",
    descriptor: EN_H.says(32),
    completion: DEVICE_H.says(64),
    header_buffer: PARAMS_C.says(0),
    refill: PARAMS_C.says(RefillRule::Part { of: 4, most: RefillMost::Bytes(512 << 10) }),
    reserve: 0,
    counters: COUNTERS_RST.says(COUNTERS),
    notes: &[
        "rx counts frames of full MTU; above a page, frames are packed in strides of 256 bytes, so \
         that more fit than the simulator is told",
        "above a page there is a completion entry for each such stride (Linux 6.12 en/params.c, \
         mlx5e_build_rx_cq_param): 4 MiB a queue at MTU 9000 and rx 1024",
        "a work queue entry is posted again after an asynchronous completion, which takes longer \
         than the end of a poll",
        "header split (SHAMPO) and XDP are not modelled",
    ],
};

/// Without striding RQ.
pub(super) const MLX5_LEGACY: Preset = Preset {
    name: "mlx5-legacy",
    about: "NVIDIA ConnectX with ethtool --set-priv-flags rx_striding_rq off",
    buffers: PARAMS_C.says(BufferModel::Driver(DriverMemory::Mlx5Legacy)),
    buffers_text: "fragments of 2 KiB in pages; MTU 9000 takes three pages a frame",
    descriptor: DEVICE_H.says(16),
    notes: &[
        "at MTU 9000 the real descriptor has one 16-byte segment for each of its 4 fragments",
        "header split and XDP are not modelled",
    ],
    ..MLX5
};

/// A representor of a virtual function.
pub(super) const MLX5_REP: Preset = Preset {
    name: "mlx5-rep",
    about: "NVIDIA ConnectX, representor port of a virtual or sub-function",
    drivers: &["mlx5e_rep"],
    queues: REP_C.says(QueueRule::Fixed(1)),
    notes: &[
        "on the embedded CPU of a BlueField the default is rx 256 (en_rep.c)",
        "a thousand representors are a thousand times this",
    ],
    ..MLX5
};

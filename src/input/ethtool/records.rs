//! The plain records: what a capture of each subject says, with types.

use super::{Fields, Reported};

/// A number that a capture may state; each field says of what.
type Number = Option<Reported<u32>>;
/// A switch that a capture may state.
type Switch = Option<Reported<bool>>;

/// Ring sizes, in entries per queue (`ethtool -g`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rings {
    /// Most receive entries the driver takes.
    pub rx_max: Number,
    /// Most entries of the ring for small frames.
    pub rx_mini_max: Number,
    /// Most entries of the ring for large frames or pages.
    pub rx_jumbo_max: Number,
    /// Receive entries now.
    pub rx: Number,
    /// Entries of the ring for small frames now.
    pub rx_mini: Number,
    /// Entries of the ring for large frames or pages now.
    pub rx_jumbo: Number,
    /// Bytes of a receive buffer, where the driver lets it be set.
    pub rx_buf_len: Number,
    /// Bytes of a completion entry, where the driver lets it be set.
    pub cqe_size: Number,
    /// Whether headers and payload go to separate buffers.
    pub tcp_data_split: Switch,
    /// Bytes up to which a frame is not split.
    pub hds_thresh: Number,
}

impl Rings {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            rx_max: fields.entries("rx-max"),
            rx_mini_max: fields.entries("rx-mini-max"),
            rx_jumbo_max: fields.entries("rx-jumbo-max"),
            rx: fields.entries("rx"),
            rx_mini: fields.entries("rx-mini"),
            rx_jumbo: fields.entries("rx-jumbo"),
            rx_buf_len: fields.entries("rx-buf-len"),
            cqe_size: fields.entries("cqe-size"),
            tcp_data_split: fields.switch("tcp-data-split"),
            hds_thresh: fields.entries("hds-thresh"),
        }
    }
}

/// Numbers of queues (`ethtool -l`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Channels {
    /// Most queues that only receive.
    pub rx_max: Number,
    /// Most queues that receive and send.
    pub combined_max: Number,
    /// Queues that only receive.
    pub rx: Number,
    /// Queues that receive and send.
    pub combined: Number,
}

impl Channels {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            rx_max: fields.entries("rx-max"),
            combined_max: fields.entries("combined-max"),
            rx: fields.entries("rx"),
            combined: fields.entries("combined"),
        }
    }

    /// Receive queues now: those that only receive and those that do both. `None` where the
    /// capture states neither.
    #[must_use]
    pub fn receive_queues(&self) -> Option<u32> {
        sum(self.rx.as_ref(), self.combined.as_ref())
    }

    /// The most receive queues that can be set.
    #[must_use]
    pub fn receive_queues_max(&self) -> Option<u32> {
        sum(self.rx_max.as_ref(), self.combined_max.as_ref())
    }
}

/// The sum of the known ones; `None` where none is known, or all are zero.
fn sum(a: Option<&Reported<u32>>, b: Option<&Reported<u32>>) -> Option<u32> {
    let known = [a, b].into_iter().filter_map(super::known);
    Some(known.fold(0, u32::saturating_add)).filter(|queues| *queues > 0)
}

/// Interrupt coalescing (`ethtool -c`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coalescing {
    /// Whether driver or kernel choose the delay.
    pub adaptive_rx: Switch,
    /// Microseconds from a packet to the interrupt, at most.
    pub rx_usecs: Number,
    /// Packets to an interrupt, at most; 0: no limit.
    pub rx_frames: Number,
    /// Whether the timer restarts with every packet.
    pub cqe_mode_rx: Switch,
}

impl Coalescing {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            adaptive_rx: fields.switch("adaptive-rx"),
            rx_usecs: fields.entries("rx-usecs"),
            rx_frames: fields.entries("rx-frames"),
            cqe_mode_rx: fields.switch("cqe-mode-rx"),
        }
    }
}

/// The driver (`ethtool -i`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Driver {
    /// Its name, such as `mlx5_core`.
    pub driver: Option<Reported<String>>,
    /// Its version, or the kernel's.
    pub version: Option<Reported<String>>,
    /// The device's firmware; often empty.
    pub firmware: Option<Reported<String>>,
    /// Where the device is.
    pub bus: Option<Reported<String>>,
}

impl Driver {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            driver: fields.text("driver"),
            version: fields.text("version"),
            firmware: fields.text("firmware-version"),
            bus: fields.text("bus-info"),
        }
    }
}

/// Offloads that decide how buffers are laid out (`ethtool -k`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Features {
    /// Large receive offload: packets are merged by device or driver.
    pub lro: Switch,
    /// The same by the rules of GRO, in hardware.
    pub gro_hw: Switch,
    /// Frames are received with their FCS.
    pub fcs: Switch,
}

impl Features {
    pub(super) fn read(fields: &Fields) -> Self {
        let either = |name, kernel_name| fields.switch(name).or_else(|| fields.switch(kernel_name));
        Self {
            lro: either("large-receive-offload", "rx-lro"),
            gro_hw: fields.switch("rx-gro-hw"),
            fcs: fields.switch("rx-fcs"),
        }
    }
}

/// Flow control (`ethtool -a`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pause {
    /// Whether the NIC stops sending when the switch asks.
    pub rx: Switch,
    /// Whether the NIC asks the switch to stop when it runs out of room.
    pub tx: Switch,
}

impl Pause {
    pub(super) fn read(fields: &Fields) -> Self {
        Self { rx: fields.switch("rx"), tx: fields.switch("tx") }
    }
}

/// Which queue a flow goes to (`ethtool -x`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indirection {
    /// Receive rings the table may name.
    pub rings: Number,
    /// The queue of each bucket.
    pub table: Option<Reported<Vec<u64>>>,
}

impl Indirection {
    pub(super) fn read(fields: &Fields) -> Self {
        Self { rings: fields.entries("rings"), table: fields.list("table") }
    }
}

/// The link (`ip link`, /sys/class/net, `ethtool` without options).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Bytes of the largest network-layer packet.
    pub mtu: Number,
    /// Bits per second.
    pub speed: Option<Reported<u64>>,
}

/// How interrupts are put off (/sys/class/net, ynl's `napi-get`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deferral {
    /// Nanoseconds from a poll to the next one by timer.
    pub gro_flush_timeout: Option<Reported<u64>>,
    /// Polls by timer that may find nothing.
    pub defer_hard_irqs: Number,
    /// Whether queues are polled by threads.
    pub threaded: Switch,
}

impl Deferral {
    pub(super) fn read(fields: &Fields) -> Self {
        Self {
            gro_flush_timeout: fields.count("gro-flush-timeout"),
            defer_hard_irqs: fields.entries("defer-hard-irqs"),
            threaded: fields.switch("threaded"),
        }
    }
}

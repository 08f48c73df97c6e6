//! Doubts that do not stop a run.

use std::fmt;

use crate::model::splitting::SplittingFault;
use crate::units::SimDuration;

/// Something the user should know about a scenario or its result.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// More arrives than the host can take: no ring is large enough.
    Overload {
        /// The first queue (or core) concerned.
        place: String,
        /// How many queues or cores.
        count: usize,
        /// The highest utilisation.
        utilization: f64,
    },
    /// The warm-up takes longer than what is measured.
    LongWarmup {
        /// Warm-up time.
        warmup: SimDuration,
        /// Measured time.
        duration: SimDuration,
    },
    /// Completion rings that cannot hold every packet a queue may have.
    ShortCompletionRing {
        /// Entries of a completion ring.
        entries: u32,
        /// Buffers a queue may have: its own and the reserve.
        needed: u32,
    },
    /// A ring depth that the NIC's driver makes another one of.
    RoundedRing {
        /// The NIC.
        preset: &'static str,
        /// The ring, as ethtool calls it.
        ring: &'static str,
        /// What the scenario says.
        asked: u32,
        /// What the driver does.
        given: u32,
    },
    /// Frames longer than the MTU for which the driver allocates.
    LongFrames {
        /// Bytes of them: on average, or of the longest recorded one.
        len: f64,
        /// The MTU.
        mtu: u32,
    },
    /// A capture had frames out of order.
    Reordered {
        /// The file.
        file: String,
        /// How many frames.
        frames: u64,
    },
    /// Millisampler records without `ingressBytes`.
    SkippedRecords {
        /// The file or folder.
        file: String,
        /// How many records.
        records: u64,
    },
    /// Recorded returns of buffers that nobody held.
    ReturnsWithoutBuffer {
        /// How many buffers.
        count: u64,
    },
    /// The interval is wider than the estimate.
    WideInterval {
        /// Half its width over the estimate.
        relative: f64,
    },
    /// The run was cut short.
    CutShort {
        /// Replications finished.
        finished: u32,
        /// Replications asked for.
        asked: u32,
    },
    /// A region's generation comes round within the lifetime of a packet.
    GenerationsRepeat {
        /// After how long.
        after: SimDuration,
        /// How long a packet may be on its way.
        lifetime: SimDuration,
    },
    /// Splitting was asked for but gave no estimate.
    NoSplitting {
        /// Why.
        fault: SplittingFault,
    },
    /// Pilot runs never settled.
    Unsettled {
        /// How long they were.
        duration: SimDuration,
    },
    /// No packet arrived in the window.
    NoPackets,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overload { place, count, utilization } => {
                let others = match count {
                    1 => String::new(),
                    n => format!(" and {} more", n - 1),
                };
                write!(
                    f,
                    "utilisation is {utilization:.3} at {place}{others}: the host takes less than \
                     arrives, so no ring is large enough in the long run"
                )
            }
            Self::LongWarmup { warmup, duration } => {
                write!(f, "the warm-up ({warmup}) is longer than what is measured ({duration})")
            }
            Self::ShortCompletionRing { entries, needed } => write!(
                f,
                "completion rings of {entries} entries cannot hold the {needed} packets that a \
                 queue may have (rx + reserve), so some drops may be theirs"
            ),
            Self::RoundedRing { preset, ring, asked, given } => {
                write!(f, "{preset} makes {ring} {given} of {ring} {asked}, which is used instead")
            }
            Self::LongFrames { len, mtu } => write!(
                f,
                "frames of {len:.0} B do not fit nic.mtu = {mtu}: a NIC would refuse them, or take \
                 other buffers"
            ),
            Self::Reordered { file, frames } => write!(
                f,
                "{file}: {frames} frames were stamped earlier than the frame before them and are \
                 replayed at its time"
            ),
            Self::SkippedRecords { file, records } => {
                write!(f, "{file}: {records} records have no ingressBytes and are skipped")
            }
            Self::ReturnsWithoutBuffer { count } => {
                write!(f, "{count} recorded buffer returns found no buffer outstanding")
            }
            Self::WideInterval { relative } => write!(
                f,
                "the interval is wide (half-width {:.0} % of the estimate): more replications or a \
                 longer duration would narrow it",
                relative * 100.0
            ),
            Self::CutShort { finished, asked } => {
                write!(f, "the time limit ended the run after {finished} of {asked} replications")
            }
            Self::GenerationsRepeat { after, lifetime } => write!(
                f,
                "a region has the same generation again after {after} (65536 uses), within the \
                 {lifetime} that a packet may be on its way: a late one could be placed into \
                 another use; use regions longer, or more of them"
            ),
            Self::Unsettled { duration } => write!(
                f,
                "the buffers in use did not settle within {duration}, half of which is taken as \
                 warm-up; make run.duration longer"
            ),
            Self::NoSplitting { fault } => {
                write!(f, "{fault}; the drop rate is that of plain runs")
            }
            Self::NoPackets => write!(f, "no packet arrived in the measured window"),
        }
    }
}

//! Reports: results as JSON, CSV and tables for people, and the manifest beside them.
//!
//! Row types here carry the names of the result contract; CSV uses the same names with dots made
//! underscores, from the same values.

mod csv;
mod footprint;
mod format;
mod manifest;
mod output;
mod placement;
mod plan;
mod sensitivity;
mod simulate;
mod zero_copy;

pub use self::csv::{queues_csv, summary_csv, timeline_csv};
pub use footprint::{ConfigurationRow, FootprintReport, Rx};
pub use format::format_rate;
pub use manifest::Manifest;
pub use output::{OutputError, PacketFile, check_writable, write_atomically};
pub use placement::{EncodedReport, Landing, PacketRow, PlacementReport, PspRow, Tables};
pub use plan::{ConfigRow, Goal, PlanReport};
pub use sensitivity::{InPhaseRow, SensitivityReport};
pub use simulate::{
    Drops, EngineReport, Held, Host, MemoryUse, Packets, Queue, Reserve, SimulateReport, Sojourn,
};
pub use zero_copy::{Attack, Fallbacks, Lro, Placement};

/// Version of the result names.
pub const SCHEMA: u32 = 1;

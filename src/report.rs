//! Reports: results as JSON, CSV and tables for people, and the manifest beside them.
//!
//! Row types here carry the names of the result contract; CSV uses the same names with dots made
//! underscores, from the same values.

mod csv;
mod explain;
mod fit;
mod footprint;
mod format;
mod host;
mod journal;
mod manifest;
mod observe;
mod output;
#[cfg(feature = "parquet")]
mod parquet;
mod placement;
mod plan;
mod presets;
mod reproduce;
mod schema;
mod sensitivity;
mod settings;
mod shard;
mod simulate;
mod sweep;
mod zero_copy;

pub use self::csv::{queues_csv, summary_csv, timeline_csv};
#[cfg(feature = "parquet")]
pub use self::parquet::parquet;
pub use explain::{ExplainReport, PartRow};
pub use fit::{Compared, ComparisonRow, FitReport, ParameterRow, TriedRow};
pub use footprint::{ConfigurationRow, FootprintReport, Rx};
pub use format::format_rate;
pub use host::{
    CoalescingRow, DropRow, FootprintRow, HostReport, LastingRow, QueueDrops, Stated, ValueRow,
};
pub use journal::{Existing, FinishedPoints, JournalError};
pub use manifest::{Manifest, Recipe, file_sha256};
pub use observe::{ObserveReport, Observed, ObservedQueue, Spread};
pub use output::{OutputError, Row, RowFile, check_writable, write_atomically};
pub use placement::{EncodedReport, Landing, PacketRow, PlacementReport, PspRow, Tables};
pub use plan::{ConfigRow, Goal, PlanReport};
pub use presets::{CounterRow, Fact, PresetRow, PresetsReport};
pub use reproduce::{ReproduceReport, ReproducedFile};
pub use schema::results_schema;
pub use sensitivity::{InPhaseRow, SensitivityReport};
pub use settings::Persistent;
pub use shard::{ShardState, ShardStatus};
pub use simulate::{
    Drops, EngineReport, Fairness, Held, Host, MemoryUse, Packets, Port, Queue, Reserve,
    SenderDelay, SimulateReport, Small, Sojourn,
};
pub use sweep::{SweepReport, sweep_record};
pub use zero_copy::{Attack, Fallbacks, Lro, Placement};

/// Version of the result names.
pub const SCHEMA: u32 = 1;

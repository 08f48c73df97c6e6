//! How far the shards of a sweep are.

use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use crate::shard::array_text;
use crate::sweep::Shard;

/// What `rxplan shard status` says.
#[derive(Debug, Clone, Serialize)]
pub struct ShardStatus {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// Points of all shards.
    pub points: usize,
    /// Those that are finished, whether their shards are done or not.
    pub finished: usize,
    /// Numbers of the shards that are done, such as `0-3,7`.
    pub done: String,
    /// Those that are not, in the same form: what to give to a scheduler.
    pub missing: String,
    /// One by one.
    pub shards: Vec<ShardState>,
}

/// How far a shard is.
#[derive(Debug, Clone, Serialize)]
pub struct ShardState {
    /// Its number, from 0.
    pub shard: usize,
    /// `done`, `begun` or `missing`.
    pub state: &'static str,
    /// Points it has.
    pub points: usize,
    /// Those that are finished.
    pub finished: usize,
}

impl ShardState {
    /// A shard whose part is there.
    #[must_use]
    pub const fn done(shard: Shard, points: usize) -> Self {
        Self { shard: shard.index, state: DONE, points, finished: points }
    }

    /// A shard whose part is not there; `finished` is `None` where it was never begun.
    #[must_use]
    pub fn unfinished(shard: Shard, points: usize, finished: Option<usize>) -> Self {
        let state = if finished.is_some() { "begun" } else { "missing" };
        Self { shard: shard.index, state, points, finished: finished.unwrap_or(0) }
    }
}

/// The state of a shard whose part is there.
const DONE: &str = "done";

impl ShardStatus {
    /// The status of all shards.
    #[must_use]
    pub fn new(shards: Vec<ShardState>) -> Self {
        let numbers = |done: bool| {
            let these = shards.iter().filter(|shard| (shard.state == DONE) == done);
            array_text(&these.map(|shard| shard.shard).collect::<Vec<_>>())
        };
        Self {
            schema: SCHEMA,
            command: "shard status",
            points: shards.iter().map(|shard| shard.points).sum(),
            finished: shards.iter().map(|shard| shard.finished).sum(),
            done: numbers(true),
            missing: numbers(false),
            shards,
        }
    }

    /// The status for people.
    #[must_use]
    pub fn table(&self) -> String {
        let done = self.shards.iter().filter(|shard| shard.state == DONE).count();
        let missing = match self.missing.as_str() {
            "" => "all can be merged".to_owned(),
            missing => format!("not done: {missing}"),
        };
        format!(
            "{done} of {} shards, {} of {} points; {missing}\n",
            self.shards.len(),
            self.finished,
            self.points
        )
    }

    /// One row a shard.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.shards)
    }
}

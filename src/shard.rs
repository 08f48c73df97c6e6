//! Shards: a sweep cut into parts that any scheduler can run anywhere, and put together again.
//!
//! A plan file holds all that the sweep depends on, the scenario's text included, and the number of
//! shards. A shard takes every so-manieth point, which mixes cheap and dear ones. What a point
//! gives depends on the point alone, so the parts together are the sweep, byte for byte.

mod emit;

pub use emit::{Emit, Scheduler};

use serde::{Deserialize, Serialize};

use crate::sweep::{Header, Shard, Sweep, SweepError, SweepSpec};

/// A sweep and the number of shards it is cut into.
#[derive(Debug, Clone)]
pub struct ShardPlan {
    file: PlanFile,
    sweep: Sweep,
}

/// The plan as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    /// Version of the program.
    version: String,
    /// How many shards there are.
    shards: usize,
    /// How many points there are.
    points: usize,
    /// SHA-256 of all that rows depend on.
    sweep_sha256: String,
    /// The sweep.
    sweep: SweepSpec,
}

/// Why a plan is no use.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The sweep is wrong.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The file is not a plan.
    #[error("is no plan of this version ({0}); make one with rxplan shard plan")]
    NotAPlan(String),
    /// The plan is of another version, or was changed.
    #[error(
        "was made by version {made}, and this is {}; results may differ, so make a new plan in \
         another folder", env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The version that made it.
        made: String,
    },
    /// What the plan says about itself is not so.
    #[error("was changed after it was made; make a new plan in another folder")]
    Changed,
    /// There is no such shard.
    #[error("there is no shard {index}; the plan has shards 0 to {}", shards - 1)]
    NoSuchShard {
        /// What was asked for.
        index: usize,
        /// How many there are.
        shards: usize,
    },
}

/// The name of a plan in its folder.
pub const PLAN_FILE: &str = "plan.json";

/// Most shards: more than any scheduler takes at once, and as many as file names count.
pub const SHARDS_MAX: usize = 99_999;

impl ShardPlan {
    /// A plan of a sweep in so many shards.
    ///
    /// # Errors
    /// [`SweepError`] as for [`Sweep::new`].
    ///
    /// # Panics
    /// When there is no shard, or more than [`SHARDS_MAX`].
    pub fn new(spec: SweepSpec, shards: usize) -> Result<Self, SweepError> {
        assert!((1..=SHARDS_MAX).contains(&shards), "{shards} shards");
        let sweep = Sweep::new(&spec)?;
        let file = PlanFile {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            shards,
            points: sweep.points(),
            sweep_sha256: sweep.hash(),
            sweep: spec,
        };
        Ok(Self { file, sweep })
    }

    /// The plan of a file's text.
    ///
    /// # Errors
    /// [`ShardError`] when it is not one, or not of this program.
    pub fn read(text: &str) -> Result<Self, ShardError> {
        let not_a_plan = |error: serde_json::Error| ShardError::NotAPlan(error.to_string());
        let file: PlanFile = serde_json::from_str(text).map_err(not_a_plan)?;
        if file.version != env!("CARGO_PKG_VERSION") {
            return Err(ShardError::Version { made: file.version });
        }
        if !(1..=SHARDS_MAX).contains(&file.shards) {
            return Err(ShardError::Changed);
        }
        let plan = Self::new(file.sweep.clone(), file.shards)?;
        if plan.file == file { Ok(plan) } else { Err(ShardError::Changed) }
    }

    /// The text of the plan's file.
    ///
    /// # Panics
    /// Never: a plan is plain data.
    #[must_use]
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.file).expect("plain data") + "\n"
    }

    /// The sweep.
    #[must_use]
    pub const fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// What the sweep was made from.
    #[must_use]
    pub const fn spec(&self) -> &SweepSpec {
        &self.file.sweep
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> usize {
        self.file.shards
    }

    /// A shard by its number.
    ///
    /// # Errors
    /// [`ShardError::NoSuchShard`].
    pub const fn shard(&self, index: usize) -> Result<Shard, ShardError> {
        let shards = self.file.shards;
        if index < shards {
            Ok(Shard { index, count: shards })
        } else {
            Err(ShardError::NoSuchShard { index, shards })
        }
    }

    /// All shards.
    pub fn all(&self) -> impl Iterator<Item = Shard> {
        let count = self.file.shards;
        (0..count).map(move |index| Shard { index, count })
    }

    /// The points of a shard, in order.
    #[must_use]
    pub fn points(&self, shard: Shard) -> Vec<usize> {
        (shard.index..self.sweep.points()).step_by(shard.count).collect()
    }

    /// The first line of a shard's part.
    #[must_use]
    pub fn header(&self, shard: Shard) -> Header {
        self.sweep.header(Some(shard))
    }
}

impl Shard {
    /// The name of the file with its finished points.
    #[must_use]
    pub fn part_name(self) -> String {
        format!("part-{:05}-of-{:05}.jsonl", self.index, self.count)
    }

    /// The name of the file with its points while it is unfinished.
    #[must_use]
    pub fn journal_name(self) -> String {
        format!("part-{:05}-of-{:05}.journal", self.index, self.count)
    }
}

/// Numbers as schedulers take them: `2,17-19`.
#[must_use]
pub fn array_text(indices: &[usize]) -> String {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for &index in indices {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => runs.push((index, index)),
        }
    }
    let text = |(first, last): &(usize, usize)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    runs.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::array_text;

    #[test]
    fn runs_of_numbers_are_written_as_ranges() {
        assert_eq!(array_text(&[]), "");
        assert_eq!(array_text(&[3]), "3");
        assert_eq!(array_text(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
    }
}

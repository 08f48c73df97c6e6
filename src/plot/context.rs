//! What is known of a result besides its numbers: the manifest, the scenario, the plan.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::theme::number;
use crate::model::buffers::Accounting;
use crate::report::Recipe;
use crate::scenario::{Scenario, Source};
use crate::units::to_f64;

/// What is known of the results in a folder.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The manifest's text.
    pub manifest_text: Option<String>,
    /// What the manifest says.
    pub manifest: Option<Recipe>,
    /// The scenario that the manifest names, if it is still the same.
    pub scenario: Option<Scenario>,
    /// Its text.
    pub scenario_text: Option<String>,
    /// What `plan` wrote.
    pub plan: Option<PlanFile>,
}

/// The part of `plan.json` that figures use.
#[derive(Debug, Clone, Deserialize)]
pub struct PlanFile {
    /// Title of the scenario.
    pub title: String,
    /// What was asked for.
    pub goal: GoalPart,
    /// How it ended.
    pub verdict: String,
    /// Why.
    pub why: String,
    /// The least memory.
    pub recommended: Option<Shape>,
    /// The least memory without a reserve.
    pub today: Option<Shape>,
    /// What is compared with.
    pub baseline: Option<Shape>,
    /// The scenario's own configuration.
    pub scenario: Option<Shape>,
}

/// The goal of a plan.
#[derive(Debug, Clone, Deserialize)]
pub struct GoalPart {
    /// At most this share of packets dropped.
    pub max_drop_rate: f64,
    /// With this confidence.
    pub confidence: f64,
}

/// A configuration of a plan.
#[derive(Debug, Clone, Deserialize)]
pub struct Shape {
    /// Queues.
    pub queues: u64,
    /// Entries of each.
    pub rx: u64,
    /// Entries of the reserve.
    pub reserve_entries: u64,
    /// All memory, in bytes.
    pub total_bytes: f64,
    /// Share of packets dropped.
    pub drop_rate: Rate,
}

/// A drop rate with its interval.
#[derive(Debug, Clone, Deserialize)]
pub struct Rate {
    /// Best estimate.
    pub estimate: f64,
    /// Lower end.
    pub ci_low: f64,
    /// Upper end.
    pub ci_high: f64,
}

impl Shape {
    /// `32 × 512 + 4096`.
    pub(super) fn name(&self) -> String {
        shape_name(self.queues, self.rx, self.reserve_entries)
    }
}

/// `32 × 512 + 4096`: queues, their entries, and the reserve's.
pub(super) fn shape_name(queues: u64, rx: u64, reserve: u64) -> String {
    match reserve {
        0 => format!("{queues} × {rx}"),
        reserve => format!("{queues} × {rx} + {reserve}"),
    }
}

impl Context {
    /// Takes in a manifest, and the scenario it names if that can be found in the working folder or
    /// in one above the manifest's and has not changed since.
    pub fn add_manifest(&mut self, folder: &Path, text: String) {
        let Ok(manifest) = Recipe::read(&text) else { return };
        let built_in = manifest.scenario == "<built-in>";
        let mut places = vec![PathBuf::from(&manifest.scenario)];
        places.extend(folder.ancestors().map(|above| above.join(&manifest.scenario)));
        let sources = places.into_iter().map(Source::File);
        let sources = sources.chain(built_in.then_some(Source::BuiltIn));
        let same = |scenario: &Scenario| scenario.hash == manifest.scenario_sha256;
        self.scenario_text = None;
        self.scenario = None;
        for source in sources {
            let loaded = Scenario::load(&source, &manifest.overrides).ok().filter(same);
            if let Some(scenario) = loaded {
                self.scenario = Some(scenario);
                self.scenario_text = source.read().ok().map(|read| read.text);
                break;
            }
        }
        self.manifest = Some(manifest);
        self.manifest_text = Some(text);
    }

    /// Takes in what `plan` wrote as JSON.
    pub fn add_plan(&mut self, text: &str) {
        self.plan = serde_json::from_str(text).ok();
    }

    /// Title of the scenario, if it is known, and what was set otherwise for the run.
    pub(super) fn title(&self) -> Option<String> {
        let scenario = self.scenario.as_ref().map(|scenario| scenario.title.clone());
        let title = scenario.or_else(|| self.plan.as_ref().map(|plan| plan.title.clone()))?;
        let set = self.manifest.iter().flat_map(|manifest| &manifest.overrides);
        // How long it ran is in n.
        let set: Vec<&str> =
            set.map(String::as_str).filter(|set| !set.starts_with("run.")).collect();
        Some(if set.is_empty() { title } else { format!("{title}; with {}", set.join(", ")) })
    }

    /// The line that every figure has: the seed, and n in `count`.
    pub(super) fn notes(&self, count: &str) -> String {
        match &self.manifest {
            Some(Recipe { seed: Some(seed), .. }) => format!("seed {seed}; n = {count}"),
            Some(_) => format!("seed varied; n = {count}"),
            None => format!("seed not recorded; n = {count}"),
        }
    }

    /// Depth of a queue's ring, if a scale that shows it leaves `most` in use readable.
    pub(super) fn ring_depth(&self, queue: usize, most: f64) -> Option<f64> {
        let depth = f64::from(*self.scenario.as_ref()?.nic.rx.get(queue)?);
        (depth <= 4.0 * most).then_some(depth)
    }

    /// Depths of the rings, where what is above them is the reserve's.
    pub(super) fn relabelled_rings(&self) -> Option<&[u32]> {
        let scenario = self.scenario.as_ref()?;
        let accounting = scenario.reserve.as_ref()?.accounting;
        (accounting == Accounting::Relabelled).then_some(&scenario.nic.rx)
    }

    /// Buffers of all reserves, if there is one.
    pub(super) fn reserve_size(&self) -> Option<f64> {
        let reserve = self.scenario.as_ref()?.reserve.as_ref()?;
        Some(to_f64(reserve.total_entries()))
    }

    /// The most that may be dropped, where the scenario has a plan.
    pub(super) fn goal(&self) -> Option<f64> {
        let plan = &self.scenario.as_ref()?.plan;
        plan.is_stated.then_some(plan.max_drop_rate)
    }

    /// `4 replications of 60 ms, 95 % intervals`, as far as is known.
    pub(super) fn replications(&self) -> Option<String> {
        let run = &self.scenario.as_ref()?.run;
        let each = run.duration.map_or_else(String::new, |duration| format!(" of {duration}"));
        let level = number(run.confidence * 100.0);
        let replications = replications(f64::from(run.replications));
        Some(format!("{replications}{each}; {level} % intervals"))
    }
}

/// `1 replication`, `4 replications`.
pub(super) fn replications(count: f64) -> String {
    format!("{} replication{}", number(count), if count > 1.0 { "s" } else { "" })
}

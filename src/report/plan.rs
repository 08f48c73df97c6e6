//! The result of `plan`.

use std::fmt;

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{format_estimate, plain_table, table_text};
use super::settings::{Persistent, Settings};
use crate::model::policy::Policy;
use crate::plan::{Candidate, Plan, Verdict};
use crate::scenario::Scenario;
use crate::stats::Estimate;
use crate::units::{format_bytes, to_f64};

/// What `rxplan plan` says.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The scenario's title.
    pub title: String,
    /// The seed.
    pub seed: u64,
    /// What was asked for.
    pub goal: Goal,
    /// `feasible`, `infeasible` or `inconclusive`.
    pub verdict: &'static str,
    /// Why, in a sentence or two.
    pub why: String,
    /// Whether the search came to its end.
    pub complete: bool,
    /// The least memory that meets the goal.
    pub recommended: Option<ConfigRow>,
    /// The least memory that meets it without a reserve.
    pub today: Option<ConfigRow>,
    /// What to compare with.
    pub baseline: ConfigRow,
    /// The scenario's own configuration.
    pub scenario: Option<ConfigRow>,
    /// Configurations that no cheaper one beats, by rising memory.
    pub frontier: Vec<ConfigRow>,
    /// Configurations simulated.
    pub judged: usize,
    /// Commands that set up `today`.
    pub commands: Vec<String>,
    /// The same for good.
    pub persistent: Option<Persistent>,
    /// Doubts.
    pub warnings: Vec<String>,
}

/// What a plan is to reach.
#[derive(Debug, Clone, Serialize)]
pub struct Goal {
    /// At most this share of packets dropped.
    pub max_drop_rate: f64,
    /// With this confidence.
    pub confidence: f64,
    /// The 99th percentile of the sojourn time at most so much.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_p99_us: Option<f64>,
}

/// A configuration and how it did.
#[derive(Debug, Clone, Serialize)]
pub struct ConfigRow {
    /// Receive queues.
    pub queues: u64,
    /// Dedicated entries per queue.
    pub rx: u32,
    /// Entries of all reserves together.
    pub reserve_entries: u64,
    /// The reserve's policy; null without a reserve.
    pub policy: Option<&'static str>,
    /// Its factor or cap, where it has one.
    pub policy_parameter: Option<f64>,
    /// 99th percentile of the sojourn time.
    pub p99_us: f64,
    /// All memory.
    pub total_bytes: u64,
    /// Dedicated and reserve buffers.
    pub buffers_bytes: u64,
    /// Buffers posted on the rings.
    pub dedicated_bytes: u64,
    /// Buffers of the reserves.
    pub reserve_bytes: u64,
    /// Descriptors.
    pub descriptor_bytes: u64,
    /// Completion rings.
    pub completion_bytes: u64,
    /// Header buffers.
    pub header_bytes: u64,
    /// Most buffer bytes in use at once.
    pub in_use_bytes_max: u64,
    /// Bytes of the buffers used in rotation: all of the rings, and what was in use of the reserve.
    pub rotation_bytes: u64,
    /// Whether these fit the cache that received packets may fill; null where the scenario does not
    /// say how much that is.
    pub fits_llc: Option<bool>,
    /// Whether the drop rate was confirmed by a run that the search has not seen.
    pub certified: bool,
    /// Share of packets dropped.
    pub drop_rate: Estimate,
}

impl Goal {
    /// What a scenario's plan is to reach.
    pub(super) const fn of(scenario: &Scenario) -> Self {
        Self {
            max_drop_rate: scenario.plan.max_drop_rate,
            confidence: scenario.run.confidence,
            max_p99_us: scenario.plan.max_p99_us,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { max_drop_rate, confidence, max_p99_us } = self;
        let percent = confidence * 100.0;
        write!(f, "at most {max_drop_rate:e} of packets dropped, at {percent} % confidence")?;
        match max_p99_us {
            Some(most) => write!(f, ", p99 at most {most} us"),
            None => Ok(()),
        }
    }
}

impl Verdict {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Feasible => "feasible",
            Self::Infeasible => "infeasible",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl ConfigRow {
    pub(super) fn new(candidate: &Candidate, scenario: &Scenario) -> Self {
        let memory = candidate.memory;
        let llc_share = scenario.host.llc_share();
        Self {
            queues: candidate.queues as u64,
            rx: candidate.shape.rx,
            reserve_entries: candidate.reserve_entries,
            policy: candidate.policy.map(|policy| policy.name()),
            policy_parameter: candidate.policy.and_then(Policy::parameter),
            p99_us: candidate.p99_us,
            total_bytes: memory.total_bytes,
            buffers_bytes: memory.buffers_bytes,
            dedicated_bytes: memory.dedicated_bytes,
            reserve_bytes: memory.reserve_bytes,
            descriptor_bytes: memory.descriptor_bytes,
            completion_bytes: memory.completion_bytes,
            header_bytes: memory.header_bytes,
            in_use_bytes_max: candidate.in_use_bytes_max,
            rotation_bytes: candidate.rotation_bytes,
            fits_llc: llc_share.map(|share| candidate.rotation_bytes <= share),
            certified: candidate.certified,
            drop_rate: candidate.drop_rate,
        }
    }

    pub(super) fn shape_text(&self) -> String {
        let parameter = self.policy_parameter.filter(|_| self.reserve_entries > 0);
        let parameter = parameter.map_or_else(String::new, |value| format!(" ({value})"));
        match self.reserve_entries {
            0 => format!("{} x {}", self.queues, self.rx),
            reserve => format!("{} x {} + {reserve}{parameter}", self.queues, self.rx),
        }
    }

    /// The bytes in rotation, and whether the cache holds them.
    fn rotation_text(&self) -> String {
        let bytes = format_bytes(self.rotation_bytes);
        match self.fits_llc {
            None => bytes,
            Some(true) => format!("{bytes}, fits LLC"),
            Some(false) => format!("{bytes}, exceeds LLC"),
        }
    }
}

impl PlanReport {
    /// The report of a plan for a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, plan: &Plan) -> Self {
        let row = |candidate: &Candidate| ConfigRow::new(candidate, scenario);
        let today = plan.today.as_ref().map(row);
        let settings = plan.today.as_ref();
        let settings = settings.map(|it| Settings::new(scenario, it.shape.rx, it.queues));
        Self {
            schema: SCHEMA,
            command: "plan",
            title: scenario.title.clone(),
            seed: scenario.run.seed,
            goal: Goal::of(scenario),
            verdict: plan.verdict.name(),
            why: plan.why.clone(),
            complete: plan.complete,
            recommended: plan.recommended.as_ref().map(row),
            commands: settings.map_or_else(Vec::new, |settings| settings.commands()),
            persistent: settings.map(|settings| settings.persistent()),
            today,
            baseline: row(&plan.baseline),
            scenario: plan.scenario.as_ref().map(row),
            frontier: plan.frontier.iter().map(row).collect(),
            judged: plan.judged,
            warnings: plan.warnings.iter().map(ToString::to_string).collect(),
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        table.set_header([
            "configuration",
            "queues x rx",
            "buffers",
            "descriptors",
            "completions",
            "headers",
            "total",
            "most in use",
            "in rotation",
            "p99 us",
            "drop rate",
        ]);
        let least = match &self.recommended {
            Some(row) if row.reserve_entries > 0 => "least, with reserve",
            _ => "least memory",
        };
        let rows = [
            ("baseline", Some(&self.baseline)),
            ("scenario", self.scenario.as_ref()),
            ("least, no reserve", self.today.as_ref()),
            (least, self.recommended.as_ref()),
        ];
        for (name, row) in rows {
            let Some(row) = row else {
                table.add_row([name, "none found"]);
                continue;
            };
            let most = 100.0 * to_f64(row.in_use_bytes_max) / to_f64(row.buffers_bytes.max(1));
            table.add_row([
                name.to_owned(),
                row.shape_text(),
                format_bytes(row.buffers_bytes),
                format_bytes(row.descriptor_bytes),
                format_bytes(row.completion_bytes),
                format_bytes(row.header_bytes),
                format_bytes(row.total_bytes),
                format!("{most:.1} %"),
                row.rotation_text(),
                format!("{:.2}", row.p99_us),
                format_estimate(&row.drop_rate),
            ]);
        }
        let last = 10;
        for (index, column) in table.column_iter_mut().enumerate() {
            if index > 1 && index < last {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!(
            "{}\ngoal: {}; seed {}, {} configurations judged\n\n{}\n{}: {}\n",
            self.title,
            self.goal,
            self.seed,
            self.judged,
            table_text(&table),
            self.verdict,
            self.why
        );
        text += &self.present();
        if !self.commands.is_empty() {
            text += &format!("today (never run by rxplan): {}\n", self.commands.join("; "));
        }
        if let Some(persistent) = &self.persistent {
            text += &format!(
                "for good: {}; or systemd.link, TuneD: see --format json\n",
                persistent.nmcli
            );
        }
        text + &self.frontier_text()
    }

    /// What the scenario's own setting drops, and how much of its memory is never used.
    fn present(&self) -> String {
        let Some(row) = &self.scenario else { return String::new() };
        let unused = row.buffers_bytes.saturating_sub(row.in_use_bytes_max);
        format!(
            "as it is: {}, drop rate {}; {} of its {} of buffers were never in use\n",
            row.shape_text(),
            format_estimate(&row.drop_rate),
            format_bytes(unused),
            format_bytes(row.buffers_bytes)
        )
    }

    /// The configurations that no cheaper one beats.
    fn frontier_text(&self) -> String {
        let mut table = plain_table();
        table.set_header(["frontier", "total", "p99 us", "drop rate"]);
        for row in &self.frontier {
            table.add_row([
                row.shape_text(),
                format_bytes(row.total_bytes),
                format!("{:.2}", row.p99_us),
                format_estimate(&row.drop_rate),
            ]);
        }
        for column in [1, 2] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        format!("\n{}", table_text(&table))
    }

    /// The frontier as CSV, one row a configuration.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.frontier)
    }
}

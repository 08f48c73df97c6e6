//! The result of `sensitivity`.

use comfy_table::CellAlignment;
use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{format_estimate, plain_table, table_text};
use super::plan::{ConfigRow, Goal};
use crate::plan::Candidate;
use crate::scenario::Scenario;
use crate::sensitivity::Sensitivity;
use crate::stats::Estimate;
use crate::units::format_bytes;

/// What `rxplan sensitivity` says.
#[derive(Debug, Clone, Serialize)]
pub struct SensitivityReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The scenario's title.
    pub title: String,
    /// The seed.
    pub seed: u64,
    /// The goal that memory is needed for.
    pub goal: Goal,
    /// By rising number of queues in step.
    pub steps: Vec<InPhaseRow>,
    /// Doubts about the scenario.
    pub warnings: Vec<String>,
}

/// The scenario with some queues in step.
#[derive(Debug, Clone, Serialize)]
pub struct InPhaseRow {
    /// Queues in step; 1: all are independent.
    pub in_phase: usize,
    /// Share of packets that the scenario's own rings and reserve drop.
    pub drop_rate: Estimate,
    /// 99th percentile of the sojourn time with them.
    pub p99_us: f64,
    /// Entries that each queue in step can count on.
    pub entries_bound: f64,
    /// `feasible`, `infeasible` or `inconclusive`: whether the goal can be met.
    pub verdict: &'static str,
    /// The least memory that meets the goal.
    pub recommended: Option<ConfigRow>,
    /// The least memory that meets it without a reserve.
    pub today: Option<ConfigRow>,
}

/// A row of the CSV: a step with what its configurations need.
#[derive(Serialize)]
struct CsvRow {
    in_phase: usize,
    drop_rate: Estimate,
    p99_us: f64,
    entries_bound: f64,
    verdict: &'static str,
    recommended_rx: Option<u32>,
    recommended_reserve_entries: Option<u64>,
    recommended_total_bytes: Option<u64>,
    today_rx: Option<u32>,
    today_total_bytes: Option<u64>,
}

impl SensitivityReport {
    /// The report of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, sensitivity: &Sensitivity) -> Self {
        let row = |candidate: &Candidate| ConfigRow::new(candidate, scenario);
        let steps = sensitivity.steps.iter().map(|step| InPhaseRow {
            in_phase: step.queues,
            drop_rate: step.drop_rate,
            p99_us: step.p99_us,
            entries_bound: step.entries_bound,
            verdict: step.plan.verdict.name(),
            recommended: step.plan.recommended.as_ref().map(row),
            today: step.plan.today.as_ref().map(row),
        });
        Self {
            schema: SCHEMA,
            command: "sensitivity",
            title: scenario.title.clone(),
            seed: scenario.run.seed,
            goal: Goal::of(scenario),
            steps: steps.collect(),
            warnings: scenario.warnings.iter().map(ToString::to_string).collect(),
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        table.set_header([
            "in step",
            "entries a queue can count on",
            "drop rate as configured",
            "p99 us",
            "least memory for the goal",
            "",
            "without a reserve",
            "",
        ]);
        for step in &self.steps {
            let mut row = vec![
                step.in_phase.to_string(),
                format!("{:.0}", step.entries_bound),
                format_estimate(&step.drop_rate),
                format!("{:.2}", step.p99_us),
            ];
            for config in [&step.recommended, &step.today] {
                match config {
                    Some(config) => {
                        row.extend([config.shape_text(), format_bytes(config.total_bytes)]);
                    }
                    None => row.extend([step.verdict.to_owned(), String::new()]),
                }
            }
            table.add_row(row);
        }
        for index in [0, 1, 3, 5, 7] {
            let column = table.column_mut(index).expect("the header has eight columns");
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!(
            "{}\ngoal: {}; seed {}\n\n{}\n\
             A queue in step can count on rx + reserve / k entries, k being the queues in \
             step on its reserve.\n",
            self.title,
            self.goal,
            self.seed,
            table_text(&table)
        )
    }

    /// One row a number of queues in step.
    #[must_use]
    pub fn csv(&self) -> String {
        let rows = self.steps.iter().map(|step| CsvRow {
            in_phase: step.in_phase,
            drop_rate: step.drop_rate,
            p99_us: step.p99_us,
            entries_bound: step.entries_bound,
            verdict: step.verdict,
            recommended_rx: step.recommended.as_ref().map(|config| config.rx),
            recommended_reserve_entries: step
                .recommended
                .as_ref()
                .map(|config| config.reserve_entries),
            recommended_total_bytes: step.recommended.as_ref().map(|config| config.total_bytes),
            today_rx: step.today.as_ref().map(|config| config.rx),
            today_total_bytes: step.today.as_ref().map(|config| config.total_bytes),
        });
        rows_csv(&rows.collect::<Vec<_>>())
    }
}

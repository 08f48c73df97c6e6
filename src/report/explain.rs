//! The result of `explain`.

use serde::Serialize;

use super::SCHEMA;
use super::csv::rows_csv;
use super::format::{plain_table, table_text};
use crate::explain::{Explanation, Part};
use crate::scenario::Scenario;

/// What `rxplan explain` says.
#[derive(Debug, Clone, Serialize)]
pub struct ExplainReport {
    /// Version of the result names.
    pub schema: u32,
    /// The command.
    pub command: &'static str,
    /// The scenario's title.
    pub title: String,
    /// The queue that needs most entries.
    pub queue: usize,
    /// Packets a second that it is offered on average.
    pub offered_pps: f64,
    /// Packets a second that are taken from it; null where nothing limits that.
    pub drain_pps: Option<f64>,
    /// Its own entries.
    pub rx: u32,
    /// The reserve's that it can reach.
    pub reserve_entries: u32,
    /// Entries that it needs by this reckoning.
    pub needed: f64,
    /// What they are for.
    pub parts: Vec<PartRow>,
    /// What follows, in words.
    pub why: String,
    /// Doubts about the scenario.
    pub warnings: Vec<String>,
}

/// Entries and what they are for.
#[derive(Debug, Clone, Serialize)]
pub struct PartRow {
    /// `burst`, `stall`, `wake-up`, `other queues` or `refill`.
    pub cause: &'static str,
    /// Packets that come meanwhile.
    pub packets: f64,
    /// Share of all that is needed.
    pub share: f64,
    /// How that comes about.
    pub how: String,
}

impl ExplainReport {
    /// The report of an explanation of a scenario.
    #[must_use]
    pub fn new(scenario: &Scenario, explanation: &Explanation) -> Self {
        let needed = explanation.needed();
        let row = |part: &Part| PartRow {
            cause: part.cause.name(),
            packets: part.packets,
            share: part.packets / needed,
            how: part.how.clone(),
        };
        Self {
            schema: SCHEMA,
            command: "explain",
            title: scenario.title.clone(),
            queue: explanation.queue,
            offered_pps: explanation.offered_pps,
            drain_pps: Some(explanation.drain_pps).filter(|drain| drain.is_finite()),
            rx: explanation.rx,
            reserve_entries: explanation.reserve_entries,
            needed,
            parts: explanation.parts.iter().map(row).collect(),
            why: why(explanation),
            warnings: scenario.warnings.iter().map(ToString::to_string).collect(),
        }
    }

    /// The report for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = plain_table();
        table.set_header(["cause", "entries", "share", "how"]);
        for part in &self.parts {
            table.add_row([
                part.cause.to_owned(),
                format!("{:.0}", part.packets.ceil()),
                format!("{:.0} %", part.share * 100.0),
                part.how.clone(),
            ]);
        }
        format!(
            "{}\nqueue {}: what its entries are for, each cause at its 99th percentile\n\n{}\n{}\n",
            self.title,
            self.queue,
            table_text(&table),
            self.why
        )
    }

    /// The causes as CSV.
    #[must_use]
    pub fn csv(&self) -> String {
        rows_csv(&self.parts)
    }
}

fn why(explanation: &Explanation) -> String {
    let needed = explanation.needed().ceil();
    let own = f64::from(explanation.rx);
    let reserve = f64::from(explanation.reserve_entries);
    let has = match explanation.reserve_entries {
        0 => format!("It has {own}"),
        _ => format!("It has {own}, and can reach {reserve} of a reserve"),
    };
    let verdict = if needed <= own {
        "its own entries hold that".to_owned()
    } else if needed <= own + reserve {
        format!("the reserve holds the other {:.0}, unless others need it too", needed - own)
    } else {
        let lacking = needed - own - reserve;
        match explanation.parts.first().map(|part| part.cause) {
            Some(crate::explain::Cause::Stall) => format!(
                "{lacking:.0} too few, mostly for the stall: shorten it (affinity, priority, \
                 isolated cores) before rings grow"
            ),
            _ => format!("{lacking:.0} too few at that percentile"),
        }
    };
    format!(
        "Together {needed:.0} entries. {has}: {verdict}. This is arithmetic; what a depth drops is \
         for simulate and plan to say."
    )
}

//! The report: one HTML file with everything in it, which loads nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::context::{PlanFile, Shape};
use super::estimate::{Interval, bytes_text, rate_text};
use super::figure::escape;
use super::{Figure, ResultFile};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
const WHAT_IF: &str = include_str!("what_if.html");

/// Figures in the order in which a report tells its story.
const ORDER: [&str; 9] = [
    "frontier",
    "heatmap",
    "lines",
    "sensitivity",
    "burst",
    "occupancy",
    "sojourn",
    "in-use",
    "drops",
];

/// A configuration that was computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct GridPoint {
    pub(super) rx: f64,
    pub(super) reserve: f64,
    /// All memory.
    pub(super) bytes: f64,
    /// Share of packets dropped, with its interval.
    pub(super) estimate: f64,
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) p99_us: Option<f64>,
}

/// What the sliders move over.
#[derive(Debug, Serialize)]
struct Grid {
    points: Vec<GridPoint>,
    /// At most this share of packets dropped.
    goal: Option<f64>,
    /// Memory of the baseline, in bytes.
    baseline: Option<f64>,
    start: Start,
}

/// Where the sliders stand at first.
#[derive(Debug, Default, Serialize)]
struct Start {
    rx: Option<u64>,
    reserve: Option<u64>,
}

/// The report of result files and their figures, as one HTML document.
#[must_use]
pub fn html(results: &[(ResultFile, Vec<Figure>)]) -> String {
    let plan = results.iter().find_map(|(file, _)| file.context().plan.as_ref());
    let grid = grid(results, plan);
    let what_if = if grid.points.len() > 1 { WHAT_IF } else { "" };
    let links = [
        ("answer", "answer"),
        ("what-if", "what if"),
        ("figures", "figures"),
        ("limits", "limits"),
        ("scenario", "scenario"),
        ("manifest", "manifest"),
    ];
    let links = links.into_iter().filter(|(id, _)| *id != "what-if" || !what_if.is_empty());
    let contents: String =
        links.map(|(id, name)| format!("<a href=\"#{id}\">{name}</a>")).collect();
    // No `<` that could end the element it stands in.
    let grid = serde_json::to_string(&grid).expect("plain numbers").replace('<', "\\u003c");
    let parts = BTreeMap::from([
        ("title", escape(&title(results))),
        ("css", STYLE.to_owned()),
        ("js", SCRIPT.to_owned()),
        ("contents", contents),
        ("question", question(results)),
        ("answer", answer(results, plan)),
        ("what_if", what_if.to_owned()),
        ("figures", figures(results)),
        ("scenario", scenario(results)),
        ("manifest", manifests(results)),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("grid", grid),
    ]);
    fill(TEMPLATE, &parts)
}

/// Puts parts in the places that are named `{{part}}`, in one pass.
fn fill(template: &str, parts: &BTreeMap<&str, String>) -> String {
    let mut pieces = template.split("{{");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").expect("the template closes its places");
        text.push_str(parts.get(name).expect("the template names parts that there are"));
        text.push_str(rest);
    }
    text
}

fn title(results: &[(ResultFile, Vec<Figure>)]) -> String {
    let scenario = results.iter().find_map(|(file, _)| file.context().scenario.as_ref());
    let plan = || results.iter().find_map(|(file, _)| file.context().plan.as_ref());
    let title = scenario.map(|scenario| scenario.title.clone());
    title.or_else(|| plan().map(|plan| plan.title.clone())).unwrap_or_else(|| "Results".to_owned())
}

/// The question in the comment at the scenario's top.
fn question(results: &[(ResultFile, Vec<Figure>)]) -> String {
    let text = results.iter().find_map(|(file, _)| file.context().scenario_text.as_ref());
    let asked = text.and_then(|text| {
        let start = text.split_once("# Question: ")?.1;
        let first = start.lines().next()?.to_owned();
        let rest = start.lines().skip(1).map_while(|line| line.strip_prefix("# "));
        Some(rest.fold(first, |asked, line| format!("{asked} {line}")))
    });
    let asked = asked.unwrap_or_else(|| {
        "How much receive-buffer memory does this NIC need, and what happens to drops if it gets \
         less, or gets it in another shape?"
            .to_owned()
    });
    let mut characters = asked.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("<p>{}{}</p>", first.unwrap_or_default(), escape(characters.as_str()))
}

fn answer(results: &[(ResultFile, Vec<Figure>)], plan: Option<&PlanFile>) -> String {
    let mut text = String::new();
    if let Some(plan) = plan {
        let _ = write!(
            text,
            "<p><strong>{}</strong>: {}.</p>",
            escape(&plan.verdict),
            escape(&plan.why)
        );
        text.push_str(&comparison(plan));
    }
    for (_, figures) in results {
        for figure in figures.iter().filter(|figure| figure.name == "sensitivity") {
            let _ = write!(text, "<p>{}</p>", escape(&figure.description));
        }
    }
    if text.is_empty() {
        let first = results.iter().flat_map(|(_, figures)| figures).next();
        let first = first.map_or("", |figure| figure.description.as_str());
        text = format!("<p>{}</p>", escape(first));
    }
    text
}

fn comparison(plan: &PlanFile) -> String {
    let rows: [(&str, &Option<Shape>); 4] = [
        ("baseline", &plan.baseline),
        ("as configured", &plan.scenario),
        ("least without a reserve", &plan.today),
        ("least memory", &plan.recommended),
    ];
    let mut table =
        "<table><tr><th></th><th>queues × rx + reserve</th><th>memory</th><th>dropped</th></tr>"
            .to_owned();
    for (name, shape) in rows {
        let Some(shape) = shape else { continue };
        let rate = &shape.drop_rate;
        let rate = Interval { estimate: rate.estimate, low: rate.ci_low, high: rate.ci_high };
        let _ = write!(
            table,
            "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            shape.name(),
            bytes_text(shape.total_bytes),
            rate_text(&rate)
        );
    }
    table + "</table>"
}

/// Where results overlap, the one with most points.
fn grid(results: &[(ResultFile, Vec<Figure>)], plan: Option<&PlanFile>) -> Grid {
    let grids = results.iter().filter_map(|(file, _)| file.grid());
    let points = grids.max_by_key(Vec::len).unwrap_or_default();
    let start = plan.and_then(|plan| plan.recommended.as_ref());
    Grid {
        points,
        goal: plan.map(|plan| plan.goal.max_drop_rate),
        baseline: plan.and_then(|plan| Some(plan.baseline.as_ref()?.total_bytes)),
        start: start.map_or_else(Start::default, |shape| Start {
            rx: Some(shape.rx),
            reserve: Some(shape.reserve_entries),
        }),
    }
}

fn figures(results: &[(ResultFile, Vec<Figure>)]) -> String {
    let mut all: Vec<&Figure> = results.iter().flat_map(|(_, figures)| figures).collect();
    let place = |figure: &Figure| ORDER.iter().position(|name| *name == figure.name);
    all.sort_by_key(|figure| place(figure));
    let mut text = String::new();
    for figure in all {
        let Figure { svg, description, .. } = figure;
        let caption = escape(description);
        let _ = writeln!(text, "<figure>\n{svg}<figcaption>{caption}</figcaption>\n</figure>");
    }
    text
}

fn scenario(results: &[(ResultFile, Vec<Figure>)]) -> String {
    match results.iter().find_map(|(file, _)| file.context().scenario_text.as_ref()) {
        Some(text) => format!("<pre>{}</pre>", escape(text)),
        None => "<p>The scenario that the manifest names was not found, or has changed since. \
                 Plot from the folder in which the results were made.</p>"
            .to_owned(),
    }
}

fn manifests(results: &[(ResultFile, Vec<Figure>)]) -> String {
    let mut texts: Vec<&String> =
        results.iter().filter_map(|(file, _)| file.context().manifest_text.as_ref()).collect();
    texts.dedup();
    if texts.is_empty() {
        return "<p>There is no manifest.toml beside the results.</p>".to_owned();
    }
    texts.iter().map(|text| format!("<pre>{}</pre>", escape(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_not_looked_into_for_places() {
        let parts = BTreeMap::from([("a", "{{b}}".to_owned()), ("b", "x".to_owned())]);
        assert_eq!(fill("<{{a}}|{{b}}>", &parts), "<{{b}}|x>");
    }
}

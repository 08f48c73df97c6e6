//! A fitted source beside its trace: the index of dispersion over scales of time, and what rings
//! drop.

use super::PlotError;
use super::context::Context;
use super::estimate::{Interval, rate_scale, rate_text, share_text};
use super::figure::{Figure, Frame, Heading, Sheet};
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::table::Table;
use super::theme::{BLUE, VERMILLION, number};

const PANEL: f64 = 290.0;

/// One point of the comparison.
struct Point {
    statistic: String,
    /// Width of the bins in microseconds.
    scale_us: Option<f64>,
    /// The rings, in words.
    rings: String,
    trace: f64,
    fit: Interval,
    differs: bool,
}

/// The figure of a `fit.csv`.
pub(super) fn figure(table: &Table, context: &Context) -> Result<Figure, PlotError> {
    let points = read(table)?;
    let heading = Heading {
        title: "A trace and its fitted source".to_owned(),
        subject: context.manifest.as_ref().map_or_else(
            || table.path().display().to_string(),
            |manifest| manifest.scenario.clone(),
        ),
        notes: context
            .notes("39 replications of the source; bands and bars from least to greatest"),
    };
    let of = |statistic| points.iter().filter(move |point| point.statistic == statistic);
    let names = ["queue_idc", "all_idc", "drop_rate"];
    let parts: Vec<Vec<&Point>> = names
        .map(|name| of(name).collect::<Vec<_>>())
        .into_iter()
        .filter(|p| !p.is_empty())
        .collect();
    let height = 100.0 + PANEL * parts.len() as f64;
    let differing = points.iter().filter(|point| point.differs).count();
    let description = format!(
        "The trace lies outside all replications of the source by a factor that matters at \
         {differing} of {} points.",
        points.len()
    );
    Ok(Figure::draw("fit", &heading, height, description, |sheet| {
        let count = parts.len();
        for (index, part) in parts.iter().enumerate() {
            let frame = Frame::row(index, count, height);
            match part[0].statistic.as_str() {
                "drop_rate" => drops(sheet, frame, part),
                "queue_idc" => dispersion(sheet, frame, part, "of a queue"),
                _ => dispersion(sheet, frame, part, "of all queues"),
            }
        }
    }))
}

fn read(table: &Table) -> Result<Vec<Point>, PlotError> {
    let [trace, fit, low, high] =
        ["trace", "fit", "fit_low", "fit_high"].map(|name| table.numbers(name));
    let (trace, fit, low, high) = (trace?, fit?, low?, high?);
    (0..table.rows())
        .map(|row| {
            let count = |name| table.number(name, row).filter(|number| number.is_finite());
            let rings = match (count("rx"), count("reserve_entries")) {
                (Some(rx), Some(reserve)) if reserve > 0.0 => format!("{rx} + {reserve}"),
                (Some(rx), _) => number(rx),
                _ => String::new(),
            };
            Ok(Point {
                statistic: table.text("statistic", row)?,
                scale_us: count("scale_us"),
                rings,
                trace: trace[row],
                fit: Interval { estimate: fit[row], low: low[row], high: high[row] },
                differs: table.text("differs", row)? == "true",
            })
        })
        .collect()
}

fn dispersion(sheet: &mut Sheet<'_>, frame: Frame, points: &[&Point], whose: &str) {
    let at: Vec<(f64, &Point)> =
        points.iter().filter_map(|point| Some((point.scale_us?, *point))).collect();
    // Smoother traffic than this needs no rings, and is all the same.
    let values = at.iter().flat_map(|(_, point)| [point.trace, point.fit.low, point.fit.high]);
    let values = values.map(|value| value.max(0.1));
    let (least, most) =
        values.fold((1.0, 1.0), |(low, high): (f64, f64), value| (low.min(value), high.max(value)));
    let scales: Vec<f64> = at.iter().map(|(us, _)| *us).collect();
    let x = Scale::doublings("width of the bins (us)", &scales);
    let y = Scale::times(&format!("dispersion {whose}"), least, most);
    sheet.legend(frame.legend(), &[("the trace", VERMILLION), ("its fitted source", BLUE)]);
    let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
    let band: Vec<_> = at.iter().map(|(us, point)| (*us, point.fit.low, point.fit.high)).collect();
    panel.band(&band, BLUE, 0.25);
    let line: Vec<_> = at.iter().map(|(us, point)| (*us, point.fit.estimate)).collect();
    panel.line(&line, BLUE, 1.8, Stroke::Solid);
    for (us, point) in &at {
        panel.dot((*us, point.trace), 4.0, VERMILLION);
        let Interval { estimate, low, high } = point.fit;
        let [trace, fit, low, high] =
            [point.trace, estimate, low, high].map(|value| format!("{value:.2}"));
        let text = format!("{} us: trace {trace}, fit {fit} ({low} to {high})", number(*us));
        panel.hover((*us, point.trace), text);
        if point.differs {
            panel.label((*us, point.trace), "differs");
        }
    }
}

fn drops(sheet: &mut Sheet<'_>, frame: Frame, points: &[&Point]) {
    let rates = points.iter().flat_map(|point| {
        let trace = Interval { estimate: point.trace, low: point.trace, high: point.trace };
        [trace, point.fit]
    });
    let rates: Vec<Interval> = rates.filter(|rate| rate.high > 0.0).collect();
    let names: Vec<String> = points.iter().map(|point| point.rings.clone()).collect();
    let y = rate_scale(rates.iter(), None);
    let x = Scale::names("entries of each ring (+ reserve of all)", &names);
    sheet.legend(frame.legend(), &[("the trace", VERMILLION), ("its fitted source", BLUE)]);
    let (floor, _) = y.ends();
    let mut panel = Panel::new(sheet, frame.below_legend(), x, y);
    for (index, point) in points.iter().enumerate() {
        let x = index as f64;
        match (point.trace > 0.0, point.fit.high > 0.0) {
            (false, false) => panel.label((x, floor), "no drops"),
            (false, true) => panel.label((x - 0.1, floor), "trace: no drops"),
            (true, false) => panel.label((x + 0.1, floor), "source: no drops"),
            (true, true) => {}
        }
        if point.fit.high > 0.0 {
            panel.estimate(x + 0.1, point.fit, BLUE);
        }
        if point.trace > 0.0 {
            panel.dot((x - 0.1, point.trace), 4.0, VERMILLION);
        }
        let text = format!(
            "{}: trace {}, fit {}",
            point.rings,
            share_text(point.trace),
            rate_text(&point.fit)
        );
        panel.hover((x, point.trace), text);
        if point.differs {
            panel.label((x - 0.1, point.trace), "differs");
        }
    }
}

//! A sweep along one key beside what was measured at its points: packets delivered per second.

use std::path::Path;

use super::PlotError;
use super::context::Context;
use super::exact;
use super::figure::{Figure, Frame, HEAD};
use super::key::Key;
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::sweep::{heading, keys};
use super::table::Table;
use super::theme::{BLUE, ORANGE, WIDTH, number};

const HEIGHT: f64 = 420.0;
/// The column of measurements.
const MEASURED: &str = "delivered_pps";

/// A series of points: place along the key, millions of packets per second.
type Series = Vec<(f64, f64)>;

/// The figure of a sweep's delivered packets and of those in the file `measured`, which has a
/// column of the sweep's key and one of `delivered_pps`; or of its drop rates, where it has
/// `drop_rate`.
pub(super) fn figure(
    table: &Table,
    context: &Context,
    measured: &Path,
) -> Result<Figure, PlotError> {
    let measured = Table::open(measured)?;
    if measured.has(&[exact::EXACT]) {
        return exact::figure(table, context, &measured);
    }
    let keys = keys(table)?;
    let [key] = &keys[..] else {
        return Err(PlotError::NoComparison { path: table.path().to_owned(), count: keys.len() });
    };
    let model = model(table, key)?;
    let places = measured.numbers(&key.name)?;
    let rates = measured.numbers(MEASURED)?;
    let measured: Series = sorted(places.into_iter().zip(rates.iter().map(|rate| rate / 1e6)));
    let gaps = gaps(&model, &measured);
    let heading = heading(table, context, format!("Packets delivered along {}", key.short()))?;
    let description = gaps.iter().map(|(place, gap)| {
        format!("At {}: model {:+.1} % of the measurement.", number(*place), gap * 100.0)
    });
    let description = description.collect::<Vec<_>>().join(" ");
    Ok(Figure::draw("measured", &heading, HEIGHT, description, |sheet| {
        let top = HEAD + 16.0;
        sheet.legend((90.0, HEAD + 8.0), &[("model", BLUE), ("measured", ORANGE)]);
        let most = model.iter().chain(&measured).map(|(_, rate)| *rate).fold(0.0, f64::max);
        let frame = Frame { left: 0.0, top, width: WIDTH, height: HEIGHT - top };
        let y = Scale::from_zero("delivered (Mpps, all queues)", most);
        let mut panel = Panel::new(sheet, frame, key.along(), y);
        for (name, series, colour) in [("model", &model, BLUE), ("measured", &measured, ORANGE)] {
            panel.line(series, colour, 1.6, Stroke::Solid);
            for point in series {
                panel.dot(*point, 4.0, colour);
                let text =
                    format!("{name}, {} {}: {:.1} Mpps", key.short(), number(point.0), point.1);
                panel.hover(*point, text);
            }
        }
    }))
}

/// What the model delivers, from the columns of a sweep.
fn model(table: &Table, key: &Key) -> Result<Series, PlotError> {
    let columns = ["packets_delivered", "simulated_s", "replications"];
    let [delivered, seconds, replications] = columns.map(|name| table.numbers(name));
    let (delivered, seconds, replications) = (delivered?, seconds?, replications?);
    let rate = |row: usize| delivered[row] / (seconds[row] * replications[row]) / 1e6;
    Ok(sorted((0..table.rows()).map(|row| (key.at(row), rate(row)))))
}

fn sorted(points: impl Iterator<Item = (f64, f64)>) -> Series {
    let mut points: Series = points.collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// By how much of it the model misses each measurement.
fn gaps(model: &Series, measured: &Series) -> Series {
    let beside = |(place, rate): &(f64, f64)| {
        let (_, own) = model.iter().find(|(other, _)| other.total_cmp(place).is_eq())?;
        Some((*place, own / rate - 1.0))
    };
    measured.iter().filter_map(beside).collect()
}

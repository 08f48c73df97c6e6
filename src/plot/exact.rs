//! A sweep's drop rates beside exact ones, or those of another model.

use super::PlotError;
use super::context::Context;
use super::estimate::{rate_text, rates, share_text};
use super::figure::{Figure, Frame, HEAD};
use super::key::Key;
use super::panel::{Panel, Stroke};
use super::scale::Scale;
use super::sweep::{heading, keys};
use super::table::Table;
use super::theme::{WIDTH, cut, series};

const HEIGHT: f64 = 480.0;
/// The column of exact values.
pub(super) const EXACT: &str = "drop_rate";
/// Rates below this are beyond any use, and are not drawn.
const LEAST: f64 = 1e-25;

/// The figure of the drop rates of a sweep of one or two keys, and of those in `exact`, which has
/// the same columns of keys and one of `drop_rate`.
pub(super) fn figure(table: &Table, context: &Context, exact: &Table) -> Result<Figure, PlotError> {
    let keys = keys(table)?;
    let (along, by) = match &keys[..] {
        [key] => (key, None),
        [a, b] if a.numbers.is_some() => (a, Some(b)),
        [a, b] => (b, Some(a)),
        _ => {
            let (path, count) = (table.path().to_owned(), keys.len());
            return Err(PlotError::NoComparison { path, count });
        }
    };
    let own = rates(table)?;
    let lines = Key::read(exact, &along.name)?;
    let groups = by.map(|by| Key::read(exact, &by.name)).transpose()?;
    let values = exact.numbers(EXACT)?;
    let title = format!("Drop rate along {}, beside exact values", along.short());
    let heading = heading(table, context, title)?;
    let shown = |value: &f64| (LEAST..=1.0).contains(value);
    let low = values.iter().copied().filter(shown).fold(1.0, f64::min);
    let is_cut = values.iter().any(|value| *value < LEAST);
    let description = format!("{} simulated points on {} exact ones.", own.len(), values.len());
    Ok(Figure::draw("exact", &heading, HEIGHT, description, |sheet| {
        let names = by.map_or_else(|| vec!["exact".to_owned()], Key::legend);
        let names: Vec<String> = names.iter().map(|name| cut(name, 44)).collect();
        let entries = names.iter().map(String::as_str).zip((0..).map(series));
        sheet.legend((90.0, HEAD + 8.0), &entries.collect::<Vec<_>>());
        let top = HEAD + 16.0;
        let frame = Frame { left: 0.0, top, width: WIDTH, height: HEIGHT - top };
        let y = Scale::shares("share of packets dropped", low, 1.0);
        let mut panel = Panel::new(sheet, frame, lines.along(), y);
        for group in 0..by.map_or(1, |by| by.values.len()) {
            let name = by.map(|by| &by.values[group]);
            let is_own = |row: &usize| {
                name.zip(groups.as_ref()).is_none_or(|(name, groups)| groups.at_text(*row) == name)
            };
            let rows = (0..values.len()).filter(is_own).filter(|row| shown(&values[*row]));
            let mut corners: Vec<_> = rows.map(|row| (lines.at(row), values[row])).collect();
            corners.sort_by(|a, b| a.0.total_cmp(&b.0));
            panel.line(&corners, series(group), 1.6, Stroke::Solid);
        }
        for (row, rate) in own.iter().enumerate() {
            let group = by.map_or(0, |by| by.places[row]);
            panel.estimate(along.at(row), *rate, series(group));
            let text = format!("simulated, {}: {}", along.at_text(row), rate_text(rate));
            panel.hover((along.at(row), rate.shown()), text);
        }
        let note = match is_cut {
            true => format!("lines: exact, above {}; points: simulated", share_text(LEAST)),
            false => "lines: exact; points: simulated".to_owned(),
        };
        panel.caption(&note);
    }))
}
